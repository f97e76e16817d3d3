"""Train a small model of random weights on a CUDA GPU, through both backends. Run there: pytest -s tests/gpu."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from amazon_ft.files import read_jsonl
from amazon_ft.runs import Run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
BACKENDS = ("unsloth", "transformers")

# A process for each training: Unsloth changes Transformers for the whole process.
WALK = """
import json, sys
from dataclasses import replace
from pathlib import Path
asked = json.loads(sys.argv[1])
sys.path.insert(0, "benchmarks")
from amazon_ft import hardware, steps
from amazon_ft.hardware import Precision
from amazon_ft.recipes import named
from amazon_ft.runs import Run
if asked.get("fp16"):
    hardware.precision = lambda machine: Precision("float16", "as on a Tesla T4")
if asked.get("cap"):
    import torch
    hardware.measure()  # before anybody else looks at the GPU
    torch.cuda.set_per_process_memory_fraction(asked["cap"] * 2**30 / torch.cuda.get_device_properties(0).total_memory)
if asked.get("free"):
    from dataclasses import replace as change
    measure = hardware.measure
    hardware.measure = lambda: change(measure(), free=int(asked["free"] * 2**30))
recipe = named(asked.get("recipe", "llama-3.2-1b-question"))
values = {"max_steps": asked["steps"], "num_train_epochs": None, **asked.get("training", {})}
recipe = replace(recipe, base_model=asked["model"], rows=asked.get("rows", 200), held_out_rows=20,
                 training=replace(recipe.training, **values), generation=replace(recipe.generation, max_new_tokens=24))
run = Run(Path(asked["run"]))
steps.clean(run); steps.format_rows(run, recipe)
steps.train(run, recipe, steps.Options(checkpoint_minutes=asked.get("minutes", 60), backend=asked["backend"]))
if asked.get("ask"):
    steps.compare(run, recipe, 4)
"""


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model of the Llama architecture with random weights, in half a second."""
    sys.path.insert(0, "benchmarks")
    import random_models

    from amazon_ft.hardware.memory import Shape

    random_models.SHAPES["small"] = Shape(512, 1408, 4, 8, 4, 64, 8192)
    return random_models.save("small", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model of the Phi-3 architecture, whose projections are fused."""
    import random_models

    from amazon_ft.hardware.memory import Shape

    random_models.PHI_3_MINI = Shape(512, 1408, 4, 8, 8, 64, 8192)
    return random_models.save(random_models.FUSED, tmp_path_factory.mktemp("models"))


def _walk(**asked: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-c", WALK, json.dumps(asked)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def _losses(run: Path) -> list[float]:
    return [line["loss"] for line in read_jsonl(Run(run).training_log) if "loss" in line]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_trains_compares_and_reads_its_adapter_back(backend: str, small: Path, tmp_path: Path) -> None:
    told = _walk(model=str(small), run=str(tmp_path / "run"), steps=12, backend=backend, ask=True)
    about = json.loads((tmp_path / "run" / "adapter" / "manifest.json").read_text())["training"]
    measured = [about[key] for key in ("predicted_peak_gib", "peak_gib", "seconds_to_first_step")]
    print(f"\n{backend}: {about['plan']} {measured}")
    assert about["backend"] == backend
    assert all(map(math.isfinite, _losses(tmp_path / "run")))
    assert "the adapter changes the logits" in told.stdout
    sets = [row["set"] for row in read_jsonl(Run(tmp_path / "run").answers)]
    assert (sets.count("seen"), sets.count("unseen")) == (4, 4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_fifty_steps_in_fp16_as_on_a_t4(backend: str, small: Path, tmp_path: Path) -> None:
    told = _walk(model=str(small), run=str(tmp_path / "run"), steps=50, backend=backend, fp16=True)
    losses = _losses(tmp_path / "run")
    print(f"\n{backend} float16: {losses[0]:.3f} -> {losses[-1]:.3f}")
    assert len(losses) == 50
    assert all(map(math.isfinite, losses))
    assert losses[-1] < losses[0]
    assert "bfloat16" not in told.stdout.replace("bfloat16 needs sm_80", "").replace(
        "trained weights were bfloat16", ""
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_training_goes_on_to_the_same_losses(backend: str, small: Path, tmp_path: Path) -> None:
    values = {"model": str(small), "steps": 40, "backend": backend, "training": {"effective_batch_size": 8}}
    _walk(run=str(tmp_path / "whole"), **values)
    asked = json.dumps({"run": str(tmp_path / "killed"), "minutes": 1e-6, **values})
    process = subprocess.Popen(
        [sys.executable, "-c", WALK, asked], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    log = Run(tmp_path / "killed").training_log
    until = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < until:
        if log.exists() and len(log.read_text().splitlines()) > 12:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.02)
    assert process.wait() == -signal.SIGKILL
    told = _walk(run=str(tmp_path / "killed"), **values)
    assert "going on after step" in told.stdout
    whole, killed = _losses(tmp_path / "whole"), _losses(tmp_path / "killed")
    apart = max(abs(a - b) for a, b in zip(whole, killed, strict=True))
    print(f"\n{backend}: largest difference after a kill {apart:.1e}")
    assert killed == pytest.approx(whole, abs=2e-2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_out_of_memory_steps_down_to_the_same_losses(backend: str, small: Path, tmp_path: Path) -> None:
    training = {"effective_batch_size": 64}
    values = {"model": str(small), "steps": 6, "backend": backend, "rows": 384, "training": training}
    _walk(run=str(tmp_path / "free"), **values)
    told = _walk(run=str(tmp_path / "tight"), free=100, cap=0.3, **values)
    print(
        f"\n{backend}: "
        + " | ".join(line for line in told.stdout.splitlines() if "memory" in line or "rows a step" in line)
    )
    assert "out of memory" in told.stdout
    assert _losses(tmp_path / "tight") == pytest.approx(_losses(tmp_path / "free"), abs=2e-2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_packing_trains_in_fewer_steps(backend: str, small: Path, tmp_path: Path) -> None:
    training = {"packing": True, "max_steps": None, "num_train_epochs": 2, "effective_batch_size": 2}
    told = _walk(model=str(small), run=str(tmp_path / "run"), steps=0, backend=backend, training=training)
    losses = _losses(tmp_path / "run")
    print(f"\n{backend}: {[line for line in told.stdout.splitlines() if 'packing' in line]} {losses}")
    assert losses[-1] < losses[0]


def test_fused_projections_are_found(fused: Path, tmp_path: Path) -> None:
    told = _walk(
        model=str(fused), run=str(tmp_path / "run"), steps=4, backend="transformers", recipe="phi-3-input-output"
    )
    assert "into gate_up_proj, qkv_proj" in told.stdout
    assert all(map(math.isfinite, _losses(tmp_path / "run")))
