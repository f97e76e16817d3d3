"""The hosted recipe as a whole, from products to the comparison page, against a server that speaks OpenAI's API."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import record_hosted
from openai_server import BASE, OpenAIServer

from amazon_ft import steps
from amazon_ft.cli import main
from amazon_ft.files import InputError, read_jsonl
from amazon_ft.generation import Manner, Store
from amazon_ft.openai_jobs import calendar, wire
from amazon_ft.openai_jobs.estimates import Budget
from amazon_ft.openai_jobs.wire import Patience, Provider
from amazon_ft.prompts import free_question
from amazon_ft.recipes import RECIPES, HostedTraining, named
from amazon_ft.runs import Run, manifest
from amazon_ft.steps import hosting

GPT = named("gpt-4o-mini-chat")
assert isinstance(GPT.training, HostedTraining)
# The published recipe with fewer rows: still two chained jobs.
SMALL = replace(GPT, rows=40, held_out_rows=12, training=replace(GPT.training, rows_per_job=20))
TODAY = date(2026, 11, 21)
BUDGET = Budget(limit=5, price=3, currency="USD", read_on=TODAY)


@pytest.fixture(scope="module")
def formatted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("formatted") / "run")
    steps.clean(run)
    steps.format_rows(run, SMALL)
    return run


@pytest.fixture
def run(formatted: Run, tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(formatted.folder, tmp_path / "run")))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", server.key)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server
    assert server.broken == []


def at(server: OpenAIServer, **more: Any) -> steps.Hosting:
    patience = Patience(wait=0.01, poll=0.001, longest=0.05)
    provider = Provider("other", server.url, closing=calendar.OPENAI)  # so it is named by OPENAI_BASE_URL
    return steps.Hosting(**{"provider": provider, "budget": BUDGET, "today": TODAY, "patience": patience, **more})


def trained(run: Run, server: OpenAIServer) -> Run:
    steps.hosted_export(run, SMALL)
    steps.hosted_follow(run, SMALL, at(server))
    return run


def test_the_hosted_recipe_walks_from_products_to_the_page(
    run: Run, server: OpenAIServer, capsys: pytest.CaptureFixture[str]
) -> None:
    files = steps.hosted_export(run, SMALL)
    assert [path.name for path in files.training] == ["train-1-of-2.jsonl", "train-2-of-2.jsonl"]
    report = steps.hosted_check(run, SMALL)
    assert report.ok and run.hosted_checks.exists()
    estimate = steps.hosted_estimate(run, SMALL, BUDGET, TODAY)
    assert estimate.cost < BUDGET.limit and json.loads(run.hosted_estimate.read_text())["currency"] == "USD"
    plan = steps.hosted_plan(run, SMALL, at(server))
    assert server.seen == [] and "close on 6 January 2027" in capsys.readouterr().out
    steps.hosted_submit(run, SMALL, at(server))
    assert server.count("POST /fine_tuning/jobs") == 1
    made = steps.hosted_follow(run, SMALL, at(server))
    assert server.count("POST /fine_tuning/jobs") == 2 and server.count("POST /files") == 3
    assert made.jobs[1].request["model"] == made.jobs[0].fine_tuned_model != BASE
    sent = dict(made.jobs[0].request) | {"training_file": "", "validation_file": "", "metadata": {}}
    assert sent == dict(plan["first job"]) | {"training_file": "", "validation_file": "", "metadata": {}}
    log = read_jsonl(run.training_log)
    assert [line["step"] for line in log] == sorted({line["step"] for line in log}) and log[-1]["loss"] is not None
    scores = steps.compare(run, SMALL, 8)
    assert scores["seen"]["tuned"]["exact"] > 0.8 > 0.2 > scores["seen"]["base"]["exact"]
    assert scores["unseen"]["tuned"]["exact"] < 0.2 and scores["seen"]["tuned"]["loss"] is None
    assert run.page.stat().st_size > 10_000 and "gpt-4o-mini-2024-07-18" in run.page.read_text(encoding="utf-8")
    assert manifest(run)["steps"]["train"]["jobs"][1]["fine_tuned_model"] == made.model


def test_a_second_walk_sends_and_pays_nothing(run: Run, server: OpenAIServer) -> None:
    trained(run, server)
    steps.compare(run, SMALL, 4)
    asked = len(server.seen)
    steps.hosted_export(run, SMALL)
    steps.compare(run, SMALL, 4)
    run.answers.unlink()
    steps.compare(run, SMALL, 4)  # from the answers that were kept
    assert len(server.seen) == asked
    steps.hosted_follow(run, SMALL, at(server))
    assert server.count("POST /fine_tuning/jobs") == 2 and server.count("POST /files") == 3


def test_answers_that_came_before_a_break_are_kept(run: Run, server: OpenAIServer) -> None:
    trained(run, server)
    speaker = hosting.speaker(run, SMALL, at(server, patience=Patience(tries=1, retries=0)))
    some = [free_question(row.input, SMALL.asked) for row in steps.rows(run, "test")[:6]]
    store = Store(run.answer_cache)
    before = server.count("POST /chat/completions")
    server.script = {"POST /chat/completions": ["good", "good", "good", "500", "500", "500"]}
    with pytest.raises(InputError, match="did not answer well"):
        replace(speaker, workers=1).answers(SMALL, {"tuned": some}, Manner(store=store))
    server.script = {}
    answers = replace(speaker, workers=1).answers(SMALL, {"tuned": some}, Manner(store=Store(run.answer_cache)))
    assert len(answers["tuned"]) == 6 and all(answer.stopped and answer.text for answer in answers["tuned"])
    fine = [each for each in server.seen if each.call == "POST /chat/completions" and each.fault == "good"]
    assert len(fine) - before == 6  # none of the three that came is asked, and paid, again


def test_a_question_is_asked_as_in_training_and_answered_by_both(run: Run, server: OpenAIServer) -> None:
    trained(run, server)
    row = steps.rows(run, "train")[0]
    reply = steps.Desk(run, SMALL).ask(row.input)
    assert reply.answers["tuned"].text == row.output != reply.answers["base"].text
    asked = [each.body for each in server.seen if each.call == "POST /chat/completions"]
    sent = json.loads(run.hosted_shard(1, 2).read_text().splitlines()[0])["messages"][:-1]
    assert [*(each["messages"] for each in asked if each["messages"] == sent)]
    assert {each["model"] for each in asked} == {BASE, hosting.check_tuned(run, SMALL)}


def test_errors_in_the_rows_stop_before_anything_is_sent(run: Run, server: OpenAIServer) -> None:
    steps.hosted_export(run, SMALL)
    shard = run.hosted_shard(1, 2)
    shard.write_text(shard.read_text().replace('"role": "assistant"', '"role": "salesman"', 1))
    with pytest.raises(InputError, match="have errors: check them"):
        steps.hosted_submit(run, SMALL, at(server))
    assert not steps.hosted_check(run, SMALL).ok
    assert server.seen == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"budget": None}, "say what the jobs may cost"),
        ({"budget": replace(BUDGET, limit=0.0001)}, "more than the limit of 0.00"),
        ({"today": date(2027, 1, 6)}, "closed to everybody since 6 January 2027"),
        ({"budget": replace(BUDGET, read_on=date(2026, 12, 1))}, "but today is 2026-11-21"),
    ],
    ids=["no budget", "a small budget", "closed", "a price from tomorrow"],
)
def test_what_must_not_be_sent_is_not(run: Run, server: OpenAIServer, changes: dict[str, Any], sentence: str) -> None:
    steps.hosted_export(run, SMALL)
    with pytest.raises(InputError, match=sentence):
        steps.hosted_submit(run, SMALL, at(server, **changes))
    assert server.count("POST /files") == server.count("POST /fine_tuning/jobs") == 0


def test_asking_before_there_is_a_model_and_after_it_is_gone_is_refused(run: Run, server: OpenAIServer) -> None:
    with pytest.raises(InputError, match="has no tuned model yet"):
        steps.compare(run, SMALL, 4)
    trained(run, server)
    late = hosting.speaker(run, SMALL, at(server, today=date(2027, 1, 14)))
    with pytest.raises(InputError, match="shut down since 14 January 2027"):
        late.answers(SMALL, {"base": [free_question("What is it?", SMALL.asked)]})


def test_a_local_recipe_has_nothing_to_export(run: Run) -> None:
    with pytest.raises(InputError, match="belongs to another recipe"):
        steps.hosted_export(run, named("demo"))
    with pytest.raises(InputError, match="is trained on this machine"):
        hosting.check_tuned(run, named("demo"))


def test_a_provider_is_named_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert steps.provider() == Provider()
    assert steps.provider("https://api.openai.com/v1/").closing == calendar.OPENAI
    other = steps.provider("http://localhost:9/v1", "OTHER_KEY")
    assert (other.name, other.key, other.closing) == ("other", "OTHER_KEY", calendar.UNKNOWN)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:7/v1")
    assert steps.provider().url == "http://localhost:7/v1"


def test_the_commands_walk_the_same_road(
    run: Run, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The run is bound to fewer rows than the recipe that the command knows by name.
    monkeypatch.setitem(RECIPES, "gpt-4o-mini-chat", SMALL)
    opened, hurried = wire.opened, Patience(wait=0.01, poll=0.001, longest=0.05)
    monkeypatch.setattr(wire, "opened", lambda provider, _: opened(provider, hurried))
    at_run, money = ["--run", str(run.folder)], ["--price", "3", "--budget", "5", "--price-date", "2026-11-20"]
    assert main(["openai", "export", *at_run]) == 0
    assert main(["openai", "check", *at_run]) == 0
    assert main(["openai", "estimate", *at_run, *money]) == 0
    assert main(["openai", "submit", *at_run, *money, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "the files can be sent" in said and "cost: about" in said and "nothing was sent" in said
    assert server.seen == []
    assert main(["openai", "submit", *at_run]) == 1
    assert "say what the jobs may cost" in capsys.readouterr().err
    assert main(["openai", "submit", *at_run, *money, "--price-date", "20 Nov"]) == 1
    assert "is no day" in capsys.readouterr().err
    assert main(["openai", "submit", *at_run, *money]) == 0
    assert main(["openai", "cancel", *at_run]) == 0
    assert "is cancelled" in capsys.readouterr().out
    assert main(["openai", "follow", *at_run, *money]) == 1
    assert main(["openai", "follow", *at_run, *money, "--again"]) == 0
    assert "the tuned model is ft:" in capsys.readouterr().out
    question = steps.rows(run, "train")[0]
    assert main(["openai", "ask", *at_run, question.input]) == 0
    assert question.output in capsys.readouterr().out
    assert server.key not in "".join(path.read_text(errors="replace") for path in run.folder.rglob("*.json*"))


def test_what_notebook_6_shows_without_a_key_is_what_the_stand_in_gives(tmp_path: Path) -> None:
    told, made = json.loads(record_hosted.FILE.read_text(encoding="utf-8")), record_hosted.recorded(tmp_path)
    assert {name: told[name] for name in ("label", "trained_on", "answers")} == {
        name: made[name] for name in ("label", "trained_on", "answers")
    }, "python tests/record_hosted.py records it anew"
    assert told["files"].keys() == made["files"].keys()
    assert told["files"]["events.jsonl"].count("\n") == made["files"]["events.jsonl"].count("\n")


def test_what_was_recorded_is_refused_for_other_rows(run: Run) -> None:
    steps.hosted_export(run, SMALL)
    with pytest.raises(InputError, match="about other rows than those of"):
        steps.hosted_train(run, SMALL, steps.Hosting(today=TODAY), really=False)
    assert not run.hosted_jobs.exists()
