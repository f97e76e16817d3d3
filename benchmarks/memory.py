"""Measure what a training takes on a GPU, and compare it with what was predicted.

    python benchmarks/memory.py [--quick] [--models NAME ...] [--backends NAME ...] [--folder DIR]

Every row has 2,048 tokens. Each model trains two steps with 1, 4 and 8 rows a micro-batch (1 and 4 in plain
Transformers), with no layer and with every layer recomputed; then by its own plan within the memory of a T4 and,
the largest, of an L4. JSON comes last. It needs a CUDA GPU; --quick takes a tiny model.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import training as speed

GIB = 2**30
CAPS = {"T4": 14.0, "L4": 21.5}  # GiB that a process gets there
SIZES = {"unsloth": (1, 4, 8), "transformers": (1, 4)}  # rows in a micro-batch


def points(model: str, backend: str, folder: Path) -> list[dict[str, Any]]:
    """Train one model with one backend at several sizes and give predicted and measured peaks."""
    if backend == "unsloth":
        import unsloth  # noqa: F401  before TRL
    from amazon_ft import hardware, models
    from amazon_ft.hardware import memory
    from amazon_ft.hardware.planning import Plan

    @dataclass(frozen=True)
    class Fixed(Plan):
        """Keep as many layers as asked, whatever fits."""

        layers_kept: int = 0

        def kept(self, tokens: int) -> int:
            return self.layers_kept

    recipe = replace(speed.recipe_of(speed.Side("ours", model), folder / model), load_in_4bit=True)
    loaded = models.load(recipe, backend=backend)
    shape = models.shape(loaded)
    predicted = memory.memory(shape, recipe.lora, backend, four_bit=loaded.four_bit)
    loaded = models.add_adapter(loaded, recipe.lora, recipe.training.seed)
    found = []
    for size in SIZES[backend]:
        for kept in (0, shape.num_hidden_layers):
            tokens = size * recipe.training.max_length
            free = hardware.measure().free
            plan = Fixed(size, 1, backend == "unsloth", False, predicted, free, (tokens, tokens), layers_kept=kept)
            told = _peak(loaded, recipe, plan, folder)
            guess = predicted.peak(tokens, kept) / GIB
            found.append(
                {
                    "model": model,
                    "backend": backend,
                    "tokens": tokens,
                    "kept": kept,
                    "predicted_gib": round(guess, 2),
                    **told,
                }
            )
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


def _peak(loaded: Any, recipe: Any, plan: Any, folder: Path) -> dict[str, Any]:
    import torch

    from amazon_ft.training.rows import Rows
    from amazon_ft.training.trainer import Places, train

    size = plan.per_device_train_batch_size
    training = replace(recipe.training, effective_batch_size=size, max_steps=2)
    ids = [[(place * 31 + row) % 5000 + 3 for place in range(training.max_length)] for row in range(2 * size)]
    rows = Rows(ids, ids, [[len(row)] for row in ids], [[str(place)] for place in range(len(ids))])
    with TemporaryDirectory(dir=folder) as run:
        places = Places(*(Path(run) / name for name in ("log.jsonl", "work", "shelf", "failed.json")))
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        trained = train(loaded, training, plan, rows, rows.first(1), places, {}, started=0.0, checkpoint_minutes=60)
        if trained.plan is not plan:
            return {"measured_gib": None}  # it did not fit, and something lighter ran
    return {
        "measured_gib": round(torch.cuda.max_memory_reserved() / GIB, 2),
        "allocated_gib": round(torch.cuda.max_memory_allocated() / GIB, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--models", nargs="+", default=["llama-1b", "llama-8b", "tinyllama", "phi-3"])
    parser.add_argument("--backends", nargs="+", default=["unsloth", "transformers"])
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "amazon-ft-benchmark")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(points(*asked.one, asked.folder)))
        return
    import random_models
    import torch

    if not torch.cuda.is_available():
        sys.exit("benchmarks/memory.py needs a CUDA GPU: GPU memory is what it measures.")
    models = ["nano"] if asked.quick else asked.models
    found: list[dict[str, Any]] = []
    for model in models:
        random_models.save(model, asked.folder)
        for backend in asked.backends:
            found += _apart(model, backend, asked.folder)
    asked_of = [("T4", model) for model in models] + [("L4", model) for model in models if model == "llama-8b"]
    capped = [] if asked.quick else caps(asked_of, asked.folder)
    pairs = [(one["predicted_gib"], one["measured_gib"]) for one in found if one["measured_gib"]]
    pairs += [(one["predicted_gib"], one["reserved_gib"]) for one in capped if "failed" not in one]
    result = {
        "benchmark": "memory",
        "device": torch.cuda.get_device_name(),
        "points": found,
        "caps": capped,
        "farthest_off": round(max((abs(predicted / measured - 1) for predicted, measured in pairs), default=0), 3),
        "peak_gib": max((measured for _, measured in pairs), default=0),
    }
    print(json.dumps(result))


def caps(asked_of: list[tuple[str, str]], folder: Path) -> list[dict[str, Any]]:
    """Train rows that are all too long, within what a card has, by the plan that is made for it."""
    sides = [speed.Side("ours", model, cap_gib=CAPS[card], long=True, steps=4, warm=1) for card, model in asked_of]
    names = ("model", "cap_gib", "batch", "unpacked", "recomputed", "predicted_gib", "reserved_gib", "failed")
    return [{name: told[name] for name in names if name in told} for told in speed.run(sides, folder)]


def _apart(model: str, backend: str, folder: Path) -> list[dict[str, Any]]:
    command = [sys.executable, __file__, "--one", model, backend, "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
    return list(json.loads(done.stdout.strip().splitlines()[-1])) if done.returncode == 0 else []


if __name__ == "__main__":
    main()
