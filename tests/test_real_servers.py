from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from socket import socket

import pytest

from amazon_ft.models import locate
from amazon_ft.products import Product
from amazon_ft.reasoning import wire
from amazon_ft.reasoning.authors import Trouble
from amazon_ft.reasoning.dialects import Compatible, Options, Request, Said
from amazon_ft.reasoning.servers import Server, connected
from amazon_ft.recipes import CLOSED, TINY_LLAMA

NEEDED = [name for name in ("openai", "pydantic", "fastapi", "starlette", "uvicorn", "rich") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(NEEDED), reason=f"{', '.join(NEEDED)} missing: pip install 'transformers[serving]' openai"
)
PRODUCTS = [Product(f"B{number}", f"Copper Kettle {number}", "A kettle of copper.") for number in range(8)]
START = 45  # seconds until the server must answer


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[str]:
    """Serve the tiny model with `transformers serve`."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hub = tmp_path / "hub"
    hub.mkdir()  # an empty cache: the server lists what is in it
    command = "from transformers.cli.transformers import main; main()"
    arguments = ["serve", locate(TINY_LLAMA), "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    surroundings = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(hub), "OMP_NUM_THREADS": "1"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments], stdout=log, stderr=log, env=surroundings
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process, tmp_path / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"transformers serve did not start: {log.read_text()[-2000:]}")


def author(url: str, **options: object) -> Server:
    return connected(url, locate(TINY_LLAMA), CLOSED, Options(**{"max_tokens": 24, "timeout": 60.0} | options))


async def trouble(server: Server, product: Product, heard: list[int]) -> Trouble:
    """Write a row; the tiny model cannot."""
    with pytest.raises(Trouble) as caught:
        await server.write(product, 3407, heard.append)
    return caught.value


def write(server: Server, products: list[Product], heard: list[int]) -> list[Trouble]:
    async def all_() -> list[Trouble]:
        try:
            return await asyncio.gather(*(trouble(server, product, heard) for product in products))
        finally:
            await server.close()

    return asyncio.run(all_())


def a_look_finds_what_it_is(serving: str) -> None:
    identity = author(serving).identity
    assert (identity["server"], identity["model"]) == (wire.COMPATIBLE, locate(TINY_LLAMA))
    assert wire.look(author(serving).address, wire.COMPATIBLE, "/models", known=True)["data"] == []


def nonsense_ends_as_trouble_with_its_cost(serving: str, stream: bool) -> None:
    heard: list[int] = []
    [got] = write(author(serving, stream=stream), PRODUCTS[:1], heard)
    assert (got.reason, got.again) in {("cut at max_tokens", "otherwise"), ("invalid JSON", "otherwise")}
    assert got.cost.prompt_tokens > 100 and 0 < got.cost.completion_tokens <= 24
    assert sum(heard) > 0 and (len(heard) > 1) is stream


def text_and_usage_stream_through_the_client(serving: str) -> None:
    server = author(serving)
    said, request = Said(), Request(server.model, "What is the Copper Kettle?", 1, server.options)

    async def listen() -> int:
        client, speaks = wire.connection(server.address, wire.COMPATIBLE, 60), Compatible()
        count = 0
        async for message in wire.messages(client, wire.COMPATIBLE, speaks.path, speaks.body(request)):
            count += speaks.hear(message, said) > 0
        await client.close()
        return count

    parts = asyncio.run(listen())
    assert parts > 3 and len(said.content) > 10
    assert said.why in ("stop", "length") and said.model.startswith(server.model)
    assert said.usage is not None and said.usage.prompt_tokens > 3
    assert parts <= said.usage.completion_tokens <= 24


def the_deadline_ends_a_long_reply(serving: str) -> None:
    start = time.monotonic()
    [got] = write(author(serving, max_tokens=700, timeout=0.05), PRODUCTS[:1], [])
    assert (got.reason, got.again) == ("timed out", "later")
    assert time.monotonic() - start < 10


def eight_writers_at_once_all_hear_an_answer(serving: str) -> None:
    heard: list[int] = []
    got = write(author(serving), PRODUCTS, heard)
    assert {each.reason for each in got} <= {"cut at max_tokens", "invalid JSON"}
    assert sum(each.cost.completion_tokens for each in got) >= len(heard) > len(PRODUCTS)


def test_the_road_to_a_real_server(serving: str) -> None:
    """Check all in one test: each process of a divided run would start a server of its own."""
    a_look_finds_what_it_is(serving)
    for stream in (True, False):
        nonsense_ends_as_trouble_with_its_cost(serving, stream)
    text_and_usage_stream_through_the_client(serving)
    the_deadline_ends_a_long_reply(serving)
    eight_writers_at_once_all_hear_an_answer(serving)
