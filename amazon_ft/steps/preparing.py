"""The first steps: a catalogue to products, products to the recipe's rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amazon_ft import prompts
from amazon_ft.cleaning import report, whole
from amazon_ft.cleaning.whole import DEFAULT, Choices, Files
from amazon_ft.files import InputError, read_jsonl, replacing, write_json, write_jsonl, write_text
from amazon_ft.products import Product
from amazon_ft.prompts import Example
from amazon_ft.recipes import Recipe
from amazon_ft.retrieval import grounding
from amazon_ft.runs import SPLITS, Run, claim, manifest, once, say
from amazon_ft.sources import reading
from amazon_ft.sources.reading import BUNDLED
from amazon_ft.steps.reasoning import sift
from amazon_ft.steps.sampling import sampled


def clean(
    run: Run, sources: str | Path | Sequence[str | Path] = BUNDLED, choices: Choices = DEFAULT, workers: int = 1
) -> dict[str, Any]:
    """Clean what `sources.reading.find` finds into the files of `run` and return the counts.

    Any number of workers writes the same files. Raises InputError if there is no usable product.
    """
    source = reading.find([sources] if isinstance(sources, str | Path) else sources)
    done = once(
        run,
        "clean",
        inputs=source.files,
        settings=choices.as_dict() | ({"hub": source.hub} if source.hub else {}),
        outputs=[run.products, run.rejected, run.near_duplicates, run.cleaning, run.cleaning_page],
        work=lambda: _clean(run, source, choices, workers),
    )
    counts: dict[str, Any] = json.loads(run.cleaning.read_text(encoding="utf-8"))
    say("clean", done, f"{counts['read']:,} rows read, {counts['kept']:,} products kept, in {run.products}")
    return counts


def format_rows(run: Run, recipe: Recipe) -> dict[str, int]:
    """Write the recipe's Alpaca rows for training, validation and test, and return how many of each."""
    if recipe.reasoning and not (run.reasoning.exists() or run.reasoning_ledger.exists()):
        raise InputError(f"{run.reasoning} is missing: do the step 'reasoning' first.")
    claim(run, recipe.as_dict())
    if recipe.reasoning and run.reasoning_ledger.exists() and "format" not in manifest(run)["steps"]:
        sift(run, recipe)  # with what was decided in review
    done = once(
        run,
        "format",
        inputs=[run.products, run.near_duplicates, *([run.reasoning] if recipe.reasoning else [])],
        settings={},
        outputs=[run.rows(split) for split in SPLITS],
        work=lambda: _format(run, recipe),
    )
    numbers = {split: len(rows(run, split)) for split in SPLITS}
    say("format", done, ", ".join(f"{number} {split} rows" for split, number in numbers.items()))
    return numbers


def examples(some: Sequence[Product], recipe: Recipe) -> Iterator[Example]:
    """Make the recipe's question and answer for each of some products, without any reasoning."""
    if recipe.grounding:
        return grounding.rows(some, recipe.grounding, recipe.asked[0].instruction)
    return (prompts.example(product, recipe.asked) for product in some)


def rows(run: Run, split: str) -> list[Example]:
    """Read the rows that format_rows wrote for `split`."""
    return [Example(**row) for row in read_jsonl(run.rows(split))]


def _clean(run: Run, source: reading.Source, choices: Choices, workers: int) -> None:
    outputs = (run.products, run.rejected, run.near_duplicates, run.cleaning, run.cleaning_page)
    with ExitStack() as stack:  # none appears before all are written
        *tables, counted, page = (stack.enter_context(replacing(path)) for path in outputs)
        counts = whole.clean(source, choices, Files(*tables), workers)
        write_json(counted, counts)
        write_text(page, report.page(counts))


def _format(run: Run, recipe: Recipe) -> None:
    reasoning = {row["uid"]: row for row in read_jsonl(run.reasoning)} if recipe.reasoning else None
    sizes = {split: recipe.rows if split == "train" else recipe.held_out_rows for split in SPLITS}
    for split, some in sampled(run, sizes, reasoning).items():
        made = examples(some, recipe) if reasoning is None else _reasoned(some, recipe, reasoning)
        write_jsonl(run.rows(split), map(asdict, made))


def _reasoned(some: Sequence[Product], recipe: Recipe, rows: Mapping[str, Mapping[str, str]]) -> Iterator[Example]:
    """Make the question, the reasoning and the answer that was written for each product."""
    style = recipe.reasoning
    for product in some:
        read = grounding.shown(product, style.characters) if style and style.reads_entry else ""
        yield prompts.reasoned(prompts.example(product, recipe.asked), rows[product.uid], read)
