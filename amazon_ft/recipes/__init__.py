"""Every number, model id and choice that makes one run differ from another, as values."""

from __future__ import annotations

from amazon_ft.recipes.published import RECIPES, TINY_LLAMA, named
from amazon_ft.recipes.reasoning import BY_RULES, CLOSED, GROUNDED, RULES
from amazon_ft.recipes.values import Generation, Grounding, HostedTraining, Lora, Reasoning, Recipe, Training

__all__ = [
    "BY_RULES",
    "CLOSED",
    "GROUNDED",
    "RECIPES",
    "RULES",
    "TINY_LLAMA",
    "Generation",
    "Grounding",
    "HostedTraining",
    "Lora",
    "Reasoning",
    "Recipe",
    "Training",
    "named",
]
