"""Scores and differences as the page's tables write them, with their intervals and what those let one say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amazon_ft.comparison.metrics import HEADLINES, METRICS, metric
from amazon_ft.comparison.names import SETS, SYSTEMS, in_order, named
from amazon_ft.comparison.verdict import difference, told


@dataclass(frozen=True)
class Cell:
    """Hold a value as it is written, its interval, and what that lets one say."""

    value: str
    between: str = ""
    word: str = ""


@dataclass(frozen=True)
class Line:
    """Hold one metric of a set: a cell for each system, and the difference of tuned less base."""

    label: str
    cells: Sequence[Cell]
    change: Cell


@dataclass(frozen=True)
class Board:
    """Hold the scores of one set: the headlines, and the rest."""

    name: str
    label: str
    note: str
    n: int
    systems: Sequence[str]
    head: Sequence[Line]
    rest: Sequence[Line]


@dataclass(frozen=True)
class Contrast:
    """Hold the difference of two systems in a metric of a set, and how sure it is."""

    set: str
    of: str
    less: str
    metric: str
    change: Cell
    p: str
    p_holm: str


def board(name: str, systems: Mapping[str, Any], intervals: Mapping[str, Any]) -> Board:
    """Lay out the scores of one set, with the intervals that there are; what no system has is left out."""
    order = in_order((system for system in systems if systems[system].get("n")), SYSTEMS)
    counted = {key for system in order for key, value in systems[system].items() if key != "n" and value is not None}
    lines = {key: _line(name, key, order, systems, intervals) for key in in_order(counted, METRICS)}
    head = [key for key in HEADLINES if key in lines]
    set_ = named(name, SETS)
    return Board(
        name=name,
        label=set_.label.en,
        note=set_.meaning.en,
        n=max((systems[system]["n"] for system in order), default=0),
        systems=[named(system, SYSTEMS).label.en for system in order],
        head=[lines[key] for key in head],
        rest=[line for key, line in lines.items() if key not in head],
    )


def _line(set_: str, key: str, order: Sequence[str], systems: Mapping[str, Any], intervals: Mapping[str, Any]) -> Line:
    known, ends = metric(key), intervals.get("scores", {}).get(set_, {})
    cells = [
        Cell(known.shown(systems[name].get(key)), _between(known.shown, ends.get(name, {}).get(key))) for name in order
    ]
    row = difference(intervals, set_, "tuned", "base", key)
    if row:
        return Line(known.label.en, cells, _change(row))
    tuned, base = (systems.get(name, {}).get(key) for name in ("tuned", "base"))
    both = isinstance(tuned, int | float) and isinstance(base, int | float)
    return Line(known.label.en, cells, Cell(known.change(tuned - base if both else None)))


def _change(row: Mapping[str, Any]) -> Cell:
    known = metric(row["metric"])
    up = row["low"] > 0
    words = {"higher": ("worse", "better"), "lower": ("better", "worse"), "": ("less", "more")}[known.better]
    word = words[up] if told(row) else "may be chance"
    return Cell(known.change(row["difference"]), _between(known.change, (row["low"], row["high"])), word)


def _between(written: Callable[[Any], str], ends: Sequence[float] | None) -> str:
    if not ends or None in ends:
        return ""
    low, high = (written(end) for end in ends)
    return f"{low.removesuffix('%') if high.endswith('%') else low} to {high}"


def contrasts(intervals: Mapping[str, Any]) -> list[Contrast]:
    """List the differences of the tested family, or all where none was tested."""
    rows = [row for row in intervals.get("differences", ()) if None not in (row["difference"], row["low"], row["high"])]
    family = [row for row in rows if row["p_holm"] is not None] or rows
    return [_contrast(row) for row in family]


def _contrast(row: Mapping[str, Any]) -> Contrast:
    return Contrast(
        set=named(row["set"], SETS).label.en,
        of=named(row["of"], SYSTEMS).label.en,
        less=named(row["less"], SYSTEMS).label.en,
        metric=metric(row["metric"]).label.en,
        change=_change(row),
        p=p(row["p"]),
        p_holm=p(row["p_holm"]),
    )


def p(value: float | None) -> str:
    """Write a p-value; none is too small to be told from 0."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
