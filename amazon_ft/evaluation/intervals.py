"""Say how sure scores and their differences are: a paired bootstrap over clusters, a sign test, Holm's correction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from amazon_ft.evaluation.measures import signature, systems
from amazon_ft.evaluation.scoring import PERPLEXITY, SETS, measures_of, metrics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEVEL = 0.95
# Which system is compared with which: the first less the second.
PAIRS = (
    ("tuned", "base"),
    ("base_with_source", "base"),
    ("tuned_with_source", "tuned"),
    ("tuned_with_source", "base_with_source"),
    ("tuned_with_source", "extractive"),
    ("tuned", "nearest_title"),
    ("tuned", "wrong_product"),
)
TESTED = ("exact", "rouge_l", "number_precision", "invented_numbers")  # the family that Holm corrects for
FEWEST = 2  # clusters in which something is counted: the spread of one cannot be told
AT_A_TIME = 1 << 20  # resamples times clusters: 8 MiB of weights

Side = tuple[str, str]  # a system, scored on the rows that another one answered too


@dataclass(frozen=True)
class Draws:
    """Hold scores by side and metric: of all rows, of each draw, and which clusters count at all."""

    value: Numbers  # sides x metrics
    drawn: Numbers  # draws x sides x metrics
    counts: NDArray[np.bool_]  # clusters x sides x metrics


@dataclass(frozen=True)
class Interval:
    """Hold a percentile interval, and the two-sided p that what was drawn is 0."""

    low: float | None
    high: float | None
    p: float | None


def intervals(rows: Sequence[Mapping[str, Any]], resamples: int = 10_000, seed: int = 3407) -> dict[str, Any]:
    """Give intervals of the scores of measured rows and of the differences of PAIRS, by set.

    Clusters are drawn, not rows; a row without a cluster is one of its own. Both systems of a pair are scored on the
    rows that both answered, in the same draws. What is counted in fewer than 2 clusters has no interval and no p: None.
    """
    scores: dict[str, dict[str, Any]] = {}
    differences: list[dict[str, Any]] = []
    for set_ in SETS:
        own = [row for row in rows if row["set"] == set_]
        if own:
            sides, named = _sides(own), metrics(own)
            draws = _draws(_by_cluster(own, sides, named), resamples, seed)
            _add_perplexity(named, draws.value, draws.drawn)
            scores[set_] = _scores(sides, named, draws)
            differences += [{"set": set_} | each for each in _differences(own, sides, named, draws)]
    family = [each for each in differences if each["metric"] in TESTED and each["p"] is not None]
    for each, corrected in zip(family, holm([each["p"] for each in family]), strict=True):
        each["p_holm"] = corrected
    about = {"level": LEVEL, "resamples": resamples, "seed": seed, "unit": "near-duplicate cluster"}
    return {**about, "chrf": signature(), "scores": scores, "differences": differences}


def sign_test(wins: int, losses: int) -> float:
    """Give the exact two-sided p that wins and losses are equally likely; ties are not counted."""
    votes, ways, these = wins + losses, 0, 1
    for number in range(min(wins, losses) + 1):
        ways += these
        these = these * (votes - number) // (number + 1)  # the ways to win once more
    return min(1.0, float(Fraction(2 * ways, 2**votes)))


def holm(ps: Sequence[float]) -> list[float]:
    """Correct a family of p for being one, by Holm's step-down method, in the order given."""
    corrected, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = highest
    return corrected


def _draws(sums: Numbers, resamples: int, seed: int) -> Draws:
    """Score `resamples` draws of as many clusters as there are, all sides in the same draws."""
    import numpy as np

    number, rng = len(sums), np.random.default_rng(seed)
    drawn = np.empty((resamples, *sums.shape[1:3]))
    for start in range(0, resamples, most := max(1, AT_A_TIME // number)):
        size = min(most, resamples - start)
        places = rng.integers(0, number, (size, number)) + number * np.arange(size)[:, None]
        weights = np.bincount(places.ravel(), minlength=size * number).reshape(size, number)
        summed = (weights.astype(float) @ sums.reshape(number, -1)).reshape(size, *sums.shape[1:])
        drawn[start : start + size] = _ratio(summed)
    return Draws(_ratio(sums.sum(0)), drawn, sums[..., 1] > 0)


def _interval(drawn: Numbers, clusters: int) -> Interval:
    """Read an interval off the draws in which something could be counted; p counts one draw more on either side."""
    import numpy as np

    drawn = drawn[~np.isnan(drawn)]
    if clusters < FEWEST or not len(drawn):
        return Interval(None, None, None)
    low, high = (round(float(bound), 6) for bound in np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return Interval(low, high, min(1.0, 2 * (1 + beyond) / (len(drawn) + 1)))


def _sides(rows: Sequence[Mapping[str, Any]]) -> list[Side]:
    known = dict.fromkeys(system for row in rows for system in systems(row))
    paired = [_side(rows, *side) for pair in _pairs(rows) for side in (pair, pair[::-1])]
    return list(dict.fromkeys([*((system, system) for system in known), *paired]))


def _pairs(rows: Sequence[Mapping[str, Any]]) -> list[Side]:
    return [pair for pair in PAIRS if any(set(pair) <= row.keys() for row in rows)]


def _side(rows: Sequence[Mapping[str, Any]], system: str, other: str) -> Side:
    """Name a system as one of a pair: as itself where the other one answered all that it did."""
    return (system, system) if all(other in row for row in rows if system in row) else (system, other)


def _scores(sides: Sequence[Side], named: Sequence[str], draws: Draws) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for place, (system, other) in enumerate(sides):
        for at, metric in enumerate(named if system == other else ()):
            one = _interval(draws.drawn[:, place, at], int(draws.counts[:, place, at].sum()))
            scores.setdefault(system, {})[metric] = [one.low, one.high]
    return scores


def _differences(
    rows: Sequence[Mapping[str, Any]], sides: Sequence[Side], named: Sequence[str], draws: Draws
) -> Iterator[dict[str, Any]]:
    """Give each difference that there is; p_holm is left to the whole family."""
    clusters = _clusters(rows)
    for pair in _pairs(rows):
        of, less = (sides.index(_side(rows, *side)) for side in (pair, pair[::-1]))
        both = [place for place, row in enumerate(rows) if set(pair) <= row.keys()]
        about = {"n": len(both), "clusters": len({clusters[place] for place in both})}
        for at, metric in enumerate(named):
            value = float(draws.value[of, at] - draws.value[less, at])
            counts = int((draws.counts[:, of, at] | draws.counts[:, less, at]).sum())
            one = _interval(draws.drawn[:, of, at] - draws.drawn[:, less, at], counts)
            if value == value:  # neither is NaN
                names = {"of": pair[0], "less": pair[1], "metric": metric}
                found = {"difference": round(value, 6), "low": one.low, "high": one.high, "p": one.p, "p_holm": None}
                yield names | about | found


def _by_cluster(rows: Sequence[Mapping[str, Any]], sides: Sequence[Side], named: Sequence[str]) -> Numbers:
    """Sum numerators and denominators of each cluster: clusters x sides x metrics x 2."""
    import numpy as np

    clusters, named = _clusters(rows), ["loss" if metric == PERPLEXITY else metric for metric in named]
    number = {cluster: place for place, cluster in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(number), len(sides), len(named), 2))
    for place, side in enumerate(sides):
        both = [at for at, row in enumerate(rows) if set(side) <= row.keys()]
        read = [measures_of(rows[at], side[0]) for at in both]
        ratios = np.array([[each.get(metric, (0, 0)) for metric in named] for each in read], float)
        np.add.at(sums[:, place], [number[clusters[at]] for at in both], ratios)
    return sums


def _clusters(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"cluster {row['cluster']}" if row.get("cluster") else f"row {place}" for place, row in enumerate(rows)]


def _ratio(sums: Numbers) -> Numbers:
    import numpy as np

    above, below = sums[..., 0], sums[..., 1]
    ratio: Numbers = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return ratio


def _add_perplexity(named: Sequence[str], *ratios: Numbers) -> None:
    import numpy as np

    for ratio in ratios:  # in place: what was drawn is large
        ratio[..., named.index(PERPLEXITY)] = np.exp(ratio[..., named.index("loss")])
