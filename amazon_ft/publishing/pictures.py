"""Draw the pictures of a model's card."""

from __future__ import annotations

import json
from pathlib import Path

from amazon_ft.files import read_jsonl, replacing
from amazon_ft.runs import Run

DOTS = 110  # an inch: sharp, and below 200 kB


def draw(run: Run, folder: Path) -> dict[str, str]:
    """Draw the loss and the scores of a run into `folder`/images; give what each shows, in words, by its name there."""
    from amazon_ft import plots

    scores, intervals = (json.loads(path.read_text(encoding="utf-8")) for path in (run.scores, run.intervals))
    drawn = {
        "images/loss.png": plots.loss_curve(read_jsonl(run.training_log)),
        "images/scores.png": plots.paired_scores(scores, intervals),
    }
    for name, axes in drawn.items():
        figure = axes.get_figure(root=True)
        assert figure is not None
        with replacing(folder / name) as temporary:
            figure.savefig(temporary, format="png", dpi=DOTS, facecolor="white", metadata={"Software": None})
    told = {name: str(axes.get_label()) for name, axes in drawn.items()}
    # The card's tables hold the numbers of the scores.
    return told | {"images/scores.png": told["images/scores.png"].split(". ")[0]}
