"""The last steps: base and tuned model asked, scored and shown, from one set of weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from amazon_ft import products, prompts
from amazon_ft.files import InputError, read_jsonl, write_json, write_jsonl, write_text
from amazon_ft.recipes import Recipe
from amazon_ft.runs import Run, claim, manifest, once, say
from amazon_ft.steps.preparing import rows
from amazon_ft.steps.training import local

if TYPE_CHECKING:
    from amazon_ft.generation import Answer

QUESTIONS = 64  # asked of each set in a comparison


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
    say("compare", done, f"scores in {run.scores}, page in {run.page}")
    return dict(json.loads(run.scores.read_text(encoding="utf-8")))


def ask(run: Run, recipe: Recipe, question: str) -> dict[str, Answer]:
    """Ask base and tuned one question in the user's own words."""
    claim(run, recipe.as_dict())
    example = prompts.free_question(question, recipe.asked)
    _check_weights(run, recipe)
    from amazon_ft import generation, models

    loaded = models.load(recipe, adapter=run.adapter)
    answers = generation.base_and_tuned(loaded, recipe, [example])
    return {system: given[0] for system, given in answers.items()}


def _compare(run: Run, recipe: Recipe, questions: int) -> None:
    from amazon_ft import generation, models

    loaded = models.load(recipe, adapter=run.adapter)
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
        "Seed": str(local(recipe)[0].seed),
    }


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
