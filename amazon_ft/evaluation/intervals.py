"""Say how sure scores and their differences are: a paired bootstrap over clusters, a sign test, Holm's correction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import isfinite
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from amazon_ft.evaluation.measures import GENERAL, signature, systems
from amazon_ft.evaluation.scoring import PERPLEXITY, PRODUCT_SETS, SETS, measures_of, metrics

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
# The family that Holm corrects for, by set: 4 metrics of 7 pairs in 3 sets and 2 of 1 pair are 86 tests. Of 10,000
# resamples the least p is 0.0002, and 86 times that is 0.017: enough of them to tell anything.
TESTED: dict[str, tuple[str, ...]] = dict.fromkeys(
    PRODUCT_SETS, ("exact", "rouge_l", "number_precision", "invented_numbers")
)
TESTED |= {GENERAL: ("right", "loss")}
FEWEST = 6  # clusters in which something is counted: the p of 5 is at least 2 / 2**5, above 0.05
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
    rows that both answered, in the same draws. What is counted in fewer than 6 clusters has no interval and no p: None.
    Percentiles are expanded for few clusters: simulated intervals of 11, 20 and 40 to 60 hold the truth in 92 to 98%.
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
    family = [each for each in differences if each["metric"] in TESTED[each["set"]] and each["p"] is not None]
    for each, corrected in zip(family, holm([each["p"] for each in family]), strict=True):
        each["p_holm"] = corrected
    about = {"level": LEVEL, "resamples": resamples, "seed": seed, "unit": "near-duplicate cluster"}
    about |= {"interval": "expanded percentile", "fewest": FEWEST}
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


@cache
def tail(clusters: int) -> float:
    """Give the share of draws outside an interval at either end: less for few clusters, by Hesterberg's expansion.

    Of n clusters it is that of a normal distribution beyond sqrt(n / (n - 1)) times Student's t of n - 1 degrees.
    """
    return NormalDist().cdf(-((clusters / (clusters - 1)) ** 0.5) * student((1 + LEVEL) / 2, clusters - 1))


def student(share: float, freedom: int) -> float:
    """Give the quantile of Student's t by its expansion around the normal one, right to 0.0005 from 5 degrees on."""
    z = NormalDist().inv_cdf(share)
    terms: tuple[float, ...] = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(freedom**power) for power, term in enumerate(terms, 1))


def _draws(sums: Numbers, resamples: int, seed: int) -> Draws:
    """Score `resamples` draws of as many clusters as there are, all sides in the same draws."""
    import numpy as np

    number, rng = len(sums), np.random.default_rng(seed)
    flat = sums.reshape(number, -1)
    counted = flat.any(0)  # most metrics make no sense for some side
    drawn = np.empty((resamples, *sums.shape[1:3]))
    for start in range(0, resamples, most := max(1, AT_A_TIME // number)):
        size = min(most, resamples - start)
        places = rng.integers(0, number, (size, number)) + number * np.arange(size)[:, None]
        weights = np.bincount(places.ravel(), minlength=size * number).reshape(size, number)
        summed = np.zeros((size, flat.shape[1]))
        summed[:, counted] = weights.astype(float) @ flat[:, counted]
        drawn[start : start + size] = _ratio(summed.reshape(size, *sums.shape[1:]))
    return Draws(_ratio(sums.sum(0)), drawn, sums[..., 1] > 0)


def _interval(drawn: Numbers, clusters: int) -> Interval:
    """Read an interval off the draws in which something could be counted; p counts one draw more on either side.

    A p is no less than that of all `clusters` having the same sign by chance.
    """
    import numpy as np

    if clusters < FEWEST or np.isinf(drawn).any() or not len(drawn := drawn[~np.isnan(drawn)]):
        return Interval(None, None, None)
    outside = tail(clusters)
    low, high = (round(float(bound), 6) for bound in np.quantile(drawn, [outside, 1 - outside]))
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return Interval(low, high, min(1.0, max(2 * (1 + beyond) / (len(drawn) + 1), 2.0 ** (1 - clusters))))


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
            counts = int(draws.counts[:, (of, less), at].sum(0).min())
            one = _interval(draws.drawn[:, of, at] - draws.drawn[:, less, at], counts)
            if isfinite(value):
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

    with np.errstate(over="ignore"):  # an infinite one has no interval
        for ratio in ratios:  # in place: what was drawn is large
            ratio[..., named.index(PERPLEXITY)] = np.exp(ratio[..., named.index("loss")])
