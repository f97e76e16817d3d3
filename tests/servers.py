"""A server in a thread that speaks Ollama's API and OpenAI's, and fails as it is told to."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from serving import Heard, Served, event, head, main, reset, send, words

MODEL, DIGEST, VERSION = "teacher:8b", "sha256:" + "ab" * 32, "0.13.2"
TEXTS = {
    "fenced": "```json\n{row}\n```",
    "talk round it": "Sure, here it is:\n{row}\nIs there more that I can do?",
    "inline": "<think>\nFirst I {{weigh}} it.\n</think>\n\n{row}",
    "no opening tag": "First I {{weigh}} it.\n</think>\n\n{row}",
    "empty": "",
    "no JSON": "It is a fine thing.",
    "wrong types": '{"Question": 7, "Complex_CoT": ["a"], "Response": null}',
    "list": "[1, 2, 3]",
}
STATUSES = ("400", "401", "403", "404", "408", "409", "413", "422", "429", "500", "502", "503", "504")
BROKEN = ("hang-up", "reset", "garbage", "page", "error in the stream", "no end", "drip", "silence", "hang")
ODD = ("split", "closes", "whole", "nothing", "loaded")
OTHER = ("good", "slow", "thinking", "only thinking", "truncated", "cut", "wrong model", "no usage", *ODD)
FAULTS = (*OTHER, *TEXTS, *STATUSES, *BROKEN)


@dataclass(frozen=True)
class Asked:
    """One request: its path, the product that it is about, which fault it met, its body and its key."""

    path: str
    title: str
    fault: str
    body: Mapping[str, Any]
    key: str


@dataclass
class FaultServer(Served):
    """Answer in a thread of its own while the `with` block lasts.

        with FaultServer({"Lamp": ["429", "reset"], "Chair": "500"}, titles=["Desk"]) as server:
            server.url           http://127.0.0.1:PORT, where Ollama's own API answers; server.url + "/v1" OpenAI's
            server.requests      what was asked to write, in order (list of Asked); server.count("Lamp") of a product
            server.most          how many were under way at once at most
            server.down = True   every connection is closed at once, until it is False again

    A product is known by its title standing in the prompt: those of the script and of `titles` (the longest wins).
    Its faults are met one after the other, a request each, then all is good; a fault that is no list is met always;
    "*" stands for every title without its own. FAULTS lists them: "slow" answers well after `delay` seconds, "drip"
    sends a word every 20 ms and never ends, "silence" only white space, "hang" nothing. "split" sends the bytes of a
    good answer three at a time, "closes" closes the connection behind it, "whole" does not stream it. "nothing" is a
    stream that ends before it begins, "loaded" has done_reason "load", "page" is HTML with status 200. A good answer
    is row(title), a word a piece; usage counts the words of the prompt and the pieces.
    """

    script: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    titles: Iterable[str] = ()
    speaks: str = "ollama"  # which also speaks OpenAI's; or "openai", which speaks that alone
    models: Sequence[str] | None = (MODEL,)  # None: the server has no list
    lists: str = "good"  # or the status with which the list of models fails
    key: str = ""  # asked for, if it is not empty
    refuses: Sequence[str] = ()  # forms of response_format as FORMATS names them, or parameters
    refuses_with: str = "400"  # the status
    refuses_saying: str = "Unsupported: {} is not supported with this model."
    capabilities: Sequence[str] | None = None  # of every model, as /api/show tells
    usage: bool = True
    retry_after: str = "0.02"  # of 429 and 503
    delay: float = 0.2  # of "slow"
    latency: float = 0.0  # of every answer
    version: str = VERSION
    reasoning_field: str = "reasoning_content"  # or "reasoning"
    answers_as: str = ""  # the model named in answers; the one that was asked for, if it is empty
    requests: list[Asked] = field(default_factory=list, init=False)
    most: int = field(default=0, init=False)

    def count(self, title: str) -> int:
        return sum(each.title == title for each in self.requests)

    def __enter__(self) -> Self:
        self._known = sorted({*self.script, *self.titles} - {"*"}, key=len, reverse=True)
        self._met: Counter[str] = Counter()
        self._under_way = 0
        return super().__enter__()

    async def answer(self, request: Heard, writer: asyncio.StreamWriter) -> bool:
        if request.path in ("/api/chat", "/v1/chat/completions"):
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            try:
                return await self._chat(request, writer)
            finally:
                self._under_way -= 1
        if request.path.startswith("/v1") and self.key and request.key != self.key:
            return await send(writer, 401, _refusal(f"Incorrect API key provided: {request.key}"))
        names = self.models or ()
        known: dict[str, Any] = {"/v1/models": {"object": "list", "data": [{"id": name} for name in names]}}
        if self.speaks == "ollama":
            tags = [{"name": name, "model": name, "digest": DIGEST} for name in names]
            known |= {"/api/version": {"version": self.version}, "/api/tags": {"models": tags}}
            if self.capabilities is not None:
                known |= {"/api/show": {"capabilities": [*self.capabilities]}}
        if self.lists != "good" and request.path in ("/v1/models", "/api/tags"):
            return await send(writer, int(self.lists), _refusal("no list"))
        listed = self.models is not None or "version" in request.path
        if request.path == "/api/show" and request.body.get("model") not in names:
            listed = False
        found = request.path in known and listed
        return await send(writer, 200 if found else 404, known.get(request.path, {}) if found else _refusal("no"))

    async def _chat(self, request: Heard, writer: asyncio.StreamWriter) -> bool:
        prompt = " ".join(str(message["content"]) for message in request.body["messages"])
        title = next((title for title in self._known if title in prompt), "")
        refused = next((name for name in (form(request.body), *request.body) if name in self.refuses), "")
        fault = f"refuses {refused}" if refused else self._fault(title)
        self.requests.append(Asked(request.path, title, fault, request.body, request.key))
        if self.latency:
            await asyncio.sleep(self.latency)
        if self.key and request.key != self.key:
            return await send(writer, 401, _refusal(f"Incorrect API key provided: {request.key}"))
        if refused:
            await asyncio.sleep(self.delay if self.script.get(title) == "slow" else 0)
            what = refused if refused in request.body else f"response_format {refused!r}"
            said = self.refuses_saying.format(what)
            said += " Use 'max_completion_tokens' instead." if refused == "max_tokens" and "model." in said else ""
            return await send(writer, int(self.refuses_with), _refusal(said))
        if fault in STATUSES:
            headers = f"Retry-After: {self.retry_after}\r\n" if fault in ("429", "503") else ""
            return await send(writer, int(fault), _refusal(f"status {fault}"), headers)
        return await self._say(request, writer, title or "this product", fault, prompt)

    def _fault(self, title: str) -> str:
        faults = self.script.get(title, self.script.get("*", "good"))
        if isinstance(faults, str):
            return faults
        self._met[title] += 1
        return faults[self._met[title] - 1] if self._met[title] <= len(faults) else "good"

    async def _say(self, request: Heard, writer: asyncio.StreamWriter, title: str, fault: str, prompt: str) -> bool:
        if fault in ("hang", "hang-up", "slow"):
            await asyncio.sleep({"hang": 3600.0, "hang-up": 0.0, "slow": self.delay}[fault])
            if fault != "slow":
                return False
        thinking, content = _said(title, fault, prompt)
        if fault in ("reset", "no end"):
            content = content[: len(content) // 2]
        reply = _Reply(self, request, fault, thinking, content, len(prompt.split()))
        if fault == "nothing":
            return await _nothing(writer, reply)
        whole = fault in ("whole", "page") or not request.body.get("stream")
        return await (_whole if whole else _streamed)(writer, reply, fault) and fault != "closes"


@dataclass(frozen=True)
class _Reply:
    """What is said, in the words of the API that was asked."""

    server: FaultServer
    request: Heard
    fault: str
    thinking: str
    content: str
    prompt_tokens: int

    @property
    def native(self) -> bool:
        return self.request.path.startswith("/api")

    @property
    def why(self) -> str:
        return {"cut": "length", "loaded": "load"}.get(self.fault, "stop")

    @property
    def model(self) -> str:
        asked = self.server.answers_as or str(self.request.body["model"])
        return "another-model:1b" if self.fault == "wrong model" else asked

    @property
    def pieces(self) -> list[tuple[str, str]]:
        """Which field gets which piece; a piece is a word."""
        thought = "thinking" if self.native else self.server.reasoning_field
        parts = [(thought, self.thinking), ("content", self.content)]
        return [(name, piece) for name, text in parts for piece in words(text)]

    @property
    def usage(self) -> dict[str, Any]:
        if self.fault == "no usage" or not self.server.usage:
            return {}
        said = len(self.pieces)
        if self.native:
            return {"prompt_eval_count": self.prompt_tokens, "eval_count": said}
        usage = {"prompt_tokens": self.prompt_tokens, "completion_tokens": said}
        return {"usage": usage | {"total_tokens": said + self.prompt_tokens}}

    def whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": self.content}
        if self.thinking:
            message["thinking" if self.native else self.server.reasoning_field] = self.thinking
        if self.native:
            return {"model": self.model, "message": message, "done": True, "done_reason": self.why, **self.usage}
        choice = {"index": 0, "message": message, "finish_reason": self.why}
        return self._frame("chat.completion", [choice]) | self.usage

    def piece(self, name: str, text: str) -> bytes:
        if self.native:
            message = {"role": "assistant", "content": ""} | {name: text}
            return _line({"model": self.model, "message": message, "done": False}, raw=self.fault == "split")
        choice = {"index": 0, "delta": {name: text}, "finish_reason": None}
        return event(self._frame("chat.completion.chunk", [choice]), raw=self.fault == "split")

    def end(self) -> bytes:
        if self.native:
            message = {"role": "assistant", "content": ""}
            last = {"model": self.model, "message": message, "done": True, "done_reason": self.why}
            return _line(last | self.usage)
        choice = {"index": 0, "delta": {}, "finish_reason": self.why}
        asked = (self.request.body.get("stream_options") or {}).get("include_usage")
        count = event(self._frame("chat.completion.chunk", []) | self.usage) if asked and self.usage else b""
        return event(self._frame("chat.completion.chunk", [choice])) + count + b"data: [DONE]\n\n"

    def error(self) -> bytes:
        return _line({"error": "the runner died"}) if self.native else event(_refusal("the runner died"))

    def _frame(self, kind: str, choices: list[Any]) -> dict[str, Any]:
        return {"id": "chat-1", "object": kind, "created": 1, "model": self.model, "choices": choices}


def form(body: Mapping[str, Any]) -> str:
    """Name the way in which a request asks for JSON, as FORMATS does; "" if it does not."""
    asked = body.get("response_format") or {}
    return asked.get("type", "") + (" with a schema" if "schema" in asked else "")


def row(title: str) -> dict[str, str]:
    """Give the row that a good answer is."""
    return {
        "Question": question(title),
        "Complex_CoT": _thought(title),
        "Response": f"The {title} is a household article that is meant for everyday use at home.",
    }


def question(title: str) -> str:
    """Give the question of a good answer; a prompt that holds it is the second of two."""
    return f"What is the {title} and what would somebody use it for?"


def _thought(title: str) -> str:
    return (
        f"The name {title} says what kind of article this is. I recall that such an article belongs into a household "
        "and is used there day by day. So the answer is to name the kind of article first and its use after that."
    )


def _said(title: str, fault: str, prompt: str) -> tuple[str, str]:
    """Give what is thought and what is said."""
    good = row(title)
    if question(title) in prompt:
        answer = f"<think>{_thought(title)}</think>{good['Response']}" if fault == "inline" else good["Response"]
        answer = f"{_thought(title)}</think>{good['Response']}" if fault == "no opening tag" else answer
        told = {"empty": "", "loaded": "", "only thinking": "", "cut": "The", "truncated": "The"}.get(fault, answer)
        return "" if fault in ("inline", "no opening tag", "empty", "loaded") else _thought(title), told
    text = json.dumps(good)
    if fault in ("truncated", "cut"):
        return "", text[: len(text) * 2 // 3]
    if fault == "loaded":
        return "", ""
    if fault == "split":
        return "", json.dumps(good, ensure_ascii=False)
    if fault == "thinking":
        return good["Complex_CoT"], json.dumps(good | {"Complex_CoT": ""})
    if fault == "only thinking":
        return text, ""
    return "", TEXTS[fault].replace("{row}", text).replace("{{", "{").replace("}}", "}") if fault in TEXTS else text


async def _whole(writer: asyncio.StreamWriter, reply: _Reply, fault: str) -> bool:
    body = json.dumps(reply.whole()).encode()
    if fault == "error in the stream":
        return await send(writer, 500, _refusal("the runner died"))
    if fault not in BROKEN:
        return await send(writer, 200, reply.whole())
    if fault == "page":
        page = b"<html>Log in to use this network"
        return await send(writer, 200, page, kind="text/html; charset=utf-8")
    body = b"<html>Bad gateway" if fault == "garbage" else body
    writer.write(head(200, f"Content-Length: {len(body) + (0 if fault == 'garbage' else 10**6)}\r\n"))
    if fault in ("drip", "silence"):
        await _forever(writer, iter(lambda: b" ", None))
    writer.write(body if fault == "garbage" else body[: len(body) // 2])
    return await _over(writer, fault)


async def _streamed(writer: asyncio.StreamWriter, reply: _Reply, fault: str) -> bool:
    kind = "application/x-ndjson" if reply.native else "text/event-stream"
    writer.write(head(200, "Transfer-Encoding: chunked\r\n", kind))
    if fault in ("drip", "silence"):
        blank = b"\n" if reply.native else b": still here\n"
        word = blank if fault == "silence" else reply.piece("content", "and ")
        await _forever(writer, iter(lambda: _chunk(word), None))
    async for piece in _paced(reply):
        writer.write(_chunk(piece))
    if fault in ("garbage", "error in the stream"):
        junk = b"%%% {not JSON\n" if reply.native else b"data: {not JSON\n\n"
        writer.write(_chunk(junk if fault == "garbage" else reply.error()))
    if fault == "reset":
        return await _over(writer, fault)
    if fault == "no end":
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True
    writer.write(_chunk(reply.end()) + b"0\r\n\r\n")
    await writer.drain()
    return True


async def _nothing(writer: asyncio.StreamWriter, reply: _Reply) -> bool:
    if not reply.request.body.get("stream"):
        return await send(writer, 200, b"", kind="application/json")
    kind = "application/x-ndjson" if reply.native else "text/event-stream"
    writer.write(head(200, "Transfer-Encoding: chunked\r\n", kind) + b"0\r\n\r\n")
    return True


async def _paced(reply: _Reply) -> AsyncIterator[bytes]:
    """Give the pieces; those who read hear of the first ones before the last ones are sent."""
    pieces = [reply.piece(name, text) for name, text in reply.pieces]
    if reply.fault == "split":
        text = b"".join(pieces)
        pieces = [text[start : start + 3] for start in range(0, len(text), 3)]
        for piece in pieces[:200]:  # a turn of the loop each, so that the client reads them apart
            yield piece
            await asyncio.sleep(0)
        yield b"".join(pieces[200:])
        return
    for start in range(0, len(pieces), 16):
        yield b"".join(pieces[start : start + 16])
        await asyncio.sleep(0)


async def _forever(writer: asyncio.StreamWriter, words: Iterator[bytes]) -> None:
    for word in words:
        writer.write(word)
        await writer.drain()
        await asyncio.sleep(0.02)


async def _over(writer: asyncio.StreamWriter, fault: str) -> bool:
    await writer.drain()
    if fault == "reset":
        await asyncio.sleep(0.01)  # else the client would not see what came before
        reset(writer)
    return fault == "garbage"


def _refusal(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": None}}


def _line(value: Any, *, raw: bool = False) -> bytes:
    return json.dumps(value, ensure_ascii=not raw).encode() + b"\n"


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


if __name__ == "__main__":
    main(FaultServer)
