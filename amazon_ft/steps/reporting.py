"""What one takes home of a comparison: the page, tables for other programs, a table for Weights & Biases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amazon_ft import comparison, evaluation
from amazon_ft.files import InputError, read_jsonl, write_json, write_text
from amazon_ft.panel.votes import Votes, votable
from amazon_ft.recipes import Recipe, Training
from amazon_ft.runs import Run, manifest
from amazon_ft.steps.preparing import rows
from amazon_ft.steps.recording import own_rows
from amazon_ft.steps.training import WANDB_PROJECT

SYSTEM = "tuned"  # whose failures are shown


def taken_home(run: Run) -> list[Path]:
    """Name the files that export writes."""
    return [run.page, run.answers_parquet, run.answers_csv, run.llm_comparator]


def export(run: Run, recipe: Recipe) -> list[Path]:
    """Write the page and the tables of a comparison, with a user's own questions and the votes, and name the files.

    Raises InputError before a comparison was made.
    """
    if not run.answers.exists():
        raise InputError(f"{run.answers} is missing: do the step 'compare' first.")
    table = [*read_jsonl(run.answers), *own_rows(run)]
    about = _about(run, recipe)
    comparison.write_tables(table, run.answers_parquet, run.answers_csv)
    write_json(run.llm_comparator, comparison.llm_comparator(table, about))
    write_text(run.page, _page(run, table, about))
    return taken_home(run)


def send(run: Run, recipe: Recipe) -> None:
    """Send the answers as a table to Weights & Biases, beside the log of their training; offline without a key."""
    from amazon_ft.training.wandb_log import send_table

    table = comparison.table(read_jsonl(run.answers))
    send_table(WANDB_PROJECT, run.folder.name, recipe.as_dict(), run.folder, {"answers": table})


def _page(run: Run, table: Sequence[Mapping[str, Any]], about: Mapping[str, str]) -> str:
    from amazon_ft import plots

    scores, intervals = (json.loads(path.read_text(encoding="utf-8")) for path in (run.scores, run.intervals))
    pictures = {
        "scores": plots.svg(plots.paired_scores(scores, intervals)),
        "seen_unseen": plots.svg(plots.seen_unseen(scores, intervals)),
        "lengths": plots.svg(plots.lengths(table)),
        "copied": plots.svg(plots.copied(table)),
        "loss": plots.svg(plots.loss_curve(read_jsonl(run.training_log))),
    }
    votes = Votes(run.votes)
    tally = votes.tally(votable(table, votes.systems))
    return comparison.page(
        table, scores, intervals, _failures(table), pictures, about, asdict(tally) if tally.cast else None
    )


def _failures(table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "row": failure.place,
            "system": failure.system,
            "score": failure.score,
            "why": [evaluation.why(reason, "en") for reason in failure.reasons],
        }
        for failure in evaluation.failures(table, SYSTEM)
    ]


def _about(run: Run, recipe: Recipe) -> dict[str, str]:
    steps = manifest(run)["steps"]
    counts = json.loads(run.cleaning.read_text(encoding="utf-8"))
    log = read_jsonl(run.training_log)  # empty where a provider told no losses
    taken = f", {int(log[-1]['step'])} steps" if log else ""
    return {
        "Recipe": recipe.name,
        "Base model": recipe.base_model,
        "Catalogue": f"{', '.join(steps['clean']['inputs'])}: {counts['kept']} of {counts['read']} rows kept",
        "Training": f"{len(rows(run, 'train'))} rows{taken}",
        "Seed": str(recipe.training.seed if isinstance(recipe.training, Training) else recipe.generation.seed),
    }
