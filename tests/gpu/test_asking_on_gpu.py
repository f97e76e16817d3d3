"""Ask models of random weights about the bundled catalogue on a CUDA GPU, through both backends, with the source."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

# A process for each backend: Unsloth changes Transformers for the whole process.
ASK = """
import json, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, "benchmarks")
import random_models
from amazon_ft import steps
from amazon_ft.hardware.memory import Shape
from amazon_ft.recipes import named
from amazon_ft.recipes.published import ALPACA  # a model of random weights has no chat template
from amazon_ft.runs import Run
folder, backend = Path(sys.argv[1]), sys.argv[2]
random_models.SHAPES["small"] = Shape(512, 1408, 4, 8, 4, 64, 8192)
model = random_models.save("small", folder / "models")
grounded = named("grounded")
recipe = replace(grounded, base_model=str(model), rows=64, held_out_rows=16, load_in_4bit=backend == "unsloth",
                 template=ALPACA,
                 training=replace(grounded.training, max_steps=2),
                 generation=replace(grounded.generation, max_new_tokens=24))
run = Run(folder / "run")
steps.clean(run); steps.format_rows(run, recipe)
steps.train(run, recipe, steps.Options(backend=backend))
scores = steps.compare(run, recipe, 4)
desk = steps.Desk(run, recipe)
replies = [desk.ask(text).as_dict() for text in (
    "quanto custa o Woolhythe 70% hemp 3/4 sleeve shirt, red", "Tell me about Quarrent Glass Teapot, 3 l")]
print("RESULT" + json.dumps({"scores": scores, "replies": replies, "backend": desk.loaded.backend}))
"""
CELLS = ["base", "tuned", "base_with_source", "tuned_with_source", "extractive"]


@pytest.mark.parametrize("backend", ["unsloth", "transformers"])
def test_a_question_is_answered_in_every_cell(backend: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ASK, str(tmp_path), backend], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    told = json.loads(line.removeprefix("RESULT"))
    found, absent = told["replies"]
    print(f"\n{torch.cuda.get_device_name()} {told['backend']}: {found['answers']['extractive']['text']}")
    assert told["backend"] == backend
    assert all(list(told["scores"][set_])[:5] == CELLS for set_ in ("seen", "unseen"))
    assert list(told["scores"]["general"]) == CELLS[:2]
    assert all(told["scores"][set_][system]["loss"] > 0 for set_ in ("seen", "general") for system in CELLS[:2])
    assert (found["kind"], list(found["answers"]), found["answer"]) == ("found", CELLS, "extractive")
    assert (absent["kind"], list(absent["answers"]), absent["answer"]) == ("absent", CELLS[:2], None)
    assert all(answer["tokens"] > 0 and answer["seconds"] > 0 for answer in absent["answers"].values())
