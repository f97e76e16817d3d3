"""The road's steps: each takes a run folder, does one thing once, and leaves files that the next one checks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amazon_ft import products, prompts
from amazon_ft.cleaning import report, whole
from amazon_ft.cleaning.whole import DEFAULT, Choices, Files
from amazon_ft.files import InputError, read_jsonl, replacing, write_json, write_jsonl, write_text
from amazon_ft.products import Product
from amazon_ft.prompts import Example
from amazon_ft.recipes import Lora, Recipe, Training
from amazon_ft.runs import SPLITS, Run, claim, manifest, once
from amazon_ft.sources import reading
from amazon_ft.sources.reading import BUNDLED

if TYPE_CHECKING:
    from amazon_ft.generation import Answer

QUESTIONS = 64  # asked of each set in a comparison


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
    _say("clean", done, f"{counts['read']:,} rows read, {counts['kept']:,} products kept, in {run.products}")
    return counts


def format_rows(run: Run, recipe: Recipe) -> dict[str, int]:
    """Write the recipe's Alpaca rows for training, validation and test, and return how many of each."""
    claim(run, recipe.as_dict())
    done = once(
        run,
        "format",
        inputs=[run.products, run.near_duplicates, *([run.reasoning] if recipe.with_reasoning else [])],
        settings={},
        outputs=[run.rows(split) for split in SPLITS],
        work=lambda: _format(run, recipe),
    )
    numbers = {split: len(rows(run, split)) for split in SPLITS}
    _say("format", done, ", ".join(f"{number} {split} rows" for split, number in numbers.items()))
    return numbers


def train(run: Run, recipe: Recipe) -> list[dict[str, float]]:
    """Train the recipe's adapter on the rows of `run` and return the training log.

    Raises InputError for a recipe that a hosted job trains.
    """
    claim(run, recipe.as_dict())
    training, lora = _local(recipe)
    from amazon_ft.models import fingerprint

    done = once(
        run,
        "train",
        inputs=[run.rows("train"), run.rows("validation")],
        settings={"weights": fingerprint(recipe.base_model)},
        outputs=[run.adapter, run.training_log],
        work=lambda: _train(run, recipe, training, lora),
    )
    log = read_jsonl(run.training_log)
    _say("train", done, f"{int(log[-1]['step'])} steps, adapter in {run.adapter}")
    return log


def compare(run: Run, recipe: Recipe, questions: int = QUESTIONS) -> dict[str, Any]:
    """Ask base and tuned the same questions about seen and unseen products, score them, and write the page."""
    claim(run, recipe.as_dict())
    _check_weights(run, recipe)
    done = once(
        run,
        "compare",
        inputs=[run.rows("train"), run.rows("test"), run.adapter],
        settings={"questions": questions},
        outputs=[run.answers, run.scores, run.page],
        work=lambda: _compare(run, recipe, questions),
    )
    _say("compare", done, f"scores in {run.scores}, page in {run.page}")
    return dict(json.loads(run.scores.read_text(encoding="utf-8")))


def ask(run: Run, recipe: Recipe, question: str) -> dict[str, Answer]:
    """Ask base and tuned one question in the user's own words."""
    claim(run, recipe.as_dict())
    example = prompts.free_question(question, recipe.asked)
    _check_weights(run, recipe)
    from amazon_ft import generation, models

    loaded = models.load(recipe.base_model, adapter=run.adapter)
    answers = generation.base_and_tuned(loaded, recipe, [example])
    return {system: given[0] for system, given in answers.items()}


def demo(run: Run, recipe: Recipe, source: str = BUNDLED) -> Path:
    """Walk the whole road and return the path of the page."""
    clean(run, source)
    format_rows(run, recipe)
    train(run, recipe)
    compare(run, recipe)
    return run.page


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
    from amazon_ft.cleaning.twins import withheld

    reasoning = {row["uid"]: row for row in read_jsonl(run.reasoning)} if recipe.with_reasoning else {}
    left_out = withheld(run.near_duplicates)
    usable = (
        product
        for row, product in enumerate(products.load(run.products))
        if row not in left_out and (not recipe.with_reasoning or product.uid in reasoning)
    )
    sizes = {split: recipe.rows if split == "train" else recipe.held_out_rows for split in SPLITS}
    chosen = products.sample(usable, sizes)
    trained_on = {product.content for product in chosen["train"]}
    for split, some in chosen.items():
        # A publisher's blurb stands on many products: held out by title, it would still be seen.
        unseen = [product for product in some if split == "train" or product.content not in trained_on]
        write_jsonl(run.rows(split), (asdict(_example(product, recipe, reasoning)) for product in unseen))


def _example(product: Product, recipe: Recipe, reasoning: Mapping[str, Mapping[str, str]]) -> Example:
    example = prompts.example(product, recipe.asked, with_context=recipe.with_context)
    return prompts.reasoned(example, reasoning[product.uid]) if recipe.with_reasoning else example


def _train(run: Run, recipe: Recipe, training: Training, lora: Lora) -> None:
    from amazon_ft import models
    from amazon_ft.training import train

    loaded = models.add_adapter(models.load(recipe.base_model), lora, training.seed)
    train(
        loaded,
        training,
        recipe.template,
        rows(run, "train"),
        rows(run, "validation"),
        log=run.training_log,
        work=run.checkpoints,
    )
    with replacing(run.adapter) as folder:
        models.save(loaded, folder)


def _compare(run: Run, recipe: Recipe, questions: int) -> None:
    from amazon_ft import generation, models

    loaded = models.load(recipe.base_model, adapter=run.adapter)
    asked = [("seen", row) for row in rows(run, "train")[:questions]]
    asked += [("unseen", row) for row in rows(run, "test")[:questions]]
    answers = generation.base_and_tuned(loaded, recipe, [row for _, row in asked])
    titles = {product.uid: product.title for product in products.load(run.products)}
    table = [
        {
            "set": set_,
            "source": row.source,
            "title": titles.get(row.source, row.source),
            "question": row.input or row.instruction,
            "reference": prompts.neutral(row.output),
            **{system: asdict(given[place]) for system, given in answers.items()},
        }
        for place, (set_, row) in enumerate(asked)
    ]
    write_jsonl(run.answers, table)
    _write_page(run, recipe, table)


def _write_page(run: Run, recipe: Recipe, table: list[dict[str, Any]]) -> None:
    from amazon_ft import comparison, plots
    from amazon_ft.evaluation import score_table

    scores = score_table(table)
    write_json(run.scores, scores)
    pictures = {
        "scores": plots.svg(plots.score_bars(scores)),
        "loss": plots.svg(plots.loss_curve(read_jsonl(run.training_log))),
    }
    write_text(run.page, comparison.page(table, scores, pictures, _about(run, recipe)))


def _about(run: Run, recipe: Recipe) -> dict[str, str]:
    steps = manifest(run)["steps"]
    counts = json.loads(run.cleaning.read_text(encoding="utf-8"))
    return {
        "Recipe": recipe.name,
        "Base model": recipe.base_model,
        "Catalogue": f"{', '.join(steps['clean']['inputs'])}: {counts['kept']} of {counts['read']} rows kept",
        "Training": f"{len(rows(run, 'train'))} rows, {int(read_jsonl(run.training_log)[-1]['step'])} steps",
        "Seed": str(_local(recipe)[0].seed),
    }


def _local(recipe: Recipe) -> tuple[Training, Lora]:
    if isinstance(recipe.training, Training) and recipe.lora is not None:
        return recipe.training, recipe.lora
    raise InputError(f"recipe {recipe.name!r} is trained by a hosted job, not on this machine: choose a local recipe.")


def _check_weights(run: Run, recipe: Recipe) -> None:
    from amazon_ft.models import fingerprint

    trained = manifest(run)["steps"].get("train")
    if trained is None or not run.adapter.exists():
        raise InputError(f"{run.adapter} is missing: do the step 'train' first.")
    if trained["settings"]["weights"] != fingerprint(recipe.base_model):
        raise InputError(
            f"{recipe.base_model} is not the base model that {run.adapter} was trained on: "
            "bring that model back, or train again in another run folder."
        )


def _say(step: str, done: bool, what: str) -> None:
    print(f"{step}: {what}{'' if done else ' (already done)'}")
