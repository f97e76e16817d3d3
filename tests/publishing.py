"""Make small things to publish for tests: adapters that were never trained, runs that were never scored."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from amazon_ft import models
from amazon_ft.generation import Local
from amazon_ft.prompts import TextTemplate, free_question
from amazon_ft.recipes import Generation, Lora, Recipe, named
from amazon_ft.serving import dressing

QUESTION = "What is the description of product Kettle No. 7?"
PLAIN = Lora(r=4, lora_alpha=64, target_modules=("q_proj", "v_proj"))
SHORT = Generation(max_new_tokens=24)
HEADED = TextTemplate("headed", "### Question:\n{input}\n\n### Answer:\n")


def recipe(name: str = "demo", **values: Any) -> Recipe:
    """Give a recipe whose adapter is made in a moment and whose answers are short."""
    return replace(named(name), **{"generation": SHORT, "lora": PLAIN, **values})


def packed(folder: Path, made: Recipe, called: str = "") -> Path:
    """Pack an adapter of random values into `folder`, its base model called otherwise if need be."""
    dressing.pack(folder, _random(made), replace(made, base_model=called or made.base_model))
    return folder


def answer(made: Recipe, question: str = QUESTION) -> str:
    """Give what the model with that adapter answers, in this process."""
    loaded = models.load(made, adapter=_random(made))
    return Local(loaded).answers(made, {"tuned": [free_question(question, made.asked)]})["tuned"][0].text


@cache
def _random(made: Recipe) -> Path:
    """Save an adapter of random values for a recipe."""
    import torch

    assert made.lora
    loaded = models.add_adapter(models.load(made), made.lora, seed=1)
    torch.manual_seed(1)
    for name, weight in loaded.model.named_parameters():
        if "lora_B" in name or "modules_to_save" in name:
            weight.data = weight.data + 0.02 * torch.randn_like(weight)
    folder = Path(mkdtemp(prefix="adapter-"))
    models.save(loaded, folder)
    return folder


def changed(path: Path, **values: Any) -> None:
    """Change values of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")
