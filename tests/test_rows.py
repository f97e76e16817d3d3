"""Rows on their way to the trainer: tokenized, counted, checked, packed, and none lost or mixed with another."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from shapes import SHAPES, llama_3

from amazon_ft import hardware, models, prompts
from amazon_ft.files import InputError, read_jsonl
from amazon_ft.hardware import planning
from amazon_ft.models import Loaded
from amazon_ft.prompts import IGNORED, Example, stop_token_id
from amazon_ft.recipes import RECIPES, Training, named
from amazon_ft.sample.catalogue import products
from amazon_ft.training import trainer
from amazon_ft.training.rows import Rows, checked, packed, tokenized

DEMO = named("demo")
assert isinstance(DEMO.training, Training)
TRAINING = replace(DEMO.training, packing=True)
TEMPLATES = {recipe.template.name: recipe.template for recipe in RECIPES.values()}
assert DEMO.lora
LORA = DEMO.lora


def examples(number: int) -> list[Example]:
    made = [prompts.example(product, DEMO.asked) for product in products(number)]
    return [replace(example, source=f"{place:04}", reasoning="It is light.") for place, example in enumerate(made)]


def invented(lengths: list[int], seed: int = 1) -> Rows:
    """Invent rows whose tokens tell which row they are of."""
    rng = random.Random(seed)
    ids = [[1000 * place + token for token in range(length)] for place, length in enumerate(lengths)]
    labels = [
        [IGNORED if token < cut else id_ for token, id_ in enumerate(row)]
        for row in ids
        for cut in [rng.randint(1, len(row) - 1)]
    ]
    return Rows(ids, labels, [[length] for length in lengths], [[f"uid-{place}"] for place in range(len(ids))])


@pytest.fixture(scope="module")
def base() -> Loaded:
    return models.load(DEMO)


@pytest.fixture(scope="module")
def rows(base: Loaded) -> Rows:
    return tokenized(examples(60), TRAINING, DEMO.template, base.tokenizer)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_rows_are_the_examples_in_their_order(shape: str, template: prompts.Template) -> None:
    tokenizer, some = SHAPES[shape](), examples(12)
    long = replace(TRAINING, max_length=4000)
    rows = tokenized(some, long, template, tokenizer)
    assert rows.sources == [[example.source] for example in some]
    for example, ids, labels, parts in zip(some, rows.input_ids, rows.labels, rows.parts, strict=True):
        row = prompts.tokenize(example, template, tokenizer, 4000)
        assert (ids, labels, parts) == (row.input_ids, row.labels, [len(ids)])
    assert rows.lengths == list(map(len, rows.input_ids))
    assert checked(rows, template, tokenizer)


def test_rows_without_room_are_left_out_and_said(base: Loaded, capsys: pytest.CaptureFixture[str]) -> None:
    some = examples(3)
    some = [some[0], replace(some[1], input="word " * 500), some[2]]
    rows = tokenized(some, TRAINING, DEMO.template, base.tokenizer)
    assert rows.sources == [[some[0].source], [some[2].source]]
    assert f"1 rows left out; the first: the prompt for {some[1].source}" in capsys.readouterr().out
    with pytest.raises(InputError, match="no training or validation row is left"):
        tokenized(some[1:2], TRAINING, DEMO.template, base.tokenizer)


def test_shortened_reasonings_are_counted_and_no_answer_is(base: Loaded, capsys: pytest.CaptureFixture[str]) -> None:
    some = [replace(example, reasoning="It is light. " * 60) for example in examples(20)]
    template, training = TEMPLATES["reasoning"], replace(TRAINING, max_length=200)
    rows = tokenized([*some, replace(some[0], reasoning="It is light.")], training, template, base.tokenizer)
    said = capsys.readouterr().out
    assert "20 of 21 reasonings were shortened to max_length 200" in said and "cut" not in said
    assert max(rows.lengths) <= 200
    texts = [base.tokenizer.decode([id_ for id_ in labels if id_ != IGNORED]) for labels in rows.labels]
    for example, text in zip(some, texts, strict=False):
        assert prompts.neutral(example.output) in text.partition("</think>")[2]


def test_cut_answers_are_counted_and_still_end(base: Loaded, capsys: pytest.CaptureFixture[str]) -> None:
    some = examples(20)
    some[3] = replace(some[3], output="word " * 500)
    rows = tokenized(some, TRAINING, DEMO.template, base.tokenizer)
    long = sum(len(row) == TRAINING.max_length for row in rows.input_ids)
    assert f"{long} of 20 answers were cut at max_length {TRAINING.max_length}" in capsys.readouterr().out
    assert max(rows.lengths) == rows.lengths[3] == TRAINING.max_length
    assert checked(rows, DEMO.template, base.tokenizer)
    whole = tokenized(some[:3], TRAINING, DEMO.template, base.tokenizer)
    assert capsys.readouterr().out == ""
    tokenized(some[:1], replace(TRAINING, max_length=whole.lengths[0] - 1), DEMO.template, base.tokenizer)
    assert "1 of 1 answers were cut" in capsys.readouterr().out


def test_the_first_rows_and_their_sources(rows: Rows) -> None:
    few = rows.first(7)
    assert few == Rows(rows.input_ids[:7], rows.labels[:7], rows.parts[:7], rows.sources[:7])
    assert rows.sources_of([5, 2, 5]) == ["0005", "0002", "0005"]


def test_checked_says_how_rows_end_and_how_much_is_trained(base: Loaded, rows: Rows) -> None:
    tokens = list(chain(*rows.labels))
    share = sum(label != IGNORED for label in tokens) / len(tokens)
    assert checked(rows, DEMO.template, base.tokenizer) == [
        f"all 60 rows train an answer that ends with <|end|>; {share:.0%} of the tokens are trained"
    ]
    assert 0.1 < share < 0.9


def test_checked_warns_of_a_pad_that_is_the_end() -> None:
    tokenizer = llama_3()  # its own, not the one that all tests share
    template = TEMPLATES["alpaca"]
    rows = tokenized(examples(3), replace(TRAINING, max_length=4000), template, tokenizer)
    assert len(checked(rows, template, tokenizer)) == 1
    tokenizer.pad_token = tokenizer.eos_token
    _, warning = checked(rows, template, tokenizer)
    assert warning.startswith(f"pads are {tokenizer.eos_token} too")


def test_a_row_without_an_answer_is_refused(base: Loaded, rows: Rows) -> None:
    masked = [[IGNORED] * len(labels) if place == 4 else labels for place, labels in enumerate(rows.labels)]
    with pytest.raises(InputError, match=r"^the row of 0004 trains no answer that ends: leave it out\.$"):
        checked(replace(rows, labels=masked), DEMO.template, base.tokenizer)


def test_a_row_that_does_not_end_is_refused(base: Loaded, rows: Rows) -> None:
    stop = stop_token_id(DEMO.template, base.tokenizer)
    for wrong in (IGNORED, base.tokenizer.pad_token_id, stop + 1):
        torn = [[*labels[:-1], wrong] if place == 9 else labels for place, labels in enumerate(rows.labels)]
        with pytest.raises(InputError, match=r"^the row of 0009 trains no answer that ends"):
            checked(replace(rows, labels=torn), DEMO.template, base.tokenizer)


@pytest.mark.parametrize("seed", range(8))
def test_packing_loses_and_mixes_nothing(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(seed)
    training = replace(TRAINING, max_length=100)
    rows = invented([rng.choice((rng.randint(2, 30), rng.randint(2, 100), 100)) for _ in range(rng.randint(1, 90))])
    packs = packed(rows, training)
    by_source = {sources[0]: place for place, sources in enumerate(rows.sources)}
    assert Counter(chain(*packs.sources)) == Counter(list(by_source))
    for ids, labels, parts, sources in zip(packs.input_ids, packs.labels, packs.parts, packs.sources, strict=True):
        places = [by_source[source] for source in sources]
        assert ids == list(chain(*(rows.input_ids[place] for place in places)))
        assert labels == list(chain(*(rows.labels[place] for place in places)))
        assert parts == [len(rows.input_ids[place]) for place in places]
        assert sum(parts) == len(ids) <= 100
    # Best fit: no two packs could have been one.
    assert all(one + other > 100 for one, other in combinations(packs.lengths, 2))
    assert f"packing: {len(rows.lengths)} rows in {len(packs.lengths)} packs" in capsys.readouterr().out


def test_packing_says_how_many_rows_a_step_takes_now(capsys: pytest.CaptureFixture[str]) -> None:
    packed(invented([25] * 40), replace(TRAINING, max_length=100, effective_batch_size=4))
    assert "packing: 40 rows in 10 packs; a step now learns from about 16 rows instead of 4" in capsys.readouterr().out


def test_a_failing_step_names_all_rows_of_its_packs() -> None:
    training = replace(TRAINING, max_length=100, effective_batch_size=3, max_steps=10, num_train_epochs=None)
    rows = invented([33, 30, 20, 50, 60, 70, 99, 2, 40, 17, 61, 12])
    packs = packed(rows, training)
    an_epoch = planning.steps_an_epoch(len(packs.lengths), training)
    named_rows = [
        packs.sources_of(planning.rows_of_step(step, packs.lengths, training)) for step in range(1, an_epoch + 1)
    ]
    assert sorted(chain(*named_rows)) == sorted(chain(*rows.sources))
    assert all(named_rows)


def test_a_dataset_of_packs_tells_their_parts(rows: Rows) -> None:
    alone = rows.dataset()
    assert alone.column_names == ["input_ids", "labels", "length"]
    assert list(alone["length"]) == rows.lengths
    packs = packed(rows, TRAINING)
    together = packs.dataset()
    assert list(together["seq_lengths"]) == packs.parts
    assert (list(together["input_ids"]), list(together["labels"])) == (packs.input_ids, packs.labels)


def _built(base: Loaded, rows: Rows, folder: Path) -> Any:
    training = replace(TRAINING, effective_batch_size=2, max_steps=1, num_train_epochs=None)
    loaded = models.add_adapter(base, LORA, seed=1)
    plan = planning.plan(
        models.shape(loaded), LORA, training, rows.lengths, hardware.measure(), loaded.backend, loaded.four_bit
    )
    assert plan.padding_free
    return trainer._trainer(loaded, training, plan, rows, rows, folder, [])


def _alone(model: Any, ids: list[int], labels: list[int]) -> tuple[float, int]:
    """Give the summed loss of one row that nothing stands beside, and over how many tokens."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
    wanted = torch.tensor(labels[1:])
    loss = torch.nn.functional.cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="sum")
    return float(loss), int((wanted != IGNORED).sum())


@pytest.mark.parametrize("number", [1, 2])
def test_the_loss_of_packs_is_that_of_their_rows_apart(number: int, rows: Rows, tmp_path: Path) -> None:
    packs = packed(rows, TRAINING)
    some = sorted(range(len(packs.parts)), key=lambda place: -len(packs.parts[place]))[:number]
    assert all(len(packs.parts[place]) > 1 for place in some)
    built = _built(models.load(DEMO), packs, tmp_path)  # a model of its own: an adapter goes on it
    batch = built.data_collator([built.train_dataset[place] for place in some])
    assert batch["input_ids"].shape == (1, sum(packs.lengths[place] for place in some))
    with torch.no_grad():
        together = float(built.compute_loss(built.model.train(), batch))
    by_source = {sources[0]: place for place, sources in enumerate(rows.sources)}
    apart = [
        _alone(built.model, rows.input_ids[by_source[source]], rows.labels[by_source[source]])
        for source in packs.sources_of(some)
    ]
    assert together == pytest.approx(sum(loss for loss, _ in apart) / sum(count for _, count in apart), abs=1e-5)


def test_packs_train_and_evaluate(rows: Rows, tmp_path: Path) -> None:
    packs = packed(rows, TRAINING)
    training = replace(TRAINING, effective_batch_size=4, max_steps=6, num_train_epochs=None)
    loaded = models.add_adapter(models.load(DEMO), LORA, seed=1)
    plan = planning.plan(
        models.shape(loaded), LORA, training, packs.lengths, hardware.measure(), loaded.backend, loaded.four_bit
    )
    places = trainer.Places(*(tmp_path / name for name in ("log.jsonl", "work", "shelf", "failed.json")))
    trainer.train(loaded, training, plan, packs, rows.first(5), places, {}, started=time.monotonic())
    losses = [line["loss"] for line in read_jsonl(places.log) if "loss" in line]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
