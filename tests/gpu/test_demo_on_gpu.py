"""Walk the demo on a CUDA GPU, in its own precision and as on a T4. Run on a GPU machine: pytest -s tests/gpu."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from amazon_ft import hardware, models, steps
from amazon_ft.files import read_jsonl
from amazon_ft.hardware import Precision
from amazon_ft.recipes import named
from amazon_ft.runs import Run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
AS_ON_A_T4 = Precision("float16", "as on a Tesla T4")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_demo_learns_on_a_gpu(dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if dtype == "float16":
        monkeypatch.setattr(hardware, "precision", lambda machine: AS_ON_A_T4)
        monkeypatch.setattr("amazon_ft.training.precision", lambda machine: AS_ON_A_T4)
    demo, run = named("demo"), Run(tmp_path / "run")
    steps.demo(run, demo)
    scores = json.loads(run.scores.read_text())
    losses = [line["loss"] for line in read_jsonl(run.training_log) if "loss" in line]
    print(f"\n{torch.cuda.get_device_name()} {dtype}: {scores['seen']} {losses[0]:.3f} -> {losses[-1]:.3f}")
    assert all(map(math.isfinite, losses))
    assert scores["seen"]["tuned"]["exact"] >= 0.9
    assert scores["seen"]["base"]["exact"] == 0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_trainable_weights_are_kept_in_full_precision(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "precision", lambda machine: Precision(dtype, "forced"))
    demo = named("demo")
    assert demo.lora is not None
    loaded = models.add_adapter(models.load(demo.base_model), demo.lora, seed=1)
    kinds = {(weight.requires_grad, weight.dtype) for weight in loaded.model.parameters()}
    assert kinds == {(True, torch.float32), (False, getattr(torch, dtype))}
    assert all(weight.device.type == "cuda" for weight in loaded.model.parameters())
