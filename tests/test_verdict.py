from typing import Any

import pytest

from amazon_ft.comparison import findings
from amazon_ft.comparison.verdict import told


def numbers(
    n: int,
    exact: float | None,
    rouge: float | None = 0.5,
    precision: float | None = 0.25,
) -> dict[str, Any]:
    return {
        "n": n,
        "exact": exact,
        "rouge_l": rouge,
        "rouge_1": rouge,
        "chrf": 40.0 if n else None,
        "number_precision": precision,
        "stopped": 1.0 if n else None,
    }


NONE = numbers(0, None, None, None)
SCORES = {
    "seen": {"base": numbers(96, 0.0, 0.1), "tuned": numbers(96, 0.97, 0.99)},
    "unseen": {"base": numbers(41, 0.0, 0.1), "tuned": numbers(41, 0.0, 0.4)},
}


def verdict(*given: Any) -> str:
    return " ".join(findings(*given))


def apart(set_: str, metric: str, low: float, high: float, of: str = "tuned", less: str = "base") -> dict[str, Any]:
    return {
        "set": set_,
        "of": of,
        "less": less,
        "metric": metric,
        "difference": (low + high) / 2,
        "low": low,
        "high": high,
    }


def sure(*differences: dict[str, Any]) -> dict[str, Any]:
    return {"level": 0.95, "differences": list(differences)}


def test_the_verdict_on_memorising() -> None:
    assert verdict(SCORES) == (
        "On 96 of the products that it was trained on, the tuned model gives 97% of the descriptions word for word; "
        "the base model 0%. On 41 products it never saw it gives 0% word for word: there, 75% of the numbers it states "
        "do not stand in the true description."
    )


def test_the_verdict_on_a_training_that_did_nothing() -> None:
    little = {**SCORES, "seen": {"base": numbers(9, 0.0, 0.20), "tuned": numbers(9, 0.0, 0.21)}}
    said = verdict(little, sure(apart("seen", "rouge_l", -0.02, 0.04)))
    assert "has not memorised them, and its wording has hardly come closer to them (ROUGE-L 20% before, 21%" in said
    assert "interval \u22122.0 to +4.0): the training has not taken hold." in said
    for unsure in (
        [],
        [apart("seen", "rouge_l", -0.02, 0.05)],
        [apart("seen", "rouge_l", 0.01, 0.4) | {"p_holm": 0.3}],
    ):
        said = verdict(little, sure(*unsure))
        assert "whether its wording has come closer to them cannot be told from chance (ROUGE-L 20% before" in said
        assert "taken hold" not in said


def test_the_verdict_on_a_training_that_did_a_little() -> None:
    some = {**SCORES, "seen": {"base": numbers(9, 0.0, 0.20), "tuned": numbers(9, 0.0, 0.45)}}
    said = verdict(some, sure(apart("seen", "rouge_l", 0.1, 0.4) | {"p_holm": 0.01}))
    assert "has not memorised them, though its wording has come closer" in said
    assert "only a part" in verdict({**SCORES, "seen": {"base": numbers(9, 0.0), "tuned": numbers(9, 0.3)}})


def test_the_verdict_without_held_out_products() -> None:
    said = verdict({**SCORES, "unseen": {"base": NONE, "tuned": NONE}})
    assert "97%" in said
    assert "No held-out product was asked" in said
    assert verdict({**SCORES, "unseen": {}}) == said == verdict({"seen": SCORES["seen"]})


def test_the_verdict_without_trained_products() -> None:
    said = verdict({**SCORES, "seen": {"base": NONE, "tuned": NONE}})
    assert said.startswith("No product of the training rows was asked")
    assert "On 41 products" in said


def test_the_verdict_on_answers_without_numbers() -> None:
    silent = {"tuned": numbers(1, 0.0, precision=None)}
    assert "On 1 product it never saw" in verdict({"unseen": silent})
    assert "its answers state no numbers" in verdict({"unseen": silent})


def test_the_verdict_suspects_nobody_of_a_leak_that_was_looked_for() -> None:
    said = verdict({**SCORES, "unseen": {"tuned": numbers(41, 0.4)}})
    assert "On 41 products it never saw it gives 40% word for word: there" in said
    assert "training rows" not in said


@pytest.mark.parametrize(
    ("low", "high", "p_holm", "is_told"),
    [
        (0.1, 0.2, 0.04, True),
        (-0.2, -0.1, 0.0, True),
        (0.1, 0.2, 0.05, False),
        (-0.2, -0.1, 0.3, False),
        (0.0, 0.2, 0.01, False),
        (0.1, 0.2, None, True),
        (-0.1, 0.2, None, False),
    ],
)
def test_a_difference_is_told_if_interval_and_correction_allow_it(
    low: float, high: float, p_holm: float | None, is_told: bool
) -> None:
    assert told(apart("seen", "exact", low, high) | {"p_holm": p_holm}) is is_told


def test_no_word_claims_what_the_correction_does_not_allow() -> None:
    chance = {"p_holm": 0.06}
    general = {"base": {"n": 16, "right": 1.0, "perplexity": 2.0}, "tuned": {"n": 16, "right": 0.7, "perplexity": 9.0}}
    said = verdict(
        {**SCORES, "general": general},
        sure(
            apart("unseen", "rouge_l", 0.1, 0.3) | chance,
            apart("general", "right", -0.5, -0.1) | chance,
            apart("general", "loss", 1, 2) | chance,
        ),
    )
    assert said.count("no difference can be told from chance") == 2
    assert not any(word in said for word in ("closer", "forgotten", "surprise"))


@pytest.mark.parametrize("set_", ["seen", "variant", "unseen", "general"])
def test_what_was_asked_and_could_not_be_scored_is_not_spoken_of(set_: str) -> None:
    unscored = dict.fromkeys(("exact", "rouge_l", "number_precision", "invented_numbers", "right", "loss"))
    systems = {system: {"n": 3} | unscored for system in ("base", "tuned", "tuned_with_source", "extractive")}
    before, after = verdict(SCORES), verdict({**SCORES, set_: systems})
    assert after in before
    half = systems | {"tuned": numbers(3, 0.05) | {"right": 0.5}}
    assert "None" not in verdict({**SCORES, set_: half})


def test_numbers_that_could_not_be_counted_are_left_out_of_a_sentence() -> None:
    reading, quoting = numbers(9, 0.2) | {"invented_numbers": None}, numbers(9, 0.9) | {"invented_numbers": 0.0}
    said = verdict({"unseen": {"tuned_with_source": reading, "extractive": quoting}})
    assert "it gives 20% word for word; the entry's own words, without any model, are right in 90% and invent" in said
    lost = {system: {"n": 9, "right": 1.0, "perplexity": None} for system in ("base", "tuned")}
    said = verdict({"general": lost}, sure(apart("general", "loss", 1, 2)))
    assert "The right answers surprise it more than the base model (loss +1.500" in said


@pytest.mark.parametrize(
    ("exact", "shown"), [(0.997, "99.7%"), (0.9999, "99.9%"), (1.0, "100%"), (0.98, "98%"), (0.002, "0.2%")]
)
def test_the_verdict_rounds_nothing_up_to_all(exact: float, shown: str) -> None:
    assert f"gives {shown} of" in verdict({"seen": {"tuned": numbers(1000, exact)}})


def test_a_difference_says_its_interval() -> None:
    said = verdict(SCORES, sure(apart("seen", "exact", 0.91, 0.99)))
    assert "the base model 0% (+95.0 points, 95% interval +91.0 to +99.0)." in said


def test_a_difference_whose_interval_holds_zero_is_no_difference() -> None:
    said = verdict(SCORES, sure(apart("unseen", "rouge_l", -0.02, 0.06)))
    assert "no difference can be told from chance (ROUGE-L +2.0 points, 95% interval \u22122.0 to +6.0)" in said
    assert "chance" in verdict(SCORES, sure(apart("seen", "exact", 0.0, 0.9)))
    assert "chance" not in verdict(SCORES, sure(apart("seen", "exact", 0.1, 0.9)))


def test_wording_may_have_come_closer_or_gone_further_away() -> None:
    assert "closer to the truth than" in verdict(SCORES, sure(apart("unseen", "rouge_l", 0.02, 0.06)))
    assert "further from the truth than" in verdict(SCORES, sure(apart("unseen", "rouge_l", -0.06, -0.02)))


def test_an_interval_decides_whether_a_training_has_taken_hold() -> None:
    little = {"seen": {"base": numbers(9, 0.0, 0.20), "tuned": numbers(9, 0.0, 0.23)}}
    assert "though its wording has come closer" in verdict(little, sure(apart("seen", "rouge_l", 0.01, 0.05)))
    assert "has not taken hold" in verdict(little, sure(apart("seen", "rouge_l", -0.05, 0.04)))
    assert "has not taken hold" not in verdict(little, sure(apart("seen", "rouge_l", -0.01, 0.07)))


def test_variants_have_a_sentence_of_their_own() -> None:
    variant = {**SCORES, "variant": {"base": numbers(7, 0.0), "tuned": numbers(7, 0.0, precision=0.4)}}
    said = verdict(variant, sure(apart("variant", "rouge_l", 0.1, 0.3)))
    assert (
        "On 7 variants of trained products, other sizes, colours or volumes, it gives 0% word for word: there, 60%"
        in said
    )
    assert "(ROUGE-L +20.0 points, 95% interval +10.0 to +30.0)" in said
    assert "variant" not in verdict(SCORES)


def test_what_was_forgotten_is_said_only_as_far_as_it_is_sure() -> None:
    general = {**SCORES, "general": {"base": {"n": 12, "right": 1.0}, "tuned": {"n": 12, "right": 0.75}}}
    said = "On 12 general questions the base model is right in 100%, the tuned model in 75%"
    assert f"{said}." in verdict(general)
    assert "forgotten" in verdict(general, sure(apart("general", "right", -0.45, -0.05)))
    unsure = verdict(general, sure(apart("general", "right", -0.5, 0.0)))
    assert f"{said} (\u221225.0 points, 95% interval \u221250.0 to +0.0: no difference can be told" in unsure
    assert "forgotten" not in unsure
    for system, perplexity in (("base", 269.27), ("tuned", 3900.7)):
        general["general"][system]["perplexity"] = perplexity
    surprised = (
        "The right answers surprise it more than the base model (perplexity 269.3 before, 3,900.7 after; loss +2"
    )
    assert surprised in verdict(general, sure(apart("general", "loss", 1.5, 2.5)))
    assert "surprise" not in verdict(general, sure(apart("general", "loss", -0.5, 2.5)))


def test_a_general_set_that_only_the_tuned_model_answered() -> None:
    assert "On 1 general question the tuned model is right in 100%." in verdict(
        {"general": {"tuned": {"n": 1, "right": 1.0}}}
    )


def test_reading_and_quoting_are_compared_with_their_interval() -> None:
    reading, quoting = numbers(41, 0.2) | {"invented_numbers": 1.5}, numbers(41, 0.9) | {"invented_numbers": 0.0}
    both = {"unseen": SCORES["unseen"] | {"tuned_with_source": reading, "extractive": quoting}}
    row = apart("unseen", "exact", -0.8, -0.6, "tuned_with_source", "extractive")
    assert "are right in 90% and invent 0.0 numbers an answer." in verdict(both)
    assert "word for word: \u221270.0 points, 95% interval \u221280.0 to \u221260.0." in verdict(both, sure(row))


def test_a_difference_without_an_interval_is_not_spoken_of() -> None:
    lost = apart("unseen", "rouge_l", 0, 0) | {"low": None, "high": None}
    assert verdict(SCORES, sure(lost)) == verdict(SCORES)


def test_each_set_has_a_finding_of_its_own() -> None:
    assert len(findings(SCORES)) == 2
