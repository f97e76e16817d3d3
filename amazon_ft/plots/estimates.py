"""Scores and differences on one scale, from 0 to 100, each with the interval it may lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amazon_ft.comparison.verdict import told
from amazon_ft.files import InputError

Scores = Mapping[str, Mapping[str, Mapping[str, Any]]]  # set -> system -> metric -> value
Intervals = Mapping[str, Any]
SETS = ("unseen", "variant", "seen")
# The name of each metric that runs from nothing to all, and the score that stands for all.
NAMES = {
    "exact": ("Exact match", 1),
    "rouge_l": ("ROUGE-L", 1),
    "rouge_1": ("ROUGE-1", 1),
    "chrf": ("chrF++", 100),
    "number_precision": ("Number precision", 1),
    "number_recall": ("Number recall", 1),
    "code_precision": ("Code precision", 1),
    "name_precision": ("Name precision", 1),
    "cites": ("Cites its source", 1),
    "copied": ("Copied words", 1),
    "nearest": ("Nearest is right", 1),
    "repetition": ("Repetition", 1),
    "stopped": ("Stopped by itself", 1),
}
MINUS = "\u2212"


@dataclass(frozen=True)
class Estimate:
    """Hold a score between 0 and 100, or a difference of two, and the ends of its interval where it has one."""

    value: float
    ends: tuple[float, float] | None = None
    told: bool = True  # from chance

    @property
    def direction(self) -> int:
        """Tell 1 if it lies above nothing, -1 below, 0 if that may be chance."""
        return ((self.value > 0) - (self.value < 0)) * self.told

    @property
    def written(self) -> str:
        """Write a difference: its sign, its interval, and ≈ before one that may be nothing."""
        ends = f" [{_signed(self.ends[0])}, {_signed(self.ends[1])}]" if self.ends else ""
        return f"{'≈ ' if self.ends and not self.direction else ''}{_signed(self.value, '+')}{ends}"


def checked(metrics: Sequence[str]) -> None:
    """Raise InputError for a metric that has no place on a scale from 0 to 100."""
    for metric in metrics:
        if metric not in NAMES:
            known = ", ".join(NAMES)
            raise InputError(f"{metric!r} has no place on a scale from 0 to 100: choose among {known}.")


def asked(scores: Scores) -> list[str]:
    """Give the sets of products that have rows, the unseen first."""
    return [set_ for set_ in SETS if products(scores.get(set_, {}))]


def products(systems: Mapping[str, Mapping[str, Any]]) -> int:
    """Count the products of a set: the answers of the system that gave most."""
    return max((values.get("n") or 0 for values in systems.values()), default=0)


def score(scores: Scores, intervals: Intervals | None, set_: str, system: str, metric: str) -> Estimate | None:
    """Look up how a system scored on a set; None where it was not asked or there was nothing to count."""
    value = scores[set_].get(system, {}).get(metric)
    if value is None:
        return None
    ends = (intervals or {}).get("scores", {}).get(set_, {}).get(system, {}).get(metric)
    return _estimate(value, ends, metric)


def difference(scores: Scores, intervals: Intervals | None, set_: str, pair: Sequence[str], metric: str) -> Estimate:
    """Give by how much the second system of a pair lies above the first; both must have a score."""
    less, of = pair
    for found in (intervals or {}).get("differences", ()):
        if [found[key] for key in ("set", "of", "less", "metric")] == [set_, of, less, metric]:
            return _estimate(found["difference"], (found["low"], found["high"]), metric, found)
    return _estimate(scores[set_][of][metric] - scores[set_][less][metric], None, metric)


def level(intervals: Intervals | None) -> str:
    """Say how sure the intervals are, or that there are none."""
    return f"{intervals['level']:.0%} intervals" if intervals else ""


def _estimate(
    value: float, ends: Sequence[float | None] | None, metric: str, row: Mapping[str, Any] | None = None
) -> Estimate:
    whole = NAMES[metric][1]
    low, high = ends or (None, None)
    known = None if low is None or high is None else (100 * low / whole, 100 * high / whole)
    return Estimate(100 * value / whole, known, row is None or known is None or told(row))


def _signed(number: float, sign: str = "-") -> str:
    rounded = round(number, 1) + 0.0  # no minus before zero
    return f"{rounded:{sign if rounded else '-'}.1f}".replace("-", MINUS)
