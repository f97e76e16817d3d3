from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from amazon_ft import files, products
from amazon_ft.cli import main
from amazon_ft.products import Product
from amazon_ft.runs import Run

MUG = '{"uid": "1", "title": "Mug", "content": "A steel mug that holds 300 ml and weighs 120 g."}\n'
SURROGATE = re.compile(r"[\ud800-\udfff]")


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
    assert main(["ask", "Tell me about a kettle.", "--run", str(walked.folder), "--cells"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("who: ")] == ["who: base", "who: tuned"]
    assert not [line for line in lines if line.startswith("  source: ")]


def test_asking_the_catalogue_alone_imports_no_model(walked: Run) -> None:
    code = (
        "import sys; from amazon_ft.cli import main\n"
        f"assert main(['ask', 'Tell me about a kettle', '--extractive', '--run', {str(walked.folder)!r}]) == 0\n"
        "print([name for name in ('torch', 'transformers', 'jinja2', 'matplotlib') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_ask_before_its_turn_gets_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(tmp_path / "run")
    for uid in ((), ("--uid", "1")):
        assert "products.parquet" in _refused(capsys, "ask", "Mug", "--run", run.folder, *uid)
    source = tmp_path / "trn.json"
    source.write_text(MUG)
    assert main(["clean", str(source), "--run", str(run.folder)]) == 0
    assert "adapter is missing: do the step 'train' first." in _refused(capsys, "ask", "Mug", "--run", run.folder)
    assert "holds no product '2'" in _refused(capsys, "ask", "Mug", "--run", run.folder, "--uid", "2")
    assert "the question is empty" in _refused(capsys, "ask", " ", "--run", run.folder)
    capsys.readouterr()
    assert main(["ask", "Mug", "--run", str(run.folder), "--extractive"]) == 0
    assert capsys.readouterr().out.startswith("According to the catalogue: “A steel mug that holds 300 ml")


def test_a_question_is_asked_in_one_way(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["ask", "Mug", "--cells", "--extractive"])
    assert "not allowed with" in capsys.readouterr().err


NASTY = {
    "sql": "'; DROP",
    "operators": "AND OR NOT",
    "field": "title:*",
    "quotes": "\"'“”«»",
    "brackets": "[a TO z] {b} (c",
    "path": "../../etc/passwd",
    "markup": "<script>&lt;/script&gt;&#0;",
    "braces": "{title} {uid} %s {0}",
    "control": "<|end|><|user|>",
    "long": "x" * 10_000,
    "words": "mug teapot " * 900,
    "marks": "\u200f\u202eMug\u202c\u200f",
    "only marks": "\u200f\u202e\u202c",
    "signs": "?!... -- ;",
    "dash": "-",
    "emoji": "🎩",
    "hats": "🎩" * 2_000,
    "nul": "\x00",
    "latin": "caf\udce9 mug",
    "lone": "\ud800",
    "hebrew": "ספל פלדה",
}


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Make a catalogue of nasty titles; lone surrogates are in no file."""
    run = Run(tmp_path_factory.mktemp("nasty") / "run")
    whole = [title for title in NASTY.values() if not SURROGATE.search(title)]
    products.write(run.products, [Product(f"N{n}", title, f"Number {n}.") for n, title in enumerate([*whole, "Mug"])])
    return run


@pytest.mark.parametrize("wording", ["{}", "Tell me about {}.", "quanto custa “{}”?"])
@pytest.mark.parametrize(
    "title",
    [pytest.param(title, id=name) for name, title in NASTY.items()],
)
def test_a_nasty_title_gets_an_answer_or_one_sentence(
    nasty: Run, capsys: pytest.CaptureFixture[str], title: str, wording: str
) -> None:
    question = wording.replace("{}", title)
    code = main(["ask", "--run", str(nasty.folder), "--extractive", "--json", "--", question])
    out, err = capsys.readouterr()
    if code:
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert err.startswith("amazon-ft: ")
        return
    reply = json.loads(out)
    assert reply["kind"] in ("found", "ambiguous", "absent")
    assert (reply["answer"] is not None) == (reply["kind"] == "found")
    if reply["answer"]:
        assert reply["answers"]["extractive"]["uid"] == reply["candidates"][0]["uid"]


@pytest.mark.parametrize("name", [name for name in NASTY if name not in ("marks", "only marks", "latin", "lone")])
def test_a_nasty_title_is_found_by_itself(nasty: Run, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["ask", "--run", str(nasty.folder), "--extractive", "--json", "--", NASTY[name]]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert NASTY[name] in [candidate["title"] for candidate in reply["candidates"]]


@pytest.mark.parametrize("uid", ["'; DROP", "\x00", "\ud800", "x" * 10_000, "-"])
def test_a_nasty_uid_gets_one_sentence(nasty: Run, capsys: pytest.CaptureFixture[str], uid: str) -> None:
    assert "holds no product" in _refused(capsys, "ask", "Mug", "--run", nasty.folder, "--extractive", f"--uid={uid}")


@pytest.mark.parametrize(
    "title",
    ["'; DROP", "title:*", "<|end|><|user|>", "\u200f\u202e\u202c", "🎩", "\ud800"],
)
def test_models_are_asked_nasty_questions_too(walked: Run, capsys: pytest.CaptureFixture[str], title: str) -> None:
    assert main(["ask", "--run", str(walked.folder), "--cells", "--", title]) in (0, 1)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert out.splitlines()[:1] == ["The catalogue has no such product."] or err.splitlines()[-1].startswith(
        "amazon-ft"
    )


def test_a_pipe_of_bytes_that_are_no_text_is_no_traceback(walked: Run) -> None:
    command = [sys.executable, "-m", "amazon_ft", "ask", "--run", str(walked.folder), "--extractive", "--json"]
    typed = b"caf\xe9 mug\nTell me about the Silver Zinc Rain Barrel\n"
    done = subprocess.run(command, input=typed, capture_output=True)
    assert b"Traceback" not in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["kind"] == "absent"
