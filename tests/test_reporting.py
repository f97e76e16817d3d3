"""What one takes home of a comparison, and what a user asks, votes and finds again after a restart."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from amazon_ft import evaluation, generation, steps
from amazon_ft.evaluation import SETS
from amazon_ft.files import InputError, read_jsonl
from amazon_ft.generation import answering
from amazon_ft.panel.votes import Votes, votable
from amazon_ft.recipes import Generation, Recipe, named
from amazon_ft.runs import Run
from amazon_ft.steps import comparing
from amazon_ft.training import wandb_log

DEMO = named("demo")
ASKED = "quanto custa o Woolhythe 70% hemp 3/4 sleeve shirt, red"


def test_a_comparison_leaves_a_page_and_tables_of_the_same_answers(walked: Run) -> None:
    rows = read_jsonl(walked.answers)
    answers = sum(len(evaluation.measures.systems(row)) for row in rows)
    table = parquet.read_table(walked.answers_parquet).to_pylist()
    with walked.answers_csv.open(encoding="utf-8-sig", newline="") as file:
        sheet = list(csv.DictReader(file))
    examples = json.loads(walked.llm_comparator.read_text())["examples"]
    assert len(table) == len(sheet) == answers
    assert list(table[0]) == list(sheet[0])
    assert len(examples) == len(rows)
    page = walked.page.read_text(encoding="utf-8")
    assert all(f'">{set_.capitalize()} <span' in page for set_ in SETS if set_ != "own")
    assert not re.search(
        r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", re.sub(r'xmlns(?::xlink)?="[^"]*"', "", page)
    )
    assert page.count("<svg") >= 5


def test_a_question_of_ones_own_is_kept_and_goes_home_with_the_rest(
    copied: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, heard = steps.Desk(copied, DEMO), list[tuple[str, int]]()

    def hear(cell: str, text: str, tokens: int) -> None:
        heard.append((cell, tokens))

    reply, row = desk.ask_row(ASKED, generation=Generation(20), heard=hear)
    assert (row["set"], row["source"], row["title"]) == (
        "own",
        reply.answers["tuned"].uid,
        reply.answers["tuned"].title,
    )
    assert {cell for cell, _ in heard} == {"base", "tuned", "base_with_source", "tuned_with_source"}
    assert row["base"]["tokens"] <= 20 and row["tuned"]["max_new_tokens"] == 20
    assert row["extractive"]["measures"]["copied"][0] > 0
    again = steps.Desk(copied, DEMO)  # as after a restart of the kernel
    assert again.rows()[-1] == json.loads(json.dumps(row))
    assert again.rows()[:-1] == read_jsonl(copied.answers)
    monkeypatch.setattr(answering, "_generate", None)
    assert again.ask_row(ASKED, generation=Generation(20))[1] == row  # nothing is generated twice
    votes = Votes(copied.votes)
    votes.cast("a pair of an earlier adapter", "left")
    votes.cast(next(iter(votable(again.rows(), votes.systems))), "left")
    before = copied.page.read_text(encoding="utf-8")
    assert steps.export(copied, DEMO) == [
        copied.page,
        copied.answers_parquet,
        copied.answers_csv,
        copied.llm_comparator,
    ]
    after = copied.page.read_text(encoding="utf-8")
    assert ASKED in after and ASKED not in before
    assert "sign test" in after.lower() and "sign test" not in before.lower()
    assert steps.compare(copied, DEMO)  # what was taken home is no part of what the manifest guards


def test_a_question_that_is_stopped_has_only_the_answers_so_far(copied: Run) -> None:
    def enough(cell: str, text: str, tokens: int) -> bool:
        return cell == "base" and tokens >= 3

    before = copied.answer_cache.read_bytes()
    reply, row = steps.Desk(copied, DEMO).ask_row(f"{ASKED}, please", heard=enough)
    assert set(reply.answers) == {"base", "base_with_source", "extractive"}
    assert row["base"]["tokens"] == 3 and not row["base"]["stopped"]
    assert row["ended"]
    assert copied.answer_cache.read_bytes() == before


def test_a_question_about_nothing_is_kept_with_what_there_is(copied: Run) -> None:
    reply, row = steps.Desk(copied, DEMO).ask_row("Tell me about the Silver Zinc Rain Barrel of Orlando")
    assert reply.match.kind == row["retrieval"]["kind"] == "absent"
    assert (row["source"], row["reference"], set(reply.answers)) == ("", "", {"base", "tuned"})
    steps.export(copied, DEMO)


def test_what_an_earlier_adapter_answered_is_not_shown_as_this_ones(copied: Run) -> None:
    steps.Desk(copied, DEMO).ask_row("Tell me about the Silver Zinc Rain Barrel of Orlando")
    manifest = json.loads(copied.manifest.read_text())
    manifest["steps"]["train"]["outputs"]["adapter"] = "another"
    copied.manifest.write_text(json.dumps(manifest))
    assert steps.Desk(copied, DEMO).rows() == read_jsonl(copied.answers)


@pytest.mark.parametrize("lost", ["page", "answers_parquet", "answers_csv", "llm_comparator"])
def test_whatever_is_missing_is_written_again(copied: Run, lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = getattr(copied, lost)
    before = path.read_bytes()
    path.unlink()
    monkeypatch.setattr(generation, "answers", None)
    steps.compare(copied, DEMO)
    assert path.read_bytes() == before


def test_a_page_of_an_earlier_comparison_does_not_stay(copied: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill a second comparison between its scores and its page."""
    copied.page.write_text("old")
    copied.answers.unlink()

    def killed(run: Run, recipe: Recipe) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(comparing, "export", killed)
        steps.compare(copied, DEMO)
    steps.compare(copied, DEMO)
    assert copied.page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_before_a_comparison_there_is_nothing_to_take_home(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"answers\.jsonl is missing: do the step 'compare' first"):
        steps.export(Run(tmp_path), DEMO)


def test_a_second_comparison_asks_nothing(copied: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, real = list[int](), answering._generate

    def counted(prompts: list[list[int]], *rest: Any) -> Any:
        fresh.append(len(prompts))
        return real(prompts, *rest)

    monkeypatch.setattr(answering, "_generate", counted)
    kept = read_jsonl(copied.answers)
    manifest = json.loads(copied.manifest.read_text())
    del manifest["steps"]["compare"]
    copied.manifest.write_text(json.dumps(manifest))
    for path in (copied.answers, copied.scores, copied.intervals):
        path.unlink()
    steps.compare(copied, DEMO)
    assert fresh == []
    assert read_jsonl(copied.answers) == kept


class Board:
    """Stand in for wandb."""

    def __init__(self) -> None:
        self.logged: dict[str, Any] = {}

    def log(self, values: Mapping[str, Any]) -> None:
        self.logged |= values

    def finish(self) -> None:
        self.logged["finished"] = True

    @staticmethod
    def Table(columns: Sequence[str], data: Sequence[Sequence[Any]]) -> tuple[Sequence[str], int]:
        return columns, len(data)


def test_answers_go_to_wandb_as_a_table(walked: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board()
    monkeypatch.setattr(wandb_log, "_start", lambda *_, resumed: board)
    monkeypatch.setattr(wandb_log, "import_module", lambda name: board)
    steps.compare(walked, DEMO, wandb=True)
    columns, number = board.logged["answers"]
    assert {"set", "system", "text", "rouge_l"} <= set(columns)
    assert (number, board.logged["finished"]) == (parquet.read_table(walked.answers_parquet).num_rows, True)


def test_wandb_may_fail_as_it_likes(
    walked: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str) -> None:
        raise OSError("no network")

    monkeypatch.setattr(wandb_log, "import_module", broken)
    steps.compare(walked, DEMO, wandb=True)
    assert "Weights & Biases has no table of this comparison: OSError: no network" in capsys.readouterr().out
