"""Two chained jobs, killed at every request and resumed: exactly two jobs, each file once, the key nowhere."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import random
import subprocess
import sys
import time
import traceback
import types
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import openai
import pytest
from openai_server import AFTER, BASE, BEFORE, OpenAIServer

from amazon_ft.files import InputError, digest, read_appended
from amazon_ft.openai_jobs import curves, following, jobs, lineage, orders, wire
from amazon_ft.openai_jobs.estimates import Budget, Estimate
from amazon_ft.openai_jobs.orders import Order, Terms
from amazon_ft.openai_jobs.wire import Patience, Provider
from amazon_ft.recipes.values import HostedTraining
from amazon_ft.remote import keys

TODAY = date(2026, 11, 21)
TERMS = Terms(TODAY)
NAME = "TEST_HOSTED_KEY"


class Killed(BaseException):
    """Stand for the end of the process."""


def write_rows(path: Path, word: str, count: int = 12) -> Path:
    chats = (
        [
            {"role": "system", "content": "Act as sales representative"},
            {"role": "user", "content": f"{word} {number}"},
            {"role": "assistant", "content": f"The {word.lower()} of kind {number}."},
        ]
        for number in range(count)
    )
    path.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats), encoding="utf-8")
    return path


@pytest.fixture
def order(tmp_path: Path) -> Order:
    shards = tuple(write_rows(tmp_path / f"train-{n}-of-2.jsonl", word) for n, word in ((1, "Lamp"), (2, "Desk")))
    validation = write_rows(tmp_path / "validation.jsonl", "Chair")
    return Order("run-1", BASE, shards, validation, HostedTraining(1, 8, 0.6), seed=11, suffix="shop")


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "jobs.json"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)


def door(server: OpenAIServer, **patience: Any) -> wire.Door:
    os.environ[NAME] = server.key
    quick = {"retries": 0, "sleep": lambda _: None, "timeout": 5.0, **patience}
    return wire.opened(Provider(url=server.url, key=NAME), Patience(**quick))


def walk(server: OpenAIServer, order: Order, record: Path, said: list[str] | None = None, **patience: Any) -> Any:
    heard: list[str] = [] if said is None else said
    return following.follow(door(server, **patience), order, record, lambda: TERMS, heard.append)


def names(server: OpenAIServer) -> list[str]:
    return sorted(each["filename"][:8] for each in server.files.values() if each["purpose"] == "fine-tune")


def whole(server: OpenAIServer, order: Order, record: Path) -> lineage.Lineage:
    """Check that all is as after one undisturbed walk."""
    known = lineage.read(record)
    assert len(server.jobs) == 2
    assert names(server) == ["train-1-", "train-2-", "validati"]
    assert [job.status for job in known.jobs] == ["succeeded"] * 2
    assert jobs.done(order, known)
    first, second = server.jobs.values()
    assert second["model"] == first["fine_tuned_model"]
    assert known.model == second["fine_tuned_model"]
    told = [each["id"] for each in read_appended(record.with_name("events.jsonl"))]
    assert told == [each["id"] for id_ in server.jobs for each in server.events[id_]]
    assert not server.broken
    return known


def test_a_chain_of_two_jobs_end_to_end(order: Order, record: Path) -> None:
    said: list[str] = []
    with OpenAIServer() as server:
        known = walk(server, order, record, said)
        assert known == whole(server, order, record)
        bodies = [each.body for each in server.seen if each.call == "POST /fine_tuning/jobs"]
    first = known.jobs[0]
    hyperparameters = {"n_epochs": 1, "batch_size": 8, "learning_rate_multiplier": 0.6}
    assert bodies[0] == {
        "model": BASE,
        "training_file": known.files[0].id,
        "validation_file": known.files[2].id,
        "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        "seed": 11,
        "suffix": "shop",
        "metadata": {"amazon_ft_job": first.hash, "amazon_ft_run": "run-1", "amazon_ft_shard": "1 of 2"},
    }
    assert (bodies[1]["training_file"], bodies[1]["validation_file"]) == (known.files[1].id, known.files[2].id)
    assert (first.seed, first.hyperparameters, first.request) == (11, hyperparameters, bodies[0])
    assert first.trained_tokens and first.created_at and first.finished_at
    assert [(each.path, each.sha256) for each in known.files] == [(path.name, digest(path)) for path in order.files]
    assert [each["step"] for each in first.checkpoints] == [3, 6]
    assert [point.step for point in following.losses(record, first)] == [1, 2, 3, 4, 5, 6]
    assert following.losses(record, first)[0] == curves.Point(1, 1.0, 1.1, None, 0.5, 0.5)
    assert following.losses(record, first)[1].valid_loss is None
    assert said.count("info: Step 3/6: training loss=0.50") == 2
    assert [line for line in said if line.startswith("job ")] == [
        f"job {job.id} for shard {job.shard} is {status}"
        for job in known.jobs
        for status in ("queued", "running", "succeeded")
    ]


def test_a_second_call_sends_nothing(order: Order, record: Path) -> None:
    said: list[str] = []
    with OpenAIServer() as server:
        walk(server, order, record)
        before = len(server.seen)
        walk(server, order, record, said)
        assert all(each.method == "GET" for each in server.seen[before:])
        whole(server, order, record)
    assert not said


def kills(monkeypatch: pytest.MonkeyPatch, number: int, *, carried_out: bool) -> None:
    """End the process at its request of this number, before it was sent or after it was answered."""
    send, count = openai.OpenAI._send_request, [0]

    def dying(self: openai.OpenAI, *args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        if count[0] != number:
            return send(self, *args, **kwargs)
        if carried_out:
            send(self, *args, **kwargs)
        raise Killed

    monkeypatch.setattr(openai.OpenAI, "_send_request", dying)


@pytest.mark.parametrize("carried_out", [False, True], ids=["before", "after"])
def test_killed_at_every_request_and_resumed(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, carried_out: bool
) -> None:
    with OpenAIServer() as server:
        walk(server, order, tmp_path / "0" / "jobs.json")
        requests = len(server.seen)
    assert requests > 30
    for number in range(1 + carried_out, requests + 1, 2 if carried_out else 4):
        record, said = tmp_path / str(number) / "jobs.json", list[str]()
        with OpenAIServer() as server:
            with monkeypatch.context() as patch, pytest.raises(Killed):
                kills(patch, number, carried_out=carried_out)
                walk(server, order, record, said)
            walk(server, order, record, said)
            whole(server, order, record)
            assert max(Counter(line for line in said if "Created" in line).values()) == 1


def test_killed_whenever_something_is_written(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = lineage.write
    for number in range(1, 40):
        record, count = tmp_path / str(number) / "jobs.json", itertools.count(1)

        def dying(path: Path, known: lineage.Lineage, number: int = number, count: Any = count) -> None:
            now = next(count)
            if now != number or number % 2:  # killed after every odd one, and before every even one
                write(path, known)
            if now == number:
                raise Killed

        with OpenAIServer() as server:
            with monkeypatch.context() as patch:
                patch.setattr(lineage, "write", dying)
                try:
                    walk(server, order, record)
                    is_killed = False
                except Killed:
                    is_killed = True
            if not is_killed:
                assert number > 15
                return
            walk(server, order, record)
            whole(server, order, record)
    raise AssertionError("more is written than was killed")


def test_the_record_is_lost_at_every_state_and_the_jobs_are_found_again(order: Order, tmp_path: Path) -> None:
    for polls in range(0, 12, 2):
        record = tmp_path / str(polls) / "jobs.json"
        with OpenAIServer() as server:
            left = [polls]

            def stop(_: float, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed

            try:
                walk(server, order, record, sleep=stop)
            except Killed:
                record.unlink()
            walk(server, order, record)
            whole(server, order, record)


@pytest.mark.parametrize("fault", [*AFTER, *BEFORE])
@pytest.mark.parametrize("call", ["POST /files", "POST /fine_tuning/jobs"])
def test_a_post_that_fails_or_whose_reply_is_lost_makes_nothing_twice(
    order: Order, record: Path, call: str, fault: str
) -> None:
    with OpenAIServer({call: [fault, "good", fault]}, lag=2 if fault.endswith("after") else 0) as server:
        if fault in ("400", "401", "403", "404"):
            with pytest.raises(InputError, match=rf"status {fault}"):
                walk(server, order, record)
            assert not server.jobs
        for _ in range(2):
            try:
                walk(server, order, record, timeout=0.4 if "hang" in fault else 5.0, upload=0.4, retries=2)
                break
            except InputError as error:
                assert f"status {fault}" in str(error)
        whole(server, order, record)


@pytest.mark.parametrize("fault", ["429", "500", "503", "reset", "hang-up", "garbage", "500 after", "reset after"])
def test_a_fault_at_every_request_is_outlasted(order: Order, tmp_path: Path, fault: str) -> None:
    for number in range(len(fault) % 5, 46, 5):
        record = tmp_path / str(number) / "jobs.json"
        with OpenAIServer(at={number: fault, number + 1: fault}) as server:
            walk(server, order, record)
            whole(server, order, record)


def test_random_faults_are_outlasted(order: Order, tmp_path: Path) -> None:
    chance = random.Random(8)
    faults = ("429", "500", "reset", "500 after", "reset after", "hang-up after", "503 after")
    for number in range(5):
        record = tmp_path / str(number) / "jobs.json"
        at = {n: chance.choice(faults) for n in range(400) if chance.random() < 0.3}
        with OpenAIServer(at=at, lag=number % 3, in_base64=bool(number % 2)) as server:
            walk(server, order, record, retries=2)
            whole(server, order, record)


def test_two_runs_of_one_organisation_keep_apart_and_unfiltered_lists_are_filtered(
    order: Order, tmp_path: Path
) -> None:
    with OpenAIServer(filters=False, page=1) as server:
        walk(server, replace(order, run="another"), tmp_path / "a" / "jobs.json")
        walk(server, order, tmp_path / "b" / "jobs.json")
        assert len(server.jobs) == 4
        assert names(server) == ["train-1-", "train-2-", "validati"]  # the same bytes are sent once


def test_many_events_are_read_page_by_page_and_said_once(order: Order, record: Path) -> None:
    said: list[str] = []
    with OpenAIServer(steps=333) as server:
        walk(server, order, record, said)
        whole(server, order, record)
        assert server.count("GET /fine_tuning/jobs/{id}/events") < 24
    steps = [line.partition(":")[2].partition(":")[0] for line in said if "Step" in line]
    assert steps == [f" Step {step}/333" for _ in range(2) for step in range(1, 334)]


@pytest.mark.parametrize("fate", ["failed", "cancelled"])
def test_a_job_that_ends_badly_ends_in_one_sentence_and_is_made_again_only_when_told(
    order: Order, record: Path, fate: str
) -> None:
    said: list[str] = []
    with OpenAIServer(fates=("succeeded", fate)) as server:
        for call in (walk, walk):
            with pytest.raises(InputError, match=rf"for shard 2 is {fate}.*`again`") as caught:
                call(server, order, record, said)
            assert str(caught.value).count(". ") == 0
        assert ("The job failed due to an internal error" in str(caught.value)) == (fate == "failed")
        assert len(server.jobs) == 2
        following.follow(door(server), order, record, lambda: Terms(TODAY, again=True), said.append)
        known = lineage.read(record)
        assert [(job.shard, job.status) for job in known.jobs] == [(1, "succeeded"), (2, fate), (2, "succeeded")]
        assert len(server.jobs) == 3
        walk(server, order, record)
        assert len(server.jobs) == 3
        record.unlink()
        walk(server, order, record)
        assert len(server.jobs) == 3
    assert len({line for line in said if "Created" in line}) == 3


def test_a_job_made_again_is_made_once_however_often_it_is_killed(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Terms(TODAY, again=True)
    for number in range(1, 30, 3):
        record = tmp_path / str(number) / "jobs.json"
        with OpenAIServer(fates=("failed",)) as server:
            with pytest.raises(InputError):
                walk(server, order, record)
            with monkeypatch.context() as patch, pytest.raises(Killed):
                kills(patch, number, carried_out=True)
                following.follow(door(server), order, record, lambda: again, list[str]().append)
            following.follow(door(server), order, record, lambda: again, list[str]().append)
            assert [job["status"] for job in server.jobs.values()] == ["failed", "succeeded", "succeeded"]


def test_a_job_that_failed_before_it_was_heard_of_is_not_made_again(
    order: Order, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(order, shards=(write_rows(order.shards[0], "Lamp", 9), order.shards[1]))
    with OpenAIServer({"POST /fine_tuning/jobs": ["good"]}) as server:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(jobs, "filled", lambda *_: (_ for _ in ()).throw(Killed()))
            walk(server, short, record)
        to = door(server).client
        for _ in range(5):
            to.fine_tuning.jobs.retrieve(next(iter(server.jobs)))
        with pytest.raises(InputError, match="must have at least 10 examples"):
            walk(server, short, record)
        assert len(server.jobs) == 1


@pytest.mark.parametrize("lag", [2, 4, 5])
def test_a_job_that_a_killed_process_made_is_waited_for_where_lists_lag(
    order: Order, record: Path, monkeypatch: pytest.MonkeyPatch, lag: int
) -> None:
    with OpenAIServer(lag=lag) as server:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(jobs, "filled", lambda *_: (_ for _ in ()).throw(Killed()))
            jobs.submit(door(server), order, record, TERMS)
        assert len(server.jobs) == 1
        assert not lineage.read(record).jobs[0].id
        jobs.submit(door(server), order, record, TERMS)
        assert len(server.jobs) == 1


def test_cancel(order: Order, record: Path) -> None:
    with OpenAIServer({"POST /fine_tuning/jobs/{id}/cancel": ["500 after"]}) as server:
        with pytest.raises(InputError, match=r"no job .* is under way"):
            following.cancel(door(server), order, record)
        jobs.submit(door(server), order, record, TERMS)
        assert following.cancel(door(server), order, record).status == "cancelled"
        assert lineage.read(record).jobs[0].status == "cancelled"
        assert server.count("POST /fine_tuning/jobs/{id}/cancel") == 1
        with pytest.raises(InputError, match="is cancelled"):
            walk(server, order, record)


def test_cancel_finds_a_job_whose_reply_was_lost(order: Order, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer() as server:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(jobs, "filled", lambda *_: (_ for _ in ()).throw(Killed()))
            jobs.submit(door(server), order, record, TERMS)
        assert following.cancel(door(server), order, record).status == "cancelled"
        assert [job["status"] for job in server.jobs.values()] == ["cancelled"]


def test_nothing_is_sent_after_the_closing_date_but_jobs_under_way_are_followed(order: Order, record: Path) -> None:
    late = Terms(date(2027, 1, 6))
    with OpenAIServer() as server:
        with pytest.raises(InputError, match="closed to everybody since 6 January 2027"):
            jobs.submit(door(server), order, record, late)
        assert all(each.method == "GET" for each in server.seen)
        one = replace(order, shards=order.shards[:1])
        jobs.submit(door(server), one, record, TERMS)
        record.unlink()
        following.follow(door(server), one, record, lambda: late, list[str]().append)
        assert len(server.jobs) == 1


def test_a_model_that_the_server_says_is_gone_is_refused(order: Order, record: Path) -> None:
    with OpenAIServer(models={BASE: "2026-11-01"}) as server:
        with pytest.raises(InputError, match="is shut down since 1 November 2026"):
            jobs.submit(door(server), order, record, TERMS)
        assert all(each.method == "GET" for each in server.seen)


def test_a_provider_that_has_closed_its_door_says_so(order: Order, record: Path) -> None:
    with OpenAIServer(closed=True) as server:  # noqa: SIM117
        with pytest.raises(InputError, match=r"status 403 .it says: Fine-tuning is not available to your organization"):
            jobs.submit(door(server), order, record, TERMS)


def test_a_budget_is_kept(order: Order, record: Path) -> None:
    estimate = Estimate((), 1, 10**6, 10**6, 10**6, True, "", 3.0, "USD", TODAY)
    budget = Budget(3.0, 3.0, "USD", TODAY)
    with OpenAIServer() as server:
        for priced, limit in ((estimate, 2.99), (replace(estimate, exact=False, most=2 * 10**6), 3.0)):
            with pytest.raises(InputError, match="more than the limit of"):
                jobs.submit(door(server), order, record, Terms(TODAY, priced, replace(budget, limit=limit)))
        with pytest.raises(InputError, match="needs an estimate"):
            jobs.submit(door(server), order, record, Terms(TODAY, None, budget))
        assert all(each.method == "GET" for each in server.seen)
        jobs.submit(door(server), order, record, Terms(TODAY, estimate, budget))
        assert len(server.jobs) == 1


def test_a_chain_goes_on_without_losses_that_cannot_be_read(order: Order, record: Path) -> None:
    said: list[str] = []
    with OpenAIServer({"GET /files/{id}/content": ["400", "good"]}) as server:
        walk(server, order, record, said)
        known = whole(server, order, record)
    assert [line for line in said if line.startswith("warn: the losses of job")]
    assert [len(following.losses(record, job)) for job in known.jobs] == [0, 6]


def test_no_credit_is_not_waited_for(order: Order, record: Path) -> None:
    with OpenAIServer({"POST /files": "no credit"}) as server:
        with pytest.raises(InputError, match=r"exceeded your current quota.*add credit"):
            jobs.submit(door(server), order, record, TERMS)
        assert server.count("POST /files") == 1


def test_a_provider_that_stays_away_ends_in_one_sentence_and_a_later_call_goes_on(order: Order, record: Path) -> None:
    waits: list[float] = []
    with OpenAIServer() as server:
        jobs.submit(door(server), order, record, TERMS)
        server.down = True
        with pytest.raises(InputError, match=r"did not answer well in 6 tries .*nothing is sent or paid twice"):
            walk(server, order, record, sleep=waits.append)
        server.down = False
        walk(server, order, record)
        whole(server, order, record)
    assert waits == [5.0, 10.0, 20.0, 40.0, 80.0]


def test_what_was_made_otherwise_is_kept(order: Order, record: Path) -> None:
    with OpenAIServer() as server:
        jobs.submit(door(server), order, record, TERMS)
        for other in (
            replace(order, seed=12),
            replace(order, suffix="other"),
            replace(order, training=HostedTraining(2, 8, 0.6)),
            replace(order, model="gpt-4o-mini"),
            replace(order, validation=None),
            replace(order, run="run-2"),
        ):
            with pytest.raises(InputError, match="choose another run folder"):
                jobs.submit(door(server), other, record, TERMS)
        write_rows(order.shards[0], "Bench")
        with pytest.raises(InputError, match="made from other rows"):
            jobs.submit(door(server), order, record, TERMS)
        assert len(server.jobs) == 1
        order.shards[1].unlink()
        with pytest.raises(InputError, match=r"train-2-of-2\.jsonl is missing"):
            jobs.submit(door(server), order, record, TERMS)


def test_a_file_that_was_deleted_there_is_sent_again(order: Order, record: Path) -> None:
    with OpenAIServer(fates=("failed",)) as server:
        with pytest.raises(InputError):
            walk(server, order, record)
        door(server).client.files.delete(lineage.read(record).files[0].id)
        following.follow(door(server), order, record, lambda: Terms(TODAY, again=True), list[str]().append)
        assert server.count("POST /files") == 4


def test_two_processes_do_not_submit_at_once(order: Order, record: Path) -> None:
    with OpenAIServer() as server, lineage.alone(record, "submit"):
        with pytest.raises(InputError, match="another process does `submit`"):
            jobs.submit(door(server), order, record, TERMS)
        assert not server.seen


@pytest.mark.parametrize(
    "changes", [{"suffix": ""}, {"suffix": "s" * 65}, {"seed": -1}, {"seed": 2**31}, {"shards": ()}, {"run": ""}]
)
def test_an_order_that_would_be_refused_cannot_be_written(order: Order, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        replace(order, **changes)


def test_a_long_run_name_fits_into_metadata(order: Order, record: Path) -> None:
    with OpenAIServer() as server:
        jobs.submit(door(server), replace(order, run="r" * 2000), record, TERMS)
        assert not server.broken


def test_a_record_that_is_none_is_refused(order: Order, record: Path) -> None:
    for text in ("{", "[]", '{"jobs": 3}', '{"provider": "", "run": "", "files": [], "jobs": [{"x": 1}]}'):
        record.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="is no record of hosted jobs"):
            lineage.read(record)


def test_losses_are_read_plain_or_in_base64() -> None:
    text = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n2,0.5,,nan,x\n1,1.5,0.25,2,0.75\n\n"
    wrapped = base64.encodebytes(text)
    for content in (text, b"\xef\xbb\xbf" + text, base64.b64encode(text), wrapped, text.replace(b"\n", b"\r\n")):
        assert curves.points(curves.decoded(content)) == (
            curves.Point(1, 1.5, 2.0, None, 0.25, 0.75),
            curves.Point(2, 0.5),
        )
    for junk in (b"", b"<html>", b"abcd", b"\xff\xfe\x00"):
        with pytest.raises(InputError, match="no column `step`"):
            curves.decoded(junk)


def test_a_key_that_is_missing_or_mistyped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    with pytest.raises(InputError, match=f"{NAME} is not set"):
        wire.opened(Provider(key=NAME))
    monkeypatch.setenv(NAME, "sk-one\u2026two")
    with pytest.raises(InputError, match="holds a character") as caught:
        wire.opened(Provider(key=NAME))
    assert "sk-one" not in str(caught.value)


class Userdata(types.ModuleType):
    """Stand in for Colab's secrets: one that may be read, one that may not, none else."""

    class SecretNotFoundError(Exception):
        """Say that there is none of that name."""

    class NotebookAccessError(Exception):
        """Say that this notebook may not read it."""

    def get(self, name: str) -> str:
        if name == "SHUT":
            raise self.NotebookAccessError
        if name != NAME:
            raise self.SecretNotFoundError
        return " sk-from-colab "


def test_a_key_may_stand_in_colabs_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    colab = types.ModuleType("google.colab")
    vars(colab)["userdata"] = Userdata("userdata")
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert wire.opened(Provider(key=NAME)).client.api_key == "sk-from-colab"
    monkeypatch.setenv(NAME, "sk-from-here")
    assert wire.opened(Provider(key=NAME)).client.api_key == "sk-from-here"
    for other in ("SHUT", "MISSING"):
        with pytest.raises(InputError, match=f"{other} is not set"):
            wire.opened(Provider(key=other))


def test_a_key_may_be_typed_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(keys, "getpass", lambda prompt: "sk-typed\n")
    door = wire.opened(Provider(key=NAME))
    assert door.client.api_key == "sk-typed" and "sk-typed" not in repr(door)


def everything(tmp_path: Path) -> Iterator[bytes]:
    for path in tmp_path.rglob("*"):
        if path.is_file():
            yield path.read_bytes()


@pytest.mark.parametrize("fault", ["good", "400", "401", "403", "500", "reset", "garbage"])
def test_the_key_is_nowhere(order: Order, record: Path, tmp_path: Path, fault: str) -> None:
    out, texts = io.StringIO(), list[str]()
    with OpenAIServer({"POST /fine_tuning/jobs": fault}, key="sk-proj-S3cretS3cretS3cret") as server:
        at = door(server)
        texts += [repr(at), repr(at.provider), repr(at.patience), str(at)]
        with redirect_stdout(out), redirect_stderr(out):
            try:
                following.follow(at, order, record, lambda: TERMS)
                assert fault == "good"
            except InputError as error:
                assert fault != "good"
                texts += [str(error), repr(error), "".join(traceback.format_exception(error))]
                told = traceback.TracebackException.from_exception(error, capture_locals=True)
                texts += ["".join(told.format())]
                assert error.__context__ is None or "S3cret" not in repr(error.__context__)
        assert all(each.body is None or "S3cret" not in str(each.body) for each in server.seen)
    assert "S3cret" not in "".join(texts) + out.getvalue()
    assert not any(b"S3cret" in content for content in everything(tmp_path))


def test_a_refused_key_is_told_without_it(order: Order, record: Path) -> None:
    with OpenAIServer(key="sk-right") as server:
        at = door(server)
        server.key = "sk-other"
        with pytest.raises(InputError, match=f"status 401: set {NAME} to a key that it takes") as caught:
            jobs.submit(at, order, record, TERMS)
    assert "sk-" not in str(caught.value)


def test_the_hash_of_a_job_depends_on_all_that_decides_it(order: Order) -> None:
    found = {orders.identity(order, shard, model) for shard in (1, 2) for model in (BASE, "other")}
    found |= {orders.identity(replace(order, seed=12), 1, BASE), orders.identity(replace(order, run="x"), 1, BASE)}
    assert len(found) == 6


PROGRAM = """
import sys
from datetime import date
from pathlib import Path
from amazon_ft.openai_jobs import following, wire
from amazon_ft.openai_jobs.estimates import Budget, Estimate
from amazon_ft.openai_jobs.orders import Order, Terms
from amazon_ft.recipes.values import HostedTraining
from amazon_ft.remote import keys
folder, url = Path(sys.argv[1]), sys.argv[2]
shards = tuple(folder / f"train-{n}-of-2.jsonl" for n in (1, 2))
order = Order("run-1", sys.argv[3], shards, folder / "validation.jsonl", HostedTraining(1, 8, 0.6), 11, "shop")
patience = wire.Patience(retries=0, wait=0.01, poll=0.01, timeout=5)
door = wire.opened(wire.Provider(url=url, key="TEST_HOSTED_KEY"), patience)
following.follow(door, order, folder / "jobs.json", lambda: Terms(date(2026, 11, 21)))
"""


def test_a_process_that_is_killed_for_good_is_followed_up(order: Order, record: Path) -> None:
    chance, kills_ = random.Random(5), 0
    with OpenAIServer() as server:
        os.environ[NAME] = server.key
        command = [sys.executable, "-c", PROGRAM, str(record.parent), server.url, BASE]
        for number in range(12):
            before = len(server.seen)
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            while process.poll() is None and len(server.seen) < before + chance.randint(2, 12):
                time.sleep(0.001)
            if number < 6:
                process.kill()
                kills_ += 1
            out = process.communicate(timeout=60)[0]
            if process.returncode == 0:
                break
            assert process.returncode == -9, out
        assert kills_ >= 3
        whole(server, order, record)
