"""What a run without a key shows: jobs and answers of a stand-in, recorded once, which say that they are."""

from __future__ import annotations

import json
from importlib.resources import files

from amazon_ft.files import InputError, append_jsonl, digest, read_appended, write_text
from amazon_ft.openai_jobs import export, following
from amazon_ft.runs import Run

PROVIDER = "recorded"  # so no real job, and no real answer, is ever taken for one of these


def lay_down(run: Run) -> None:
    """Lay down jobs and answers that were recorded, and say whose they are.

    Raises InputError for a run with other rows than those that they are about.
    """
    told = json.loads(files("amazon_ft.steps").joinpath("hosted.json").read_text("utf-8"))
    if [digest(path) for path in export.exported(run).training] != told["trained_on"]:
        raise InputError(f"{told['label']} It is about other rows than those of {run.folder}: have real jobs made.")
    print(told["label"])
    append_jsonl(run.answer_cache, told["answers"])
    for name, text in told["files"].items():
        write_text(run.hosted / name, text)
    print("\n".join(f"{line['level']}: {line['message']}" for line in read_appended(run.hosted / following.EVENTS)))
