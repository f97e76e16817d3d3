"""Numbers in, Axes out: the door to matplotlib."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from io import BytesIO, StringIO
from itertools import cycle
from math import isfinite
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LIGHT, DARK, INK, SOFT = "#b9c9d8", "#1f4e79", "#1b1f24", "#555d66"
# Lightness tells the systems apart, and so do the hatches.
SYSTEM_STYLES = ((LIGHT, "///"), (DARK, ""), ("#7393ae", "..."), ("#e6e1d6", "xxx"))
TEXT, TITLE = 13, 15  # points
SMOOTH_FROM = 50  # steps
HEADLINES = {"exact": "Exact match", "rouge_l": "ROUGE-L", "number_precision": "Number precision"}


class Picture(Figure):
    """Show itself as the last line of a notebook cell, without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def loss_curve(log: Sequence[Mapping[str, float]], axes: Axes | None = None) -> Axes:
    """Draw training loss and evaluation loss over the steps of a training log."""
    axes = _axes(axes, "Loss while training", height=4.2)
    training, evaluation = _points(log, "loss"), _points(log, "eval_loss")
    smooth = len(training) > SMOOTH_FROM
    lines = []
    if training:
        single = len(training) == 1
        axes.plot(*zip(*training, strict=True), color=LIGHT if smooth else DARK, lw=1.2, marker="." if single else "")
        lines.append(("training", DARK, _smooth(training) if smooth else training))
    if smooth:
        axes.plot(*zip(*_smooth(training), strict=True), color=DARK, lw=2.5)
    if evaluation:
        axes.plot(*zip(*evaluation, strict=True), color=INK, lw=1.5, ls="--", marker="o", ms=7, mfc="white", mew=2)
        lines.append(("held out", INK, evaluation))
    if not lines:
        _say(axes, "no loss was logged")
    _label_ends(axes, lines)
    axes.set_xlabel("step", fontsize=TEXT)
    return axes


def score_bars(scores: Mapping[str, Any], axes: Axes | None = None) -> Axes:
    """Draw the headline scores, given as set -> system -> metric -> share, a group of bars for each metric."""
    systems = list(dict.fromkeys(system for per_system in scores.values() for system in per_system))
    styles = dict(zip(systems, cycle(SYSTEM_STYLES), strict=False))
    bars = [(name, metric) for name in scores for metric in HEADLINES if _n(scores[name])]
    axes = _axes(axes, "", height=1.5 + len(bars) * (0.25 + 0.34 * len(systems)))
    if not bars:
        return _say(axes, "no product was asked")
    thickness = 0.8 / len(systems)
    ticks = [row + 0.9 * list(scores).index(name) for row, (name, _) in enumerate(bars)]
    for tick, (name, metric) in zip(ticks, bars, strict=True):
        if metric == next(iter(HEADLINES)):
            axes.text(0, tick - 0.72, f"{name.capitalize()}, {_n(scores[name]):,} products", fontsize=TITLE, weight="bold")
        for place, system in enumerate(systems):
            at = tick - 0.4 + thickness * (place + 0.5)
            _bar(axes, at, thickness, system, scores[name].get(system, {}).get(metric), styles[system])
    axes.set_yticks(ticks, [HEADLINES[metric] for _, metric in bars])
    axes.set(xlim=(0, 1.3), ylim=(ticks[-1] + 0.5, ticks[0] - 1.1))
    return _without_x(axes)


def token_lengths(lengths: Sequence[int], max_length: int, axes: Axes | None = None) -> Axes:
    """Draw how long rows are, in tokens, and write what share is longer than `max_length`."""
    axes = _axes(axes, "Length of the rows", height=4.2)
    if not lengths:
        return _say(axes, "no rows")
    axes.hist(lengths, bins=40, color=LIGHT, edgecolor=DARK, linewidth=0.8)
    axes.axvline(max_length, color=INK, lw=2, ls="--")
    over = sum(length > max_length for length in lengths)
    note = f"max_length {max_length:,}\n{_share(over, len(lengths))} of {len(lengths):,} rows\nare longer"
    left = max_length > sum(axes.get_xlim()) / 2
    axes.annotate(
        note, (max_length, 1), xycoords=axes.get_xaxis_transform(), xytext=(-8 if left else 8, -4),
        textcoords="offset points", ha="right" if left else "left", va="top", fontsize=TEXT,
    )
    axes.set_xlabel("tokens", fontsize=TEXT)
    axes.set_ylabel("rows", fontsize=TEXT)
    return axes


def funnel(counts: Mapping[str, Any], axes: Axes | None = None) -> Axes:
    """Draw how the rows read become the rows kept: `counts` holds read, kept, and rejected by reason."""
    read, kept, rejected = counts["read"], counts["kept"], counts["rejected"]
    axes = _axes(axes, "From rows read to rows kept", height=1.2 + 0.5 * (len(rejected) + 2))
    steps = [("read", 0, read, DARK), *_rejections(read, rejected), ("kept", 0, kept, DARK)]
    for row, (_, left, width, color) in enumerate(steps):
        axes.barh(row, width, left=left, height=0.66, color=color, edgecolor=DARK, hatch="" if color == DARK else "///")
        _write(axes, left + width, row, f"{width:,}  ({_share(width, read)})")
    axes.set_yticks(range(len(steps)), [name for name, *_ in steps])
    axes.set(xlim=(0, max(read, 1) * 1.35), ylim=(len(steps) - 0.5, -0.5))
    return _without_x(axes)


def svg(axes: Axes) -> str:
    """Give the figure of `axes` as SVG text that scales, sits on its own light panel and never changes.

    Only the identifiers that the picture itself refers to stay, so that two pictures share a page.
    """
    buffer = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.hashsalt": "amazon_ft", "svg.fonttype": "none"}):
        axes.get_figure(root=True).savefig(buffer, format="svg", facecolor="white", metadata=nothing)
    text = buffer.getvalue()
    used = set(re.findall(r"#([\w.-]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", text[text.index("<svg") :])
    label = escape(axes.get_title(loc="left") or "Scores")
    return re.sub(r'<svg (.*?)width="[^"]*"', rf'<svg role="img" aria-label="{label}" \1width="100%"', text)


def _axes(axes: Axes | None, title: str, *, height: float) -> Axes:
    axes = axes or Picture(figsize=(8.5, height), layout="constrained").add_subplot()
    axes.set_title(title, loc="left", fontsize=TITLE, weight="bold", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=TEXT)
    return axes


def _without_x(axes: Axes) -> Axes:
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    return axes


def _say(axes: Axes, text: str) -> Axes:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=TEXT, color=SOFT)
    return axes


def _points(log: Sequence[Mapping[str, float]], key: str) -> list[tuple[float, float]]:
    return [(line["step"], line[key]) for line in log if key in line and isfinite(line[key])]


def _smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    reach = len(points) // 40 + 1
    windows = [points[max(0, at - reach) : at + reach + 1] for at in range(len(points))]
    means = [sum(value for _, value in window) / len(window) for window in windows]
    return [(step, mean) for (step, _), mean in zip(points, means, strict=True)]


def _label_ends(axes: Axes, lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]) -> None:
    # The lower line's label hangs and the higher one's stands, so that lines that meet keep both.
    for place, (name, color, points) in enumerate(sorted(lines, key=lambda line: line[2][-1][1])):
        offset = 0 if len(lines) == 1 else 9 * (2 * place - 1)
        axes.annotate(
            name, points[-1], xytext=(9, offset), textcoords="offset points", va="center", fontsize=TEXT, color=color
        )


def _bar(
    axes: Axes, at: float, thickness: float, system: str, value: float | None, style: tuple[str, str]
) -> None:
    color, hatch = style
    axes.barh(at, value or 0, height=thickness * 0.9, color=color, hatch=hatch, edgecolor=DARK)
    _write(axes, value or 0, at, f"{system}  {'no numbers' if value is None else f'{value:.1%}'}")


def _write(axes: Axes, x: float, y: float, text: str) -> None:
    axes.annotate(
        text, (x, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=TEXT, color=INK
    )


def _n(systems: Mapping[str, Any]) -> int:
    return max((values.get("n") or 0 for values in systems.values()), default=0)


def _rejections(read: int, rejected: Mapping[str, int]) -> Iterator[tuple[str, int, int, str]]:
    left = read
    for reason, number in sorted(rejected.items(), key=lambda item: -item[1]):
        left -= number
        yield reason, left, number, LIGHT


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
