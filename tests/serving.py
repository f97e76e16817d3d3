"""What the servers of the tests share: a thread of their own, and HTTP over plain connections."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self


@dataclass
class Served:
    """Answer in a thread of its own while the `with` block lasts; who inherits this says what, in `answer`."""

    down: bool = field(default=False, init=False)  # every connection is closed at once
    port: int = field(default=0, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: Heard, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False if the connection is done for."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the door for good, before the block ends."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=512, limit=2**22)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self.down:
                request = await read(reader)
                if self.down or not await self.answer(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client has gone, which is its right, or the test is over: nobody is left who could be told. The
            # cancelling has to end here, for Python 3.11 would log it as a fault if it left this coroutine.
            return
        finally:
            writer.close()


@dataclass(frozen=True)
class Heard:
    """One request as it came: its path without the query, its headers by their names in small letters."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    content: bytes

    @property
    def key(self) -> str:
        bearer = re.fullmatch(r"(?i)bearer (.*)", self.headers.get("authorization", ""))
        return bearer[1] if bearer else ""

    @cached_property
    def body(self) -> Any:
        """Give the content, which is JSON; {} if there is none."""
        return json.loads(self.content) if self.content else {}


async def read(reader: asyncio.StreamReader) -> Heard:
    """Read the next request; IncompleteReadError if the client closes the connection first."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    path, _, query = target.partition("?")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Heard(method, path, query, headers, content)


async def send(writer: asyncio.StreamWriter, status: int, value: Any, headers: str = "", kind: str = "") -> bool:
    """Send a whole reply: bytes as they are, all else as JSON; True, for the connection can go on."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    kind = kind or ("application/octet-stream" if isinstance(value, bytes) else "application/json")
    writer.write(head(status, f"Content-Length: {len(body)}\r\n{headers}", kind) + body)
    await writer.drain()
    return True


def head(status: int, headers: str, kind: str = "application/json") -> bytes:
    """Give what stands before a reply's body."""
    return f"HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\n{headers}\r\n".encode()


def event(value: Any, *, raw: bool = False) -> bytes:
    """Give an event of a stream; raw: letters beyond ASCII stay as they are."""
    return b"data: " + json.dumps(value, ensure_ascii=not raw).encode() + b"\n\n"


def words(text: str) -> list[str]:
    """Cut a text into the pieces in which it is streamed, a word each with the white space at it."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset, so that the client meets an error and no end."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def main(kind: Callable[..., Served]) -> None:
    """Serve until standard input ends; the one argument holds the server's fields as JSON; print the address."""
    with kind(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}")) as server:
        print(server.url, flush=True)
        sys.stdin.read()
