from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import CHRF

from amazon_ft.evaluation import TESTED, measured, overlap, signature
from amazon_ft.evaluation.nearest import nearest, weighed
from amazon_ft.retrieval.quoting import says

TRUE = "A steel mug from Évora that holds 300 ml and costs $4.99."


def answer(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "stopped": True, "facts": [], "asked": "x", "max_new_tokens": 9} | more


def row(reference: str = TRUE, set_: str = "seen", source: str = "B000000001", **more: Any) -> dict[str, Any]:
    return {"set": set_, "source": source, "title": "Acme Mug SP-8", "question": "?", "reference": reference} | more


def measures(text: str, reference: str = TRUE, system: str = "tuned", **more: Any) -> dict[str, list[float]]:
    [made] = measured([row(reference, **more) | {system: answer(text)}])
    return dict(made[system]["measures"])


def texts(number: int) -> list[str]:
    rng = random.Random(3407)
    return [
        " ".join(rng.choices(["São", "mug", "steel", "of", "the", "a", "300"], k=rng.randint(1, 30)))
        for _ in range(number)
    ]


class Words:
    def tokenize(self, text: str) -> list[str]:
        return overlap.words(text)


def test_rouge_is_that_of_rouge_score() -> None:
    scorer = RougeScorer(["rouge1", "rougeL"], tokenizer=Words())
    for said, true in zip(texts(200), reversed(texts(200)), strict=True):
        expected = scorer.score(true, said)
        assert overlap.rouge_1(overlap.words(said), overlap.words(true)) == pytest.approx(expected["rouge1"].fmeasure)
        assert overlap.rouge_l(overlap.words(said), overlap.words(true)) == pytest.approx(expected["rougeL"].fmeasure)


def test_chrf_is_that_of_sacrebleu_for_each_sentence() -> None:
    for said, true in zip(texts(20), reversed(texts(20)), strict=True):
        expected = CHRF(word_order=2).sentence_score(said, [true]).score
        assert measures(said, true)["chrf"] == [pytest.approx(expected, abs=1e-3), 1]
    assert signature().startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:")


def test_runs_are_as_long_as_they_can_be() -> None:
    for said, true in zip(texts(100), reversed(texts(100)), strict=True):
        words, known = said.split(), f" {true} "
        slow = [
            max((n for n in range(1, len(words) - at + 1) if f" {' '.join(words[at : at + n])} " in known), default=0)
            for at in range(len(words))
        ]
        assert overlap.runs(words, true.split()) == slow


@pytest.mark.parametrize("kind", ["random", "all one", "two in turn"])
def test_a_very_long_answer_is_measured_soon(kind: str) -> None:
    random_words = random.Random(3407).choices([f"word{number}" for number in range(300)], k=32_000)
    some = {"random": random_words, "all one": ["word"] * 20_000, "two in turn": ["a", "b"] * 25_000}[kind]
    start = time.process_time()
    found = measures(" ".join(some[:16_000]), " ".join(some[-16_000:]))
    assert found["copied"][1] == overlap.MOST
    assert time.process_time() - start < 5
    start = time.process_time()
    assert len(overlap.runs(some[: overlap.MOST], some[-16_000:])) == overlap.MOST
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("said", "share", "longest"),
    [
        ("a b c d e", (5, 5), 5),
        ("a b c d x", (0, 5), 4),
        ("x A, b c d e f y", (6, 8), 6),
        ("a b c d e x c d e f g", (10, 11), 5),
        ("", (0, 0), 0),
    ],
)
def test_copied_are_runs_of_five_words_and_more(said: str, share: tuple[int, int], longest: int) -> None:
    found = measures(said, "a b c d e f g")
    assert found["copied"] == list(share)
    assert found["longest_copied"] == [longest, 1]


def test_a_repetition_is_four_words_that_came_before() -> None:
    assert measures("a b c d a b c d")["repetition"] == [1, 5]
    assert measures("a b c")["repetition"] == [0, 0]
    assert measures("a a a a a a a")["repetition"] == [3, 4]


def test_a_number_is_precise_if_it_is_true_and_recalled_if_it_is_said() -> None:
    found = measures("It holds 300 milliliters, 450 ml or 300 oz")
    assert found["number_precision"] == [1, 3]
    assert found["number_recall"] == [1, 2]


def test_codes_and_names_may_stand_in_the_title() -> None:
    found = measures("The SP-8 and the SP-9, a mug of Acme and of Evora and of Lidl")
    assert found["code_precision"] == [1, 2]
    assert found["name_precision"] == [2, 3]


@pytest.mark.parametrize("text", ["", "   ", "“”"])
def test_an_empty_answer_is_measured(text: str) -> None:
    found = measures(text)
    assert found["exact"] == found["rouge_l"] == found["rouge_1"] == found["chrf"] == found["nearest"] == [0, 1]
    assert found["length_ratio"] == [0, 11 + 1 + 1]
    assert found["number_precision"] == found["copied"] == found["repetition"] == [0, 0]


def test_an_answer_is_measured_without_lead_quotation_marks_and_citation() -> None:
    quoted = measures(says(TRUE, "B000000001", "pt"))
    assert quoted == measures(TRUE) | {"cites": [1, 1]}
    assert quoted["exact"] == quoted["rouge_l"] == quoted["nearest"] == [1, 1]
    assert measures(says(TRUE, "B000000002", "en"))["cites"] == [0, 1]


def test_the_nearest_description_must_be_the_true_one_alone() -> None:
    descriptions = weighed(["blue steel mug", "red steel mug", "a garden hose", "hose a garden"])
    assert [nearest(text, descriptions) for text in ("the red mug", "steel mug", "garden hose", "", "xyz")] == [
        1,
        None,
        None,
        None,
        None,
    ]


def test_a_common_word_weighs_less_than_a_rare_one() -> None:
    descriptions = weighed(["the mug the", "the hose", "the lamp", "the the the the vase"])
    assert nearest("the the vase", descriptions) == 3
    assert nearest("the the the the the hose", descriptions) != 1
    assert nearest("the hose hose", descriptions) == 1


def test_recall_looks_among_the_descriptions_of_its_own_set() -> None:
    rows = [
        row("blue steel mug", source="B1") | {"tuned": answer("a red mug")},
        row("red steel mug", source="B2") | {"tuned": answer("a red mug")},
        row("red steel mug", source="B2") | {"tuned": answer("a red mug")},  # asked twice: no tie with itself
        row("blue mug", "unseen", source="B3") | {"tuned": answer("a red mug")},
    ]
    assert [each["tuned"]["measures"]["nearest"] for each in measured(rows)] == [[0, 1], [1, 1], [1, 1], [1, 1]]


def test_baselines_cite_nothing_and_what_has_no_model_never_stops() -> None:
    assert measures(TRUE, system="nearest_title")["cites"] == [0, 0]
    assert measures(TRUE, system="extractive")["cites"] == [0, 1]
    for system in ("extractive", "nearest_title", "wrong_product"):
        assert measures(TRUE, system=system)["stopped"] == [0, 0]
    assert measures(TRUE)["stopped"] == [1, 1]
    [fixed] = measured([row() | {"tuned_with_source": answer("The catalogue has no such product.", asked="")}])
    assert fixed["tuned_with_source"]["measures"]["stopped"] == [0, 0]


def test_a_general_question_is_right_or_wrong_and_nothing_else() -> None:
    asked = row("Brasília", "general", "", accepted=["Brasília", "brasilia df"])
    rows = [asked | {"base": answer(text)} for text in ("It is BRASILIA.", "Brasilian", "It is Rio")]
    found = [each["base"]["measures"] for each in measured(rows)]
    assert [each["right"] for each in found] == [[1, 1], [0, 1], [0, 1]]
    counted = {metric for metric, (_, below) in found[0].items() if below}
    assert counted == {"right", "stopped"}
    assert measures(TRUE)["right"] == [0, 0]


def test_no_general_question_holds_its_own_answer() -> None:
    listed = json.loads(files("amazon_ft.steps").joinpath("general.json").read_text("utf-8"))
    assert len({one["question"] for one in listed}) == 16
    for one in listed:
        asked = row(one["answer"], "general", "", accepted=one["accepted"])
        echoed, right = measured([asked | {"base": answer(text)} for text in (one["question"], one["answer"])])
        assert (echoed["base"]["measures"]["right"], right["base"]["measures"]["right"]) == ([0, 1], [1, 1]), one


def test_a_question_of_ones_own_without_a_product_has_no_true_description() -> None:
    found = measures("A mug of 3 kg", "", set_="own", source="")
    assert {metric for metric, (_, below) in found.items() if below} == {"stopped", "repetition"}


def test_loss_is_that_of_base_and_tuned() -> None:
    given = row(loss={"base": [30.0, 10], "tuned": [5.0, 10]}) | {name: answer("x") for name in ("base", "extractive")}
    [made] = measured([given])
    assert made["base"]["measures"]["loss"] == [30.0, 10]
    assert made["extractive"]["measures"]["loss"] == [0, 0]


def test_similarity_is_measured_where_a_model_tells_it() -> None:
    def similar(pairs: Sequence[tuple[str, str]]) -> list[float]:
        return [0.5 if said == TRUE == true else 0.25 for said, true in pairs]

    rows = [
        row() | {"base": answer(""), "tuned": answer(TRUE)},
        row("x", "general", accepted=[]) | {"base": answer("x")},
    ]
    first, second = measured(rows, similar)
    assert first["base"]["measures"]["similarity"] == [0, 1]
    assert first["tuned"]["measures"]["similarity"] == [0.5, 1]
    assert second["base"]["measures"]["similarity"] == [0, 0]
    assert "similarity" not in measures(TRUE)


def test_measuring_changes_nothing_and_can_be_written() -> None:
    rows = [row() | {"tuned": answer(TRUE)}]
    before = json.dumps(rows)
    made = measured(rows)
    assert json.dumps(rows) == before
    assert json.loads(json.dumps(made)) == made
    assert measured(made) == made


def thinking(thought: str, text: str = TRUE, system: str = "tuned", **more: Any) -> dict[str, Any]:
    rows = [row(**more) | {system: answer(text, reasoning=thought)}, row() | {system: answer(TRUE, reasoning="So.")}]
    return dict(measured(rows)[0][system]["measures"])


def test_a_reasoning_is_measured_where_a_system_reasons_at_all() -> None:
    silent = measures(TRUE)
    assert silent["reasoned"] == silent["claims_source"] == silent["reasoning_invented"] == [0, 0]
    assert thinking("I recall a mug.")["reasoned"] == [1, 1]
    assert thinking("I recall a mug and never", "")["reasoned"] == [0, 1]
    none = thinking("")
    assert (none["reasoned"], none["claims_source"], none["reasoning_invented"]) == ([0, 1], [0, 0], [0, 0])
    [first] = measured([row() | {"base": answer(TRUE), "tuned": answer(TRUE, reasoning="So.")}])
    assert (first["base"]["measures"]["reasoned"], first["tuned"]["measures"]["reasoned"]) == ([0, 0], [1, 1])
    assert thinking("", asked="", system="extractive")["reasoned"] == [0, 0]


def test_a_source_is_claimed_by_who_was_given_none() -> None:
    cites = "The description says that it is steel."
    assert thinking(cites)["claims_source"] == [1, 1]
    assert thinking(cites, system="base")["claims_source"] == [1, 1]
    assert thinking("I recall steel.")["claims_source"] == [0, 1]
    assert thinking(cites, system="tuned_with_source")["claims_source"] == [0, 0]


def test_a_reasoning_invents_what_stands_nowhere_in_the_entry() -> None:
    assert thinking("1. It is the SP-8.\n2. It holds 300 ml, or 450 ml, or 7 l.")["reasoning_invented"] == [2, 1]
    assert thinking("It holds 9 l.", content="It holds 9 l.")["reasoning_invented"] == [0, 1]
    assert thinking("It holds 9 l.", source="", set_="own", reference="")["reasoning_invented"] == [0, 0]


def test_what_is_thought_changes_no_measure_of_the_answer() -> None:
    own = ("reasoned", "claims_source", "reasoning_invented")
    found = thinking("The description says 450 ml of Lidl SP-9 B000000001. A steel mug from Évora that holds 300 ml")
    assert {name: value for name, value in found.items() if name not in own} == {
        name: value for name, value in thinking("So.").items() if name not in own
    }


def test_no_measure_of_reasoning_is_tested_for_significance() -> None:
    assert not {"reasoned", "claims_source", "reasoning_invented"} & {name for some in TESTED.values() for name in some}
