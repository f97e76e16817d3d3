"""Draw the README's pictures from recorded runs: base against tuned, seen against unseen, what retrieval finds."""

from __future__ import annotations

import json
from pathlib import Path

from amazon_ft import plots
from amazon_ft.retrieval.matching import FOUND, POSSIBLE

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results"


def main() -> None:
    """Draw images/demo.png, seen_unseen.png and retrieval.png from the benchmarks demo and retrieval."""
    demo, retrieval = (json.loads((RESULTS / f"{name}.json").read_text()) for name in ("demo", "retrieval"))
    _save("demo", plots.paired_scores(demo["scores"], demo.get("intervals")))
    _save("seen_unseen", plots.seen_unseen(demo["scores"], demo.get("intervals")))
    _save("retrieval", plots.precision_recall(retrieval["validation"], [POSSIBLE, FOUND]))


def _save(name: str, axes: plots.Axes) -> None:
    axes.figure.savefig(HERE / f"{name}.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
