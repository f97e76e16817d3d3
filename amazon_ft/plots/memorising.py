"""What was memorised: the same systems on products that were trained on and on products that were not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes

from amazon_ft.plots.drawing import DARK, INK, LIGHT, MIDDLE, SOFT, TEXT, WIDE, apart, counted, framed, say, told
from amazon_ft.plots.estimates import NAMES, Estimate, Intervals, Scores, asked, checked, level, products, score

BESIDE = 0.05  # between two systems on the same set, where sets are 1 apart
LABEL_GAP = 5.6  # of 100: a line of text
Way = Sequence[Estimate | None]  # one estimate a set


@dataclass(frozen=True)
class Look:
    """Say how a system is drawn on its way from set to set."""

    marker: str
    color: str
    line: str = "-"
    width: float = 1.5  # points
    filled: bool = True


LOOKS = {
    "base": Look("o", DARK, width=3, filled=False),
    "tuned": Look("o", DARK, width=4),
    "base_with_source": Look("s", MIDDLE, filled=False),
    "tuned_with_source": Look("s", MIDDLE),
    "extractive": Look("^", INK),
    "nearest_title": Look("D", SOFT, "--", filled=False),
    "wrong_product": Look("X", SOFT, ":"),
}


def seen_unseen(
    scores: Scores, intervals: Intervals | None = None, metric: str = "rouge_l", axes: Axes | None = None
) -> Axes:
    """Draw every system's score on unseen, variant and seen products side by side.

    Raises InputError for a metric that does not run from nothing to all.
    """
    checked([metric])
    sets = asked(scores)
    ways = {system: [score(scores, intervals, set_, system, metric) for set_ in sets] for system in LOOKS}
    ways = {system: way for system, way in ways.items() if any(way)}
    axes = framed(axes, fill(_finding(NAMES[metric][0], sets, ways), 60), height=5.6, width=WIDE)
    if not ways:
        return say(axes, "no product was asked")
    for place, (system, way) in enumerate(ways.items()):
        _draw(axes, (place - (len(ways) - 1) / 2) * BESIDE, way, LOOKS[system])
    _name(axes, ways)
    axes.set_xticks(range(len(sets)), [f"{set_}\n{counted(products(scores[set_]), 'product')}" for set_ in sets])
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set(xlim=(-0.3, len(sets) - 0.7), ylim=(-4, 104))
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel(_caption(sets, level(intervals)), fontsize=TEXT, color=SOFT, loc="left", labelpad=10)
    figures = "; ".join(f"{_plain(system)} {_course(sets, way)}" for system, way in ways.items())
    return told(axes, f"{_finding(NAMES[metric][0], sets, ways)}. {NAMES[metric][0]} of each system: {figures}.")


def _draw(axes: Axes, beside: float, way: Way, look: Look) -> None:
    points = [(x + beside, at) for x, at in enumerate(way) if at]
    for x, at in points:
        if at.ends:
            axes.plot([x, x], at.ends, color=look.color, lw=1.5, marker="_", ms=7, mew=1.5, zorder=2)
    face = look.color if look.filled else "white"
    line: dict[str, Any] = {"color": look.color, "ls": look.line, "lw": look.width}
    marker: dict[str, Any] = {"marker": look.marker, "ms": 9, "mfc": face, "mew": 1.8}
    axes.plot([x for x, _ in points], [at.value for _, at in points], zorder=3, **line, **marker)


def _name(axes: Axes, ways: Mapping[str, Way]) -> None:
    last = {system: [(x, at.value) for x, at in enumerate(way) if at][-1] for system, way in ways.items()}
    edge = max(len(way) for way in ways.values()) - 0.62
    heights = apart([value for _, value in last.values()], LABEL_GAP, 0, 100)
    for place, ((system, (x, value)), y) in enumerate(zip(last.items(), heights, strict=True)):
        start = x + (place - (len(ways) - 1) / 2) * BESIDE
        axes.plot([start, edge - 0.02], [value, y], color=LIGHT, lw=1, zorder=1, clip_on=False)
        weight = "bold" if system == "tuned" else "normal"
        axes.text(edge, y, f"{_plain(system)} {value:.1f}", va="center", fontsize=TEXT, color=INK, weight=weight)


def _finding(name: str, sets: Sequence[str], ways: Mapping[str, Way]) -> str:
    tuned = {set_: at for set_, at in zip(sets, ways.get("tuned", ()), strict=False) if at}
    if not tuned:
        return f"{name} of each system"
    said = [f"{at.value:.1f} {set_}" for set_, at in reversed(list(tuned.items()))]
    return f"{name} of tuned: {', '.join(said)}"


def _caption(sets: Sequence[str], sure: str) -> str:
    memory = "What climbs from unseen to seen was memorised." if {"seen", "unseen"} <= set(sets) else ""
    return f"{memory} {f'Whiskers: {sure}.' if sure else ''}".strip()


def _course(sets: Sequence[str], way: Way) -> str:
    return ", ".join(f"{at.value:.1f} on {set_}" for set_, at in zip(sets, way, strict=True) if at)


def _plain(system: str) -> str:
    return system.replace("_", " ")
