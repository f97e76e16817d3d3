"""How models are asked: in batches that fit, kept as they come, heard by whoever listens; and their losses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from amazon_ft import generation, models, prompts, steps
from amazon_ft.generation import Answer, Listener, Manner, Store, answering
from amazon_ft.generation.batches import MOST, Budget, batches, budget
from amazon_ft.generation.store import asked
from amazon_ft.hardware import Machine, Precision
from amazon_ft.hardware.memory import LLAMA_3_1B, LLAMA_3_8B
from amazon_ft.models import Loaded
from amazon_ft.prompts import IGNORED, Example
from amazon_ft.recipes import Generation, named
from amazon_ft.runs import Run

DEMO = named("demo")
T4 = Machine("cuda", "Tesla T4", (7, 5), 15 * 2**30, 13 * 2**30)


@pytest.fixture(scope="module")
def tuned(walked: Run) -> Loaded:
    return models.load(DEMO, adapter=walked.adapter)


@pytest.fixture(scope="module")
def some(walked: Run) -> list[Example]:
    return [replace(row, output="") for row in (*steps.rows(walked, "train")[:3], *steps.rows(walked, "test")[:3])]


def test_batches_hold_every_place_once_the_longest_first() -> None:
    lengths = [5, 90, 17, 90, 33, 8, 61]
    grouped = batches(lengths, 10, Budget(200, 200))
    assert sorted(place for group in grouped for place in group) == list(range(len(lengths)))
    assert [lengths[place] for group in grouped for place in group] == sorted(lengths, reverse=True)
    assert all(len(group) * (lengths[group[0]] + 10) <= 200 for group in grouped)
    assert len(grouped) < len(lengths)
    assert batches([500], 10, Budget(200, 200)) == [[0]]
    assert batches([], 10, Budget(200, 200)) == []


def test_a_row_counts_with_what_memory_it_takes_beside_its_tokens() -> None:
    assert [len(group) for group in batches([10] * 8, 10, Budget(1_000, 160, beside=20))] == [4, 4]
    assert [len(group) for group in batches([10] * 8, 10, Budget(100, 1_000))] == [5, 3]


def test_a_larger_model_and_a_greedier_backend_get_smaller_batches() -> None:
    rows = {
        (shape.hidden_size, backend): len(batches([60] * 600, 128, budget(T4, shape, backend))[0])
        for shape in (LLAMA_3_1B, LLAMA_3_8B)
        for backend in ("transformers", "unsloth")
    }
    assert rows[2048, "transformers"] >= rows[2048, "unsloth"] > rows[4096, "unsloth"] > 8
    assert rows[4096, "transformers"] > rows[4096, "unsloth"]
    kept = 2 * 16 * 512 * 2  # layers, keys, bytes: of each token of the 1B model
    assert rows[2048, "transformers"] * 188 * kept < T4.free / 2
    assert budget(Machine("cpu", "a CPU", None), LLAMA_3_1B, "transformers") == Budget(MOST["cpu"], MOST["cpu"])


def test_what_decides_an_answer_is_hashed_and_nothing_else() -> None:
    greedy = Generation(32)
    assert asked([1, 2], greedy, 7) == asked((1, 2), replace(greedy, seed=1, top_p=0.5), 7)
    warm = replace(greedy, temperature=0.7)
    others = [
        *(asked([1, 2, 3], greedy, 7), asked([1, 2], greedy, 8), asked([1, 2], Generation(33), 7)),
        *(asked([1, 2], warm, 7), asked([1, 2], replace(warm, seed=1), 7), asked([1, 2], replace(warm, top_p=0.5), 7)),
    ]
    assert len({asked([1, 2], greedy, 7), *others}) == 7


def test_a_second_look_asks_nothing(
    tuned: Loaded, some: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, questions = Store(tmp_path / "answers.jsonl"), dict.fromkeys(("base", "tuned"), some)
    first = generation.answers(tuned, DEMO, questions, Manner(store=store))
    assert first == {
        system: [replace(answer, asked=kept.asked) for answer, kept in zip(plain, first[system], strict=True)]
        for system, plain in generation.answers(tuned, DEMO, questions).items()
    }
    assert [answer.asked for answer in first["base"]] == [answer.asked for answer in first["tuned"]]
    assert first["base"] != first["tuned"]
    monkeypatch.setattr(answering, "_generate", None)
    assert generation.answers(tuned, DEMO, questions, Manner(store=Store(store.path))) == first
    others = {"adapter": "another"}, {"four_bit": True}, {"precision": Precision("float16", "as on a T4")}
    for other in others:  # their answers are not this one's
        with pytest.raises(TypeError):
            generation.answers(replace(tuned, **other), DEMO, {"tuned": some}, Manner(store=Store(store.path)))


def test_a_broken_run_keeps_what_it_has(
    tuned: Loaded, some: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "budget", lambda *_: Budget(300, 300))
    real, calls = answering._generate, list[int]()

    def breaks(prompts: list[list[int]], *rest: Any) -> list[Answer]:
        calls.append(len(prompts))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(prompts, *rest)

    monkeypatch.setattr(answering, "_generate", breaks)
    path = tmp_path / "answers.jsonl"
    with pytest.raises(KeyboardInterrupt):
        generation.answers(tuned, DEMO, {"tuned": some}, Manner(store=Store(path)))
    kept = path.read_text(encoding="utf-8").splitlines()
    assert len(kept) == sum(calls[:2]) < len(some)
    path.write_text("\n".join([*kept, kept[0][:40]]), encoding="utf-8")  # and the last write was torn
    del calls[:]
    calls.extend([0] * 3)
    whole = generation.answers(tuned, DEMO, {"tuned": some}, Manner(store=Store(path)))
    assert sum(calls) == len(some) - len(kept)
    assert [answer.text for answer in whole["tuned"]] == [
        answer.text for answer in generation.answers(tuned, DEMO, {"tuned": some})["tuned"]
    ]
    assert len({json.loads(line)["asked"] for line in path.read_text(encoding="utf-8").splitlines()}) == len(some)


def test_where_memory_runs_out_smaller_batches_give_the_same_answers(
    tuned: Loaded, some: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = generation.answers(tuned, DEMO, {"tuned": some})["tuned"]
    real, sizes = answering._generate, list[int]()

    def small(prompts: list[list[int]], *rest: Any) -> list[Answer]:
        sizes.append(len(prompts))
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return real(prompts, *rest)

    monkeypatch.setattr(answering, "_generate", small)
    monkeypatch.setattr(answering, "budget", lambda *_: Budget(900, 900))
    again = generation.answers(tuned, DEMO, {"tuned": some})["tuned"]
    assert [answer.text for answer in again] == [answer.text for answer in whole]
    assert sizes[0] > 2 >= max(sizes[-3:])

    def never(prompts: list[list[int]], *rest: Any) -> list[Answer]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(answering, "_generate", never)
    with pytest.raises(torch.OutOfMemoryError):
        generation.answers(tuned, DEMO, {"tuned": some})


def test_answers_are_heard_as_they_come(tuned: Loaded, some: list[Example], tmp_path: Path) -> None:
    heard: list[tuple[str, int, str, int]] = []
    listener = Listener(lambda *so_far: heard.append(so_far))
    store = Store(tmp_path / "answers.jsonl")
    questions = {"base": some[:2], "tuned": some[:2]}
    given = generation.answers(tuned, DEMO, questions, Manner(store=store, listener=listener))
    for system, answers in given.items():
        for place, answer in enumerate(answers):
            own = [(text, tokens) for name, at, text, tokens in heard if (name, at) == (system, place)]
            assert own[-1] == (answer.text, answer.tokens)
            assert [tokens for _, tokens in own] == sorted(tokens for _, tokens in own)
            assert len(set(own)) > 5
    del heard[:]
    assert generation.answers(tuned, DEMO, questions, Manner(store=store, listener=listener)) == given
    assert [so_far[2] for so_far in heard] == [answer.text for answers in given.values() for answer in answers]


def test_who_heard_enough_ends_the_answers_and_none_of_them_is_kept(
    tuned: Loaded, some: list[Example], tmp_path: Path
) -> None:
    def hear(system: str, place: int, text: str, tokens: int) -> None:
        if tokens >= 4:
            listener.enough.set()

    listener, store = Listener(hear), Store(tmp_path / "answers.jsonl")
    given = generation.answers(
        tuned, DEMO, {"tuned": some[:1], "base": some[:1]}, Manner(store=store, listener=listener)
    )
    assert list(given) == ["tuned"]
    assert (given["tuned"][0].stopped, given["tuned"][0].tokens) == (False, 4)
    assert not store.path.exists()


def test_losses_are_those_of_the_response_tokens_alone(tuned: Loaded, walked: Run) -> None:
    rows = [*steps.rows(walked, "train")[:3], *steps.rows(walked, "test")[:2]]
    measured = generation.losses(tuned, DEMO, rows)
    for row, (nats, number) in zip(rows, measured["tuned"], strict=True):
        one = prompts.tokenize(row, DEMO.template, tuned.tokenizer, DEMO.training.max_length)
        ids, labels = torch.tensor([one.input_ids]), torch.tensor([one.labels])
        with torch.no_grad():
            alone = tuned.model(input_ids=ids, labels=labels).loss.item()
        assert number == sum(label != IGNORED for label in one.labels)
        assert nats / number == pytest.approx(alone, abs=1e-4)
    sums = {system: [nats for nats, _ in own] for system, own in measured.items()}
    assert all(tuned < base / 5 for tuned, base in zip(sums["tuned"][:3], sums["base"][:3], strict=True))  # seen
    assert all(after > 0.1 * before for after, before in zip(sums["tuned"][3:], sums["base"][3:], strict=True))
