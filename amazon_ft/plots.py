"""Numbers in, Axes out: the door to matplotlib."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from io import BytesIO, StringIO
from itertools import accumulate, cycle
from math import isfinite
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

LIGHT, DARK, INK, SOFT = "#b9c9d8", "#1f4e79", "#1b1f24", "#555d66"
Styles = Mapping[str, tuple[str, str]]  # system -> color, hatch
# Lightness tells the systems apart, and so do the hatches.
SYSTEM_STYLES = ((LIGHT, "///"), (DARK, ""), ("#7393ae", "..."), ("#e6e1d6", "xxx"), ("#ffffff", ""))
TEXT, TITLE = 13, 15  # points
WIDTH = 6.4  # inches: at this width the text keeps its size in half a page or a notebook cell
SMOOTH_FROM = 50  # steps
HEADLINES = {"exact": "Exact match", "rouge_l": "ROUGE-L", "number_precision": "Number precision"}


class Picture(Figure):
    """Show itself as the last line of a notebook cell, without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def loss_curve(log: Sequence[Mapping[str, Any]], axes: Axes | None = None) -> Axes:
    """Draw training loss and evaluation loss over the steps of a training log; what is no number leaves no mark."""
    axes = _axes(axes, "Loss while training", height=3.6)
    training, held_out = _points(log, "loss"), _points(log, "eval_loss")
    if not training and not held_out:
        return _say(axes, "no loss was logged")
    few = len(training) <= SMOOTH_FROM
    trend = training if few else _smooth(training)
    if not few:
        axes.plot(*zip(*training, strict=True), lw=1, color=LIGHT)
    axes.plot(*zip(*trend, strict=True), marker="o" if few else "", lw=1.5 if few else 2.5, color=DARK)
    axes.plot(*zip(*held_out, strict=True), marker="o", mfc="white", ls="--", color=INK)
    _label_ends(axes, {"training": trend, "held out": held_out})
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("step", fontsize=TEXT)
    return axes


def score_bars(scores: Mapping[str, Any], axes: Axes | None = None) -> Axes:
    """Draw the headline scores, given as set -> system -> metric -> share, one group of bars a metric."""
    systems = list(dict.fromkeys(system for per_system in scores.values() for system in per_system))
    styles = dict(zip(systems, cycle(SYSTEM_STYLES), strict=False))
    asked = [name for name, per_system in scores.items() if _n(per_system)]
    axes = _axes(axes, "", height=0.4 + len(asked) * (0.6 + len(HEADLINES) * (0.25 + 0.26 * len(systems))))
    if not asked:
        return _say(axes, "no product was asked")
    groups = [(name, metric) for name in asked for metric in HEADLINES]
    ticks = [row + asked.index(name) * 0.7 for row, (name, _) in enumerate(groups)]
    for tick, (name, metric) in zip(ticks, groups, strict=True):
        values = {system: numbers.get(metric) for system, numbers in scores[name].items()}
        _group(axes, tick, values, styles)
    for tick, name in zip(ticks[:: len(HEADLINES)], asked, strict=True):
        label = f"{name.capitalize()}, {_n(scores[name]):,} products"
        axes.text(0, tick - 0.6, label, fontsize=TITLE, weight="bold", color=INK)
    axes.set_yticks(ticks, [HEADLINES[metric] for _, metric in groups])
    axes.set(xlim=(0, 1), ylim=(ticks[-1] + 0.5, -0.95))
    return _bare(axes)


def token_lengths(lengths: Sequence[int], max_length: int, axes: Axes | None = None) -> Axes:
    """Draw how long rows are, in tokens, and write what share is longer than `max_length`."""
    axes = _axes(axes, "Length of the rows", height=3.6)
    if not lengths:
        return _say(axes, "no rows")
    axes.hist(lengths, bins=40, color=LIGHT, edgecolor=DARK, linewidth=0.8)
    axes.axvline(max_length, color=INK, lw=2, ls="--")
    over = sum(length > max_length for length in lengths)
    note = f"max_length {max_length:,}:\n{_share(over, len(lengths))} of {len(lengths):,} rows are longer"
    left = max_length > sum(axes.get_xlim()) / 2
    tallest = axes.get_ylim()[1]
    axes.set_ylim(0, tallest * 1.3)  # room for the note above the bars
    _write(axes, max_length, tallest * 1.15, note, left=left)
    axes.set_xlabel("tokens", fontsize=TEXT)
    axes.set_ylabel("rows", fontsize=TEXT)
    return axes


def funnel(counts: Mapping[str, Any], axes: Axes | None = None) -> Axes:
    """Draw how the rows read become the rows kept: `counts` holds read, kept, and rejected by reason."""
    read, kept = counts["read"], counts["kept"]
    steps = [("read", 0, read), *_rejections(read, counts["rejected"]), ("kept", 0, kept)]
    axes = _axes(axes, "From rows read to rows kept", height=0.6 + 0.42 * len(steps))
    for row, (_, left, width) in enumerate(steps):
        color, hatch = (DARK, "") if row in (0, len(steps) - 1) else (LIGHT, "///")
        axes.barh(row, width, left=left, height=0.66, color=color, edgecolor=DARK, hatch=hatch)
        _write(axes, left + width, row, f"{width:,}  ({_share(width, read)})")
    axes.set_yticks(range(len(steps)), [name for name, *_ in steps])
    axes.set(xlim=(0, max(read, 1)), ylim=(len(steps) - 0.5, -0.5))
    return _bare(axes)


def precision_recall(points: Sequence[Mapping[str, Any]], chosen: Sequence[float], axes: Axes | None = None) -> Axes:
    """Draw precision over recall, one point for each threshold, and write the `chosen` thresholds beside theirs."""
    axes = _axes(axes, "Given only from this score on", height=3.8)
    known = [point for point in points if point["precision"] is not None]
    if not known:
        return _say(axes, "no question was asked")
    axes.plot([point["recall"] for point in known], [point["precision"] for point in known], lw=2.5, color=DARK)
    for threshold in chosen:
        nearest = min(known, key=lambda point: abs(point["threshold"] - threshold))
        axes.plot(nearest["recall"], nearest["precision"], marker="o", ms=9, mfc="white", mec=INK, mew=2)
        _write(axes, nearest["recall"], nearest["precision"], f"{threshold:g}", left=True, shift=-12)
    axes.set_xlabel("recall: of the products asked for, the share that is given", fontsize=TEXT)
    axes.set_ylabel("precision: right, of those given", fontsize=TEXT)
    axes.margins(0.12)
    return axes


def svg(axes: Axes) -> str:
    """Give the figure of `axes` as SVG text that scales, sits on its own light panel and never changes.

    Only the identifiers that the picture itself refers to stay, so that two pictures share a page.
    Raises ValueError if `axes` has left its figure.
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes have left their figure: draw them again")
    buffer = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.hashsalt": "amazon_ft", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", facecolor="white", metadata=nothing)
    text = buffer.getvalue()[buffer.getvalue().index("<svg") :]
    used = set(re.findall(r"#([\w.-]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", text)
    label = escape(axes.get_title(loc="left") or "Scores")
    size = re.compile(r'width="[^"]*" height="[^"]*"')
    return size.sub(lambda _: f'role="img" aria-label="{label}" width="100%"', text, count=1)


def _axes(axes: Axes | None, title: str, *, height: float) -> Axes:
    axes = axes or Picture(figsize=(WIDTH, height), layout="constrained").add_subplot()
    axes.set_title(title, loc="left", fontsize=TITLE, weight="bold", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=TEXT)
    return axes


def _bare(axes: Axes) -> Axes:
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    return axes


def _say(axes: Axes, text: str) -> Axes:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=TEXT, color=SOFT)
    return axes


def _points(log: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    logged = [(line["step"], line[key]) for line in log if line.get(key) is not None]
    return [(step, value) for step, value in logged if isfinite(value)]


def _smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    reach = len(points) // 40 + 1
    sums = list(accumulate((value for _, value in points), initial=0.0))
    ends = [(max(0, at - reach), min(len(points), at + reach + 1)) for at in range(len(points))]
    means = [(sums[end] - sums[start]) / (end - start) for start, end in ends]
    return [(step, mean) for (step, _), mean in zip(points, means, strict=True)]


def _label_ends(axes: Axes, lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    ends = sorted((points[-1][::-1], name) for name, points in lines.items() if points)
    low, high = axes.get_ylim()
    meet = len(ends) > 1 and ends[-1][0][0] - ends[0][0][0] < (high - low) / 12
    # Where lines meet, the lower one's label hangs and the higher one's stands.
    for place, ((y, x), name) in enumerate(ends):
        _write(axes, x, y, name, shift=8 * (2 * place - 1) if meet else 0)


def _group(axes: Axes, tick: float, values: Mapping[str, float | None], styles: Styles) -> None:
    thickness = 0.8 / len(values)
    axes.vlines(0, tick - 0.43, tick + 0.43, color=INK, lw=1)
    for place, (system, value) in enumerate(values.items()):
        at = tick - 0.4 + thickness * (place + 0.5)
        color, hatch = styles[system]
        axes.barh(at, value or 0, height=thickness * 0.9, color=color, hatch=hatch, edgecolor=DARK)
        _write(
            axes,
            value or 0,
            at,
            f"{system.replace('_', ' ')}  {'nothing to count' if value is None else f'{value:.1%}'}",
        )


def _write(axes: Axes, x: float, y: float, text: str, *, left: bool = False, shift: float = 0) -> None:
    side: dict[str, Any] = {"ha": "right" if left else "left", "va": "center", "fontsize": TEXT, "color": INK}
    axes.annotate(text, (x, y), xytext=(-7 if left else 7, shift), textcoords="offset points", **side)


def _n(systems: Mapping[str, Any]) -> int:
    return max((values.get("n") or 0 for values in systems.values()), default=0)


def _rejections(read: int, rejected: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    left = read
    for reason, number in sorted(rejected.items(), key=lambda item: -item[1]):
        left -= number
        yield reason, left, number


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"
