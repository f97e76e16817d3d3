"""A server in a thread that speaks OpenAI's API of files, fine-tuning jobs and chat, and fails as it is told to."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from serving import Heard, Served, event, main, reset, send, words

BASE, SHUTDOWN = "gpt-4o-mini-2024-07-18", "2027-01-14"
SCHEMA = json.loads(Path(__file__).with_name("openai_schema.json").read_text(encoding="utf-8"))
ROAD = ("validating_files", "queued", "running", "running", "succeeded")  # a state a poll, or a tick of the clock
STATUSES = ("400", "401", "403", "404", "408", "409", "429", "500", "502", "503", "504")
BEFORE = ("reset", "hang", "hang-up", "garbage", *STATUSES)  # nothing was carried out
AFTER = tuple(f"{fault} after" for fault in ("reset", "hang", "hang-up", "500", "503"))  # it was, and the reply is lost
FAULTS = ("good", "no credit", *BEFORE, *AFTER)
HOLDS = ("validating_files", "queued", "running")
WORDS = 4  # characters that this server counts as a token


@dataclass(frozen=True)
class Seen:
    """One request: method, path, which fault it met, its query, its body (of a file only name, purpose and size)."""

    method: str
    path: str
    fault: str
    query: Mapping[str, str]
    body: Any

    @property
    def call(self) -> str:
        """Name what was called, such as "POST /fine_tuning/jobs/{id}/cancel"."""
        return f"{self.method} {re.sub(r'/(?:file-|ftjob-|ft:)[^/]*', '/{id}', self.path)}"


@dataclass
class OpenAIServer(Served):
    """Answer in a thread of its own while the `with` block lasts.

        with OpenAIServer({"POST /fine_tuning/jobs": ["500 after"]}, key="sk-test") as server:
            server.url           http://127.0.0.1:PORT/v1
            server.seen          every request, in order (list of Seen); server.count("POST /files")
            server.jobs          every job as it is told, by id; server.files, every file; server.content, its bytes
            server.broken        each request that the schema does not allow, in words
            server.at = {7: "reset after"}   the fault that the request of this number (from 0) meets
            server.down = True   every connection is closed at once, until it is False again

    The script gives faults by call, or "*" for every call without its own; they are met one after the other, then all
    is good; a fault that is no list is met always. FAULTS lists them: those with "after" carry out what was asked, and
    lose the reply. A job takes one step of ROAD whenever it is looked at, or each `tick` seconds of `clock`; its fate
    comes from `fates`, in the order in which jobs are made: "succeeded", "failed", "cancelled", "stuck". A tuned model
    answers a title with the description that its training files held for it, later jobs over earlier ones.
    """

    script: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    key: str = field(default="sk-test-0123456789", repr=False)
    fates: Sequence[str] = ()
    steps: int = 6  # training steps of a job, an event each
    models: Mapping[str, str | None] = field(default_factory=lambda: {BASE: SHUTDOWN, "gpt-4o-mini": None})
    in_base64: bool = False  # how the result file is served
    filters: bool = True  # lists of jobs by metadata
    closed: bool = False  # new jobs are refused
    lag: int = 0  # lists of jobs that do not hold a job yet that was just made
    page: int = 20  # of lists, where no limit was asked for
    tick: float = 0.0
    clock: Callable[[], float] = time.time
    retry_after: str = "0.01"
    at: dict[int, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list, init=False)
    files: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    content: dict[str, bytes] = field(default_factory=dict, init=False)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict, init=False)
    checkpoints: dict[str, list[dict[str, Any]]] = field(default_factory=dict, init=False)
    broken: list[str] = field(default_factory=list, init=False)

    @property
    def url(self) -> str:
        return super().url + "/v1"

    def count(self, call: str) -> int:
        return sum(each.call == call for each in self.seen)

    def __enter__(self) -> Self:
        self._met: Counter[str] = Counter()
        self._serial = 0
        self._age: dict[str, int] = {}
        self._place: dict[str, int] = {}
        self._suffix: dict[str, str] = {}
        self._fate: dict[str, str] = {}
        self._listed: Counter[str] = Counter()
        self._knows: dict[str, dict[str, str]] = {}  # descriptions by what the user says, by tuned model
        return super().__enter__()

    async def answer(self, request: Heard, writer: asyncio.StreamWriter) -> bool:
        return await self._reply(_understood(request), writer)

    async def _reply(self, request: _Request, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False if the connection is done for."""
        seen = Seen(request.method, request.path, "", request.query, request.told)
        fault = self._fault(seen.call)
        self.seen.append(Seen(seen.method, seen.path, fault, seen.query, seen.body))
        if request.key != self.key:
            return await send(writer, 401, _refusal(f"Incorrect API key provided: {request.key}", "invalid_api_key"))
        if fault == "no credit":
            return await send(writer, 429, _refusal("You exceeded your current quota", "insufficient_quota"))
        if fault.removesuffix(" after") in STATUSES and fault in BEFORE:
            return await self._refuse(writer, fault)
        if fault in BEFORE:
            return await _over(writer, fault)
        status, answer = self._done(request, seen.call)
        if fault.endswith("after"):
            word = fault.removesuffix(" after")
            return await (self._refuse(writer, word) if word in STATUSES else _over(writer, word))
        if request.body_is_streamed:
            return await _stream(writer, answer)
        return await send(writer, status, answer)

    def _fault(self, call: str) -> str:
        if (number := len(self.seen)) in self.at:
            return self.at[number]
        faults = self.script.get(call, self.script.get("*", "good"))
        if isinstance(faults, str):
            return faults
        name = call if call in self.script else "*"
        self._met[name] += 1
        return faults[self._met[name] - 1] if self._met[name] <= len(faults) else "good"

    async def _refuse(self, writer: asyncio.StreamWriter, status: str) -> bool:
        headers = f"Retry-After: {self.retry_after}\r\n" if status in ("429", "503") else ""
        text = f"status {status} for the key {self.key}" if status in ("400", "403") else f"status {status}"
        return await send(writer, int(status), _refusal(text), headers)

    def _done(self, request: _Request, call: str) -> tuple[int, Any]:
        """Carry out a request; the status and the answer."""
        self._check(request, call)
        parts = request.path.strip("/").split("/")
        do: Mapping[str, Callable[[], Any]] = {
            "POST /files": lambda: self._take(request),
            "GET /files": lambda: self._list(
                [self._processed(name) for name, each in self.files.items() if _asked(each, request.query, "purpose")],
                request.query,
            ),
            "GET /files/{id}": lambda: self._processed(parts[1]),
            "GET /files/{id}/content": lambda: self.content[parts[1]],
            "DELETE /files/{id}": lambda: self._drop(parts[1]),
            "POST /fine_tuning/jobs": lambda: self._create(request.body),
            "GET /fine_tuning/jobs": lambda: self._list(self._matching(request.query), request.query, newest=True),
            "GET /fine_tuning/jobs/{id}": lambda: self._moved(parts[2]),
            "POST /fine_tuning/jobs/{id}/cancel": lambda: self._cancel(parts[2]),
            "GET /fine_tuning/jobs/{id}/events": lambda: self._list(self.events[parts[2]], request.query, newest=True),
            "GET /fine_tuning/jobs/{id}/checkpoints": lambda: self._list(
                self.checkpoints[parts[2]], request.query, newest=True
            ),
            "GET /models": lambda: {"object": "list", "data": [self._model(name) for name in self._all_models()]},
            "GET /models/{id}": lambda: self._model(parts[1]),
            "POST /chat/completions": lambda: self._chat(request.body),
        }
        if call not in do and re.fullmatch(r"GET /models/[^/]+", call):
            call = "GET /models/{id}"
        try:
            return 200, do[call]()
        except KeyError:  # what is asked for is looked up by its id, so an id that nobody gave out ends here
            return 404, _refusal(f"No such object: {request.path}", "not_found")
        except _Refused as refused:
            return refused.status, _refusal(str(refused), refused.code)

    def _check(self, request: _Request, call: str) -> None:
        """Hold a body against the schema."""
        if (schema := SCHEMA["requests"].get(call)) is None:
            return
        from jsonschema import Draft202012Validator

        body = dict.fromkeys(request.files, "") | request.form if request.files else request.body
        for error in Draft202012Validator({**schema, "$defs": SCHEMA["$defs"]}).iter_errors(body):
            self.broken.append(f"{call}: {error.json_path}: {error.message}")

    def _id(self, kind: str) -> str:
        self._serial += 1
        return f"{kind}{self._serial:08x}"

    # Files

    def _take(self, request: _Request) -> Any:
        name, content = request.files["file"]
        purpose = request.form.get("purpose", "")
        if purpose == "fine-tune" and not name.endswith(".jsonl"):
            raise _Refused(400, f"Invalid file format for Fine-Tuning API: {name}", "invalid_file")
        return self._keep(name, content, purpose)

    def _keep(self, name: str, content: bytes, purpose: str) -> dict[str, Any]:
        id_ = self._id("file-")
        about = {"id": id_, "object": "file", "bytes": len(content), "created_at": int(self.clock())}
        self.files[id_] = {**about, "filename": name, "purpose": purpose, "status": "uploaded"}
        self.content[id_] = content
        return dict(self.files[id_])

    def _processed(self, id_: str) -> dict[str, Any]:
        """Tell of a file, which is processed by the next time."""
        told = dict(self.files[id_])
        self.files[id_]["status"] = "processed"
        return told

    def _drop(self, id_: str) -> Any:
        del self.files[id_], self.content[id_]
        return {"id": id_, "object": "file", "deleted": True}

    # Jobs

    def _create(self, body: dict[str, Any]) -> Any:
        if self.closed:
            raise _Refused(403, "Fine-tuning is not available to your organization.", "fine_tuning_unavailable")
        if body["model"] not in self._all_models():
            raise _Refused(400, f"Model {body['model']} is not available for fine-tuning", "model_not_available")
        for name in ("training_file", "validation_file"):
            if body.get(name) is not None and body[name] not in self.files:
                raise _Refused(400, f"invalid {name}: {body[name]}", "invalid_file")
        id_, method = self._id("ftjob-"), body.get("method") or {"type": "supervised"}
        self.jobs[id_] = {
            "id": id_,
            "object": "fine_tuning.job",
            "created_at": int(self.clock()),
            "model": {"gpt-4o-mini": BASE}.get(body["model"], body["model"]),
            "status": ROAD[0],
            "training_file": body["training_file"],
            "validation_file": body.get("validation_file"),
            "hyperparameters": (method.get("supervised") or {}).get("hyperparameters") or {},
            "method": method,
            "seed": body.get("seed") or 0,
            "organization_id": "org-test",
            "metadata": body.get("metadata"),
            **dict.fromkeys(("error", "finished_at", "fine_tuned_model", "trained_tokens")),
            "result_files": [],
        }
        self._age[id_], self._place[id_], self.events[id_], self.checkpoints[id_] = 0, 0, [], []
        self._suffix[id_] = body.get("suffix") or ""
        self._fate[id_] = self.fates[len(self._fate)] if len(self._fate) < len(self.fates) else "succeeded"
        self._event(id_, f"Created fine-tuning job: {id_}")
        self._event(id_, f"Validating training file: {body['training_file']}")
        return dict(self.jobs[id_])

    def _moved(self, id_: str) -> Any:
        """Tell of a job, which then takes its next step."""
        job = self.jobs[id_]
        if self.tick:
            age = int((self.clock() - job["created_at"]) / self.tick)
        else:
            self._age[id_] += 1
            age = self._age[id_] - 1
        while self._place[id_] < min(age, len(ROAD) - 1) and job["status"] in HOLDS:
            self._place[id_] += 1
            self._enter(id_, ROAD[self._place[id_]])
        return dict(job)

    def _enter(self, id_: str, state: str) -> None:
        job, fate = self.jobs[id_], self._fate[id_]
        if job["status"] == "validating_files" and (fault := self._fault_of(job)):
            self._end(id_, "failed", {"code": "invalid_training_file", "message": fault, "param": "training_file"})
        elif state == "running" and job["status"] == "running":
            if fate == "failed":
                error = {"code": "server_error", "message": "The job failed due to an internal error.", "param": None}
                self._end(id_, "failed", error)
            elif fate == "cancelled":
                self._end(id_, "cancelled")
            else:
                self._train(id_)
        elif state == "succeeded":
            if fate != "stuck":
                self._succeed(id_)
        elif state != job["status"]:
            job["status"] = state
            said = {"queued": "Files validated, moving job to queued state", "running": "Fine-tuning job started"}
            self._event(id_, said[state])

    def _fault_of(self, job: Mapping[str, Any]) -> str:
        try:
            rows = [json.loads(line) for line in self.content[job["training_file"]].splitlines()]
            roles = [[message["role"] for message in row["messages"]] for row in rows]
        except (KeyError, TypeError, ValueError) as error:  # any file can be sent in, and the job says what is wrong
            return f"The training file cannot be read: {type(error).__name__}"
        if len(rows) < 10:
            return f"Training file has {len(rows)} example(s), but must have at least 10 examples"
        return "" if all(each[-1:] == ["assistant"] for each in roles) else "Last message must be from the assistant"

    def _train(self, id_: str) -> None:
        for step in range(1, self.steps + 1):
            loss = _loss(step)
            data = {"step": step, "train_loss": loss, "total_steps": self.steps}
            self._event(id_, f"Step {step}/{self.steps}: training loss={loss:.2f}", "metrics", data)
        self.checkpoints[id_] = [
            {
                "object": "fine_tuning.job.checkpoint",
                "id": self._id("ftckpt_"),
                "created_at": int(self.clock()),
                "fine_tuning_job_id": id_,
                "fine_tuned_model_checkpoint": f"{self._name(id_)}:ckpt-step-{step}",
                "step_number": step,
                "metrics": {"step": step, "train_loss": _loss(step), "full_valid_loss": _loss(step) + 0.1},
            }
            for step in (self.steps // 2, self.steps)
        ]

    def _succeed(self, id_: str) -> None:
        job = self.jobs[id_]
        lines = [
            f"{step},{_loss(step)},0.5,{_loss(step) + 0.1 if step % 2 else ''},0.5" for step in range(1, self.steps + 1)
        ]
        text = "\n".join(["step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy", *lines, ""]).encode()
        content = base64.b64encode(text) if self.in_base64 else text
        job["result_files"] = [self._keep("step_metrics.csv", content, "fine-tune-results")["id"]]
        tokens = len(self.content[job["training_file"]]) // WORDS
        job["trained_tokens"] = tokens * int(job["hyperparameters"].get("n_epochs") or 1)
        job["fine_tuned_model"] = self._name(id_)
        rows = [json.loads(line)["messages"] for line in self.content[job["training_file"]].splitlines()]
        taught = {_user(messages): messages[-1]["content"] for messages in rows}
        self._knows[self._name(id_)] = self._knows.get(job["model"], {}) | taught
        self._event(id_, f"New fine-tuned model created: {self._name(id_)}")
        self._end(id_, "succeeded")

    def _end(self, id_: str, status: str, error: Mapping[str, Any] | None = None) -> None:
        self.jobs[id_] |= {"status": status, "error": error, "finished_at": int(self.clock())}
        said = {"succeeded": "The job has successfully completed", "cancelled": "The job was cancelled"}
        level = "error" if error else "info"
        self._event(id_, str(error["message"]) if error else said[status], level=level)

    def _name(self, id_: str) -> str:
        model = self.jobs[id_]["model"]
        base = model.split(":")[1] if model.startswith("ft:") else model
        return f"ft:{base}:test:{self._suffix[id_]}:{id_.removeprefix('ftjob-')}"

    def _cancel(self, id_: str) -> Any:
        if self.jobs[id_]["status"] not in HOLDS:
            raise _Refused(400, f"Job has already completed: {id_}", "invalid_request_error")
        self._end(id_, "cancelled")
        return dict(self.jobs[id_])

    def _event(self, id_: str, message: str, kind: str = "message", data: Any = None, *, level: str = "info") -> None:
        about = {"object": "fine_tuning.job.event", "id": self._id("ftevent-"), "created_at": int(self.clock())}
        self.events[id_].append({**about, "level": level, "message": message, "type": kind, "data": data or {}})

    def _matching(self, query: Mapping[str, str]) -> list[Any]:
        asked = {name[9:-1]: value for name, value in query.items() if name.startswith("metadata[")}
        found = []
        for id_, job in self.jobs.items():
            self._listed[id_] += 1
            held = job["metadata"] or {}
            same = not self.filters or all(held.get(name) == value for name, value in asked.items())
            if same and self._listed[id_] > self.lag:
                found.append(dict(job))
        return found

    def _list(self, items: Sequence[Any], query: Mapping[str, str], *, newest: bool = False) -> Any:
        ordered = list(items)[::-1] if newest else list(items)
        start = 0
        if after := query.get("after"):
            start = [each["id"] for each in ordered].index(after) + 1
        limit = int(query.get("limit") or self.page)
        return {"object": "list", "data": ordered[start:][:limit], "has_more": start + limit < len(ordered)}

    # Models

    def _all_models(self) -> list[str]:
        return [*self.models, *self._knows]

    def _model(self, name: str) -> dict[str, Any]:
        if name not in self._all_models():
            raise KeyError(name)
        about = {"id": name, "object": "model", "created": 1, "owned_by": "test"}
        return about | ({"shutdown_date": self.models[name]} if name in self.models else {})

    def _chat(self, body: dict[str, Any]) -> Any:
        model, asked = body["model"], _user(body["messages"])
        model = re.sub(r":ckpt-step-\d+$", "", model)
        if model not in self._all_models():
            raise _Refused(404, f"The model {model} does not exist", "model_not_found")
        said = self._knows.get(model, {}).get(asked, f"I have no entry for {asked!r}.")
        words = said.split()
        most = body.get("max_completion_tokens") or body.get("max_tokens") or len(words)
        message = {"role": "assistant", "content": " ".join(words[:most]) if most < len(words) else said}
        prompt = sum(len(each["content"].split()) for each in body["messages"])
        count = min(most, len(words))
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "length" if most < len(words) else "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": count, "total_tokens": prompt + count},
        }


class _Refused(Exception):
    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str]
    key: str
    body: dict[str, Any]
    form: dict[str, str]
    files: dict[str, tuple[str, bytes]]

    @property
    def told(self) -> Any:
        names = {name: {"filename": file, "bytes": len(content)} for name, (file, content) in self.files.items()}
        return {**self.form, **names} if names else self.body

    @property
    def body_is_streamed(self) -> bool:
        return bool(self.body.get("stream"))


def _loss(step: int) -> float:
    return round(2.0 / (1 + step), 4)


def _user(messages: Sequence[Mapping[str, Any]]) -> str:
    return next((str(each["content"]) for each in reversed(messages) if each["role"] == "user"), "")


def _asked(about: Mapping[str, Any], query: Mapping[str, str], name: str) -> bool:
    return name not in query or about[name] == query[name]


def _understood(heard: Heard) -> _Request:
    kind = heard.headers.get("content-type", "")
    form, files = _parts(heard.content, kind) if kind.startswith("multipart/") else ({}, {})
    path, query = unquote(heard.path).removeprefix("/v1"), dict(parse_qsl(heard.query, True))
    return _Request(heard.method, path, query, heard.key, heard.body if "json" in kind else {}, form, files)


def _parts(content: bytes, kind: str) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    """Read a form with files."""
    edge = b"--" + kind.partition("boundary=")[2].strip('"').encode()
    form: dict[str, str] = {}
    files: dict[str, tuple[str, bytes]] = {}
    for part in content.split(edge)[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        data = data.removesuffix(b"\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        file = re.search(rb'filename="([^"]*)"', head)
        assert name
        if file:
            files[name[1].decode()] = (file[1].decode(), data)
        else:
            form[name[1].decode()] = data.decode()
    return form, files


async def _stream(writer: asyncio.StreamWriter, answer: Mapping[str, Any]) -> bool:
    """Send a chat answer word by word, as events."""
    choice = answer["choices"][0]
    frame = {"id": answer["id"], "object": "chat.completion.chunk", "created": 1, "model": answer["model"]}
    pieces = words(choice["message"]["content"])
    chunks = [{"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces]
    chunks.append({"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]})
    lines = [{**frame, "choices": [chunk]} for chunk in chunks] + [{**frame, "choices": [], "usage": answer["usage"]}]
    text = b"".join(event(line) for line in lines) + b"data: [DONE]\n\n"
    return await send(writer, 200, text, kind="text/event-stream")


async def _over(writer: asyncio.StreamWriter, fault: str) -> bool:
    """End a connection badly."""
    if fault == "hang":
        await asyncio.sleep(3600)
    if fault == "garbage":
        page = b"<html>Log in to this network</html>"
        return await send(writer, 200, page, kind="text/html")
    if fault == "reset":
        reset(writer)
    return False


def _refusal(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


if __name__ == "__main__":
    main(OpenAIServer)
