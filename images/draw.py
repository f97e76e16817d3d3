"""Draw the README's picture from the recorded run: what a tuned model knows, seen against unseen."""

from __future__ import annotations

import json
from pathlib import Path

from amazon_ft import plots

HERE = Path(__file__).parent
RECORDED = HERE.parent / "benchmarks" / "results" / "demo.json"


def main() -> None:
    """Draw images/demo.png from benchmarks/results/demo.json."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    figure = plots.score_bars(recorded["scores"]).figure
    figure.savefig(HERE / "demo.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
