"""The loss while training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import isfinite
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from amazon_ft.plots.drawing import DARK, INK, LIGHT, TEXT, framed, say, told, write

SMOOTH_FROM = 50  # steps
Points = Sequence[tuple[float, float]]


def loss_curve(log: Sequence[Mapping[str, Any]], axes: Axes | None = None) -> Axes:
    """Draw training loss and evaluation loss over the steps of a training log; what is no number leaves no mark."""
    axes = framed(axes, "Loss while training", height=3.6)
    training, held_out = _points(log, "loss"), _points(log, "eval_loss")
    if not training and not held_out:
        return say(axes, "no loss was logged")
    few = len(training) <= SMOOTH_FROM
    trend = training if few else _smooth(training)
    if not few:
        axes.plot(*zip(*training, strict=True), lw=1, color=LIGHT)
    axes.plot(*zip(*trend, strict=True), marker="o" if few else "", lw=1.5 if few else 2.5, color=DARK)
    axes.plot(*zip(*held_out, strict=True), marker="o", mfc="white", ls="--", color=INK)
    _label_ends(axes, {"training": trend, "held out": held_out})
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("step", fontsize=TEXT)
    return told(axes, f"Loss while training. {_course('Training', trend)}{_course('Held out', held_out)}".strip())


def _points(log: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    logged = [(line["step"], line[key]) for line in log if line.get(key) is not None]
    return [(step, value) for step, value in logged if isfinite(value)]


def _smooth(points: Points) -> list[tuple[float, float]]:
    reach = len(points) // 40 + 1
    sums = list(accumulate((value for _, value in points), initial=0.0))
    ends = [(max(0, at - reach), min(len(points), at + reach + 1)) for at in range(len(points))]
    means = [(sums[end] - sums[start]) / (end - start) for start, end in ends]
    return [(step, mean) for (step, _), mean in zip(points, means, strict=True)]


def _label_ends(axes: Axes, lines: Mapping[str, Points]) -> None:
    ends = sorted((points[-1][::-1], name) for name, points in lines.items() if points)
    low, high = axes.get_ylim()
    meet = len(ends) > 1 and ends[-1][0][0] - ends[0][0][0] < (high - low) / 12
    # Where lines meet, the lower one's label hangs and the higher one's stands.
    for place, ((y, x), name) in enumerate(ends):
        write(axes, x, y, name, shift=8 * (2 * place - 1) if meet else 0)


def _course(name: str, points: Points) -> str:
    if not points:
        return ""
    (first, began), (last, ended) = points[0], points[-1]
    return f"{name}: from {began:.2f} at step {first:,} to {ended:.2f} at step {last:,}. "
