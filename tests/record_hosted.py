"""Record what notebook 6 shows to whom has no key: jobs and answers of the stand-in for OpenAI's API.

python tests/record_hosted.py    writes amazon_ft/steps/hosted.json anew
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from openai_server import OpenAIServer

from amazon_ft import steps
from amazon_ft.files import digest, read_jsonl, write_text
from amazon_ft.openai_jobs import calendar
from amazon_ft.openai_jobs.estimates import Budget
from amazon_ft.openai_jobs.wire import Patience, Provider
from amazon_ft.recipes import HostedTraining, Recipe, named
from amazon_ft.runs import Run

FILE = Path(__file__).parents[1] / "amazon_ft" / "steps" / "hosted.json"
TODAY = date(2026, 11, 21)
QUESTIONS = 12
MIDNIGHT = 1_795_219_200.0
LABEL = (
    "Recorded, not real: no job was made. These jobs and answers come from a stand-in for OpenAI's API, which recites "
    "what it was trained on and knows nothing else."
)


def recipe() -> Recipe:
    """Give the recipe of the notebook: the published one, with smaller jobs so that there are two."""
    published = named("gpt-4o-mini-chat")
    assert isinstance(published.training, HostedTraining)
    return replace(published, training=replace(published.training, rows_per_job=200))


def recorded(folder: Path) -> dict[str, Any]:
    """Walk the road against the stand-in, and give what it left."""
    run, chosen = Run(folder / "run"), recipe()
    steps.clean(run)
    steps.format_rows(run, chosen)
    files = steps.hosted_export(run, chosen)
    with OpenAIServer(clock=lambda: MIDNIGHT) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", server.key)
        patch.setenv("OPENAI_BASE_URL", server.url)
        patience = Patience(poll=0.0, wait=0.01)
        provider = Provider("recorded", server.url, closing=calendar.OPENAI)
        budget = Budget(100, 1, "USD", TODAY)
        hosting = steps.Hosting(provider=provider, budget=budget, today=TODAY, patience=patience)
        steps.hosted_follow(run, chosen, hosting)
        patch.setattr(steps.hosting, "provider", lambda: provider)
        steps.compare(run, chosen, QUESTIONS)
    left = sorted(path for path in run.hosted.iterdir() if path.suffix in (".json", ".jsonl", ".csv"))
    kept = [path for path in left if not path.name.startswith(("train-", "validation", "checks", "estimate"))]
    return {
        "label": LABEL,
        "trained_on": [digest(path) for path in files.training],
        "files": {path.name: path.read_text(encoding="utf-8") for path in kept},
        "answers": sorted((line | {"seconds": 0.0} for line in read_jsonl(run.answer_cache)), key=json.dumps),
    }


def main() -> None:
    """Write the file."""
    with TemporaryDirectory() as folder:
        write_text(FILE, json.dumps(recorded(Path(folder)), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
