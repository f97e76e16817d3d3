"""Base against tuned: every score a pair of points, with the intervals that they and their difference lie in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes

from amazon_ft.plots.drawing import (
    DARK,
    INK,
    LIGHT,
    SOFT,
    TEXT,
    TITLE,
    TRACK,
    WIDE,
    apart,
    bare,
    counted,
    framed,
    say,
    told,
)
from amazon_ft.plots.estimates import (
    NAMES,
    Estimate,
    Intervals,
    Scores,
    asked,
    checked,
    difference,
    level,
    products,
    score,
)

HEADLINES = ("exact", "rouge_l", "number_precision")
LINE, AIR, HEAD, FOOT = 0.34, 0.12, 1.0, 1.6  # inches: a line, between metrics, above a set, title and caption
NOTE_X = 1.04  # of the axes' width: where the differences are written
MARKS = {"base": "○", "tuned": "●"}
LEFT = -2  # of 100: where the scale begins, so that a mark on nothing is whole
WORD = 20  # of 100: the room of "● tuned"


@dataclass(frozen=True)
class Pair:
    """Name two systems that differ in the training alone, and how they are drawn."""

    name: str
    base: str
    tuned: str
    marker: str
    size: float  # points
    bar: float  # points
    ink: str


@dataclass(frozen=True)
class Line:
    """Hold what one metric of one set says of a pair, and how far down in its set it stands, in inches."""

    down: float
    label: str
    pair: Pair
    base: Estimate | None
    tuned: Estimate | None
    difference: Estimate | None
    note: str


CLOSED_BOOK = Pair("closed book", "base", "tuned", "o", 14, 8, INK)
WITH_SOURCE = Pair("with source", "base_with_source", "tuned_with_source", "s", 10, 3, SOFT)


def paired_scores(
    scores: Scores, intervals: Intervals | None = None, metrics: Sequence[str] = HEADLINES, axes: Axes | None = None
) -> Axes:
    """Draw the scores of each set from base to tuned, and write each difference, in points, with its interval.

    Raises InputError for a metric that does not run from nothing to all.
    """
    checked(metrics)
    lines = {set_: list(_lines(scores, intervals, set_, metrics)) for set_ in asked(scores)}
    lines = {set_: some for set_, some in lines.items() if some}
    inches = sum(HEAD + some[-1].down + LINE for some in lines.values())
    axes = framed(axes, fill(_finding(lines), 54), height=FOOT + inches, width=WIDE)
    if not lines:
        return say(axes, "no product was asked")
    standing: dict[float, Line] = {}
    top = 0.0
    for set_, some in lines.items():
        _head(axes, top, f"{set_.capitalize()}, {counted(products(scores[set_]), 'product')}", some[0])
        standing |= {top + HEAD + line.down: line for line in some}
        top += HEAD + some[-1].down + LINE
    for y, line in standing.items():
        _dumbbell(axes, y, line)
    _frame(axes, standing, top, level(intervals))
    return told(axes, f"{_finding(lines)}. {_figures(lines)}")


def _lines(scores: Scores, intervals: Intervals | None, set_: str, metrics: Sequence[str]) -> Iterator[Line]:
    pairs = [pair for pair in (CLOSED_BOOK, WITH_SOURCE) if {pair.base, pair.tuned} & set(scores[set_])]
    down = 0.0
    for metric in metrics:
        for pair in pairs:
            label = NAMES[metric][0] if pair == pairs[0] else pair.name
            yield Line(down, label, pair, *_values(scores, intervals, set_, pair, metric))
            down += LINE
        down += AIR


def _values(
    scores: Scores, intervals: Intervals | None, set_: str, pair: Pair, metric: str
) -> tuple[Estimate | None, Estimate | None, Estimate | None, str]:
    base, tuned = (score(scores, intervals, set_, system, metric) for system in (pair.base, pair.tuned))
    if base and tuned:
        between = difference(scores, intervals, set_, (pair.base, pair.tuned), metric)
        return base, tuned, between, between.written
    without = {"base": pair.base, "tuned": pair.tuned}.items()
    absent = [name for name, system in without if system not in scores[set_]]
    if absent:
        return base, tuned, None, f"{' and '.join(absent)} not asked"
    uncounted = [name for name, found in (("base", base), ("tuned", tuned)) if not found]
    return base, tuned, None, "nothing to count" if len(uncounted) == 2 else f"{uncounted[0]}: nothing to count"


def _head(axes: Axes, top: float, name: str, first: Line) -> None:
    axes.text(LEFT, top + 0.35, name, fontsize=TITLE, weight="bold", color=INK, va="center")
    ends = {name: at.value for name, at in (("base", first.base), ("tuned", first.tuned)) if at}
    for (word, _), x in zip(ends.items(), apart(list(ends.values()), WORD, -WORD, 100), strict=True):
        axes.text(x - 1.6, top + HEAD - 0.28, f"{MARKS[word]} {word}", fontsize=TEXT, color=INK, ha="left", va="center")
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": TEXT, "color": SOFT, "va": "center"}
    axes.text(NOTE_X, top + 0.35, "difference, points", **place)


def _dumbbell(axes: Axes, y: float, line: Line) -> None:
    pair, ends = line.pair, [end for end in (line.base, line.tuned) if end]
    axes.plot([0, 100], [y, y], color=TRACK, lw=1.5, zorder=1)
    axes.plot([end.value for end in ends], [y] * len(ends), color=LIGHT, lw=pair.bar, solid_capstyle="butt", zorder=2)
    whisker: dict[str, Any] = {"color": INK, "lw": 1.5, "marker": "|", "ms": pair.size, "mew": 1.5, "clip_on": False}
    for known in ends:
        if known.ends:
            axes.plot(known.ends, [y, y], zorder=3, **whisker)
    # The ring of base is wider than the disc of tuned: where they meet, both are seen.
    for end, face, size in ((line.base, "white", pair.size), (line.tuned, DARK, pair.size * 0.6)):
        if end:
            style: dict[str, Any] = {"marker": pair.marker, "ms": size, "mfc": face, "mec": DARK}
            axes.plot(end.value, y, ls="", zorder=4, clip_on=False, mew=2 if end is line.base else 0, **style)
    strong = bool(line.difference and line.difference.ends and line.difference.direction)
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": TEXT, "va": "center"}
    axes.text(NOTE_X, y, line.note, color=INK if strong else SOFT, weight="bold" if strong else "normal", **place)


def _frame(axes: Axes, standing: Mapping[float, Line], bottom: float, sure: str) -> None:
    bare(axes)
    axes.set_yticks(list(standing), [line.label for line in standing.values()])
    for label, line in zip(axes.get_yticklabels(), standing.values(), strict=True):
        label.set_color(line.pair.ink)
    axes.set_xticks([0, 50, 100], ["0", "50", "100"])
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(LEFT, 100 - LEFT), ylim=(bottom, 0))
    whiskers = f"Whiskers and brackets: {sure}.\n≈: the difference may be none." if sure else "No intervals were taken."
    axes.set_xlabel(f"Scores from 0 to 100. {whiskers}", fontsize=TEXT, color=SOFT, loc="left", labelpad=8)


def _finding(lines: Mapping[str, Sequence[Line]]) -> str:
    for set_, some in lines.items():
        known = [line.difference.direction for line in some if line.pair == CLOSED_BOOK and line.difference]
        ways = {"above": known.count(1), "below": known.count(-1)}
        said = [f"{way} base in {number} of {len(known)} scores" for way, number in ways.items() if number]
        if said:
            return f"{set_.capitalize()} products: tuned {' and '.join(said)}"
        if known:
            return f"{set_.capitalize()} products: no score tells tuned from base"
    return "Scores"


def _figures(lines: Mapping[str, Sequence[Line]]) -> str:
    told_ = []
    for set_, some in lines.items():
        metric = ""
        for line in some:
            metric = metric if line.label == line.pair.name else line.label
            ends = [f"{name} {end.value:.1f}" for name, end in (("base", line.base), ("tuned", line.tuned)) if end]
            note = f"difference {line.note}" if line.difference else line.note
            told_.append(f"{set_}, {metric}, {line.pair.name}: {', '.join([*ends, note])}")
    return "; ".join(told_) + "."
