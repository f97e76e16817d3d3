"""Train on rows of reasoning length under the memory of a T4, in the 8B shape. Run there: pytest -s tests/gpu."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from amazon_ft.files import read_jsonl
from amazon_ft.runs import Run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
CAP = 14  # GiB: what a T4 has free

# A process of its own: Unsloth changes Transformers for the whole process.
WALK = """
import json, random, statistics, sys, time
from dataclasses import replace
from pathlib import Path
asked = json.loads(sys.argv[1])
sys.path.insert(0, "benchmarks")
import random_models, torch
from amazon_ft import hardware, products, prompts, steps
from amazon_ft.files import write_jsonl
from amazon_ft.hardware import Precision
from amazon_ft.recipes import named
from amazon_ft.runs import Run

hardware.precision = lambda machine: Precision("float16", "as on a Tesla T4")
measure = hardware.measure
measure()  # before anybody else looks at the GPU, as in a user's session
total = torch.cuda.get_device_properties(0).total_memory
torch.cuda.set_per_process_memory_fraction(asked["cap"] * 2**30 / total)
hardware.measure = lambda: replace(measure(), free=min(measure().free, int(asked["cap"] * 2**30)))
recipe = named("deepseek-r1-reasoning")
recipe = replace(recipe, base_model=asked["model"], rows=400, held_out_rows=4,
                 training=replace(recipe.training, max_steps=asked["steps"], num_train_epochs=None),
                 generation=replace(recipe.generation, max_new_tokens=24))
run = Run(Path(asked["run"]))
steps.clean(run)
rng = random.Random(3407)
tokenizer = random_models.tokenizer()
def thought(tokens):
    words = []
    while True:
        words += ["".join(rng.choices(random_models.SYLLABLES, k=rng.randint(1, 3))) for _ in range(50)]
        words[-1] += "."
        if len(tokenizer(" ".join(words))["input_ids"]) >= tokens:
            return " ".join(words)
write_jsonl(run.reasoning, (
    {"uid": product.uid, "Question": f"What is {product.title}?", "Complex_CoT": thought(rng.randint(1000, 1900)),
     "Response": product.content}
    for product in products.load(run.products)
))
steps.format_rows(run, recipe)
steps.train(run, recipe, steps.Options(checkpoint_minutes=60, backend=asked["backend"]))
rows = [prompts.tokenize(row, recipe.template, tokenizer, 2048) for row in steps.rows(run, "train")]
lengths = sorted(len(row.input_ids) for row in rows)
print("LENGTHS", lengths[0], statistics.median(lengths), lengths[-1], sum(row.cut for row in rows))
if asked["ask"]:
    steps.compare(run, recipe, 2)
"""


@pytest.mark.parametrize(("backend", "shape", "steps"), [("unsloth", "llama-8b", 12), ("transformers", "llama-1b", 8)])
def test_rows_of_reasoning_length_train_within_a_t4(backend: str, shape: str, steps: int, tmp_path: Path) -> None:
    sys.path.insert(0, "benchmarks")
    import random_models

    model = random_models.save(shape, tmp_path / "models")
    asked = {"model": str(model), "run": str(tmp_path / "run"), "steps": steps, "backend": backend, "cap": CAP}
    asked["ask"] = shape == "llama-1b"
    done = subprocess.run([sys.executable, "-c", WALK, json.dumps(asked)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    run = Run(tmp_path / "run")
    losses = [line["loss"] for line in read_jsonl(run.training_log) if "loss" in line]
    about = json.loads((run.adapter / "manifest.json").read_text(encoding="utf-8"))["training"]
    lengths = next(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("LENGTHS"))
    print(f"\n{shape} through {backend}, float16, {CAP} GiB: rows of {lengths[0]} to {lengths[2]} tokens, median")
    print(f"{lengths[1]}; loss {losses[0]:.3f} -> {losses[-1]:.3f} in {len(losses)} steps")
    print(f"peak {about['peak_gib']} GiB, predicted {about['predicted_peak_gib']}; {about['plan']}")
    print([line for line in read_jsonl(run.training_log) if "loss" in line][-1])
    assert len(losses) == steps and all(map(math.isfinite, losses))
    assert int(lengths[0]) >= 1000 and int(lengths[2]) <= 2048 and lengths[3] == "0"
    assert about["peak_gib"] < CAP
    assert "out of memory" not in done.stdout
