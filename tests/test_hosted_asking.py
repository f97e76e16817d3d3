"""Hosted models asked when things go wrong: nothing that was paid is lost, and each end is one clear sentence."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openai_server import BASE, OpenAIServer
from test_hosting import BUDGET, SMALL, TODAY, at

from amazon_ft import steps
from amazon_ft.files import InputError, read_appended, write_jsonl
from amazon_ft.generation import Listener, Manner, Store
from amazon_ft.openai_jobs import lineage, wire
from amazon_ft.openai_jobs.speaking import Hosted
from amazon_ft.openai_jobs.wire import Patience, Provider
from amazon_ft.prompts import Example, free_question
from amazon_ft.runs import Run
from amazon_ft.steps import hosting

CHAT = "POST /chat/completions"


@dataclass
class Odd(OpenAIServer):
    """Answer in chat as `odd` makes of a good answer."""

    odd: Any = None
    pause: float = 0.0

    def _chat(self, body: dict[str, Any]) -> Any:
        time.sleep(self.pause)
        told = super()._chat(body)
        return self.odd(told) if self.odd else told


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Odd]]:
    """Give a run that was trained against a server which still stands."""
    run = Run(tmp_path_factory.mktemp("left") / "run")
    steps.clean(run)
    steps.format_rows(run, SMALL)
    steps.hosted_export(run, SMALL)
    with Odd() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", server.key)
        steps.hosted_follow(run, SMALL, at(server))
        yield run, server


@pytest.fixture
def server(left: tuple[Run, Odd], monkeypatch: pytest.MonkeyPatch) -> Iterator[Odd]:
    server = left[1]
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.seen.clear()
    server._met.clear()
    yield server
    server.script, server.odd, server.pause = {}, None, 0.0


@pytest.fixture
def run(left: tuple[Run, Odd], tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(left[0].folder, tmp_path / "run")))


def questions(run: Run, number: int) -> list[Example]:
    return [free_question(row.input, SMALL.asked) for row in steps.rows(run, "train")[:number]]


def test_what_is_under_way_at_an_interrupt_is_kept_and_nothing_more_is_asked(run: Run, server: Odd) -> None:
    server.pause = 0.05

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    speaker, store = hosting.speaker(run, SMALL, at(server)), Store(run.answer_cache)
    asked = {"tuned": questions(run, 40)}
    with pytest.raises(KeyboardInterrupt) as stop:
        speaker.answers(SMALL, asked, Manner(store=store, listener=Listener(interrupted)))
    sent = server.count(CHAT)
    time.sleep(0.3)  # with the error still at hand, as a notebook keeps it
    assert stop.value and server.count(CHAT) == sent < 30
    assert len(read_appended(run.answer_cache)) == sent
    speaker.answers(SMALL, asked, Manner(store=Store(run.answer_cache)))
    assert server.count(CHAT) == 40


def test_an_answer_beside_one_that_fails_is_kept(run: Run, server: Odd) -> None:
    server.script, server.pause = {CHAT: ["400"]}, 0.2
    speaker = hosting.speaker(run, SMALL, at(server))
    with pytest.raises(InputError, match="refused to answer a question, status 400"):
        speaker.answers(SMALL, {"tuned": questions(run, 6)}, Manner(store=Store(run.answer_cache)))
    good = [each for each in server.seen if each.fault == "good"]
    assert good and len(read_appended(run.answer_cache)) == len(good)


def test_who_had_enough_waits_for_no_busy_provider(run: Run, server: Odd) -> None:
    server.script = {CHAT: "429"}
    listener = Listener(lambda *_: None)
    speaker = hosting.speaker(run, SMALL, at(server, patience=Patience(wait=30)))
    threading.Timer(0.5, listener.enough.set).start()
    started = time.monotonic()
    assert speaker.answers(SMALL, {"tuned": questions(run, 2)}, Manner(listener=listener)) == {}
    assert time.monotonic() - started < 20


def test_a_stopped_question_leaves_its_cells_empty(run: Run, server: Odd) -> None:
    desk = steps.Desk(run, SMALL)
    listener = Listener(lambda *_: None)
    listener.enough.set()
    reply = desk.ask(steps.rows(run, "train")[0].input, listener=listener)
    assert set(reply.answers) == {"extractive"} and server.count(CHAT) == 0


@pytest.mark.parametrize("fault", ["429", "500", "reset", "garbage"])
def test_a_fault_that_passes_is_not_noticed(run: Run, server: Odd, fault: str) -> None:
    server.script = {CHAT: [fault, fault]}
    row = steps.rows(run, "train")[0]
    speaker = hosting.speaker(run, SMALL, at(server))
    [answer] = speaker.answers(SMALL, {"tuned": questions(run, 1)})["tuned"]
    assert answer.text == row.output and answer.stopped and server.count(CHAT) == 3


@pytest.mark.parametrize(
    ("message", "reason", "text", "stopped"),
    [
        ({"content": None}, "stop", "", True),
        ({"content": "half a"}, "length", "half a", False),
        ({"content": ""}, "content_filter", "", False),
        ({"content": "x \ud800"}, "stop", "x \ufffd", True),
    ],
)
def test_an_odd_answer_is_taken_as_it_is(
    run: Run, server: Odd, message: dict[str, Any], reason: str, text: str, stopped: bool
) -> None:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    server.odd = lambda told: told | {"choices": [choice], "usage": None}
    speaker, store = hosting.speaker(run, SMALL, at(server)), Store(run.answer_cache)
    [answer] = speaker.answers(SMALL, {"tuned": questions(run, 1)}, Manner(store=store))["tuned"]
    assert (answer.text, answer.stopped) == (text, stopped)
    assert Store(run.answer_cache).get(f"other {hosting.check_tuned(run, SMALL)}", answer.asked) == answer


@pytest.mark.parametrize("choices", [[], None, [{"index": 0, "message": None, "finish_reason": "stop"}]])
def test_a_reply_without_an_answer_ends_in_a_sentence(run: Run, server: Odd, choices: Any) -> None:
    server.odd = lambda told: told | {"choices": choices}
    with pytest.raises(InputError, match="did not answer well in 6 tries to answer a question"):
        hosting.speaker(run, SMALL, at(server)).answers(SMALL, {"base": questions(run, 1)})


def test_half_a_character_is_asked_as_it_was_trained(run: Run, server: Odd) -> None:
    example = replace(questions(run, 1)[0], input="half \ud83d and whole \ud83d\ude00")
    hosting.speaker(run, SMALL, at(server)).answers(SMALL, {"base": [example]})
    [sent] = [each.body["messages"][-1]["content"] for each in server.seen]
    assert sent == "half \ufffd and whole \U0001f600"


def test_the_door_is_opened_once_and_by_who_asks(run: Run, server: Odd) -> None:
    opened = list[str]()

    def door() -> wire.Door:
        opened.append(threading.current_thread().name)
        time.sleep(0.2)
        return wire.opened(Provider("other", server.url))

    Hosted(door, BASE, BASE).answers(SMALL, {"base": questions(run, 6)})
    assert opened == [threading.current_thread().name]


def test_kept_answers_need_no_model_no_key_and_no_address(
    run: Run, server: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    manner = Manner(store=Store(run.answer_cache))
    some = {"tuned": questions(run, 3)}
    before = hosting.speaker(run, SMALL, at(server)).answers(SMALL, some, manner)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    later = hosting.speaker(run, SMALL, steps.Hosting(today=date(2028, 1, 1)))
    assert later.answers(SMALL, some, manner) == before


def test_a_run_of_another_provider_is_not_asked_about_here(
    run: Run, server: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(InputError, match="were made at 'other', not 'openai': set OPENAI_BASE_URL"):
        steps.Desk(run, SMALL).ask("What is the Aurora?")
    assert server.seen == []


def test_a_run_is_asked_by_its_own_recipe(run: Run, server: Odd) -> None:
    with pytest.raises(InputError, match="belongs to another recipe"):
        steps.Desk(run, replace(SMALL, base_model="gpt-4o")).ask("What is the Aurora?")
    assert server.seen == []


def test_a_deleted_model_is_one_sentence(run: Run, server: Odd) -> None:
    record = lineage.read(run.hosted_jobs)
    lineage.write(run.hosted_jobs, record.with_job(replace(record.jobs[-1], fine_tuned_model="ft:gone")))
    with pytest.raises(InputError, match=r"status 404 .it says: The model ft:gone does not exist"):
        steps.compare(run, SMALL, 4)


def test_a_comparison_needs_no_losses(run: Run, server: Odd) -> None:
    write_jsonl(run.training_log, [])  # as where a provider has no result files
    steps.compare(run, SMALL, 4)
    assert run.page.stat().st_size > 10_000


def test_a_second_comparison_does_not_pay_for_the_same_answers(run: Run, server: Odd) -> None:
    with lineage.alone(run.hosted_jobs, "compare"), pytest.raises(InputError, match="another process does `compare`"):
        steps.compare(run, SMALL, 4)
    assert server.seen == []
    steps.compare(run, SMALL, 4)


def test_real_jobs_are_never_written_over_by_recorded_ones(run: Run, server: Odd) -> None:
    manifest = json.loads(run.manifest.read_text())
    del manifest["steps"]["train"]  # as while the last job still runs
    run.manifest.write_text(json.dumps(manifest))
    before = run.hosted_jobs.read_bytes()
    with pytest.raises(InputError, match="has real jobs: follow them"):
        steps.hosted_train(run, SMALL, at(server), really=False)
    assert run.hosted_jobs.read_bytes() == before
    steps.hosted_follow(run, SMALL, at(server))
    assert steps.hosted_train(run, SMALL, at(server), really=False).model == lineage.read(run.hosted_jobs).model


def test_a_price_of_nothing_holds_nothing_back(run: Run, server: Odd) -> None:
    shutil.rmtree(run.hosted)
    steps.hosted_export(run, SMALL)
    with pytest.raises(InputError, match="a price of 0 holds no job back"):
        steps.hosted_submit(run, SMALL, at(server, budget=replace(BUDGET, price=0.0), today=TODAY))
    assert server.seen == []


def test_nobody_is_asked_for_a_key_before_the_rows_and_the_money_are_right(
    run: Run, server: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    shutil.rmtree(run.hosted)
    with pytest.raises(InputError, match="export the recipe's rows first"):
        steps.hosted_cancel(run, SMALL, at(server))
    steps.hosted_export(run, SMALL)
    with pytest.raises(InputError, match="say what the jobs may cost"):
        steps.hosted_submit(run, SMALL, at(server, budget=None))


def test_an_export_needs_rows(run: Run, server: Odd) -> None:
    run.rows("train").unlink()
    with pytest.raises(InputError, match="do the step 'format' first"):
        steps.hosted_export(run, SMALL)


def test_own_questions_are_not_asked_of_what_was_recorded(run: Run, server: Odd) -> None:
    record = lineage.read(run.hosted_jobs)
    lineage.write(run.hosted_jobs, replace(record, provider="recorded"))
    with pytest.raises(InputError, match="were recorded, not made"):
        steps.Desk(run, SMALL).ask("What is the Aurora?")
    assert server.seen == []
