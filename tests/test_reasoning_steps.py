"""The side road as a whole: rows written by a server or by rules, sifted, reviewed, trained on, published."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import servers as fake
from servers import MODEL, FaultServer

from amazon_ft import products, steps
from amazon_ft.cli import main
from amazon_ft.evaluation import claims
from amazon_ft.files import InputError, read_appended, read_jsonl
from amazon_ft.products import Product
from amazon_ft.reasoning.dialects import Options
from amazon_ft.reasoning.ledger import Ledger
from amazon_ft.reasoning.pace import Pace
from amazon_ft.reasoning.rules import RuleMade
from amazon_ft.recipes import GROUNDED, RULES, TINY_LLAMA, Generation, Recipe, Training, named
from amazon_ft.retrieval.grounding import shown
from amazon_ft.runs import SPLITS, Run, manifest

RULE_MADE = named("demo-reasoning")
R1 = named("deepseek-r1-reasoning")
assert isinstance(R1.training, Training) and RULE_MADE.reasoning
# The published recipe on the tiny model, with less of everything that only takes time.
TINY_R1 = replace(
    R1,
    base_model=TINY_LLAMA,
    training=replace(R1.training, max_length=256),
    generation=replace(R1.generation, max_new_tokens=48),
    rows=24,
    held_out_rows=6,
)


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("cleaned") / "run")
    steps.clean(run)
    return run


@pytest.fixture
def run(cleaned: Run, tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(cleaned.folder, tmp_path / "run")))


@pytest.fixture(scope="module")
def catalogue(cleaned: Run) -> dict[str, Product]:
    return {product.title: product for product in products.load(cleaned.products)}


@pytest.fixture
def teacher(catalogue: dict[str, Product], monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """Serve rows that differ and fit their products, with some faults among them."""
    author = RuleMade(RULE_MADE.reasoning)
    monkeypatch.setattr(fake, "row", lambda title: sound(author, catalogue[title]))
    hasty = {title: ["429", "truncated"][place % 2] for place, title in enumerate(sorted(catalogue)) if place % 9 == 0}
    script = {title: [fault] for title, fault in hasty.items()}
    with FaultServer(script, titles=catalogue) as server:
        yield server


def sound(author: RuleMade, product: Product) -> dict[str, str]:
    """Write a row by rules that is never spoiled: those fall to products of a certain uid."""
    row = next(author.row(Product(uid, product.title, product.content)) for uid in unspoiled())
    return {"Question": row.question, "Complex_CoT": row.reasoning, "Response": row.response}


def unspoiled() -> Iterator[str]:
    from amazon_ft.reasoning.rules import spoiled

    return (f"uid{number}" for number in range(100) if not spoiled(f"uid{number}"))


def by_rules(run: Run, recipe: Recipe = RULE_MADE, number: int | None = None) -> dict[str, int]:
    return steps.write_reasoning(run, recipe, steps.Wanted(products=number))


def asked_of(server: FaultServer, number: int = 36, **more: object) -> steps.Wanted:
    pace = Pace(wait=0.01, pause=0.01)
    return steps.Wanted(number, server.url, MODEL, Options(timeout=20), **{"pace": pace, **more})


def test_the_deepseek_recipe_walks_from_the_catalogue_to_the_page(
    run: Run, teacher: FaultServer, catalogue: dict[str, Product]
) -> None:
    counts = steps.write_reasoning(run, TINY_R1, asked_of(teacher))
    assert counts["kept"] >= 24 and counts["failed"] == {}
    numbers = steps.format_rows(run, TINY_R1)
    assert numbers["train"] >= 12 and numbers["test"] >= 2
    for row in steps.rows(run, "train"):
        assert row.reasoning and row.context == "" and row.instruction == R1.asked[0].instruction
    log = steps.train(run, TINY_R1)
    losses = [line["loss"] for line in log if "loss" in line]
    assert losses[-1] < losses[0]
    scores = steps.compare(run, TINY_R1, 4)
    assert scores["seen"]["tuned"]["n"] == 4 and run.page.stat().st_size > 10_000
    for row in read_jsonl(run.answers):
        assert "</think>" not in row["tuned"]["text"] and row["tuned"]["max_new_tokens"] == 48
    record = manifest(run)["steps"]["reasoning"]
    assert record["author"]["model"] == MODEL and record["author"]["digest"] == fake.DIGEST
    assert record["counts"] == counts and record["cost"]["completion_tokens"] > 100
    assert record["author"]["prompts"] == [R1.reasoning and R1.reasoning.prompt]
    assert record["told"] == {"version": fake.VERSION, "address": teacher.url}


def test_a_second_walk_asks_nobody(run: Run, teacher: FaultServer) -> None:
    first = steps.write_reasoning(run, TINY_R1, asked_of(teacher))
    rows, asked = run.reasoning.read_bytes(), len(teacher.requests)
    assert steps.write_reasoning(run, TINY_R1, asked_of(teacher)) == first
    assert len(teacher.requests) == asked and run.reasoning.read_bytes() == rows


def test_more_products_begin_with_the_same_ones(run: Run) -> None:
    by_rules(run, number=60)
    before = [line["uid"] for line in read_appended(run.reasoning_ledger)]
    by_rules(run, number=120)
    after = [line["uid"] for line in read_appended(run.reasoning_ledger)]
    assert after[: len(before)] == before and len(set(after)) == len(after) > 100


def test_products_of_all_splits_are_asked_about_from_the_start(run: Run) -> None:
    steps.write_reasoning(run, RULE_MADE, steps.Wanted(pace=Pace(rows=60, workers=1)))
    kept = read_jsonl(run.reasoning)
    titles = {product.uid: product.title for product in products.load(run.products)}
    splits = [products.split_of(titles[row["uid"]]) for row in kept]
    assert all(splits.count(split) >= 8 for split in SPLITS)


def test_a_limit_ends_a_session_and_the_next_one_goes_on(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    steps.write_reasoning(run, RULE_MADE, steps.Wanted(pace=Pace(rows=25)))
    assert "(stopped: rows)" in capsys.readouterr().out
    assert len(read_appended(run.reasoning_ledger)) == 25
    whole = by_rules(run)
    assert sum(whole["rejected"].values()) + whole["kept"] == len(read_appended(run.reasoning_ledger)) > 80


def test_each_product_is_kept_or_rejected_or_failed_with_a_reason(run: Run, catalogue: dict[str, Product]) -> None:
    titles = sorted(catalogue)
    script = dict(zip(titles, ["truncated", "empty", "404", "wrong model"] * 200, strict=False))
    with FaultServer(script, titles=titles) as server:
        wanted = asked_of(server, 24, pace=Pace(wait=0.01, pause=0.01, tries=2, workers=2))
        counts = steps.write_reasoning(run, TINY_R1, wanted)
    lines = read_appended(run.reasoning_ledger)
    kept, others = read_jsonl(run.reasoning), read_jsonl(run.reasoning_rejected)
    assert sorted(line["uid"] for line in lines) == sorted(row["uid"] for row in [*kept, *others])
    assert all(row["reason"] for row in others)
    assert counts["kept"] + sum(counts["rejected"].values()) + sum(counts["failed"].values()) == len(lines) >= 20
    assert len(counts["failed"]) >= 2


def test_failed_products_are_asked_again_when_that_is_wanted(run: Run, catalogue: dict[str, Product]) -> None:
    with FaultServer({"*": "empty"}, titles=catalogue) as server:
        hurried = {"pace": Pace(tries=1)}
        failed = steps.write_reasoning(run, TINY_R1, asked_of(server, 12, **hurried))
        assert failed["kept"] == 0 and sum(failed["failed"].values()) >= 10
        server.script = {}
        assert steps.write_reasoning(run, TINY_R1, asked_of(server, 12)) == failed
        again = steps.write_reasoning(run, TINY_R1, asked_of(server, 12, retry_failed=True))
    assert again["failed"] == {} and again["kept"] >= 1


def test_another_author_is_refused_with_the_difference(run: Run, teacher: FaultServer) -> None:
    steps.write_reasoning(run, TINY_R1, asked_of(teacher, 6))
    before = run.reasoning_ledger.read_bytes()
    warmer = steps.Wanted(6, teacher.url, MODEL, Options(temperature=1.0))
    with pytest.raises(InputError, match=r"written otherwise \(options.temperature was 0.6, now 1.0\)"):
        steps.write_reasoning(run, TINY_R1, warmer)
    assert run.reasoning_ledger.read_bytes() == before


def test_other_options_are_fine_while_nothing_was_written(run: Run, teacher: FaultServer) -> None:
    teacher.down = True
    pace = Pace(wait=0, pause=0, troubles=1, probes=1)
    with pytest.raises(InputError):
        steps.write_reasoning(run, TINY_R1, asked_of(teacher, 3, pace=pace))
    teacher.down = False
    warmer = steps.Wanted(3, teacher.url, MODEL, Options(temperature=1.0))
    assert steps.write_reasoning(run, TINY_R1, warmer)["kept"] == 3


def test_more_rows_are_refused_once_training_rows_were_made(run: Run) -> None:
    by_rules(run, number=60)
    steps.format_rows(run, RULE_MADE)
    by_rules(run, number=60)  # nothing new: as good as done
    with pytest.raises(InputError, match="choose another run folder for more of them"):
        by_rules(run, number=90)
    steps.format_rows(run, RULE_MADE)


def test_what_was_decided_in_review_counts_in_the_training_rows(run: Run) -> None:
    by_rules(run, number=60)
    drafts = steps.drafts(run, RULE_MADE)
    one, two, three = drafts.rows[:3]
    drafts.reviews.judge(one, "reject")
    drafts.reviews.judge(two, "edit", {"Response": f"{two['Response']} So it is."})
    drafts.reviews.judge(three, "accept")
    steps.format_rows(run, RULE_MADE)
    kept = {row["uid"]: row for row in read_jsonl(run.reasoning)}
    assert one["uid"] not in kept and three["uid"] in kept
    assert kept[two["uid"]]["Response"].endswith("So it is.")
    reasons = {row["uid"]: row["reason"] for row in read_jsonl(run.reasoning_rejected)}
    assert reasons[one["uid"]] == "rejected in review"
    assert manifest(run)["steps"]["reasoning"]["counts"]["rejected"]["rejected in review"] == 1
    assert [row["key"] for row in steps.drafts(run, RULE_MADE).rows] == [row["key"] for row in drafts.rows]


def test_what_is_decided_later_is_kept_and_changes_no_training_row(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    by_rules(run, number=60)
    steps.format_rows(run, RULE_MADE)
    before = run.reasoning.read_bytes()
    drafts = steps.drafts(run, RULE_MADE)
    drafts.reviews.judge(drafts.rows[0], "reject")
    by_rules(run, number=60)
    steps.format_rows(run, RULE_MADE)
    assert run.reasoning.read_bytes() == before
    assert "stays out of this run" in capsys.readouterr().out


def test_a_review_hears_what_the_gate_would_say(run: Run) -> None:
    by_rules(run, number=30)
    drafts = steps.drafts(run, RULE_MADE)
    row = drafts.rows[0]
    assert drafts.faults({}, row) == []
    [fault] = drafts.faults({"Complex_CoT": f"{row['Complex_CoT']} The description says so."}, row)
    assert "cites a source" in fault


def test_rows_in_the_grounded_style_read_what_their_author_read(run: Run, catalogue: dict[str, Product]) -> None:
    grounded = replace(RULE_MADE, reasoning=replace(GROUNDED, server=RULES, teacher="", reasoning_words=(8, 80)))
    by_rules(run, grounded, number=60)
    steps.format_rows(run, grounded)
    known = {product.uid: product for product in catalogue.values()}
    rows = [row for split in SPLITS for row in steps.rows(run, split)]
    assert any(claims(row.reasoning) for row in rows)
    for row in rows:
        assert row.context == shown(known[row.source], GROUNDED.characters) and known[row.source].title in row.context


def test_a_recipe_without_reasoning_is_refused(run: Run) -> None:
    with pytest.raises(InputError, match="recipe 'demo' trains on no reasoning rows"):
        steps.write_reasoning(run, named("demo"))
    assert not run.reasoning_ledger.exists()


def test_too_few_products_are_refused(run: Run) -> None:
    with pytest.raises(InputError, match="2 products cannot be split: ask for 3 or more"):
        by_rules(run, number=2)


def test_the_data_set_before_any_row_is_refused(run: Run) -> None:
    with pytest.raises(InputError, match="do the step 'reasoning' first"):
        steps.reasoning_data(run, RULE_MADE)


def test_the_data_set_heeds_what_was_decided_until_then(run: Run) -> None:
    by_rules(run, number=60)
    drafts = steps.drafts(run, RULE_MADE)
    rejected, accepted = drafts.rows[:2]
    drafts.reviews.judge(rejected, "reject")
    drafts.reviews.judge(accepted, "accept")
    card, *data = steps.reasoning_data(run, RULE_MADE)
    published = {row["uid"] for path in data for row in read_jsonl(path)}
    assert published == {row["uid"] for row in drafts.rows} - {rejected["uid"]}
    text = card.read_text(encoding="utf-8")
    assert "`reject` 1" in text and "`accept` 1" in text


def test_the_data_set_counts_no_decision_that_came_too_late_for_it(run: Run) -> None:
    by_rules(run, number=60)
    steps.format_rows(run, RULE_MADE)
    drafts = steps.drafts(run, RULE_MADE)
    drafts.reviews.judge(drafts.rows[0], "reject")
    card, *data = steps.reasoning_data(run, RULE_MADE)
    assert sum(len(read_jsonl(path)) for path in data) == len(drafts.rows)
    assert "`reject` 1" not in card.read_text(encoding="utf-8")


def test_a_session_killed_before_it_sifted_leaves_a_data_set_to_be_made(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_rules(run, number=30)
    with monkeypatch.context() as context:
        context.setattr("amazon_ft.steps.reasoning.sift", interrupted)
        with pytest.raises(KeyboardInterrupt):
            by_rules(run, number=60)
    _, *data = steps.reasoning_data(run, RULE_MADE)
    there = len(read_jsonl(run.reasoning)) + len(read_jsonl(run.reasoning_rejected))
    assert there == len(read_appended(run.reasoning_ledger)) > 50
    assert sum(len(read_jsonl(path)) for path in data) == len(read_jsonl(run.reasoning))


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_rows_that_somebody_changed_after_they_were_trained_on_are_refused(run: Run) -> None:
    by_rules(run, number=30)
    steps.format_rows(run, RULE_MADE)
    with run.reasoning.open("a") as file:
        file.write("not a row\n")
    with pytest.raises(InputError, match=r"reasoning\.jsonl is not the file that step 'reasoning' wrote: delete it"):
        steps.reasoning_data(run, RULE_MADE)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other locks")
def test_two_sessions_do_not_pay_for_the_same_rows(run: Run) -> None:
    by_rules(run, number=30)
    before = run.reasoning_ledger.read_bytes()
    other = Ledger(run.reasoning_ledger)
    with other.alone(), pytest.raises(InputError, match="another session writes rows into"):
        by_rules(run, number=60)
    assert run.reasoning_ledger.read_bytes() == before
    by_rules(run, number=60)


@pytest.mark.parametrize("damage", ["no folder", "no products", "other products", "no manifest"])
def test_rows_about_no_cleaned_catalogue_are_refused_and_bind_no_folder(run: Run, tmp_path: Path, damage: str) -> None:
    if damage == "no folder":
        run = Run(tmp_path / "none")
    elif damage == "no products":
        run.products.unlink()
    elif damage == "other products":
        run.products.write_bytes(run.products.read_bytes()[:-9])
    else:
        run.manifest.unlink()
    before = run.manifest.read_bytes() if run.manifest.exists() else b""
    with pytest.raises(InputError, match=r"do the step 'clean' first|not the file that step 'clean' wrote"):
        by_rules(run)
    assert (run.manifest.read_bytes() if run.manifest.exists() else b"") == before


def test_a_session_that_a_limit_keeps_from_going_on_is_not_called_done(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    limited = steps.Wanted(pace=Pace(rows=25))
    steps.write_reasoning(run, RULE_MADE, limited)
    steps.write_reasoning(run, RULE_MADE, limited)
    assert "already done" not in capsys.readouterr().out
    by_rules(run, number=20)
    assert "already done" in capsys.readouterr().out


def test_training_rows_before_any_reasoning_are_refused(run: Run) -> None:
    with pytest.raises(InputError, match=r"reasoning\.jsonl is missing: do the step 'reasoning' first"):
        steps.format_rows(run, RULE_MADE)


def test_the_data_set_tells_what_made_it(run: Run) -> None:
    by_rules(run, number=90)
    card, *data = steps.reasoning_data(run, RULE_MADE)
    text = card.read_text(encoding="utf-8")
    assert "made by rules, not by a model" in text
    assert str(len(read_jsonl(run.reasoning))) in text and "trn.json" in text
    rows = {path.stem: read_jsonl(path) for path in data}
    titles = {product.uid: product.title for product in products.load(run.products)}
    for split, some in rows.items():
        assert all(products.split_of(titles[row["uid"]]) == split for row in some)
    assert sum(map(len, rows.values())) == len(read_jsonl(run.reasoning))


def test_the_command_writes_sifts_and_shows_what_it_would_publish(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--run", str(run.folder)]
    assert main(["reasoning", *folder, "--recipe", "demo-reasoning", "--rows", "40", "--workers", "2"]) == 0
    said = capsys.readouterr().out
    assert "(stopped: rows)" in said and "rejected" in said
    assert main(["reasoning", *folder, "--push", "somebody/rows", "--dry-run"]) == 0  # the run knows its recipe
    said = capsys.readouterr().out
    assert "data/train.jsonl" in said and "Nothing was sent" in said
    assert json.loads((run.dataset / "data" / "train.jsonl").read_text().splitlines()[0])["Complex_CoT"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--server", "http://127.0.0.1:9"], "no server answers at http://127.0.0.1:9"),
        (["--workers", "0"], "workers must be at least 1"),
        (["--max-tokens", "9000"], "below num_ctx"),
        (["--recipe", "demo"], "trains on no reasoning rows"),
        (["--recipe", "demo"], "(deepseek-r1-reasoning, deepseek-r1-grounded, demo-reasoning)"),
        (["--dataset"], "do the step 'reasoning' first"),
        (["--dry-run"], "name it with --push OWNER/NAME"),
        (["--dataset", "--public"], "name it with --push OWNER/NAME"),
    ],
    ids=[
        "nobody there",
        "no workers",
        "too long a reply",
        "no reasoning",
        "which reason",
        "no rows",
        "nothing to try",
        "nothing to publish",
    ],
)
def test_the_command_refuses_in_a_sentence(
    run: Run, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["reasoning", "--run", str(run.folder), "--recipe", "deepseek-r1-reasoning", *arguments]
    assert main(given) == 1
    assert sentence in capsys.readouterr().err


def test_a_teacher_is_tried_and_nobody_is_missed(
    run: Run, teacher: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = steps.Wanted(3, "http://127.0.0.1:9", MODEL)
    assert steps.try_teacher(run, TINY_R1, nobody) == []
    assert "no server answers" in capsys.readouterr().out
    written = steps.try_teacher(run, TINY_R1, asked_of(teacher, 3))
    assert {row["model"] for row in written} == {MODEL} and len(written) == 3
    assert steps.try_teacher(run, TINY_R1, nobody) == written


def test_the_recipes_answer_within_what_they_read() -> None:
    for name in ("demo-reasoning", "deepseek-r1-reasoning", "deepseek-r1-grounded"):
        recipe = named(name)
        assert recipe.reasoning and isinstance(recipe.generation, Generation)
        assert isinstance(recipe.training, Training) and recipe.generation.max_new_tokens < recipe.training.max_length
