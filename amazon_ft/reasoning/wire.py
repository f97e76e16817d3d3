"""The door to openai: look at a server, connect to it, and give its messages one by one."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from amazon_ft.files import InputError
from amazon_ft.reasoning.addresses import Address

if TYPE_CHECKING:
    from openai import AsyncOpenAI

KEY = "OPENAI_API_KEY"
NATIVE, COMPATIBLE = "ollama", "openai-compatible"  # kinds of servers
CONNECT = 10.0  # seconds until a server counts as away
READ = 60.0  # seconds for what a look at it asks
NO_KEY = "none"  # servers of one's own ask for none, but the client wants one
START = (
    "start one (`ollama serve`, `vllm serve MODEL`, `llama-server -m FILE.gguf` or `transformers serve MODEL`) "
    "or give its address"
)


def look(where: Address, kind: str, path: str, *, known: bool = False) -> Mapping[str, Any]:
    """Get what a server says of itself; nothing where it does not.

    Raises InputError if nobody answers, or if a server whose kind is `known` refuses the key. One that cannot list its
    models is no error: `transformers serve` fails at that where the hub's cache is missing.
    """
    import openai

    try:
        with openai.OpenAI(**_how(where, kind, READ)) as client:
            got = client.get(path, cast_to=object)
    except openai.APIStatusError as error:
        if known and error.status_code in (401, 403):
            raise InputError(f"the server at {where.shown} refused the key: set {KEY} to one that it takes.") from None
        return {}
    except json.JSONDecodeError:
        return {}
    except openai.APIConnectionError:
        raise InputError(f"no server answers at {where.shown}: {START}.") from None
    return got if isinstance(got, Mapping) else {}


def connection(where: Address, kind: str, timeout: float) -> AsyncOpenAI:
    """Make the client; its connections belong to the event loop that first uses it."""
    from openai import AsyncOpenAI

    return AsyncOpenAI(**_how(where, kind, timeout))


async def messages(client: AsyncOpenAI, kind: str, path: str, body: Mapping[str, Any]) -> AsyncGenerator[object, None]:
    """Send a request and give what comes: each part of the stream, or the whole reply, as plain data."""
    if not body["stream"]:
        yield await client.post(path, cast_to=object, body=body)
        return
    from openai import AsyncStream

    kinds = AsyncStream[object]
    stream = await client.post(path, cast_to=object, body=body, stream=True, stream_cls=kinds)
    try:
        async for message in _lines(stream) if kind == NATIVE else stream:
            yield message
    finally:
        await stream.close()


def secrets(where: Address) -> tuple[str, ...]:
    """Give what no text may show."""
    return (*where.secrets, os.environ.get(KEY, ""))


def _how(where: Address, kind: str, timeout: float) -> dict[str, Any]:
    """Say how to connect; retries are the runner's."""
    from openai import Timeout

    native = kind == NATIVE
    return {
        "base_url": where.url if native else where.compatible,
        "api_key": NO_KEY if native else os.environ.get(KEY) or NO_KEY,
        "max_retries": 0,
        "timeout": Timeout(timeout, connect=min(timeout, CONNECT)),
    }


async def _lines(stream: Any) -> AsyncIterator[object]:
    """Read one JSON value a line, as Ollama streams."""
    async for line in stream.response.aiter_lines():
        if line.strip():
            yield json.loads(line)
