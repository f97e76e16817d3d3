from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from amazon_ft import files
from amazon_ft.cli import main
from amazon_ft.runs import Run

MUG = '{"uid": "1", "title": "Mug", "content": "A steel mug that holds 300 ml and weighs 120 g."}\n'


def _refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 1
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith("amazon-ft: ")
    assert sentence.endswith(".")
    return sentence


def test_help_names_every_verb() -> None:
    answer = subprocess.run([sys.executable, "-m", "amazon_ft", "--help"], capture_output=True, text=True, check=True)
    for verb in ("demo", "clean", "format", "train", "compare", "ask"):
        assert f"    {verb} " in answer.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from amazon_ft.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print([name for name in ('torch', 'pyarrow', 'jinja2', 'tqdm', 'matplotlib') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "is not a file"),
        ("", "is empty"),
        ("not json\n", "neither JSON nor CSV"),
        ('{"uid": "1", "content": "A steel mug."}\n', "has no column 'title' (it has 'uid', 'content')"),
        ('{"uid": "1", "title": "", "content": "A steel mug that holds 300 ml."}\n', "no usable product"),
    ],
)
def test_bad_catalogues_get_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, sentence: str
) -> None:
    source = tmp_path / "trn.json"
    if text is not None:
        source.write_text(text)
    assert sentence in _refused(capsys, "clean", source, "--run", tmp_path / "run")
    assert not Run(tmp_path / "run").products.exists()


def test_a_row_without_title_among_good_ones_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "trn.json"
    source.write_text(f'{MUG}{{"uid": "2"}}\n')
    assert main(["clean", str(source), "--run", str(tmp_path / "run")]) == 0
    assert "line 2: no title" in capsys.readouterr().out


def test_clean_says_what_it_did_and_writes_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "own.csv"
    source.write_text(
        "asin,name,text\n" + "".join(f"B{n},Mug {n},A mug of {n} ml that is made of steel.\n" for n in range(5))
    )
    columns = ("--uid-column", "asin", "--title-column", "name", "--description-column", "text")
    assert main(["clean", str(source), "--run", str(tmp_path / "run"), *columns, "--shards", "2", "--sample", "4"]) == 0
    said = capsys.readouterr().out
    assert "4 rows read, 4 products kept" in said
    assert "2 shards in" in said
    assert "0 near duplicates in 0 clusters" in said
    assert str(Run(tmp_path / "run").cleaning_page) in said
    assert "has no column 'title'" in _refused(capsys, "clean", source, "--run", tmp_path / "other")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [("--sample", "a sample of 0 rows"), ("--workers", "0 workers"), ("--shards", "shards of 0")],
)
def test_numbers_below_one_get_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, sentence: str
) -> None:
    assert sentence in _refused(capsys, "clean", "bundled", "--run", tmp_path / "run", option, 0)


def test_an_unknown_recipe_gets_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = _refused(capsys, "format", "--run", tmp_path, "--recipe", "gpt-5")
    assert "no recipe 'gpt-5'" in sentence
    assert "demo, deepseek-r1-reasoning" in sentence


def test_a_run_folder_of_another_recipe_gets_one_sentence(copied: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in copied.folder.rglob("*") if path.is_file()}
    for verb in ("format", "train", "compare"):
        assert "belongs to another recipe" in _refused(
            capsys, verb, "--run", copied.folder, "--recipe", "phi-3-input-output"
        )
    assert {path.name: path.read_bytes() for path in copied.folder.rglob("*") if path.is_file()} == before


def test_a_full_disk_gets_one_sentence_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "trn.json"
    source.write_text(MUG)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        sentence = _refused(capsys, "clean", source, "--run", tmp_path / "run")
    assert "No space left on device" in sentence
    assert "nothing already written is lost" in sentence
    assert not [path for path in (tmp_path / "run").iterdir() if path.name != "manifest.json"]
    assert main(["clean", str(source), "--run", str(tmp_path / "run")]) == 0


def test_the_run_remembers_its_recipe(walked: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--run", str(walked.folder)]) == 0
    assert "(already done)" in capsys.readouterr().out


def test_demo_ends_with_the_path_of_the_page(walked: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--run", str(walked.folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(walked.page.resolve())


def test_ask_answers_with_both_models(walked: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "Tell me about a kettle.", "--run", str(walked.folder)]) == 0
    starts = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert starts[-2:] == ["base", "tuned"]
