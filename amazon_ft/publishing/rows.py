"""Write the rows that a run trains on as a data set with a card, ready to be published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amazon_ft import markdown
from amazon_ft.files import InputError, digest, read_jsonl
from amazon_ft.publishing import facts
from amazon_ft.publishing.forms import checked_name
from amazon_ft.reasoning.card import described, write_folder
from amazon_ft.recipes import Recipe
from amazon_ft.runs import SPLITS, Run, hashed, manifest
from amazon_ft.sample import catalogue

COLUMNS = {
    "instruction": "what is to be done",
    "input": "what it is to be done with",
    "output": "the answer that is learnt",
    "context": "the catalogue entry that may be read for it; empty where nothing may",
    "source": "the product's id in the catalogue",
    "reasoning": "what is thought before the answer; empty where nothing is",
}


def write_rows(
    folder: Path,
    run: Run,
    recipe: Recipe,
    repo_id: str = "OWNER/NAME",
    *,
    license_name: str = "",
    license_link: str = "",
) -> Path:
    """Write README.md and data/SPLIT.jsonl with a run's training, validation and test rows; return `folder`.

    The folder appears whole, and hub.publish_dataset takes it. Raises InputError before the rows were made, if one of
    them is not what its step wrote, or if the folder holds files of somebody else.
    """
    done = manifest(run)["steps"]
    if "format" not in done or "clean" not in done:
        raise InputError(f"there are no rows in {run.folder} yet: do the step 'format' first.")
    hashed(run, [run.rows(split) for split in SPLITS])
    splits = {split: read_jsonl(run.rows(split)) for split in SPLITS}
    with_rows = {split: rows for split, rows in splits.items() if rows}
    counts = {split: len(rows) for split, rows in with_rows.items()}
    about: dict[str, Any] = {
        "name": checked_name(repo_id).rpartition("/")[2],
        "repo_id": repo_id,
        "recipe": recipe.name,
        "asking": facts.asking(recipe),
        "data": facts.data(run, done),
        "invented": digest(catalogue.cached()) in done["clean"]["inputs"].values(),
        "version": done["format"]["versions"]["amazon-ft"],
        "license_name": license_name,
    }
    card = markdown.template("amazon_ft.publishing", "rows_card.md.jinja").render(
        about=about,
        front=markdown.front(_front(recipe, counts, license_name, license_link)),
        columns=COLUMNS,
        rows=counts,
        first=next(iter(with_rows.values()))[0],
    )
    write_folder(folder, card, with_rows)
    return folder


def _front(recipe: Recipe, rows: dict[str, int], license_name: str, license_link: str) -> dict[str, Any]:
    return {
        "language": facts.languages(recipe),
        **markdown.license_of(license_name, license_link),
        "task_categories": ["text-generation"],
        "tags": ["products", "instruction-tuning", "amazon-ft"],
        **described(rows, list(COLUMNS)),
    }
