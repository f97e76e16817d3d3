"""Say in the words of Ollama's own API, and of OpenAI's, what is asked, and read what comes back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from amazon_ft.files import InputError
from amazon_ft.reasoning.authors import Cost

CALLS = ("one", "two")
# Each one is tried if a server refuses the one before; llama-cpp-python takes a schema only as the second one does.
FORMATS = ("json_schema", "json_object with a schema", "json_object", "none")
LIMITS = ("max_tokens", "max_completion_tokens")
DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})")
THOUGHTS = ("reasoning_content", "reasoning")  # what OpenAI-compatible servers call them

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Options:
    """Hold how a model is asked; the temperature is the one that DeepSeek's card names for R1.

    `calls` "two" asks for a question first and for its answer then, with the model's own thinking as the reasoning.
    """

    temperature: float = 0.6
    top_p: float = 0.95
    max_tokens: int = 2048
    num_ctx: int = 8192  # tokens that Ollama keeps in memory; other servers decide that at their start
    calls: str = "one"
    timeout: float = 600.0  # seconds for a whole reply
    stream: bool = True

    def __post_init__(self) -> None:
        if self.calls not in CALLS:
            raise InputError(f"calls is one of {', '.join(CALLS)}, not {self.calls!r}.")
        if not 0 <= self.temperature <= 2 or not 0 < self.top_p <= 1:
            raise InputError("temperature lies between 0 and 2, and top_p above 0 and at most at 1.")
        if not 1 <= self.max_tokens < self.num_ctx:
            raise InputError("max_tokens is at least 1 and below num_ctx, which also holds the prompt.")
        if not self.timeout > 0:
            raise InputError("timeout is a number of seconds above 0.")

    @property
    def decisive(self) -> dict[str, Any]:
        """Give what decides a row; how long and in what portions it is waited for does not."""
        return {name: value for name, value in asdict(self).items() if name not in ("timeout", "stream")}


@dataclass(frozen=True)
class Request:
    """Hold what is asked in one call; without a schema the model may think."""

    model: str
    prompt: str
    seed: int
    options: Options
    schema: Plain | None = None


@dataclass(frozen=True)
class Manner:
    """Hold how an OpenAI-compatible server wants to be asked; it begins as most of them do, and refusals change it."""

    format: str = FORMATS[0]
    limit: str = LIMITS[0]
    without: frozenset[str] = field(default=frozenset())  # parameters that are left out

    @property
    def told(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {"response_format": self.format, "limit": self.limit, "left out": sorted(self.without)}


USUAL = Manner()


@dataclass
class Said:
    """Gather what came so far."""

    content: str = ""
    thinking: str = ""
    model: str = ""
    why: str = ""  # it ended: "stop", "length"; empty while it has not
    pieces: int = 0
    messages: int = 0
    usage: Cost | None = None

    @property
    def cost(self) -> Cost:
        """Give the server's count, else the pieces that came."""
        return self.usage or Cost(0, self.pieces)


class Dialect(Protocol):
    """Name what the two APIs have of their own."""

    path: str

    def body(self, request: Request, manner: Manner = USUAL) -> dict[str, Any]:
        """Say what is asked, in a manner that the server has not refused."""

    def hear(self, message: Plain, said: Said) -> int:
        """Add what a part of the stream, or the whole reply, says; return how many pieces of text it has."""


class Native:
    """Speak Ollama's own API, which alone has num_ctx and think."""

    path = "/api/chat"

    def body(self, request: Request, manner: Manner = USUAL) -> dict[str, Any]:
        """Ask for the schema without thinking, or for thinking without a schema: both together are unreliable.

        What does not fit into num_ctx is refused, and not dropped in silence, where the server is new enough for that.
        """
        options = request.options
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": "user", "content": request.prompt}],
            "stream": options.stream,
            "think": request.schema is None,
            "truncate": False,
            "shift": False,
            "options": {
                "temperature": options.temperature,
                "top_p": options.top_p,
                "num_predict": options.max_tokens,
                "num_ctx": options.num_ctx,
                "seed": request.seed % 2**31,
            },
        }
        return body if request.schema is None else body | {"format": request.schema}

    def hear(self, message: Plain, said: Said) -> int:
        """Add a line of the stream, or the whole reply."""
        part = message.get("message") or {}
        pieces = _add(said, part.get("content"), part.get("thinking"))
        said.model = message.get("model") or said.model
        if message.get("done"):
            said.why = message.get("done_reason") or "stop"
            said.usage = _cost(message.get("prompt_eval_count"), message.get("eval_count"))
        return pieces


class Compatible:
    """Speak OpenAI's API as others speak it."""

    path = "/chat/completions"

    def body(self, request: Request, manner: Manner = USUAL) -> dict[str, Any]:
        """Ask for the schema in the way that the server has not refused."""
        options = request.options
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": "user", "content": request.prompt}],
            "temperature": options.temperature,
            "top_p": options.top_p,
            manner.limit: options.max_tokens,
            "seed": request.seed % 2**31,
            "stream": options.stream,
        }
        if options.stream:
            body["stream_options"] = {"include_usage": True}
        if request.schema is not None and (form := _form(request.schema, manner.format)):
            body["response_format"] = form
        return {name: value for name, value in body.items() if name not in manner.without}

    def hear(self, message: Plain, said: Said) -> int:
        """Add an event of the stream, or the whole reply."""
        pieces = 0
        for choice in message.get("choices") or ():
            part = choice.get("delta") or choice.get("message") or {}
            thinking = next((part[name] for name in THOUGHTS if part.get(name)), None)
            pieces += _add(said, part.get("content"), thinking)
            said.why = choice.get("finish_reason") or said.why
        said.model = message.get("model") or said.model
        usage = message.get("usage") or {}
        said.usage = _cost(usage.get("prompt_tokens"), usage.get("completion_tokens")) or said.usage
        return pieces


def _form(schema: Plain, format_: str) -> dict[str, Any] | None:
    named = {"name": schema["title"], "schema": schema, "strict": True}
    forms: Mapping[str, dict[str, Any]] = {
        "json_schema": {"type": "json_schema", "json_schema": named},
        "json_object with a schema": {"type": "json_object", "schema": schema},
        "json_object": {"type": "json_object"},
    }
    return forms.get(format_)


def same(asked: str, answered: str) -> bool:
    """Tell whether two names mean one model: name:latest, a path's end, name@revision and a dated name do."""
    one, other = _bare(asked), _bare(answered)
    if one == other or other.endswith(f"/{one}") or one.endswith(f"/{other}"):
        return True
    return other.startswith(one) and DATED.fullmatch(other[len(one) :]) is not None


def _bare(name: str) -> str:
    cut = name.replace("\\", "/").partition("@")[0]
    return cut.removesuffix(":latest").removesuffix(".gguf").casefold()


def _add(said: Said, content: object, thinking: object) -> int:
    """Count a part of a stream as a piece, which is a token with most servers, and a whole text by its words."""
    texts = [text if isinstance(text, str) else "" for text in (content, thinking)]
    said.content, said.thinking = said.content + texts[0], said.thinking + texts[1]
    pieces = sum(len(text.split()) or 1 for text in texts if text)
    said.pieces += pieces
    return pieces


def _cost(prompt: object, completion: object) -> Cost | None:
    """Give what a server counted; Ollama leaves out the prompt's count where it had read it before."""
    if not isinstance(completion, int):
        return None
    return Cost(prompt if isinstance(prompt, int) else 0, completion)
