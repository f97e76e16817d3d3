"""Draw the README's pictures from recorded runs: seen against unseen, and from which score on a product is given."""

from __future__ import annotations

import json
from pathlib import Path

from amazon_ft import plots
from amazon_ft.retrieval.matching import FOUND, POSSIBLE

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results"


def main() -> None:
    """Draw images/demo.png and images/retrieval.png from the results of the benchmarks of these names."""
    demo, retrieval = (json.loads((RESULTS / f"{name}.json").read_text()) for name in ("demo", "retrieval"))
    _save("demo", plots.score_bars(demo["scores"]))
    _save("retrieval", plots.precision_recall(retrieval["validation"], [POSSIBLE, FOUND]))


def _save(name: str, axes: plots.Axes) -> None:
    axes.figure.savefig(HERE / f"{name}.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
