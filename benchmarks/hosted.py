"""Measure the export and the check of chat rows for hosted jobs, beside the plainest way that counts errors alone.

    python benchmarks/hosted.py [--quick]

40,000 invented training rows, 1,000 to validate by and 1,000 held out for the test, with descriptions as long as the
catalogue's, log-normal around 398 characters, are exported for gpt-4o-mini-chat and checked against every rule. The
plain way writes the same rows with json.dumps and checks them in a loop over json.loads: counts of broken rules, and no
line numbers, tokens, duplicates or leaks. Each side runs in a fresh process that makes the rows first; CPU seconds are
those of export and check, the peak is the process's own, rows and libraries included. The last line is JSON, and a full
run writes it to benchmarks/results/hosted.json. --quick takes the same rows and one run of each side instead of three.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import metadata
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

from amazon_ft import prompts
from amazon_ft.files import write_json
from amazon_ft.hardware.estimates import MEAN, MEDIAN
from amazon_ft.openai_jobs import checks, estimates, export, tokens
from amazon_ft.products import Product
from amazon_ft.prompts import Example
from amazon_ft.recipes import named
from amazon_ft.runs import Run
from amazon_ft.sample import catalogue

SIZES = {"train": 40_000, "validation": 1_000, "test": 1_000}
RUNS, QUICK_RUNS = 3, 1
CPU_SECONDS, PEAK_MB = 20.0, 500
RECIPE = named("gpt-4o-mini-chat")
RESULT = Path(__file__).with_name("results") / "hosted.json"


def rows(sizes: dict[str, int]) -> dict[str, list[Example]]:
    """Invent products of unlike titles with long descriptions, and ask for each as the recipe does."""
    number, rng = sum(sizes.values()), Random(3407)
    sigma = math.sqrt(2 * math.log(MEAN / MEDIAN))
    texts = cycle([product.content for product in catalogue.products(20_000, seed=1)])
    products = list(_long(catalogue.products(number), texts, sigma, rng))
    made = iter([prompts.example(product, RECIPE.asked) for product in products])
    return {split: [next(made) for _ in range(size)] for split, size in sizes.items()}


def _long(products: Sequence[Product], texts: Iterator[str], sigma: float, rng: Random) -> Iterator[Product]:
    for place, product in enumerate(products):
        length, content = rng.lognormvariate(math.log(MEDIAN), sigma), product.content
        while len(content) < length:
            content += f" {next(texts)}"
        yield Product(product.uid, f"{product.title} {place}", content)


def ours(made: dict[str, list[Example]], folder: Path) -> dict[str, Any]:
    """Export the rows, check them against every rule, and estimate the jobs."""
    done = export.export(Run(folder), RECIPE, made["train"], made["validation"])
    held = list(export.held_out([*made["validation"], *made["test"]], RECIPE))
    counter, limits = tokens.counter(RECIPE.base_model), checks.limits(RECIPE.base_model)
    report = checks.check(done.training, done.validation, counter, limits, held)
    estimate = estimates.estimate(report, export.hosted(RECIPE))
    about = {"rows": sum(file.rows for file in report.training), "bytes": sum(file.size for file in report.training)}
    found = {"counts": report.counts, "tokens_by": counter.name, "trained_tokens": estimate.trained}
    return about | found | {"least": estimate.least, "most": estimate.most}


def plain(made: dict[str, list[Example]], folder: Path) -> dict[str, Any]:
    """Write the rows with json.dumps and count broken rules in a loop."""
    folder.mkdir(parents=True)
    counts: Counter[str] = Counter()
    paths = []
    for number in range(2):
        path = folder / f"train-{number}.jsonl"
        half = made["train"][number * 20_000 : (number + 1) * 20_000]
        with path.open("w") as file:
            for row in half:
                messages = [
                    {"role": "system", "content": row.instruction},
                    {"role": "user", "content": row.input},
                    {"role": "assistant", "content": row.output},
                ]
                file.write(json.dumps({"messages": messages}) + "\n")
        paths.append(path)
    seen = 0
    for path in paths:
        with path.open() as file:
            every = [json.loads(line) for line in file]
        seen += len(every)
        for one in every:
            counts.update(_errors(one))
    return {"rows": seen, "bytes": sum(path.stat().st_size for path in paths), "counts": counts}


def _errors(row: Any) -> Iterator[str]:
    messages = row.get("messages") if isinstance(row, dict) else None
    if not messages:
        yield "no messages"
        return
    for message in messages:
        if not {"role", "content"} <= message.keys():
            yield "key missing"
        if message.keys() - {"role", "content", "name", "weight"}:
            yield "unknown key"
        if message.get("role") not in ("system", "user", "assistant"):
            yield "unknown role"
        if not (message.get("content") and isinstance(message["content"], str)):
            yield "no content"
    if not any(message.get("role") == "assistant" for message in messages):
        yield "no assistant"


SIDES = {"ours": ours, "plain": plain}


def side(name: str) -> dict[str, Any]:
    """Run one side and measure it."""
    made = rows(SIZES)
    before = _peak()
    with tempfile.TemporaryDirectory() as folder:
        started, cpu = time.perf_counter(), time.process_time()
        did = SIDES[name](made, Path(folder) / "run")
        took = {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - started}
    took = {key: round(value, 2) for key, value in took.items()}
    return took | {"peak_memory_mb": _peak(), "peak_before_mb": before} | did


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def measured(name: str, runs: int) -> dict[str, Any]:
    """Run one side in fresh processes and give the one in the middle by CPU seconds, with the largest peak."""
    command = [sys.executable, __file__, "--side", name]
    found = [json.loads(subprocess.check_output(command, text=True).splitlines()[-1]) for _ in range(runs)]
    middle = statistics.median_low([one["cpu_seconds"] for one in found])
    chosen = next(one for one in found if one["cpu_seconds"] == middle)
    return dict(chosen) | {"peak_memory_mb": max(one["peak_memory_mb"] for one in found)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)  # how a child process is told what to do
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(side(asked.side)))
        return
    sides = {name: measured(name, QUICK_RUNS if asked.quick else RUNS) for name in SIDES}
    mine = sides["ours"]
    result = {
        "benchmark": "hosted",
        "rows": SIZES,
        "sides": sides,
        "ratio": round(mine["cpu_seconds"] / sides["plain"]["cpu_seconds"], 1),
        "fast_enough": mine["cpu_seconds"] < CPU_SECONDS,
        "small_enough": mine["peak_memory_mb"] < PEAK_MB,
        "peak_memory_mb": mine["peak_memory_mb"],
        "cpus": len(os.sched_getaffinity(0)),
        "platform": platform.platform(),
        "versions": {"python": platform.python_version(), "amazon-ft": metadata.version("amazon-ft")},
    }
    if not asked.quick:
        write_json(RESULT, result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
