"""The road's steps: each takes a run folder, does one thing once, and leaves files that the next one checks."""

from __future__ import annotations

from pathlib import Path

from amazon_ft.recipes import Recipe
from amazon_ft.runs import Run
from amazon_ft.sources.reading import BUNDLED
from amazon_ft.steps.asking import Desk
from amazon_ft.steps.comparing import QUESTIONS, compare
from amazon_ft.steps.forms import USUAL as USUAL_KINDS
from amazon_ft.steps.forms import ask_ollama, gguf, gguf_with_unsloth, merge, pack_adapter, try_gguf, write_modelfile
from amazon_ft.steps.hosting import (
    Hosting,
    hosted_cancel,
    hosted_check,
    hosted_estimate,
    hosted_export,
    hosted_follow,
    hosted_plan,
    hosted_submit,
    hosted_train,
    provider,
)
from amazon_ft.steps.preparing import clean, examples, format_rows, rows
from amazon_ft.steps.proving import check_answers
from amazon_ft.steps.publishing import publish, write_card
from amazon_ft.steps.reasoning import Drafts, Wanted, drafts, reasoning_data, try_teacher, write_reasoning
from amazon_ft.steps.reporting import export
from amazon_ft.steps.training import AS_USUAL, Options, train

__all__ = [
    "AS_USUAL",
    "QUESTIONS",
    "USUAL_KINDS",
    "Desk",
    "Drafts",
    "Hosting",
    "Options",
    "Wanted",
    "ask_ollama",
    "check_answers",
    "clean",
    "compare",
    "demo",
    "drafts",
    "examples",
    "export",
    "format_rows",
    "gguf",
    "gguf_with_unsloth",
    "hosted_cancel",
    "hosted_check",
    "hosted_estimate",
    "hosted_export",
    "hosted_follow",
    "hosted_plan",
    "hosted_submit",
    "hosted_train",
    "merge",
    "pack_adapter",
    "provider",
    "publish",
    "reasoning_data",
    "rows",
    "train",
    "try_gguf",
    "try_teacher",
    "write_card",
    "write_modelfile",
    "write_reasoning",
]


def demo(run: Run, recipe: Recipe, source: str = BUNDLED) -> Path:
    """Walk the whole road and return the path of the page."""
    clean(run, source)
    if recipe.reasoning:
        write_reasoning(run, recipe)
    format_rows(run, recipe)
    train(run, recipe)
    compare(run, recipe)
    return run.page
