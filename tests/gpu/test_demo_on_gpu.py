"""Walk the demo on a CUDA GPU, in its own precision and as on a T4. Run on a GPU machine: pytest -s tests/gpu."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from amazon_ft import hardware, models, prompts, steps
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
    demo, run = named("demo"), Run(tmp_path / "run")
    steps.demo(run, demo)
    scores = json.loads(run.scores.read_text())
    losses = [line["loss"] for line in read_jsonl(run.training_log) if "loss" in line]
    print(f"\n{torch.cuda.get_device_name()} {dtype}: {scores['seen']} {losses[0]:.3f} -> {losses[-1]:.3f}")
    assert all(map(math.isfinite, losses))
    assert scores["seen"]["tuned"]["exact"] >= 0.9
    assert scores["seen"]["base"]["exact"] == 0


def test_the_adapter_switched_off_is_the_never_adapted_model(tmp_path: Path) -> None:
    demo, run = named("demo"), Run(tmp_path / "run")
    steps.clean(run)
    steps.format_rows(run, demo)
    steps.train(run, demo)
    base, tuned = models.load(demo), models.load(demo, adapter=run.adapter)
    ids = torch.tensor([prompts.prompt_ids(steps.rows(run, "test")[0], demo.template, base.tokenizer)], device="cuda")
    with torch.no_grad(), models.adapter_off(tuned):
        off, never = tuned.model(input_ids=ids).logits, base.model(input_ids=ids).logits
    print(f"\nlargest difference {(off - never).abs().max().item():.2e}")
    assert torch.equal(off, never)
