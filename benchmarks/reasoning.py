"""Measure what asking for reasoning rows costs beside the bare client, and kill a run twenty times, on Linux.

    python benchmarks/reasoning.py [--quick]

A server in its own process answers at once, a stream of 64 pieces. Ours is a connected Server, write_rows and the
ledger, which is synced; bare is the openai client's chat.completions.create with as many workers, asked the same; its
plainest way leaves out the checked types, too. Each side runs in a fresh process, in turn, three times, after some rows
that do not count; the middle of the three counts. Then a run of 300 rows, 50 ms each, is killed with SIGKILL at twenty
random moments and finished: the ledger must have each product once and its cost once; what was asked twice was under
way when the run was killed. The last line is JSON, and a full run writes it to benchmarks/results/reasoning.json.
--quick takes 200 rows, one turn and five kills.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from amazon_ft.files import write_json
from amazon_ft.products import Product
from amazon_ft.prompts import fill
from amazon_ft.reasoning.asking import Pace, write_rows
from amazon_ft.reasoning.authors import Cost
from amazon_ft.reasoning.dialects import Options
from amazon_ft.reasoning.ledger import Ledger
from amazon_ft.reasoning.servers import Server, connected
from amazon_ft.recipes import Reasoning
from amazon_ft.recipes.reasoning import CLOSED

RESULT = Path(__file__).with_name("results") / "reasoning.json"
WORKERS, MODEL, AT_MOST = 4, "teacher:8b", 2.0  # milliseconds
WARM = 40  # rows before the clock counts
PIECES, COST = 64, Cost(200, 64)
SYNCS = 200
BEGINNING = 0.3  # seconds of a run before its first row
SEED = 3407


@dataclass(frozen=True)
class Size:
    """Hold how much is measured."""

    rows: int = 1_000
    turns: int = 3
    killed_rows: int = 300
    kills: int = 20
    delay: float = 0.05  # seconds for a row of the run that is killed


QUICK = Size(rows=200, turns=1, killed_rows=100, kills=5)


def catalogue(number: int, name: str = "Lamp") -> list[Product]:
    """Invent products whose prompts have a usual length."""
    content = "A household article of steel and glass, 40 by 25 cm, for everyday use at home. " * 6
    return [Product(f"B{at:09}", f"{name} <{at}>", content) for at in range(number)]


def answer() -> bytes:
    """Give the stream of events that every request gets."""
    row = {
        "Question": "What is this article, and what would somebody use it for at home?",
        "Complex_CoT": "The name says what kind of article this is. " * 5,
        "Response": "It is a household article of steel and glass that is meant for everyday use.",
    }
    text = json.dumps(row)
    cuts = [len(text) * at // PIECES for at in range(PIECES + 1)]
    frame: dict[str, Any] = {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    deltas: list[dict[str, Any]] = [{"content": text[start:end]} for start, end in pairwise(cuts)]
    choices: list[list[dict[str, Any]]] = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    choices.append([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    usage = asdict(COST) | {"total_tokens": COST.prompt_tokens + COST.completion_tokens}
    frames = [*(frame | {"choices": choice} for choice in choices), frame | {"choices": [], "usage": usage}]
    events = [*(f"data: {json.dumps(each)}\n\n".encode() for each in frames), b"data: [DONE]\n\n"]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n"


async def serve(delay: float) -> None:
    """Answer every request with the same row after a delay, and tell at /asked how often each title was asked for."""
    said, asked = answer(), Counter[str]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n") if ": " in line)
                body = (await reader.readexactly(int(lines.get("content-length", 0)))).decode()
                path = head.split(" ", 2)[1]
                if path == "/v1/chat/completions":
                    asked[body.split("<", 1)[1].split(">", 1)[0]] += 1
                    await asyncio.sleep(delay)
                    writer.write(said)
                    continue
                found = {"/v1/models": {"data": [{"id": MODEL}]}, "/asked": asked}.get(path)
                text = json.dumps(found or {}).encode()
                status = "404 Not Found" if found is None else "200 OK"
                kind = "Content-Type: application/json"
                writer.write(f"HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()  # the client was killed or has all it wanted

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    _say(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


@contextmanager
def served(delay: float) -> Iterator[str]:
    """Start the server in a process of its own and give its address."""
    command = [sys.executable, __file__, "--side", "serve", str(delay), "-", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def writer(url: str) -> Server:
    """Give the package's own author, connected."""
    return connected(url, MODEL, _reasoning(), Options())


def _reasoning() -> Reasoning:
    return CLOSED


def ours(url: str, ledger: Path, products: list[Product]) -> float:
    """Write rows, and give the seconds that it took."""
    server = writer(url)
    started = time.perf_counter()
    finished = write_rows(server, products, Ledger(ledger), Pace(workers=WORKERS))
    taken = time.perf_counter() - started
    assert finished.written == len(products)
    return taken


def bare(url: str, ledger: Path, products: list[Product]) -> float:
    """Send the same requests with the openai client as its documentation does."""

    async def ask(client: Any, body: dict[str, Any]) -> str:
        parts = [
            chunk.choices[0].delta.content or ""
            async for chunk in await client.chat.completions.create(**body)
            if chunk.choices
        ]
        return str(json.loads("".join(parts))["Question"])

    return _asked(url, products, ask)


def plainest(url: str, ledger: Path, products: list[Product]) -> float:
    """Send the same requests with the openai client without its types."""

    async def ask(client: Any, body: dict[str, Any]) -> str:
        from openai import AsyncStream

        stream = await client.post(
            "/chat/completions", cast_to=object, body=body, stream=True, stream_cls=AsyncStream[object]
        )
        parts = [event["choices"][0]["delta"].get("content", "") async for event in stream if event["choices"]]
        return str(json.loads("".join(parts))["Question"])

    return _asked(url, products, ask)


def _asked(url: str, products: list[Product], ask: Callable[[Any, dict[str, Any]], Any]) -> float:
    """Ask with as many workers as ours, the bodies made before the clock runs."""
    from openai import AsyncOpenAI

    bodies = iter([_body(url, product) for product in products])

    async def work(client: Any) -> int:
        return sum([bool(await ask(client, body)) for body in bodies])

    async def everything() -> int:
        async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            return sum(await asyncio.gather(*(work(client) for _ in range(WORKERS))))

    started = time.perf_counter()
    assert asyncio.run(everything()) == len(products)
    return time.perf_counter() - started


def _body(url: str, product: Product) -> dict[str, Any]:
    from amazon_ft.reasoning.dialects import Compatible, Request
    from amazon_ft.reasoning.replies import SCHEMA

    values = {"title": product.title, "content": product.content, "language": "English"}
    return Compatible().body(Request(MODEL, fill(_reasoning().prompt, values), SEED, Options(), SCHEMA))


SIDES = {"ours": ours, "bare": bare, "plainest": plainest}


def side(name: str, url: str, ledger: Path, number: int) -> None:
    """Be one of the processes that main starts, and tell on the last line what was measured."""
    if name == "serve":
        asyncio.run(serve(float(url)))
    elif name == "kill me":
        author = writer(url)
        _say("ready")
        write_rows(author, catalogue(number), Ledger(ledger), Pace(workers=WORKERS))
    else:
        SIDES[name](url, ledger.with_name("warm.jsonl"), catalogue(WARM, "Chair"))
        spent = time.process_time()
        seconds = SIDES[name](url, ledger, catalogue(number))
        cpu = time.process_time() - spent
        _say(json.dumps({"ms_a_row": seconds / number * 1e3, "cpu_ms": cpu / number * 1e3, "peak_mb": _peak_mb()}))


def overhead(size: Size) -> dict[str, dict[str, float]]:
    """Measure each side in turn, and give the middle of its figures."""
    told: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
    with served(0) as url:
        for turn in range(size.turns):
            for name in SIDES:
                with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
                    ledger = Path(folder) / "ledger.jsonl"
                    command = [sys.executable, __file__, "--side", name, url, str(ledger), str(size.rows)]
                    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                told[name].append(json.loads(said.splitlines()[-1]))
                _say(f"turn {turn + 1}, {name}: {json.dumps(told[name][-1])}")
    return {
        name: {figure: round(statistics.median(one[figure] for one in some), 3) for figure in some[0]}
        for name, some in told.items()
    }


def killed(size: Size) -> dict[str, Any]:
    """Kill a run again and again at random moments, let it end, and look at what its ledger has."""
    lot, kills = random.Random(SEED), 0
    seconds = BEGINNING + 2 * size.killed_rows * size.delay / WORKERS / (size.kills + 5)
    with served(size.delay) as url, tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        ledger = Ledger(Path(folder) / "ledger.jsonl")
        command = [sys.executable, __file__, "--side", "kill me", url, str(ledger.path), str(size.killed_rows)]
        while kills < size.kills:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
                assert run.stdout and run.stdout.readline() == "ready\n"
                time.sleep(lot.uniform(0, seconds))
                kills += run.poll() is None
                run.kill()
        between = len(ledger.read())
        subprocess.run(command, check=True, capture_output=True)
        with urlopen(f"{url.removesuffix('/v1')}/asked") as response:
            asked = json.load(response)
        return _accounts(ledger, size, between) | {"kills": kills, "asked_twice": sum(asked.values()) - len(asked)}


def _accounts(ledger: Ledger, size: Size, between: int) -> dict[str, Any]:
    lines = [json.loads(line)["uid"] for line in ledger.path.read_text("utf-8").splitlines()]
    should = Cost(size.killed_rows * COST.prompt_tokens, size.killed_rows * COST.completion_tokens)
    return {
        "rows": size.killed_rows,
        "lines_after_the_last_kill": between,
        "each_product_once": sorted(lines) == [product.uid for product in catalogue(size.killed_rows)],
        "cost": asdict(ledger.spent()),
        "cost_once": ledger.spent() == should,
    }


def sync_ms() -> float:
    """Measure what it takes to have a line on this disk."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=Path.cwd()) as file:
        for _ in range(SYNCS):
            file.write(b"x" * 1_000)
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            taken.append((time.perf_counter() - started) * 1e3)
    return round(statistics.median(taken), 3)


def _peak_mb() -> int:
    """Give the most memory that this process has held; getrusage would count what its parent held when it forked."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) // 1024


def _say(line: str) -> None:
    print(line, flush=True)


def run(size: Size) -> dict[str, Any]:
    """Measure both, and give all figures."""
    sync = sync_ms()
    sides = overhead(size)
    ms = {name: sides[name]["ms_a_row"] for name in SIDES}
    over = {name: round(ms["ours"] - ms[name], 3) for name in ("bare", "plainest")}
    ended = killed(size)
    return {
        "benchmark": "reasoning",
        "rows": size.rows,
        "workers": WORKERS,
        "sides": sides,
        "overhead_ms": over,
        "overhead_at_most_ms": AT_MOST,
        "fast_enough": max(over.values()) <= AT_MOST,
        "ratio": round(ms["ours"] / ms["bare"], 2),
        "fsync_ms": sync,
        "killed": ended,
        "right_after_kills": ended["each_product_once"] and ended["cost_once"],
        "peak_memory_mb": sides["ours"]["peak_mb"],
        "cpus": len(os.sched_getaffinity(0)),
        "platform": platform.platform(),
        "versions": {name: metadata.version(name) for name in ("amazon-ft", "openai")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--side", nargs=4, help=argparse.SUPPRESS)  # how a child process is told what to do
    asked = parser.parse_args()
    if asked.side:
        name, url, ledger, number = asked.side
        side(name, url, Path(ledger), int(number))
        return
    result = run(QUICK if asked.quick else Size())
    if not asked.quick:
        write_json(RESULT, result)
    _say(json.dumps(result))


if __name__ == "__main__":
    main()
