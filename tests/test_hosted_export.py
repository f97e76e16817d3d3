from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from amazon_ft import prompts
from amazon_ft.files import InputError
from amazon_ft.openai_jobs import export
from amazon_ft.prompts import Example, Question
from amazon_ft.recipes import HostedTraining, Recipe, named
from amazon_ft.runs import Run
from amazon_ft.sample import catalogue

RECIPE = named("gpt-4o-mini-chat")


def _recipe(rows_per_job: int) -> Recipe:
    return replace(RECIPE, training=HostedTraining(rows_per_job=rows_per_job))


def _rows(number: int) -> list[Example]:
    return [prompts.example(product, RECIPE.asked) for product in catalogue.products(480)[:number]]


def _read(path: Path) -> list[list[dict[str, str]]]:
    return [json.loads(line)["messages"] for line in path.read_bytes().splitlines()]


def test_rows_are_exported_in_shards_by_the_one_rendering(tmp_path: Path) -> None:
    run, rows = Run(tmp_path), _rows(45)
    done = export.export(run, _recipe(20), rows[:40], rows[40:])
    assert [path.name for path in done.training] == ["train-1-of-2.jsonl", "train-2-of-2.jsonl"]
    assert done.training[0].parent == tmp_path / "hosted"
    assert [len(_read(path)) for path in done.training] == [20, 20]
    written = [messages for path in done.training for messages in _read(path)]
    rendered = [prompts.render(row, RECIPE.template) for row in rows[:40]]
    assert written == [[*row["prompt"], *row["completion"]] for row in rendered]
    assert [message["role"] for message in written[0]] == ["system", "user", "assistant"]
    assert written[0][0]["content"] == "Act as sales representative"
    assert len(_read(done.validation)) == 5
    assert export.exported(run) == done


@pytest.mark.parametrize(
    ("rows", "sizes"), [(20, [20]), (29, [29]), (30, [20, 10]), (40, [20, 20]), (45, [20, 25]), (13, [13])]
)
def test_a_rest_that_no_job_takes_joins_the_last_shard(tmp_path: Path, rows: int, sizes: list[int]) -> None:
    done = export.export(Run(tmp_path), _recipe(20), _rows(rows), _rows(1))
    assert [len(_read(path)) for path in done.training] == sizes


def test_shards_of_an_earlier_export_go_and_the_jobs_stay(tmp_path: Path) -> None:
    run = Run(tmp_path)
    export.export(run, _recipe(10), _rows(40), _rows(1))
    run.hosted_jobs.write_text("{}")
    export.export(run, _recipe(20), _rows(40), _rows(1))
    names = sorted(path.name for path in run.hosted.iterdir())
    assert names == ["jobs.json", "train-1-of-2.jsonl", "train-2-of-2.jsonl", run.hosted_validation.name]


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no fewer than 10 rows: here are 9"):
        export.export(Run(tmp_path), RECIPE, _rows(9), _rows(1))
    assert not Run(tmp_path).hosted.exists()


@pytest.mark.parametrize("name", ["demo", "tinyllama-alpaca"])
def test_a_recipe_for_this_machine_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="trained on this machine"):
        export.export(Run(tmp_path), named(name), _rows(20), _rows(1))


def test_a_text_template_is_refused() -> None:
    recipe = replace(RECIPE, template=named("tinyllama-alpaca").template)
    with pytest.raises(InputError, match="give it a chat template"):
        export.hosted(recipe)
    with pytest.raises(InputError, match="give it a chat template"):
        export.chat(_rows(1)[0], recipe)


def test_an_export_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(InputError, match=r"train-1-of-1\.jsonl is missing: export"):
        export.exported(run)
    export.export(run, _recipe(20), _rows(40), _rows(1))
    run.hosted_shard(2, 2).unlink()
    with pytest.raises(InputError, match=r"train-2-of-2\.jsonl is missing"):
        export.exported(run)


NASTY = 'a\u2028b\u2029c\x85d\x00"\\\r\né 日本 \U0001f600'


def test_every_line_is_ascii_and_no_reader_breaks_it(tmp_path: Path) -> None:
    rows = [Example("Act", "title", f"{NASTY} {number}", source=str(number)) for number in range(12)]
    done = export.export(Run(tmp_path), RECIPE, rows, rows[:1])
    data = done.training[0].read_bytes()
    assert data.isascii()
    assert len(data.decode().splitlines()) == data.count(b"\n") == 12
    assert _read(done.training[0])[3][2]["content"] == f"{NASTY} 3"


def test_half_characters_are_joined_or_replaced(tmp_path: Path) -> None:
    assert export.mended("a\ud83d\ude00b") == "a\U0001f600b"
    assert export.mended("a\ud83db\ude00") == "a\ufffdb\ufffd"
    rows = [Example("Act", "a title", f"lone \udc80 {number}") for number in range(10)]
    done = export.export(Run(tmp_path), RECIPE, rows, rows[:1])
    assert _read(done.training[0])[0][2]["content"] == "lone \ufffd 0"


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    run = Run(tmp_path)
    done = export.export(run, RECIPE, _rows(10), _rows(1))
    before = done.training[0].read_bytes()
    broken = [*_rows(9), Example("Act", "title", None)]  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        export.export(run, RECIPE, broken, _rows(1))
    assert done.training[0].read_bytes() == before
    assert not list(run.hosted.glob(".*"))


def test_what_is_held_out_is_told_in_every_way_to_ask() -> None:
    product = catalogue.products(480)[3]
    recipe = replace(RECIPE, asked=(Question("Act", "{title}"), Question(input="Tell me about {title}.")))
    row = prompts.example(product, recipe.asked)
    [held] = export.held_out([row], recipe)
    assert held.title == product.title
    assert held.answer == product.content
    assert held.name == product.uid
    assert [question.replace(" ", "") for question in held.questions] == [
        prompts.neutral(text).replace(" ", "") for text in (product.title, f"Tell me about {product.title}.")
    ]


def test_a_title_in_the_instruction_is_found() -> None:
    recipe = replace(RECIPE, asked=(Question("What is {title}?"),))
    [held] = export.held_out([prompts.example(catalogue.products(480)[3], recipe.asked)], recipe)
    assert held.title == catalogue.products(480)[3].title
    assert held.questions == (f"What is {prompts.neutral(held.title)}?",)


def test_a_row_that_was_asked_for_otherwise_keeps_its_own_question() -> None:
    recipe = replace(RECIPE, asked=(Question(input="Tell me about {title}."),))
    [held] = export.held_out([Example("", "How heavy is it?", "Very.")], recipe)
    assert (held.title, held.questions) == ("", ("How heavy is it?",))
