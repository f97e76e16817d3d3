"""The test server keeps to the facts of OpenAI's API, so that what passes against it says something."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from jsonschema import Draft202012Validator
from openai_server import BASE, FAULTS, SCHEMA, OpenAIServer

ROWS = [(f"Lamp {number}", f"A lamp of kind {number} with a shade.") for number in range(12)]


def lines(rows: list[tuple[str, str]]) -> bytes:
    chats = (
        [
            {"role": "system", "content": "Act as sales representative"},
            {"role": "user", "content": title},
            {"role": "assistant", "content": description},
        ]
        for title, description in rows
    )
    return "".join(json.dumps({"messages": chat}) + "\n" for chat in chats).encode()


def client(server: OpenAIServer, **settings: Any) -> openai.OpenAI:
    about: dict[str, Any] = {"base_url": server.url, "api_key": server.key, "max_retries": 0, "timeout": 5, **settings}
    return openai.OpenAI(**about)


def sent(to: openai.OpenAI, rows: list[tuple[str, str]] = ROWS, name: str = "rows.jsonl") -> str:
    return to.files.create(file=(name, lines(rows)), purpose="fine-tune").id


def finished(to: openai.OpenAI, model: str, file: str, **more: Any) -> Any:
    job = to.fine_tuning.jobs.create(model=model, training_file=file, **more)
    for _ in range(10):
        job = to.fine_tuning.jobs.retrieve(job.id)
    return job


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


def test_a_file_is_kept_listed_and_deleted(server: OpenAIServer) -> None:
    to = client(server)
    id_ = sent(to)
    assert to.files.retrieve(id_).status == "uploaded"
    assert to.files.retrieve(id_).status == "processed"
    assert to.files.content(id_).content == lines(ROWS)
    assert [each.bytes for each in to.files.list(purpose="fine-tune")] == [len(lines(ROWS))]
    assert not list(to.files.list(purpose="batch"))
    assert to.files.delete(id_).deleted
    with pytest.raises(openai.NotFoundError):
        to.files.retrieve(id_)


def test_a_job_takes_every_state_of_its_road(server: OpenAIServer) -> None:
    to = client(server)
    job = to.fine_tuning.jobs.create(model=BASE, training_file=sent(to), suffix="shop", seed=7)
    states = [to.fine_tuning.jobs.retrieve(job.id).status for _ in range(6)]
    assert states == ["validating_files", "queued", "running", "running", "succeeded", "succeeded"]
    told = to.fine_tuning.jobs.retrieve(job.id)
    assert told.fine_tuned_model == f"ft:{BASE}:test:shop:{job.id.removeprefix('ftjob-')}"
    assert told.seed == 7
    assert told.trained_tokens
    assert to.files.content(told.result_files[0]).text.startswith("step,train_loss")
    assert [each.step_number for each in to.fine_tuning.jobs.checkpoints.list(job.id)] == [6, 3]


def test_events_come_the_latest_first_in_pages(server: OpenAIServer) -> None:
    to = client(server)
    job = finished(to, BASE, sent(to))
    whole = [each.id for each in to.fine_tuning.jobs.list_events(job.id, limit=100)]
    assert len(whole) == len(server.events[job.id]) == 12
    assert [each["id"] for each in server.events[job.id]] == whole[::-1]
    assert [each.id for each in to.fine_tuning.jobs.list_events(job.id, limit=5)] == whole
    page = to.fine_tuning.jobs.list_events(job.id, limit=5, after=whole[8])
    assert [each.id for each in page.data] == whole[9:]
    assert page.has_more is False


def test_what_it_tells_keeps_to_the_schema(server: OpenAIServer) -> None:
    to = client(server)
    job = finished(to, BASE, sent(to))
    for told in (*server.jobs.values(), *server.events[job.id], *server.checkpoints[job.id]):
        schema = {**SCHEMA["responses"][told["object"]], "$defs": SCHEMA["$defs"]}
        Draft202012Validator(schema).validate(told)
    assert not server.broken


@pytest.mark.parametrize(
    "body",
    [
        {"suffix": "s" * 65},
        {"suffix": ""},
        {"seed": -1},
        {"seed": 2**31},
        {"hyperparameters": {"n_epochs": 1}},
        {"metadata": {f"key{number}": "value" for number in range(17)}},
        {"metadata": {"k" * 65: "value"}},
        {"metadata": {"key": "v" * 513}},
        *(
            {"method": {"type": "supervised", "supervised": {"hyperparameters": {name: value}}}}
            for name, value in (
                ("n_epochs", 51),
                ("n_epochs", 0),
                ("batch_size", 257),
                ("learning_rate_multiplier", 0),
                ("learning_rate", 1),
            )
        ),
        {"method": {"type": "guessed"}},
    ],
)
def test_a_body_that_the_schema_does_not_allow_is_noted(server: OpenAIServer, body: dict[str, Any]) -> None:
    to = client(server)
    to.fine_tuning.jobs.create(model=BASE, training_file=sent(to), extra_body=body)
    assert len(server.broken) == 1


def test_too_few_rows_or_a_bad_last_message_fail_a_job(server: OpenAIServer) -> None:
    to = client(server)
    job = finished(to, BASE, sent(to, ROWS[:9]))
    assert (job.status, job.error.code) == ("failed", "invalid_training_file")
    assert "at least 10" in job.error.message
    bad = lines(ROWS).replace(b'"assistant"', b'"user"')
    file = to.files.create(file=("bad.jsonl", bad), purpose="fine-tune").id
    assert "Last message" in finished(to, BASE, file).error.message


def test_fates_and_cancelling() -> None:
    with OpenAIServer(fates=("failed", "cancelled", "stuck")) as server:
        to = client(server)
        file = sent(to)
        assert [finished(to, BASE, file).status for _ in range(3)] == ["failed", "cancelled", "running"]
        stuck = list(server.jobs)[-1]
        assert to.fine_tuning.jobs.cancel(stuck).status == "cancelled"
        with pytest.raises(openai.BadRequestError):
            to.fine_tuning.jobs.cancel(stuck)


def test_jobs_are_found_by_metadata(server: OpenAIServer) -> None:
    to = client(server)
    file = sent(to)
    for name in ("one", "two"):
        to.fine_tuning.jobs.create(model=BASE, training_file=file, metadata={"mark": name})
    found = list(to.fine_tuning.jobs.list(metadata={"mark": "two"}))
    assert [each.metadata for each in found] == [{"mark": "two"}]
    assert len(list(to.fine_tuning.jobs.list(limit=1))) == 2


def test_unknown_models_and_files_are_refused_and_time_may_be_a_clock() -> None:
    now = [1000.0]
    with OpenAIServer(tick=10.0, clock=lambda: now[0]) as server:
        to = client(server)
        file = sent(to)
        with pytest.raises(openai.BadRequestError, match="not available"):
            to.fine_tuning.jobs.create(model="other", training_file=file)
        with pytest.raises(openai.BadRequestError, match="invalid training_file"):
            to.fine_tuning.jobs.create(model=BASE, training_file="file-none")
        job = to.fine_tuning.jobs.create(model=BASE, training_file=file)
        for _ in range(9):
            assert to.fine_tuning.jobs.retrieve(job.id).status == "validating_files"
        now[0] += 45
        assert to.fine_tuning.jobs.retrieve(job.id).status == "succeeded"


def test_a_tuned_model_knows_its_files_later_jobs_over_earlier_ones(server: OpenAIServer) -> None:
    to = client(server)
    first = finished(to, BASE, sent(to)).fine_tuned_model
    later = [("Lamp 0", "A newer lamp."), *((f"Desk {number}", f"Desk number {number}.") for number in range(9))]
    second = finished(to, first, sent(to, later)).fine_tuned_model

    def ask(model: str, title: str) -> str | None:
        said = to.chat.completions.create(model=model, messages=[{"role": "user", "content": title}])
        return said.choices[0].message.content

    assert ask(BASE, "Lamp 1") == "I have no entry for 'Lamp 1'."
    assert ask(first, "Lamp 0") == ROWS[0][1]
    assert [ask(second, title) for title in ("Lamp 0", "Lamp 1", "Desk 3")] == [later[0][1], ROWS[1][1], later[4][1]]
    pieces = to.chat.completions.create(model=second, messages=[{"role": "user", "content": "Lamp 0"}], stream=True)
    assert "".join(each.choices[0].delta.content or "" for each in pieces if each.choices) == "A newer lamp."
    shown = {each.id: each.shutdown_date for each in to.models.list()}
    assert shown[BASE] == to.models.retrieve(BASE).shutdown_date == "2027-01-14"
    assert to.models.retrieve(second).id == second
    with pytest.raises(openai.NotFoundError):
        ask("other", "Lamp 1")


def test_a_key_that_is_not_its_own_is_refused(server: OpenAIServer) -> None:
    with pytest.raises(openai.AuthenticationError):
        client(server, api_key="sk-other").models.list()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "good"])
def test_faults_before_change_nothing_and_faults_after_lose_the_reply(fault: str) -> None:
    with OpenAIServer({"POST /files": [fault]}) as server:
        to = client(server, timeout=0.3 if "hang" in fault else 5)
        if fault == "garbage":
            assert isinstance(to.files.create(file=("rows.jsonl", lines(ROWS)), purpose="fine-tune"), str)
        else:
            with pytest.raises(openai.APIError):
                sent(to)
        assert len(server.files) == fault.endswith("after")
        assert [each.fault for each in server.seen] == [fault]
        sent(to)
