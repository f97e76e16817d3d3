"""The last step: base and tuned asked, with and without the source, scored and shown, from one set of weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from amazon_ft import products, prompts
from amazon_ft.files import read_jsonl, write_json, write_jsonl, write_text
from amazon_ft.prompts import Example
from amazon_ft.recipes import Recipe
from amazon_ft.retrieval import matching
from amazon_ft.retrieval.answers import CELLS
from amazon_ft.retrieval.matching import Match
from amazon_ft.runs import Run, claim, manifest, once, say
from amazon_ft.steps.asking import Asked, Desk, answered, check_weights, look_up
from amazon_ft.steps.preparing import rows
from amazon_ft.steps.training import local

QUESTIONS = 64  # asked of each set in a comparison


def compare(run: Run, recipe: Recipe, questions: int = QUESTIONS) -> dict[str, Any]:
    """Ask base and tuned the same questions about seen and unseen products, score them, and write the page."""
    claim(run, recipe.as_dict())
    check_weights(run, recipe)
    done = once(
        run,
        "compare",
        inputs=[run.products, run.rows("train"), run.rows("test"), run.adapter],
        settings={"questions": questions},
        outputs=[run.answers, run.scores, run.page],
        work=lambda: _compare(run, recipe, questions),
    )
    say("compare", done, f"scores in {run.scores}, page in {run.page}")
    return dict(json.loads(run.scores.read_text(encoding="utf-8")))


def _compare(run: Run, recipe: Recipe, questions: int) -> None:
    desk = Desk(run, recipe)
    sets = {"seen": rows(run, "train")[:questions], "unseen": rows(run, "test")[:questions]}
    asked = [(set_, row) for set_, some in sets.items() for row in some]
    wanted = {row.source for _, row in asked}
    known = {product.uid: product for product in products.load(run.products) if product.uid in wanted}
    matches = [matching.find(desk.titles, _question(row)) for _, row in asked]
    looked_up = _look_up(desk, [row for _, row in asked], matches)
    given = answered(looked_up, recipe, desk.loaded, CELLS)
    table = [
        {
            "set": set_,
            "source": row.source,
            "title": known[row.source].title,
            "question": _question(row),
            "reference": prompts.neutral(row.output),
            "retrieval": {"kind": match.kind, "score": round(found.source.score if found.source else 0, 4)},
            **{cell: asdict(answer) for cell, answer in answers.items()},
        }
        for (set_, row), match, found, answers in zip(asked, matches, looked_up, given, strict=True)
    ]
    write_jsonl(run.answers, table)
    _write_page(run, recipe, table)


def _look_up(desk: Desk, some: Sequence[Example], matches: Sequence[Match]) -> list[Asked]:
    """Read the best candidate for each question; a row that brings a context is asked with that one."""
    found = [match for match in matches if match.kind != "absent"]
    read = iter(desk.products(found))
    asked = []
    for row, match in zip(some, matches, strict=True):
        product = None if match.kind == "absent" else next(read)
        one = look_up(replace(row, context=""), match, product, desk.recipe, desk.loaded)
        asked.append(replace(one, opened=row) if row.context else one)
    return asked


def _question(row: Example) -> str:
    return row.input or row.instruction


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
