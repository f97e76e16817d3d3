from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from amazon_ft.evaluation import SCORES, holm, intervals, sign_test

SIMULATIONS, RESAMPLES = 400, 599
ROUGE, NUMBERS = 0.1, 0.15  # the true differences of a mean and of a ratio of sums


def row(set_: str = "seen", cluster: str = "", **measures: dict[str, list[float]]) -> dict[str, Any]:
    answers = {system: {"stopped": True, "measures": own} for system, own in measures.items()}
    return {"set": set_, "source": "B1", "cluster": cluster} | answers


def of(found: dict[str, Any], metric: str, pair: tuple[str, str] = ("tuned", "base")) -> dict[str, Any]:
    [one] = [each for each in found["differences"] if (each["of"], each["less"], each["metric"]) == (*pair, metric)]
    return dict(one)


def simulated(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Draw 60 to 100 clusters of one to four rows; what a cluster is like moves both systems, and each one too."""
    rows = []
    for cluster in range(rng.integers(60, 101)):
        shared, own = rng.normal(0, 0.3), rng.normal(0, 0.15, 2)
        hard = rng.beta(4, 4)  # how many of a cluster's numbers are missed
        for _ in range(rng.integers(1, 5)):
            counts = 1 + rng.poisson(3, 2)
            chances = (0.6 - 0.6 * hard, 0.6 - 0.6 * hard + NUMBERS)
            measures = [
                {
                    "rouge_l": [ROUGE * side + shared + own[side] + rng.normal(0, 0.1), 1],
                    "number_precision": [int(rng.binomial(counts[side], chances[side])), int(counts[side])],
                }
                for side in (0, 1)
            ]
            rows.append(row("seen", f"c{cluster}", base=measures[0], tuned=measures[1]))
    return rows


def test_intervals_of_differences_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3407)
    hits: NDArray[np.float64] = np.zeros(2)
    for number in range(SIMULATIONS):
        found = intervals(simulated(rng), RESAMPLES, number)
        for place, (metric, truth) in enumerate({"rouge_l": ROUGE, "number_precision": NUMBERS}.items()):
            one = of(found, metric)
            hits[place] += one["low"] <= truth <= one["high"]
    assert (hits / SIMULATIONS >= 0.92).all()
    assert (hits / SIMULATIONS <= 0.98).all()


def test_rows_taken_for_independent_would_make_intervals_too_narrow() -> None:
    rng, hits = np.random.default_rng(3407), 0
    for number in range(60):
        one = of(intervals([each | {"cluster": ""} for each in simulated(rng)], RESAMPLES, number), "rouge_l")
        hits += one["low"] <= ROUGE <= one["high"]
    assert hits / 60 < 0.85


def test_the_same_draws_serve_both_systems_of_a_pair() -> None:
    rng = random.Random(3407)
    rows = []
    for number in range(50):
        score = rng.random()
        rows.append(row(cluster=f"{number}", base={"rouge_l": [score, 1]}, tuned={"rouge_l": [score + 0.01, 1]}))
    found = intervals(rows, resamples=500)
    one = of(found, "rouge_l")
    assert (one["difference"], one["low"], one["high"]) == pytest.approx((0.01, 0.01, 0.01))
    low, high = found["scores"]["seen"]["base"]["rouge_l"]
    assert high - low > 0.1
    assert one["p"] == pytest.approx(2 / 501)


def test_intervals_are_those_of_drawing_clusters_by_hand() -> None:
    rng = random.Random(3407)
    rows = [row(cluster=f"{number % 7}", base={"chrf": [rng.random(), rng.randint(0, 3)]}) for number in range(40)]
    sums = [
        [
            sum(each["base"]["measures"]["chrf"][part] for each in rows if each["cluster"] == f"{cluster}")
            for part in (0, 1)
        ]
        for cluster in range(7)
    ]
    drawn = []
    for _ in range(20_000):
        taken = rng.choices(sums, k=7)
        drawn.append(sum(part[0] for part in taken) / sum(part[1] for part in taken))
    low, high = intervals(rows, resamples=20_000)["scores"]["seen"]["base"]["chrf"]
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.01)


def test_a_seed_gives_the_same_intervals_again_and_another_one_others() -> None:
    rows = simulated(np.random.default_rng(1))
    assert intervals(rows, 200) == intervals(rows, 200)
    assert intervals(rows, 200)["differences"] != intervals(rows, 200, seed=1)["differences"]


def test_a_pair_is_compared_on_the_rows_that_both_answered() -> None:
    both = [row(cluster=f"{n}", base={"exact": [0, 1]}, tuned={"exact": [n % 2, 1]}) for n in range(4)]
    alone = [row(cluster=f"x{n}", tuned={"exact": [1, 1]}) for n in range(6)]
    one = of(intervals([*both, *alone], 200), "exact")
    assert (one["n"], one["clusters"], one["difference"]) == (4, 4, 0.5)


def test_what_one_cluster_counts_has_no_interval() -> None:
    rows = [row(cluster="a", base={"exact": [0, 1]}, tuned={"exact": [1, 1]})] * 3
    found = intervals(rows, 100)
    assert found["scores"]["seen"]["tuned"]["exact"] == [None, None]
    assert {name: of(found, "exact")[name] for name in ("difference", "low", "high", "p", "p_holm", "clusters")} == {
        "difference": 1,
        "low": None,
        "high": None,
        "p": None,
        "p_holm": None,
        "clusters": 1,
    }
    others = [row(cluster=f"{n}", base={"exact": [0, 0]}, tuned={"exact": [0, 0]}) for n in range(9)]
    assert of(intervals([*rows, *others], 100), "exact")["low"] is None


def test_what_nothing_counts_is_no_difference() -> None:
    found = intervals([row(cluster=f"{n}", base={}, tuned={"exact": [1, 1]}) for n in range(3)], 100)
    assert found["differences"] == []
    assert found["scores"]["seen"]["base"]["exact"] == [None, None]
    assert list(found["scores"]["seen"]["tuned"]) == list(SCORES)


def test_equal_systems_do_not_differ() -> None:
    same = {"exact": [1, 1]}
    one = of(intervals([row(cluster=f"{n}", base=same, tuned=same) for n in range(5)], 100), "exact")
    assert (one["difference"], one["low"], one["high"], one["p"], one["p_holm"]) == (0, 0, 0, 1, 1)


def test_the_tested_family_is_corrected_and_nothing_else() -> None:
    rows = [
        row(set_, f"{n}", base={"exact": [0, 1], "chrf": [1, 1]}, tuned={"exact": [n % 3 > 0, 1], "chrf": [2, 1]})
        for set_ in ("seen", "unseen", "own")
        for n in range(30)
    ]
    found = intervals(rows, 1_000)
    told = {(each["set"], each["metric"]): (each["p"], each["p_holm"]) for each in found["differences"]}
    assert set(told) == {(set_, metric) for set_ in ("seen", "unseen") for metric in ("exact", "chrf")}
    assert told["seen", "exact"] == pytest.approx((2 / 1001, 4 / 1001))
    assert told["seen", "chrf"] == (pytest.approx(2 / 1001), None)


def test_perplexity_has_an_interval_as_loss_has() -> None:
    rows = [row(cluster=f"{n}", base={"loss": [n, 2]}, tuned={"loss": [1, 2]}) for n in range(9)]
    found = intervals(rows, 300)
    low, high = found["scores"]["seen"]["base"]["loss"]
    assert found["scores"]["seen"]["base"]["perplexity"] == pytest.approx([math.exp(low), math.exp(high)], rel=0.01)
    assert of(found, "perplexity")["difference"] == pytest.approx(math.exp(0.5) - math.exp(2))


def test_what_made_the_intervals_is_told() -> None:
    found = intervals([], 10)
    assert {name: found[name] for name in ("level", "resamples", "seed", "unit", "scores", "differences")} == {
        "level": 0.95,
        "resamples": 10,
        "seed": 3407,
        "unit": "near-duplicate cluster",
        "scores": {},
        "differences": [],
    }
    assert "nw:2" in found["chrf"]


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(0, 0, 1), (5, 5, 1), (5, 0, 0.0625), (0, 5, 0.0625), (8, 2, 0.109375), (1000, 700, 4e-13)],
)
def test_the_sign_test_is_exact(wins: int, losses: int, p: float) -> None:
    assert sign_test(wins, losses) == pytest.approx(p, rel=0.2 if p < 1e-9 else 1e-12)


def test_the_sign_test_of_many_votes_has_no_overflow() -> None:
    assert 0.8 < sign_test(3_000, 3_010) < 1


def test_holm_steps_down_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []
