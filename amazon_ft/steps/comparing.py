"""The last step: base and tuned asked, with and without the source, scored and shown, from one set of weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from amazon_ft import evaluation, prompts
from amazon_ft.files import write_json, write_jsonl
from amazon_ft.recipes import Recipe
from amazon_ft.retrieval import answers, matching
from amazon_ft.retrieval.answers import CELLS, CLOSED_BOOK
from amazon_ft.retrieval.matching import Match
from amazon_ft.runs import Run, claim, once, say
from amazon_ft.steps.asking import MOST_READ, Asked, Desk, answered, look_up
from amazon_ft.steps.baselines import baseline_answers
from amazon_ft.steps.questions import Posed, pose, trained
from amazon_ft.steps.recording import row
from amazon_ft.steps.reporting import export, send, taken_home
from amazon_ft.steps.tuned import tuned

QUESTIONS = 64  # asked of each set in a comparison


def compare(
    run: Run, recipe: Recipe, questions: int = QUESTIONS, similarity: str | Path = "", wandb: bool = False
) -> dict[str, Any]:
    """Ask base and tuned the same questions, score them with intervals, and write the page and the tables.

    `similarity` is the folder of a sentence-embedding model, which then measures how near in meaning answers are.
    Raises NotComparable if an answer stood in its prompt, a test product was trained on, or base and tuned were not
    asked the same.
    """
    claim(run, recipe.as_dict())
    model = tuned(run, recipe)
    model.check()
    done = once(
        run,
        "compare",
        inputs=[run.products, run.rows("train"), run.rows("test"), model.weights],
        settings={"questions": questions} | ({"similarity": str(similarity)} if similarity else {}),
        outputs=[run.answers, run.scores, run.intervals],
        work=lambda: _compare(run, recipe, questions, similarity),
    )
    if not all(path.exists() for path in taken_home(run)):
        export(run, recipe)
    if wandb:
        send(run, recipe)
    say("compare", done, f"scores in {run.scores}, page in {run.page}")
    return dict(json.loads(run.scores.read_text(encoding="utf-8")))


def _compare(run: Run, recipe: Recipe, questions: int, similarity: str | Path) -> None:
    known = trained(run)
    posed = pose(run, recipe, known, questions)
    evaluation.check_unseen([row(one, None, {}) for one in posed], known.records())
    with tuned(run, recipe).alone():
        asked = _asked(Desk(run, recipe), posed)
    table = _measured(asked, similarity)
    evaluation.check_same(table)
    for path in taken_home(run):  # of an earlier comparison
        path.unlink(missing_ok=True)
    write_jsonl(run.answers, table)
    write_json(run.scores, evaluation.score_table(table))
    write_json(run.intervals, evaluation.intervals(table))


def _measured(table: list[dict[str, Any]], similarity: str | Path) -> list[dict[str, Any]]:
    return evaluation.measured(table, evaluation.Similarity(Path(similarity)) if similarity else None)


def _asked(desk: Desk, posed: Sequence[Posed]) -> list[dict[str, Any]]:
    """Ask everything that was posed, and put each question with all its answers into a row."""
    matches = [matching.find(desk.titles, one.question) if one.product else None for one in posed]
    asked = _look_up(desk, posed, matches)
    evaluation.check_prompts(_prompts(desk.recipe, posed, asked))
    given = answered(asked, desk.recipe, desk.speaker, CELLS, desk.store)
    baselines = baseline_answers(desk, posed, [one.truth for one in asked])
    surprise = desk.speaker.losses(desk.recipe, [replace(one.example, context="") for one in posed])
    rows = []
    for place, (one, match) in enumerate(zip(posed, matches, strict=True)):
        cells = {cell: given[place][cell] for cell in (CELLS if one.product else CLOSED_BOOK)}
        loss = {"loss": {system: list(sums[place]) for system, sums in surprise.items()}}
        rows.append(row(one, match, cells | baselines[place]) | loss)
    return rows


def _look_up(desk: Desk, posed: Sequence[Posed], matches: Sequence[Match | None]) -> list[Asked]:
    """Read the best candidate for each question; a row that brings a context is asked with that one."""
    read = iter(desk.products([match for match in matches if match and match.kind != "absent"]))
    asked = []
    for one, match in zip(posed, matches, strict=True):
        closed = replace(one.example, output="", context="")
        if match is None or one.product is None:
            asked.append(Asked(closed, None, None, "en"))
            continue
        found = None if match.kind == "absent" else next(read)
        looked_up = look_up(closed, match, found, desk.recipe, desk.speaker)
        truth = answers.read(one.product, 1.0, match.reading, MOST_READ)
        if one.example.context:  # a row that brings its own
            looked_up = replace(looked_up, opened=replace(one.example, output=""), source=truth)
        asked.append(replace(looked_up, truth=truth))
    return asked


def _prompts(recipe: Recipe, posed: Sequence[Posed], asked: Sequence[Asked]) -> list[dict[str, str]]:
    """Render what is asked closed book, to be searched for its answer."""
    return [
        {
            "prompt": _text(prompts.render(each.closed, recipe.template)["prompt"]),
            "question": one.question,
            "title": one.product.title,
            "reference": one.example.output,
            "source": one.product.uid,
        }
        for one, each in zip(posed, asked, strict=True)
        if one.product
    ]


def _text(prompt: str | list[prompts.Message]) -> str:
    return prompt if isinstance(prompt, str) else "\n".join(turn["content"] for turn in prompt)
