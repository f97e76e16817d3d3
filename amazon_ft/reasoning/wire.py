"""The door to openai: look at a server, connect to it, and give its messages one by one."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amazon_ft.files import InputError
from amazon_ft.reasoning.dialects import same
from amazon_ft.remote import errors, keys, transport
from amazon_ft.remote.addresses import Address

if TYPE_CHECKING:
    from openai import AsyncOpenAI

KEY = "OPENAI_API_KEY"
NATIVE, COMPATIBLE = "ollama", "openai-compatible"  # kinds of servers
CONNECT = 10.0  # seconds until a server counts as away
READ = 60.0  # seconds for what a look at it asks
MOST = 12  # names of models in a sentence
NO_KEY = "none"  # servers of one's own ask for none, but the client wants one
START = (
    "start one (`ollama serve`, `vllm serve MODEL`, `llama-server -m FILE.gguf`, `transformers serve MODEL` or "
    "`python -m llama_cpp.server --model FILE.gguf --n_ctx 8192 --interrupt_requests false`) or give its address"
)


@dataclass(frozen=True)
class Found:
    """Hold what a look at a server found."""

    kind: str  # NATIVE or COMPATIBLE
    version: str
    digest: str  # of the model, where the server tells
    key: str = field(repr=False)  # that it is asked with


def find(where: Address, model: str, thinks: bool) -> Found:
    """Look at a server and the model in it, which has to be able to think apart from its answer if it `thinks`.

    Raises InputError if nobody answers there, the key is refused, or the model is not there or cannot.
    """
    version = None if where.says_compatible else look(where, NATIVE, "/api/version").get("version")
    kind = COMPATIBLE if version is None else NATIVE
    key = NO_KEY if kind == NATIVE else keys.key(KEY) or NO_KEY
    digest = _digest(_entry(where, kind, model, key))
    if kind == NATIVE and thinks:
        able = look(where, NATIVE, "/api/show", {"model": model}).get("capabilities")
        if isinstance(able, list) and able and "thinking" not in able:
            raise InputError(f"{model} cannot think apart from its answer: use calls 'one', or another model.")
    return Found(kind, str(version or ""), digest, key)


def look(
    where: Address,
    kind: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    known: bool = False,
    key: str = NO_KEY,
) -> Mapping[str, Any]:
    """Get what a server says of itself, or of what the `body` names; nothing where it does not.

    Raises InputError if nobody answers, or if a server whose kind is `known` refuses the key. One that cannot list its
    models is no error: `transformers serve` fails at that where the hub's cache is missing.
    """
    import openai

    how = _how(where, kind, key, READ, openai.DefaultHttpxClient)
    try:
        with openai.OpenAI(**how) as client:
            got = client.get(path, cast_to=object) if body is None else client.post(path, cast_to=object, body=body)
    except openai.APIStatusError as error:
        if known and error.status_code in (401, 403):
            raise InputError(f"the server at {where.shown} refused the key: set {KEY} to one that it takes.") from None
        return {}
    except ValueError:  # neither JSON nor text
        return {}
    except Exception as error:
        if not errors.foreign(error):
            raise
        raise InputError(f"no server answers at {where.shown}: {START}.") from None
    return got if isinstance(got, Mapping) else {}


def connection(where: Address, kind: str, timeout: float, key: str = NO_KEY) -> AsyncOpenAI:
    """Make the client; its connections belong to the event loop that first uses it."""
    import openai

    return openai.AsyncOpenAI(**_how(where, kind, key, timeout, openai.DefaultAsyncHttpxClient))


async def messages(client: AsyncOpenAI, kind: str, path: str, body: Mapping[str, Any]) -> AsyncGenerator[object, None]:
    """Send a request and give what comes: each part of the stream, or the whole reply, as plain data."""
    if not body["stream"]:
        yield await client.post(path, cast_to=object, body=body)
        return
    from openai import AsyncStream

    kinds = AsyncStream[object]
    stream = await client.post(path, cast_to=object, body=body, stream=True, stream_cls=kinds)
    sort = stream.response.headers.get("content-type", "")
    try:
        if kind == COMPATIBLE and ("json" in sort or "html" in sort):  # no stream: a server that has none, or a gateway
            yield json.loads(await stream.response.aread())
            return
        async for message in _lines(stream) if kind == NATIVE else stream:
            yield message
    finally:
        await stream.close()


def secrets(where: Address, found: Found) -> tuple[str, ...]:
    """Give what no text may show."""
    return (*where.secrets, "" if found.key == NO_KEY else found.key)


def _how(where: Address, kind: str, key: str, timeout: float, client: Any) -> dict[str, Any]:
    """Say how to connect; retries are the runner's, and proxies that the surroundings name are for other machines."""
    from openai import Timeout

    limits = Timeout(timeout, connect=min(timeout, CONNECT))
    return {
        "base_url": where.base if kind == NATIVE else where.compatible,
        "default_query": where.query,
        "api_key": key,
        "max_retries": 0,
        "timeout": limits,
        "http_client": transport.direct(where, client, timeout=limits),
    }


async def _lines(stream: Any) -> AsyncIterator[object]:
    """Read one JSON value a line, as Ollama streams; only a line feed ends a line, and not all that Unicode has."""
    rest = b""
    async for part in stream.response.aiter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in filter(bytes.strip, lines):
            yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)


def _entry(where: Address, kind: str, model: str, key: str) -> Mapping[str, Any]:
    """Find a model in the server's list; nothing where it has no list."""
    native = kind == NATIVE
    got = look(where, kind, "/api/tags" if native else "/models", known=True, key=key)
    models = got.get("models" if native else "data")
    entries = {str(each.get("name") or each.get("id")): each for each in models or () if isinstance(each, Mapping)}
    if found := next((entry for name, entry in entries.items() if same(model, name)), None):
        return found
    there = ", ".join(sorted(entries)[:MOST])
    if native:
        pull = f"get it with `ollama pull {model}`"
        pull += f", or use one of those there: {there}" if there else ""
        raise InputError(f"Ollama at {where.shown} has no model {model!r}: {pull}.")
    if entries:
        raise InputError(f"the server at {where.shown} has no model {model!r}: use one of those there: {there}.")
    return {}


def _digest(entry: Mapping[str, Any]) -> str:
    """Give what tells a model's weights apart: a digest, else where they came from, as far as the server says."""
    return str(entry.get("digest") or entry.get("root") or "")
