"""How well products are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from amazon_ft.plots.drawing import DARK, INK, TEXT, framed, say, told, write


def precision_recall(points: Sequence[Mapping[str, Any]], chosen: Sequence[float], axes: Axes | None = None) -> Axes:
    """Draw precision over recall, one point for each threshold, and write the `chosen` thresholds beside theirs."""
    axes = framed(axes, "Given only from this score on", height=3.8)
    known = [point for point in points if point["precision"] is not None]
    if not known:
        return say(axes, "no question was asked")
    axes.plot([point["recall"] for point in known], [point["precision"] for point in known], lw=2.5, color=DARK)
    nearest = {at: min(known, key=lambda point: abs(point["threshold"] - at)) for at in chosen}
    for at, point in nearest.items():
        axes.plot(point["recall"], point["precision"], marker="o", ms=9, mfc="white", mec=INK, mew=2)
        write(axes, point["recall"], point["precision"], f"{at:g}", left=True, shift=-12)
    axes.set_xlabel("recall: of the products asked for, the share that is given", fontsize=TEXT)
    axes.set_ylabel("precision: right, of those given", fontsize=TEXT)
    axes.margins(0.12)
    figures = [f"from {at:g}: {p['precision']:.1%} precision, {p['recall']:.1%} recall" for at, p in nearest.items()]
    return told(axes, f"Precision over recall for each score from which on a product is given; {'; '.join(figures)}.")
