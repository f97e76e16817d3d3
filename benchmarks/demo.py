"""Measure the whole road on the embedded default: from an empty cache, and once more when all is done.

    python benchmarks/demo.py [--quick]

The last line is JSON: seconds of both walks, their ratio, peak memory in MB, scores and intervals.
--quick cuts pre-training and training short, which shows that the benchmark works and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WALK = """
import sys
from dataclasses import replace
from pathlib import Path
from amazon_ft import steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run
from amazon_ft.sample import tiny_model
recipe = named("demo")
if sys.argv[2] == "quick":
    tiny_model.STEPS = 20
    recipe = replace(recipe, training=replace(recipe.training, num_train_epochs=1))
steps.demo(Run(Path(sys.argv[1])), recipe)
"""


def walk(folder: Path, size: str) -> float:
    started = time.monotonic()
    environment = {**os.environ, "AMAZON_FT_CACHE": str(folder / "cache")}
    subprocess.run([sys.executable, "-c", WALK, str(folder / "run"), size], check=True, env=environment)
    return round(time.monotonic() - started, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    size = "quick" if parser.parse_args().quick else "full"
    with tempfile.TemporaryDirectory() as folder:
        first, again = walk(Path(folder), size), walk(Path(folder), size)
        run = Path(folder) / "run"
        result = {
            "benchmark": "demo",
            "size": size,
            "first_walk_seconds": first,
            "second_walk_seconds": again,
            "ratio": round(first / again, 1),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
            "cores": os.cpu_count(),
            "scores": json.loads((run / "scores.json").read_text()),
            "intervals": json.loads((run / "intervals.json").read_text()),
            "versions": json.loads((run / "manifest.json").read_text())["steps"]["compare"]["versions"],
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
