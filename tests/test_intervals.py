from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from amazon_ft.evaluation import PAIRS, SCORES, SETS, TESTED, holm, intervals, sign_test
from amazon_ft.evaluation.intervals import student, tail

SIMULATIONS, RESAMPLES = 400, 599
MANY = (40, 61)  # clusters
ROUGE, NUMBERS = 0.1, 0.15  # the true differences of a mean and of a ratio of sums


def row(set_: str = "seen", cluster: str = "", **measures: dict[str, list[float]]) -> dict[str, Any]:
    answers = {system: {"stopped": True, "measures": own} for system, own in measures.items()}
    return {"set": set_, "source": "B1", "cluster": cluster} | answers


def of(found: dict[str, Any], metric: str, pair: tuple[str, str] = ("tuned", "base")) -> dict[str, Any]:
    [one] = [each for each in found["differences"] if (each["of"], each["less"], each["metric"]) == (*pair, metric)]
    return dict(one)


def simulated(rng: np.random.Generator, clusters: tuple[int, int] = MANY) -> list[dict[str, Any]]:
    """Draw clusters of one to four rows; what a cluster is like moves both systems, and each one too."""
    rows = []
    for cluster in range(rng.integers(*clusters)):
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


@pytest.mark.parametrize("clusters", [(11, 12), (20, 21), MANY])
def test_intervals_of_differences_cover_the_truth_as_often_as_they_say(clusters: tuple[int, int]) -> None:
    rng = np.random.default_rng(3407)
    hits: NDArray[np.float64] = np.zeros(2)
    for number in range(SIMULATIONS):
        found = intervals(simulated(rng, clusters), RESAMPLES, number)
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
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [tail(7), 1 - tail(7)])), abs=0.01)


def test_a_seed_gives_the_same_intervals_again_and_another_one_others() -> None:
    rows = simulated(np.random.default_rng(1))
    assert intervals(rows, 200) == intervals(rows, 200)
    assert intervals(rows, 200)["differences"] != intervals(rows, 200, seed=1)["differences"]


def test_a_pair_is_compared_on_the_rows_that_both_answered() -> None:
    both = [row(cluster=f"{n}", base={"exact": [0, 1]}, tuned={"exact": [n % 2, 1]}) for n in range(8)]
    alone = [row(cluster=f"x{n}", tuned={"exact": [1, 1]}) for n in range(6)]
    one = of(intervals([*both, *alone], 200), "exact")
    assert (one["n"], one["clusters"], one["difference"]) == (8, 8, 0.5)


@pytest.mark.parametrize("number", [1, 5])
def test_what_too_few_clusters_count_has_no_interval(number: int) -> None:
    rows = [row(cluster=f"x{n}", base={"exact": [0, 1]}, tuned={"exact": [1, 1]}) for n in range(number)] * 3
    found = intervals(rows, 100)
    assert found["scores"]["seen"]["tuned"]["exact"] == [None, None]
    assert {name: of(found, "exact")[name] for name in ("difference", "low", "high", "p", "p_holm", "clusters")} == {
        "difference": 1,
        "low": None,
        "high": None,
        "p": None,
        "p_holm": None,
        "clusters": number,
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
    one = of(intervals([row(cluster=f"{n}", base=same, tuned=same) for n in range(6)], 100), "exact")
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


def test_what_was_forgotten_is_of_the_tested_family_and_a_loss_elsewhere_is_not() -> None:
    base, tuned = {"right": [1, 1], "loss": [1, 1]}, {"right": [0, 1], "loss": [2, 1]}
    rows = [row(set_, f"{n}", base=base, tuned=tuned) for set_ in ("seen", "general") for n in range(16)]
    found = intervals(rows, 1_000)["differences"]
    assert {(each["set"], each["metric"]) for each in found if each["p_holm"] is not None} == {
        ("general", "right"),
        ("general", "loss"),
    }


def test_the_least_p_of_the_whole_family_is_below_0_05_when_corrected() -> None:
    family = sum(len(TESTED[set_]) * (1 if set_ == "general" else len(PAIRS)) for set_ in SETS)
    assert family == 86
    resamples = intervals.__defaults__[0]  # type: ignore[index]
    assert family * 2 / (resamples + 1) < 0.025


def test_a_p_is_no_less_than_that_of_as_many_equal_signs() -> None:
    rows = [row(cluster=f"{n}", base={"exact": [0, 1]}, tuned={"exact": [1, 1]}) for n in range(7)]
    assert of(intervals(rows, 1_000), "exact")["p"] == 1 / 64


def test_a_difference_has_no_more_clusters_than_the_system_with_fewer() -> None:
    rows = [row(cluster=f"{n}", base={"exact": [n % 2, int(n < 5)]}, tuned={"exact": [1, 1]}) for n in range(30)]
    found = intervals(rows, 100)
    assert of(found, "exact")["low"] is None
    assert found["scores"]["seen"]["tuned"]["exact"] == [1, 1]


def test_students_t_is_that_of_the_tables() -> None:
    table = {5: 2.5706, 6: 2.4469, 10: 2.2281, 19: 2.0930, 30: 2.0423, 100: 1.9840, 10_000: 1.9602}
    assert {freedom: student(0.975, freedom) for freedom in table} == pytest.approx(table, abs=0.0005)
    assert student(0.5, 7) == pytest.approx(0, abs=1e-12)
    assert student(0.025, 9) == pytest.approx(-student(0.975, 9))


def test_percentiles_are_expanded_for_few_clusters() -> None:
    assert tail(6) == pytest.approx(0.00243, abs=0.0001)
    assert [tail(number) < tail(number + 1) < 0.025 for number in range(6, 200)] == [True] * 194
    assert tail(100_000) == pytest.approx(0.025, abs=1e-4)


def test_an_infinite_perplexity_has_no_interval() -> None:
    rows = [row(cluster=f"{n}", base={"loss": [9000 + n, 1]}, tuned={"loss": [n, 1]}) for n in range(9)]
    found = intervals(rows, 100)
    assert found["scores"]["seen"]["base"]["perplexity"] == [None, None]
    assert None not in found["scores"]["seen"]["base"]["loss"]
    assert [each["metric"] for each in found["differences"]] == ["loss"]


def test_perplexity_has_an_interval_as_loss_has() -> None:
    rows = [row(cluster=f"{n}", base={"loss": [n, 2]}, tuned={"loss": [1, 2]}) for n in range(9)]
    found = intervals(rows, 300)
    low, high = found["scores"]["seen"]["base"]["loss"]
    assert found["scores"]["seen"]["base"]["perplexity"] == pytest.approx([math.exp(low), math.exp(high)], rel=0.01)
    assert of(found, "perplexity")["difference"] == pytest.approx(math.exp(0.5) - math.exp(2))


def test_what_made_the_intervals_is_told() -> None:
    found = intervals([], 10)
    assert {
        name: found[name]
        for name in ("level", "resamples", "seed", "unit", "interval", "fewest", "scores", "differences")
    } == {
        "level": 0.95,
        "resamples": 10,
        "seed": 3407,
        "unit": "near-duplicate cluster",
        "interval": "expanded percentile",
        "fewest": 6,
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
