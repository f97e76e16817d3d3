"""Write rows with llama-cpp-python's own server and the tiny model, which llama.cpp makes write valid JSON.

The server runs in AMAZON_FT_LLAMA_CPP's Python, else in this one, where llama-cpp-python[server] is.
"""

from __future__ import annotations

import asyncio
import copy
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from converting import converter

from amazon_ft import models
from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.reasoning import replies
from amazon_ft.reasoning.authors import Trouble, Written
from amazon_ft.reasoning.dialects import Options
from amazon_ft.reasoning.servers import Server, connected
from amazon_ft.recipes import CLOSED, TINY_LLAMA
from amazon_ft.serving import llama_cpp

pytest.importorskip("openai")

PYTHON = os.environ.get("AMAZON_FT_LLAMA_CPP", sys.executable)
MODEL = "tiny"
STARTED = 60  # seconds within which the server answers
REASONING = replace(CLOSED, characters=200)
PRODUCT = Product("B1", "Clock Repair for Patient Beginners", "A book about clocks. 212 pages, 18 x 24 cm, 390 g.")
OPTIONS = Options(max_tokens=300, num_ctx=1024, timeout=60)


@dataclass
class Running:
    """Where the server answers, and how its process stands."""

    url: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ready = subprocess.run([PYTHON, "-c", "import llama_cpp.server.app"], capture_output=True)
    if ready.returncode:
        pytest.skip("llama-cpp-python[server] is not installed where AMAZON_FT_LLAMA_CPP points")
    converter()
    folder = tmp_path_factory.mktemp("llama")
    path = folder / "tiny.gguf"
    llama_cpp.convert(Path(models.locate(TINY_LLAMA)), path, "f32")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    how = {"model": path, "model_alias": MODEL, "n_ctx": 1024, "n_threads": 1, "host": "127.0.0.1", "port": port}
    # Otherwise a request cuts off the one before it in the middle.
    how |= {"interrupt_requests": "false", "verbose": "false"}
    command = [PYTHON, "-m", "llama_cpp.server", *(str(word) for name in how for word in (f"--{name}", how[name]))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/v1/models", process, folder / "log")
        yield Running(f"http://127.0.0.1:{port}/v1", process)
    finally:
        process.kill()
        process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTED
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bound the texts in the schema: the tiny model never ends one by itself."""
    schema: dict[str, Any] = copy.deepcopy(dict(replies.SCHEMA))
    for text in schema["properties"].values():
        text |= {"minLength": 1, "maxLength": 40}
    monkeypatch.setattr(replies, "SCHEMA", schema)


async def _all(server: Server, seeds: range) -> list[Written | Trouble]:
    async def one(seed: int) -> Written | Trouble:
        try:
            return await server.write(PRODUCT, seed, lambda _: None)
        except Trouble as trouble:
            return trouble

    try:
        return await asyncio.gather(*(one(seed) for seed in seeds))
    finally:
        await server.close()


def _written(running: Running, options: Options, seeds: range) -> list[Written | Trouble]:
    return asyncio.run(_all(connected(running.url, MODEL, REASONING, options), seeds))


def test_finds_the_model_in_the_servers_list(running: Running) -> None:
    server = connected(running.url, MODEL, REASONING, OPTIONS)
    assert server.identity["model"] == MODEL
    assert str(server.identity["server"]).startswith("openai-compatible")
    with pytest.raises(InputError, match=r"has no model 'other'.*tiny"):
        connected(running.url, "other", REASONING, OPTIONS)


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "whole"])
def test_llama_cpp_keeps_even_the_tiny_model_to_the_schema(stream: bool, running: Running, short: None) -> None:
    rows = _written(running, replace(OPTIONS, stream=stream), range(2))
    assert [type(row) for row in rows] == [Written] * 2
    assert all(row.question and row.reasoning and row.response for row in rows if isinstance(row, Written))
    assert {row.model for row in rows if isinstance(row, Written)} == {MODEL}


def test_the_way_in_which_it_takes_a_schema_is_found_once_and_told(running: Running, short: None) -> None:
    server = connected(running.url, MODEL, REASONING, OPTIONS)
    asyncio.run(_all(server, range(2)))
    assert server.told["response_format"] == "json_object with a schema"


def test_the_same_seed_gives_the_same_row(running: Running, short: None) -> None:
    first, again = (_written(running, OPTIONS, range(7, 8))[0] for _ in range(2))
    assert isinstance(first, Written)
    assert first == again
    assert first != _written(running, OPTIONS, range(8, 9))[0]


def test_eight_writers_all_get_their_row(running: Running, short: None) -> None:
    rows = _written(running, OPTIONS, range(8))
    assert [type(row) for row in rows] == [Written] * 8
    assert len({row.reasoning for row in rows if isinstance(row, Written)}) > 1


def test_what_is_cut_at_max_tokens_is_named_so(running: Running) -> None:
    trouble = _written(running, replace(OPTIONS, max_tokens=20), range(1))[0]
    assert isinstance(trouble, Trouble)
    assert (trouble.reason, trouble.again) == ("cut at max_tokens", "otherwise")
    assert trouble.cost.completion_tokens >= 15


def test_tokens_are_heard_as_they_come_and_counted(running: Running, short: None) -> None:
    heard: list[int] = []

    async def one() -> Written:
        server = connected(running.url, MODEL, REASONING, OPTIONS)
        try:
            return await server.write(PRODUCT, 1, heard.append)
        finally:
            await server.close()

    row = asyncio.run(one())
    assert len(heard) > 10
    assert sum(heard) == row.cost.completion_tokens  # this server gives no usage in a stream
    whole = _written(running, replace(OPTIONS, stream=False), range(1, 2))[0]
    assert isinstance(whole, Written)
    assert whole.cost.prompt_tokens > 50
    assert abs(whole.cost.completion_tokens - row.cost.completion_tokens) <= 3


def test_a_time_limit_ends_a_reply_that_is_under_way(running: Running) -> None:
    began = time.monotonic()
    trouble = _written(running, replace(OPTIONS, max_tokens=700, timeout=0.3), range(1))[0]
    assert isinstance(trouble, Trouble)
    assert (trouble.reason, trouble.again) == ("timed out", "later")
    assert time.monotonic() - began < 5
    assert running.process.poll() is None


@pytest.mark.parametrize(
    ("stream", "reason", "again"),
    [(False, "the prompt is too long", "never"), (True, "an empty reply", "otherwise")],
    ids=["whole", "streamed"],
)
def test_a_prompt_that_is_too_long_is_no_server_that_is_away(
    stream: bool, reason: str, again: str, running: Running
) -> None:
    long = replace(REASONING, characters=9000)
    server = connected(running.url, MODEL, long, replace(OPTIONS, stream=stream))
    product = Product("B2", PRODUCT.title, PRODUCT.content * 180)

    async def one() -> Mapping[str, Any]:
        try:
            await server.write(product, 1, lambda _: None)
        except Trouble as trouble:
            return {"reason": trouble.reason, "again": trouble.again, "detail": trouble.detail}
        finally:
            await server.close()
        return {}

    said = asyncio.run(one())
    assert (said["reason"], said["again"]) == (reason, again)
    assert ("n_ctx" if stream else "context length") in said["detail"]
