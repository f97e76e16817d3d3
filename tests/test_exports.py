import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from comparing import METRICS, SYSTEMS, rows

from amazon_ft.comparison import llm_comparator, table, write_tables

ROWS = rows(40)
RECORDS = table(ROWS)


def written(some: list[dict[str, Any]], folder: Path) -> tuple[list[dict[str, Any]], list[list[str]]]:
    write_tables(some, folder / "answers.parquet", folder / "answers.csv")
    text = (folder / "answers.csv").read_bytes().decode("utf-8")
    assert text.startswith("\ufeff")
    return pq.read_table(folder / "answers.parquet").to_pylist(), list(csv.reader(io.StringIO(text[1:], newline="")))


def test_there_is_one_record_an_answer_with_the_same_columns() -> None:
    assert len(RECORDS) == sum(system in row for row in ROWS for system in SYSTEMS)
    assert {tuple(record) for record in RECORDS} == {tuple(RECORDS[0])}
    assert set(METRICS) <= set(RECORDS[0])


def test_a_record_holds_the_answers_own_values() -> None:
    record = next(record for record in RECORDS if record["system"] == "tuned" and record["set"] == "seen")
    answer = next(row for row in ROWS if row["source"] == record["source"])["tuned"]
    over, under = answer["measures"]["rouge_l"]
    assert record["rouge_l"] == over / under
    assert record["text"] == answer["text"]
    assert record["stopped"] is answer["stopped"]
    assert record["right"] is None
    assert record["invented"] == ", ".join(fact["text"] for fact in answer["facts"] if not fact["in_source"])


def test_an_answer_that_no_entry_could_check_has_invented_nothing() -> None:
    general = [record for record in RECORDS if record["set"] == "general"]
    assert any("3 oz" in record["text"] for record in general)
    assert {record["invented"] for record in general} == {""}


def test_parquet_gives_back_every_record(tmp_path: Path) -> None:
    assert written(ROWS, tmp_path)[0] == RECORDS


def test_a_column_without_any_value_keeps_its_type(tmp_path: Path) -> None:
    assert written(ROWS[:1], tmp_path)[0] == table(ROWS[:1])
    assert str(pq.read_schema(tmp_path / "answers.parquet").field("right").type) == "double"


def test_csv_has_every_answer_with_its_accents(tmp_path: Path) -> None:
    names, *lines = written(ROWS, tmp_path)[1]
    assert names == list(RECORDS[0])
    assert len(lines) == len(RECORDS)
    assert any("café" in line[names.index("text")] for line in lines)


@pytest.mark.parametrize(
    "start", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0 @SUM(1)", "\nplain", "\uff1d1"]
)
def test_a_spreadsheet_runs_no_cell(start: str, tmp_path: Path) -> None:
    row = ROWS[0] | {"title": start, "tuned": ROWS[0]["tuned"] | {"text": start}}
    records, (names, *lines) = written([row], tmp_path)
    line = lines[SYSTEMS.index("tuned")]
    assert line[names.index("title")] == line[names.index("text")] == f"'{start}"
    assert records[SYSTEMS.index("tuned")]["text"] == start


def test_halves_of_surrogate_pairs_do_not_break_a_file(tmp_path: Path) -> None:
    bad = "x\ud800y"
    row = ROWS[0] | dict.fromkeys(("title", "question", "reference"), bad) | {"tuned": ROWS[0]["tuned"] | {"text": bad}}
    records, (names, *lines) = written([row], tmp_path)
    assert {record["title"] for record in records} == {line[names.index("title")] for line in lines} == {"x?y"}
    assert records[SYSTEMS.index("tuned")]["text"] == "x?y"
    json.dumps(llm_comparator([row], {}), ensure_ascii=False).encode()


def test_a_negative_number_stays_a_number(tmp_path: Path) -> None:
    measured = ROWS[0]["tuned"] | {"measures": {"similarity": [-0.5, 1]}}
    names, line = written([{**{k: ROWS[0][k] for k in ROWS[0] if k not in SYSTEMS}, "tuned": measured}], tmp_path)[1]
    assert line[names.index("similarity")] == "-0.5"


def test_no_rows_make_tables_with_a_head(tmp_path: Path) -> None:
    records, lines = written([], tmp_path)
    assert records == []
    assert lines[0][:2] == ["set", "source"]


def test_llm_comparator_gets_base_as_a_and_tuned_as_b() -> None:
    given = json.loads(json.dumps(llm_comparator(ROWS, {"Recipe": "demo"})))
    assert set(given) == {"metadata", "models", "examples"}
    assert [model["name"] for model in given["models"]] == ["base", "tuned"]
    assert len(given["examples"]) == len(ROWS)
    first = given["examples"][0]
    assert (first["output_text_a"], first["output_text_b"]) == (ROWS[0]["base"]["text"], ROWS[0]["tuned"]["text"])
    fields = {field["name"] for field in given["metadata"]["custom_fields_schema"]}
    assert all(set(example["custom_fields"]) == fields for example in given["examples"])


@pytest.mark.parametrize(("base", "tuned", "score"), [(0.0, 1.0, -1.5), (1.0, 0.0, 1.5), (0.5, 0.5, 0.0)])
def test_the_score_is_positive_where_base_is_better(base: float, tuned: float, score: float) -> None:
    sides = {"base": base, "tuned": tuned}
    answers = {name: {"text": "", "stopped": True, "measures": {"rouge_l": [side, 1]}} for name, side in sides.items()}
    assert llm_comparator([ROWS[0] | answers], {})["examples"][0]["score"] == score


def test_a_general_question_is_scored_by_its_right_answers() -> None:
    examples = llm_comparator(ROWS, {})["examples"]
    general = [example["score"] for example in examples if example["tags"] == ["general"]]
    assert set(general) == {0.0, 1.5}


def test_rows_that_one_of_the_two_did_not_answer_are_left_out() -> None:
    assert llm_comparator([{name: ROWS[0][name] for name in ROWS[0] if name != "base"}], {})["examples"] == []
