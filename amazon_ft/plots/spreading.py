"""How answers spread: how long they are, and how much of them stands word for word in the true description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median, quantiles
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes

from amazon_ft.plots.drawing import (
    DARK,
    HATCH,
    INK,
    LIGHT,
    SOFT,
    TEXT,
    TITLE,
    TRACK,
    WIDE,
    Picture,
    counted,
    dressed,
    say,
    share,
    told,
)
from amazon_ft.plots.estimates import SETS

Rows = Sequence[Mapping[str, Any]]
SYSTEMS = ("base", "tuned")
FACES = {"true": (TRACK, ""), "base": (LIGHT, HATCH), "tuned": (DARK, "")}
BARS = 30
FAR = 1.5  # times the length of all but one in fifty: longer than that goes into the last bar
BY_HEART = 90  # % of an answer's words


def lengths(rows: Rows) -> Picture:
    """Draw how many words the true descriptions and the closed-book answers have, and write what share was cut."""
    known = [row for row in rows if row["set"] in SETS]
    words = {"true": [len(row["reference"].split()) for row in known]}
    words |= {name: [len(row[name]["text"].split()) for row in known if name in row] for name in SYSTEMS}
    words = {name: some for name, some in words.items() if some}
    picture = Picture(figsize=(WIDE, 1.0 + 1.7 * max(1, len(words))), layout="constrained")
    if not words:
        return _empty(picture, "no product was asked")
    edges, far = _edges([number for some in words.values() for number in some])
    panels = picture.subplots(len(words), sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (name, some) in zip(panels, words.items(), strict=True):
        _outline(axes, words["true"], edges)
        _bars(axes, name, some, edges)
        _length_notes(axes, name, some, _cut(row[name] for row in known if name in row))
    panels[0].set_xlim(0, edges[-1])
    medians = [f"{name} {median(some):,.0f}" for name, some in words.items()]
    _headline(picture, f"Median length in words: {', '.join(medians)}")
    beyond = f"; the last bar holds all longer than {edges[-2]:,}" if far else ""
    panels[-1].set_xlabel(f"words; line: the true descriptions{beyond}", fontsize=TEXT, color=SOFT, loc="left")
    return picture


def copied(rows: Rows) -> Picture:
    """Draw how much of the closed-book answers is copied from the true descriptions, the sets side by side."""
    sets = [set_ for set_ in SETS if any(row["set"] == set_ for row in rows)]
    shares = {name: {set_: _copied(rows, name, set_) for set_ in sets} for name in SYSTEMS}
    shares = {name: per_set for name, per_set in shares.items() if any(per_set.values())}
    picture = Picture(figsize=(WIDE, 2.2 + 1.9 * len(shares)), layout="constrained")
    if not shares:
        return _empty(picture, "no answer was measured")
    grid = picture.subplots(len(shares), len(sets), sharex=True, sharey=True, squeeze=False)
    for line, (name, per_set) in zip(grid, shares.items(), strict=True):
        for axes, (set_, some) in zip(line, per_set.items(), strict=True):
            _copied_panel(axes, name, set_, some)
        line[0].set_ylabel("% of answers", fontsize=TEXT, color=SOFT)
    grid[0, 0].set(xlim=(0, 100), ylim=(0, 150), xticks=[0, 50, 100], yticks=[0, 50, 100])
    _headline(picture, _finding(shares))
    caption = "% of an answer's words that stand in the true description in runs of five words or more"
    picture.supxlabel(caption, fontsize=TEXT, color=SOFT)
    return picture


def _headline(picture: Picture, text: str) -> None:
    picture.suptitle(fill(text, 66), x=0.01, ha="left", fontsize=TITLE, weight="bold", color=INK)


def _empty(picture: Picture, text: str) -> Picture:
    say(picture.add_subplot(), text)
    return picture


def _edges(numbers: Sequence[int]) -> tuple[list[int], bool]:
    usual = quantiles(numbers, n=50)[-1] if len(numbers) > 1 else numbers[0]
    far = max(numbers) > FAR * usual > 0
    top = int(FAR * usual) if far else max(numbers)
    width = top // BARS + 1
    return list(range(0, top + 2 * width, width)), far


def _held(numbers: Iterable[float], edges: Sequence[float]) -> list[float]:
    return [min(number, edges[-1]) for number in numbers]


def _bars(axes: Axes, name: str, numbers: Sequence[float], edges: Sequence[float]) -> None:
    color, hatch = FACES[name]
    weights = [100 / len(numbers)] * len(numbers)
    style: dict[str, Any] = {"color": color, "hatch": hatch, "edgecolor": DARK, "linewidth": 0.8 if hatch else 0}
    axes.hist(_held(numbers, edges), bins=edges, weights=weights, **style)


def _outline(axes: Axes, numbers: Sequence[float], edges: Sequence[float]) -> None:
    weights = [100 / len(numbers)] * len(numbers)
    style: dict[str, Any] = {"histtype": "step", "color": INK, "linewidth": 1.8, "zorder": 3}
    axes.hist(_held(numbers, edges), bins=edges, weights=weights, **style)


def _length_notes(axes: Axes, name: str, numbers: Sequence[int], cut: str) -> None:
    what = "True descriptions" if name == "true" else f"{name.capitalize()}, {counted(len(numbers), 'answer')}"
    dressed(axes, what, TEXT).spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_title(cut, loc="right", fontsize=TEXT, color=INK)
    spread = f"from {min(numbers):,} to {max(numbers):,} words, median {median(numbers):,.0f}"
    told(axes, f"{what}: {spread}{cut and f', {cut}'}.")


def _cut(answers: Iterable[Mapping[str, Any]]) -> str:
    some = list(answers)
    if not some:
        return ""
    limits = {answer.get("max_new_tokens") for answer in some} - {None, 0}
    limit = f"the limit of {limits.pop():,} tokens" if len(limits) == 1 else "the limit"
    return f"{share(sum(not answer['stopped'] for answer in some), len(some))} cut at {limit}"


def _copied(rows: Rows, name: str, set_: str) -> list[float]:
    measured = [row[name].get("measures", {}).get("copied") for row in rows if row["set"] == set_ and name in row]
    return [100 * part / whole for part, whole in filter(None, measured) if whole]


def _copied_panel(axes: Axes, name: str, set_: str, shares: Sequence[float]) -> None:
    dressed(axes, f"{name}, {set_}", TEXT).spines["left"].set_bounds(0, 100)
    place: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": TEXT, "color": INK}
    if not shares:
        axes.text(50, 122, "nothing to count", **place)
        told(axes, f"{name}, {set_}: nothing to count.")
        return
    _bars(axes, name, shares, range(0, 101, 10))
    note = f"{_by_heart(shares)} of {counted(len(shares), 'answer')}\ncopied to {BY_HEART}% or more"
    axes.text(50, 122, note, **place)
    told(axes, f"{name}, {set_}: {note.replace(chr(10), ' ')}.")


def _by_heart(shares: Sequence[float]) -> str:
    return share(sum(value >= BY_HEART for value in shares), len(shares))


def _finding(shares: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    name, per_set = list(shares.items())[-1]
    said = [f"{_by_heart(some)} of {set_}" for set_, some in reversed(list(per_set.items())) if some]
    return f"{name.capitalize()} recites ({BY_HEART}% or more copied): {', '.join(said)} products"
