from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from amazon_ft import generation, steps
from amazon_ft.cleaning.whole import Choices
from amazon_ft.evaluation import SCORES, NotComparable
from amazon_ft.families import family
from amazon_ft.files import InputError, digest, read_jsonl, write_json, write_jsonl
from amazon_ft.generation import answering
from amazon_ft.models import Loaded
from amazon_ft.products import load
from amazon_ft.recipes import Recipe, named
from amazon_ft.runs import SPLITS, Run

DEMO = named("demo")
METRICS = {"n", *SCORES}
BASELINES = ["extractive", "nearest_title", "wrong_product"]
SYSTEMS = ["base", "tuned", "base_with_source", "tuned_with_source", *BASELINES]


def test_the_demo_memorises_what_it_saw_and_not_what_it_did_not(walked: Run) -> None:
    scores = json.loads(walked.scores.read_text())
    products = dict.fromkeys(("seen", "variant", "unseen"), SYSTEMS)
    assert {set_: list(scores[set_]) for set_ in scores} == {**products, "general": ["base", "tuned"]}
    assert all(set(scores[set_][system]) == METRICS for set_ in scores for system in scores[set_])
    assert scores["seen"]["tuned"]["exact"] >= 0.9
    assert scores["seen"]["base"]["exact"] == 0
    assert scores["unseen"]["tuned"]["exact"] < 0.1
    assert scores["seen"]["tuned"]["stopped"] >= 0.9
    assert scores["unseen"]["tuned"]["n"] >= 30
    for set_ in products:
        own = scores[set_]["extractive"]
        assert (own["invented_numbers"], own["cites"], own["exact"], own["number_precision"]) == (0, 1, 1, 1)
    assert scores["unseen"]["tuned"]["invented_numbers"] > 1
    assert scores["unseen"]["tuned"]["cites"] == 0
    assert 1 <= scores["variant"]["tuned"]["n"] <= 64


def test_the_demo_shows_what_an_answer_must_beat_and_what_was_forgotten(walked: Run) -> None:
    scores = json.loads(walked.scores.read_text())
    unseen, general = scores["unseen"], scores["general"]
    assert unseen["wrong_product"]["rouge_l"] < unseen["nearest_title"]["rouge_l"] < unseen["extractive"]["rouge_l"]
    assert unseen["tuned"]["rouge_l"] < unseen["nearest_title"]["rouge_l"]
    assert scores["seen"]["tuned"]["loss"] < 0.2 < 2 < unseen["tuned"]["loss"]
    assert general["tuned"]["loss"] > general["base"]["loss"] + 1
    for row in read_jsonl(walked.answers):
        for baseline in BASELINES[1:]:
            assert baseline not in row or row[baseline]["uid"] not in ("", row["source"])


def test_the_demos_differences_carry_intervals(walked: Run) -> None:
    intervals = json.loads(walked.intervals.read_text())
    found = {(each["set"], each["of"], each["less"], each["metric"]): each for each in intervals["differences"]}
    learned, chance = (found[set_, "tuned", "base", "exact"] for set_ in ("seen", "unseen"))
    assert learned["low"] > 0.9 and learned["p_holm"] < 0.05
    assert chance["low"] <= 0 <= chance["high"] and chance["p_holm"] > 0.5
    assert "nc:6|nw:2" in intervals["chrf"]


def test_no_set_of_the_comparison_mixes_with_another(walked: Run) -> None:
    rows = read_jsonl(walked.answers)
    by_set = {set_: {row["source"] for row in rows if row["set"] == set_} for set_ in ("seen", "variant", "unseen")}
    trained = {row["source"] for row in read_jsonl(walked.rows("train"))}
    families = {family(product.title) for product in load(walked.products) if product.uid in trained} - {""}
    assert by_set["seen"] <= trained
    assert not trained & (by_set["variant"] | by_set["unseen"])
    for row in rows:
        assert (family(row["title"]) in families) == (row["set"] == "variant") or row["set"] in ("seen", "general")


def test_a_trained_product_in_the_test_rows_stops_the_comparison(copied: Run) -> None:
    rows = {split: read_jsonl(copied.rows(split)) for split in ("train", "test")}
    write_jsonl(copied.rows("test"), [rows["train"][0], *rows["test"][1:]])
    _redo(copied, "format", "train")
    with pytest.raises(NotComparable, match=rf"{rows['train'][0]['source']} .* is in training"):
        steps.compare(copied, DEMO, 4)


def test_a_test_product_that_was_trained_on_stops_the_comparison(copied: Run) -> None:
    rows = {split: read_jsonl(copied.rows(split)) for split in ("train", "test")}
    write_jsonl(copied.rows("train"), [*rows["train"], rows["test"][1]])
    _redo(copied, "format", "train")
    with pytest.raises(NotComparable, match="is in training"):
        steps.compare(copied, DEMO, 4)


def test_an_answer_in_the_prompt_stops_the_comparison(copied: Run) -> None:
    rows = read_jsonl(copied.rows("test"))
    rows[0]["instruction"] = rows[0]["output"]
    write_jsonl(copied.rows("test"), rows)
    _redo(copied, "format", "train")
    with pytest.raises(NotComparable, match=f"the closed-book prompt about {rows[0]['source']} .* holds its answer"):
        steps.compare(copied, DEMO, 4)


def test_another_prompt_for_base_than_for_tuned_stops_the_comparison(
    copied: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = generation.answers

    def kinder(loaded: Loaded, recipe: Recipe, questions: Any, *rest: Any) -> Any:
        fuller = [replace(one, input=f"{one.input} Be precise.") for one in questions["tuned"]]
        return real(loaded, recipe, {**questions, "tuned": fuller}, *rest)

    monkeypatch.setattr(answering, "answers", kinder)
    _redo(copied)
    with pytest.raises(NotComparable, match="base and tuned got another prompt"):
        steps.compare(copied, DEMO, 1)


def _redo(run: Run, *changed: str) -> None:
    """Have the comparison made again, with what these steps wrote as it is now."""
    record = json.loads(run.manifest.read_text())
    record["steps"].pop("compare")
    for step in changed:
        for part in ("inputs", "outputs"):
            files = record["steps"][step][part]
            files |= {name: digest(run.folder / name) for name in files if (run.folder / name).exists()}
    write_json(run.manifest, record)
    for path in (run.answers, run.scores, run.intervals, run.page):
        path.unlink()


def test_cleaning_adds_up(walked: Run) -> None:
    counts = json.loads(walked.cleaning.read_text())
    assert counts["read"] == counts["kept"] + sum(counts["rejected"].values())
    assert counts["kept"] == sum(1 for _ in load(walked.products))


def test_the_rows_are_alpaca_with_their_sources(walked: Run) -> None:
    uids = {product.uid: product for product in load(walked.products)}
    rows = {split: read_jsonl(walked.rows(split)) for split in SPLITS}
    for row in (row for split in SPLITS for row in rows[split]):
        assert set(row) == {"instruction", "input", "output", "context", "source", "reasoning"}
        assert uids[row["source"]].title in row["input"]
        assert uids[row["source"]].content == row["output"]


def test_no_held_out_product_is_trained_on(walked: Run) -> None:
    rows = {split: read_jsonl(walked.rows(split)) for split in SPLITS}
    for split in ("validation", "test"):
        for key in ("source", "output"):
            assert not {row[key] for row in rows["train"]} & {row[key] for row in rows[split]}


def test_walking_twice_changes_nothing(copied: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in copied.folder.rglob("*") if path.is_file()}
    steps.demo(copied, DEMO)
    assert {path.name: path.stat().st_mtime_ns for path in copied.folder.rglob("*") if path.is_file()} == before
    assert capsys.readouterr().out.count("(already done)") == 4


def test_another_recipe_or_a_variant_is_refused(copied: Run) -> None:
    with pytest.raises(InputError, match="belongs to another recipe"):
        steps.format_rows(copied, named("tinyllama-alpaca"))
    variant = replace(DEMO, training=replace(DEMO.training, learning_rate=1e-3))
    with pytest.raises(InputError, match=r"training\.learning_rate was 0\.004, now 0\.001"):
        steps.compare(copied, variant)


def test_a_changed_row_stops_training_and_comparison(copied: Run) -> None:
    rows = read_jsonl(copied.rows("train"))
    write_jsonl(copied.rows("train"), [{**rows[0], "output": "forged"}, *rows[1:]])
    for step in (steps.train, steps.compare):
        with pytest.raises(InputError, match=r"train\.jsonl is not the file that step 'format' wrote"):
            step(copied, DEMO)


def test_an_adapter_is_never_put_on_other_weights(copied: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amazon_ft.models.fingerprint", lambda base_model: "other")
    with pytest.raises(InputError, match=r"is not the base model that .* was trained on"):
        steps.compare(copied, DEMO)
    with pytest.raises(InputError, match=r"is not the base model that .* was trained on"):
        steps.Desk(copied, DEMO).ask("What is a mug?")


def test_a_step_before_its_turn_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(InputError, match=r"products\.parquet is missing"):
        steps.format_rows(run, DEMO)
    with pytest.raises(InputError, match=r"train\.jsonl is missing"):
        steps.train(run, DEMO)
    with pytest.raises(InputError, match=r"products\.parquet is missing"):
        steps.Desk(run, DEMO).ask("What is a mug?")
    steps.clean(run)
    with pytest.raises(InputError, match=r"adapter is missing"):
        steps.Desk(run, DEMO).ask("What is a mug?")


def test_a_hosted_recipe_is_not_trained_here(walked: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="trained by a hosted job"):
        steps.train(Run(tmp_path), named("gpt-4o-mini-chat"))


def test_a_catalogue_without_a_usable_product_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "trn.json"
    source.write_text('{"uid": "1", "title": "Mug", "content": ""}\n')
    with pytest.raises(InputError, match=r"no usable product in .*: all 1 rows were rejected \(1 empty description\)"):
        steps.clean(Run(tmp_path / "run"), str(source))
    assert not Run(tmp_path / "run").products.exists()


def test_a_blurb_of_a_training_row_is_never_held_out(tmp_path: Path) -> None:
    source = tmp_path / "trn.json"
    blurbs = [f"Good reading for every home, printed with care since {year}." for year in range(1900, 2000)]
    rows = [{"uid": f"{n}", "title": f"Book {n}", "content": blurbs[n % 100]} for n in range(300)]
    write_jsonl(source, rows)
    run = Run(tmp_path / "run")
    counts = steps.clean(run, str(source), Choices(near_duplicates=False))
    assert counts["kept"] == 300
    steps.format_rows(run, DEMO)
    contents = {split: {row.output for row in steps.rows(run, split)} for split in SPLITS}
    assert contents["test"]
    assert contents["train"].isdisjoint(contents["test"] | contents["validation"])


def test_reasoning_rows_join_at_format(walked: Run, tmp_path: Path) -> None:
    run, recipe = Run(tmp_path / "run"), named("deepseek-r1-reasoning")
    steps.clean(run)
    with pytest.raises(InputError, match=r"reasoning\.jsonl is missing"):
        steps.format_rows(run, recipe)
    product = next(load(run.products))
    row = {"uid": product.uid, "Question": "What is it?", "Complex_CoT": "I recall.", "Response": "A book."}
    write_jsonl(run.reasoning, [row])
    assert sum(steps.format_rows(run, recipe).values()) == 1
    rows = [row for split in SPLITS for row in steps.rows(run, split)]
    assert asdict(rows[0]) | {"instruction": ""} == {
        "instruction": "",
        "input": "What is it?",
        "output": "A book.",
        "context": "",
        "source": product.uid,
        "reasoning": "I recall.",
    }


def test_your_own_words_reach_both_models(walked: Run) -> None:
    row = steps.rows(walked, "train")[0]
    answers = steps.Desk(walked, DEMO).ask(row.input).answers
    assert answers["tuned"].text == row.output
    assert answers["base"].text != row.output
    assert row.output in answers["extractive"].text


def test_comparing_answers_anew_what_was_deleted(copied: Run) -> None:
    scores = copied.scores.read_bytes()
    for path in (copied.answers, copied.scores, copied.page):
        path.unlink()
    shutil.rmtree(copied.titles)
    assert steps.compare(copied, DEMO) == json.loads(scores)
    assert copied.titles.exists()
