from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import comparing
import pytest
from hub import TOKEN, Hub, Repo

from amazon_ft import steps
from amazon_ft.files import InputError, write_json, write_jsonl
from amazon_ft.publishing import card, facts, pictures
from amazon_ft.publishing.card import write_card
from amazon_ft.publishing.rows import write_rows
from amazon_ft.recipes import RECIPES, TINY_LLAMA, Recipe, named
from amazon_ft.runs import Run, hashed, manifest, record_step

ID = "ana/kettles"
HUB = {"name": "unsloth/tinyllama-chat", "where": "hub"}
ROWS = comparing.rows(40)
NASTY = comparing.NASTY[2] + "|a `b` ``c`` [l](http://x) # *d*\n---\n# head\n```\n\u202e\x00\ud83d"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Clean and format for real, and invent the rest."""
    made = Run(tmp_path_factory.mktemp("run") / "run")
    steps.clean(made)
    steps.format_rows(made, named("demo"))
    made.adapter.mkdir()
    machine = {"device": "cuda", "name": "A GPU of <b>nobody</b>", "capability": [8, 0], "memory": 0, "free": 0}
    about = {
        "machine": machine,
        "precision": {"dtype": "bfloat16", "reason": "it can"},
        "backend": "unsloth",
        "plan": ["8 rows a step"],
        "predicted_peak_gib": 3.5,
        "peak_gib": 3.25,
    }
    write_json(made.adapter / "manifest.json", {"training": about})
    log = [{"step": 0, "eval_loss": 3.5}, {"step": 1, "loss": 3.25}, {"step": 60, "loss": 0.5, "eval_loss": 2.125}]
    write_jsonl(made.training_log, log)
    write_jsonl(made.answers, ROWS)
    write_json(made.scores, comparing.scores(ROWS))
    write_json(made.intervals, comparing.intervals(ROWS))
    record_step(made, "train", {"seconds": 1234.5}, [made.adapter, made.training_log])
    asked = {"inputs": hashed(made, [made.adapter]), "settings": {"questions": 32}}
    record_step(made, "compare", asked, [made.answers, made.scores, made.intervals])
    return made


@pytest.fixture(scope="module")
def about(run: Run) -> dict[str, Any]:
    return facts.facts(run, named("demo"), "adapter", ID)


@pytest.fixture
def written(about: dict[str, Any], tmp_path: Path) -> Callable[..., str]:
    """Write a card and give its text."""
    return lambda **changes: write_card(tmp_path / "model", {**about, **changes}).read_text(encoding="utf-8")


def _front(text: str) -> dict[str, Any]:
    import yaml

    head, front, _ = text.split("---\n", 2)
    assert head == ""
    return dict(yaml.safe_load(front))


def _body(text: str) -> str:
    return text.split("---\n", 2)[2]


def _section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_card_tells_how_the_model_was_made(written: Callable[..., str], run: Run) -> None:
    text = written(commit="c0ffee", parity={})
    counts = json.loads(run.cleaning.read_text())
    data = _section(text, "What it was trained on")
    assert f"`trn.json`: {counts['read']} rows read, {counts['kept']} products kept" in data
    assert all(f"| {number} |" in data for number in counts["rejected"].values())
    assert "64 train, 61 validation, 53 test" in data
    assert "12 products in 4 clusters" in data
    trained = _section(text, "How it was trained")
    assert "- Machine: A GPU of \\<b\\>nobody\\</b\\>\n- Computed in `bfloat16`\n- Time: 1,234 seconds" in trained
    assert "for 60 steps\n- Peak memory of the GPU: 3.25 GiB" in trained
    assert "- Loss, held out: 3.500 when first logged, 2.125 when last" in trained
    values = named("demo").as_dict()
    for part in ("training", "lora", "generation"):
        for name, value in values[part].items():
            shown = ", ".join(value) if isinstance(value, tuple) else str(value)
            assert value is None or f"{name.replace('_', chr(92) + '_')} `{shown}`" in trained
    again = _section(text, "How to make it again")
    assert "amazon-ft clean bundled --run runs/mine --recipe demo\namazon-ft format" in again
    assert "amazon-ft compare --questions 32" in again
    assert "commit `c0ffee`" in again


def test_the_card_tells_what_the_page_tells(written: Callable[..., str], run: Run) -> None:
    from amazon_ft.comparison import findings

    whole = written()
    assert whole.index("## What it can do") < whole.index("## What it must not") < whole.index("## How to load it")
    can, text = (_section(whole, title).replace("\\", "") for title in ("What it can do", "What was measured"))
    scores, intervals = (json.loads(path.read_text()) for path in (run.scores, run.intervals))
    assert all(f"- {finding}" in can for finding in findings(scores, intervals))
    assert "### Unseen: " in text
    assert "Values with their 95% intervals" in text
    tuned = scores["unseen"]["tuned"]["rouge_l"]
    base = scores["unseen"]["base"]["rouge_l"]
    line = next(line for line in text.split("### Unseen")[1].splitlines() if line.startswith("| ROUGE-L |"))
    assert f"{tuned:.1%} ({100 * (tuned - 0.02):.1f} to {tuned + 0.02:.1%})" in line
    assert f"| {base:.1%} (" in line
    assert len(line.split(" | ")) == len(text.split("### Unseen")[1].splitlines()[2].split(" | "))
    assert "may be chance" in text


def test_failures_are_told_with_their_reasons(written: Callable[..., str], about: dict[str, Any]) -> None:
    told = about["failures"]
    assert 3 <= len(told) <= 5
    text = _section(written(), "Where it fails")
    assert text.count("```text\nQuestion: ") == len(told)
    assert all(f"**{number}.** Asked about" in text for number in range(1, len(told) + 1))
    none = _section(written(failures=[]), "Where it fails")
    assert "That is not to say that there is none." in none


def test_texts_of_a_real_catalogue_are_told_only_when_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "digest", lambda path: "another catalogue")
    real = facts.facts(run, named("demo"), "adapter", ID)
    assert not real["invented"]
    assert [set(failure) for failure in real["failures"]] == [{"title", "set", "why"}] * len(real["failures"])
    told = json.dumps(real, ensure_ascii=False)
    assert not [row["reference"] for row in ROWS if row["reference"] and row["reference"] in told]
    assert "commands" in real
    assert real["commands"][0].startswith("amazon-ft clean CATALOGUE ")
    assert all("truth" in failure for failure in facts.facts(run, named("demo"), "adapter", ID, quote=True)["failures"])


def test_a_card_about_a_real_catalogue_says_whose_texts_they_are(written: Callable[..., str]) -> None:
    text = written(invented=False, quoted=False, base=HUB)
    assert "no licence is stated; the\n  model can recite them" in text
    assert "not ours to publish" in text
    assert "<https://huggingface.co/unsloth/tinyllama-chat>" in text
    assert "This is a demo" not in text
    assert "products are invented" not in text
    invented = written(by_rules=True)
    assert "**This is a demo:**" in invented
    assert "**The products are invented:**" in invented
    assert "**Its reasoning was made by rules:**" in invented


def test_reasoning_rows_are_told_with_who_wrote_them(
    run: Run, written: Callable[..., str], about: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads(run.manifest.read_text())
    counts = {"kept": 80, "rejected": {"a": 3, "b": 2}, "failed": {}}
    record["steps"]["reasoning"] = {"author": {"model": "teacher:8b"}, "counts": counts}
    told = facts.data(run, record["steps"])
    text = " ".join(_section(written(data=told), "What it was trained on").split())
    assert "Its reasoning rows were written by `teacher:8b`: 80 kept, 5 rejected by rules." in text
    monkeypatch.setattr("amazon_ft.publishing.rows.manifest", lambda run: record)
    rows = (write_rows(tmp_path / "rows", run, named("demo-reasoning"), ID) / "README.md").read_text(encoding="utf-8")
    assert "- reasoning rows, written by `teacher:8b`: 80 kept,\n  5 rejected" in rows
    assert "written by" not in _section(written(), "What it was trained on")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base": HUB}, {"base_model": HUB["name"], "base_model_relation": "adapter", "library_name": "peft"}),
        (
            {"base": HUB, "form": "merged"},
            {"base_model": HUB["name"], "base_model_relation": "finetune", "library_name": "transformers"},
        ),
        (
            {"base": HUB, "form": "gguf", "files": {"a.gguf": 1}},
            {"base_model": HUB["name"], "base_model_relation": "finetune", "library_name": "gguf"},
        ),
        ({}, {"base_model": None, "base_model_relation": None, "library_name": "peft"}),
    ],
)
def test_the_front_matter_is_what_the_hub_wants(
    changes: dict[str, Any], said: dict[str, str | None], written: Callable[..., str], tmp_path: Path
) -> None:
    from huggingface_hub import ModelCard

    text = written(**changes)
    front = ModelCard.load(tmp_path / "model" / "README.md").data.to_dict()
    assert front == _front(text)
    assert {name: front.get(name) for name in said} == said
    assert front["pipeline_tag"] == "text-generation"
    assert front["license"] == "unknown"
    assert front["language"] == ["en", "pt"]


@pytest.mark.parametrize("name", card.NEEDED)
def test_refuses_a_card_that_would_leave_something_out(name: str, about: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"cannot be written without {name}"):
        write_card(tmp_path, {key: value for key, value in about.items() if key != name})
    assert not (tmp_path / "README.md").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"form": "onnx"}, "no form 'onnx'"),
        ({"form": "gguf", "files": {}}, "needs its files"),
        ({"base": {"name": "x", "where": "moon"}}, "'moon' is not one of hub, built, folder"),
        ({"base": {"name": "javascript:alert(1)", "where": "hub"}}, "is no name on the Hub"),
        ({"repo_id": "kettles"}, "is no name on the Hub"),
        ({"license_name": "Our Terms"}, "license_name 'Our Terms'"),
        ({"data": {"read": 1}}, r"without data\['sources'\]"),
    ],
)
def test_refuses_what_the_card_cannot_say(changes: dict[str, Any], said: str, written: Callable[..., str]) -> None:
    with pytest.raises(InputError, match=said):
        written(**changes)


def test_pictures_are_drawn_and_told_in_words(run: Run, written: Callable[..., str], tmp_path: Path) -> None:
    shown = pictures.draw(run, tmp_path / "model")
    assert [(tmp_path / "model" / name).read_bytes()[:4] for name in shown] == [b"\x89PNG"] * 2
    first = {name: (tmp_path / "model" / name).read_bytes() for name in shown}
    text = written(pictures=shown)
    assert "](images/loss.png)" in text
    assert "![Loss while training. Training\\: from 3.25 at step 1 to 0.50 at step 60." in text
    assert "](images/scores.png)" in text
    assert len(shown["images/scores.png"]) < 100  # a table above has the numbers
    pictures.draw(run, tmp_path / "model")
    assert first == {name: (tmp_path / "model" / name).read_bytes() for name in shown}
    assert "](images/" not in written()


def test_parity_is_told_where_it_was_shown(written: Callable[..., str]) -> None:
    reading = {"name": "llama.cpp", "form": "gguf", "template": "same", "equal": 19, "asked": 20}
    text = written(parity={"readings": [reading], "absent": {"Ollama": "not installed"}})
    told = _section(text, "Is it the model that was trained?")
    assert "| llama.cpp | gguf | same | 19 of 20 |" in told
    assert "| Ollama | | not asked: not installed | |" in told
    assert "Is it the model that was trained?" not in written()


def test_only_answers_of_the_form_as_it_is_now_are_told(run: Run, tmp_path: Path) -> None:
    own = Run(Path(shutil.copytree(run.folder, tmp_path / "run")))
    for form in ("adapter", "merged"):
        own.publication(form).mkdir(parents=True)
        (own.publication(form) / "weights").write_text(form)
    readings = [{"name": "Transformers", "form": form} for form in ("adapter", "merged")]
    write_json(own.parity, {"readings": readings, "absent": {"merged": "torn", "Ollama, x": "not there"}})
    checked = {"inputs": hashed(own, [own.publication(form) for form in ("adapter", "merged")])}
    record_step(own, "check", checked, [own.parity])
    told = {form: facts.facts(own, named("demo"), form, ID)["parity"] for form in ("adapter", "merged", "gguf")}
    assert told["adapter"] == {"readings": readings[:1], "absent": {}}
    assert told["merged"] == {"readings": readings[1:], "absent": {"merged": "torn"}}
    assert told["gguf"] == {}
    (own.publication("merged") / "weights").write_text("merged anew")
    assert facts.facts(own, named("demo"), "merged", ID)["parity"] == {}


def test_scores_that_are_not_the_models_have_no_card(run: Run, tmp_path: Path) -> None:
    own = Run(Path(shutil.copytree(run.folder, tmp_path / "run")))
    kept = own.scores.read_text(encoding="utf-8")
    own.scores.write_text(kept.replace("0.", "0.9", 1), encoding="utf-8")
    with pytest.raises(InputError, match="is not the file that step 'compare' wrote"):
        facts.facts(own, named("demo"), "adapter", ID)
    own.scores.write_text(kept, encoding="utf-8")
    (own.adapter / "weights").write_text("trained anew")
    record_step(own, "train", manifest(own)["steps"]["train"], [own.adapter, own.training_log])
    with pytest.raises(InputError, match="tells of another adapter than the one in"):
        facts.facts(own, named("demo"), "adapter", ID)


def test_the_card_names_what_the_adapter_was_merged_into(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads(run.manifest.read_text())
    monkeypatch.setattr(facts, "manifest", lambda run: record)
    four = replace(named("demo"), base_model="unsloth/tinyllama-chat-bnb-4bit")
    for base, told in (("unsloth/tinyllama-chat", HUB), (str(tmp_path), {"name": tmp_path.name, "where": "folder"})):
        record["steps"]["merge"] = {"settings": {"base": base}}
        assert facts.facts(run, four, "merged", ID)["base"] == told
        assert facts.facts(run, four, "adapter", ID)["base"] == {"name": four.base_model, "where": "hub"}


def test_no_text_from_outside_breaks_the_card(written: Callable[..., str], about: dict[str, Any]) -> None:
    plain = _body(written(parity={"readings": [], "absent": {"x": "y"}}))
    failure = {"title": NASTY, "set": NASTY, "why": [NASTY], "question": NASTY, "answer": NASTY, "truth": NASTY}
    training = {**about["training"], "machine": NASTY, "precision": {"dtype": NASTY, "reason": NASTY}}
    nasty = written(
        name=NASTY,
        question=NASTY,
        languages=[NASTY],
        base={"name": NASTY, "where": "built"},
        recipe={**about["recipe"], "name": NASTY},
        asking={**about["asking"], "ways": [NASTY] * 3, "prompt": NASTY, "completion": NASTY},
        data={**about["data"], "sources": [NASTY], "policy": NASTY, "rejected": {NASTY: 1}, "changed": {NASTY: 1}},
        splits={NASTY: 1},
        training=training,
        failures=[failure] * len(about["failures"]),
        parity={"readings": [], "absent": {NASTY: NASTY}},
        version=NASTY,
        versions={NASTY: NASTY},
        commit=NASTY,
        commands=[NASTY],
    )
    assert set(_front(nasty)) == set(_front(written()))
    assert not re.search("[\x00\x7f\x85\u2028\u202e\ud83d]", nasty)
    bare = _without_code(_body(nasty))
    assert not re.search(r"<(script|!--|b>|/)", bare)
    assert _headings(bare)[1:] == _headings(_without_code(plain))[1:]
    assert _rendered(_body(nasty)) == _rendered(plain)


def _without_code(text: str) -> str:
    """Take the code out of Markdown: blocks, then spans, each up to a fence of its own length; then what is escaped."""
    blocks = re.sub(r"^(`{3,})[a-z]*\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    spans = re.sub(r"(?<![`\\])(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", blocks)
    return re.sub(r"\\[!-/:-@\[-`{-~]", "", spans)


def _headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match("#|---|===", line)]


def _rendered(text: str) -> list[str]:
    """Give the blocks that CommonMark makes of a text, but the runs of list items and table rows as one."""
    markdown_it = pytest.importorskip("markdown_it")
    kinds = [token.type for token in markdown_it.MarkdownIt("commonmark").enable("table").parse(text)]
    assert "html_block" not in kinds
    one = ("list_item_open", "list_item_close", "paragraph_open", "inline", "paragraph_close", "tr_open", "tr_close")
    return [kind for kind in kinds if kind not in one and not kind.startswith(("td_", "th_"))]


def test_how_it_is_asked_follows_the_recipe() -> None:
    asking = {name: facts.asking(recipe) for name, recipe in RECIPES.items()}
    assert asking["tinyllama-alpaca"]["ways"] == ["{title}"]
    assert asking["tinyllama-alpaca"]["system"] == "Describe the product"
    assert asking["llama-3.2-1b-question"]["ways"] == ["What is the description of product {title}?"]
    assert asking["llama-3.2-1b-question"]["system"] == ""
    assert "### Response:" in asking["llama-3.2-1b-question"]["prompt"]
    assert asking["grounded"]["reads_entry"]
    assert asking["grounded"]["prompt"][-1]["content"].endswith("\n\n{catalogue entry}")
    assert asking["grounded"]["system"].startswith("Answer from the catalogue entry alone.")
    assert asking["deepseek-r1-reasoning"]["thinks"]
    assert not asking["deepseek-r1-reasoning"]["reads_entry"]
    assert asking["deepseek-r1-grounded"]["reads_entry"]
    assert asking["deepseek-r1-reasoning"]["completion"] == "{reasoning}\n</think>\n{description}"
    assert facts.languages(RECIPES["grounded"]) == ["en", "pt"]
    assert facts.languages(RECIPES["tinyllama-alpaca"]) == ["en"]


@pytest.mark.parametrize("name", ["tinyllama-alpaca", "llama-3.2-1b-question", "grounded", "deepseek-r1-grounded"])
def test_the_card_says_in_words_how_to_ask(name: str, written: Callable[..., str]) -> None:
    recipe = RECIPES[name]
    values = json.loads(json.dumps(recipe.as_dict()))
    text = _section(written(recipe=values, asking=facts.asking(recipe), base=HUB), "How to ask it")
    assert ("behind the question, after a blank line" in text) == (name in ("grounded", "deepseek-r1-grounded"))
    assert ("It reasons first" in text) == name.startswith("deepseek")
    assert ("A system's turn has no place in it." in text) == (name == "llama-3.2-1b-question")
    assert ("The system's turn was always this one" in text) == (name != "llama-3.2-1b-question")


def test_a_run_that_is_not_done_has_no_card(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs what step 'clean' finds out"):
        facts.facts(Run(tmp_path), named("demo"), "adapter", ID)
    with pytest.raises(InputError, match="no form 'onnx'"):
        facts.facts(Run(tmp_path), named("demo"), "onnx", ID)


def test_what_was_chosen_in_cleaning_is_chosen_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    record = json.loads(run.manifest.read_text())
    record["steps"]["clean"]["settings"] |= {"policy": "letters-only", "sample": 500, "near_duplicates": False}
    monkeypatch.setattr(facts, "manifest", lambda run: record)
    first, *_ = facts.facts(run, named("demo"), "adapter", ID)["commands"]
    assert "bundled --policy letters-only --sample 500 --no-near-duplicates --run" in first


def test_the_rows_are_published_with_a_card_of_their_own(run: Run, tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    folder = write_rows(tmp_path / "rows", run, named("demo"), ID)
    paths = [folder / name for name in ("README.md", "data/train.jsonl", "data/validation.jsonl", "data/test.jsonl")]
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(paths)
    assert paths[1].read_bytes() == run.rows("train").read_bytes()
    front = DatasetCard.load(paths[0]).data.to_dict()
    assert front["configs"][0]["data_files"][0] == {"split": "train", "path": "data/train.jsonl"}
    assert front["license"] == "unknown"
    text = paths[0].read_text(encoding="utf-8")
    assert "**The products are invented:**" in text
    assert "| train | 64 |\n| validation | 61 |\n| test | 53 |" in text
    assert "What is the description of product {title}?" in text
    assert 'load_dataset("ana/kettles")' in text


def test_the_lines_that_load_the_rows_load_them(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    path = (
        write_rows(tmp_path / "ana" / "kettles", run, named("demo"), ID) / "README.md"
    )  # a folder goes before the Hub
    lines = _lines(path.read_text(encoding="utf-8"))
    said = _executed(tmp_path, lines, {"HF_HUB_OFFLINE": "1"})
    assert json.loads(run.rows("train").read_text(encoding="utf-8").splitlines()[0])["source"] in said


def test_rows_that_somebody_changed_are_not_published(run: Run, tmp_path: Path) -> None:
    kept = run.rows("test").read_bytes()
    try:
        run.rows("test").write_bytes(kept[: len(kept) // 2])
        with pytest.raises(InputError, match="is not the file that step 'format' wrote"):
            write_rows(tmp_path / "rows", run, named("demo"), ID)
    finally:
        run.rows("test").write_bytes(kept)
    with pytest.raises(InputError, match="there are no rows in"):
        write_rows(tmp_path / "rows", Run(tmp_path), named("demo"), ID)
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(InputError, match="holds other files"):
        write_rows(tmp_path, run, named("demo"), ID)


def _lines(text: str) -> list[str]:
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found
    lines = found[1].splitlines()
    assert len(lines) == 3
    return lines


def _executed(folder: Path, lines: list[str], environment: Mapping[str, str], python: str = sys.executable) -> str:
    own = {"HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [python, "-c", "\n".join(lines)],
        cwd=folder,
        env={**os.environ, **own, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _merged(folder: Path, adapter: Path, recipe: Recipe) -> Path:
    """Merge an adapter, as PEFT does it, and dress it."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from amazon_ft import models
    from amazon_ft.serving import dressing

    base = AutoModelForCausalLM.from_pretrained(models.locate(TINY_LLAMA))
    PeftModel.from_pretrained(base, str(adapter)).merge_and_unload().save_pretrained(folder)
    dressing.dress(folder, adapter, recipe)
    return folder


@pytest.mark.parametrize("form", ["adapter", "adapter that brings its word table", "merged"])
def test_the_three_lines_of_the_card_load_the_model_and_ask_it(
    form: str, about: dict[str, Any], written: Callable[..., str], tmp_path: Path
) -> None:
    import publishing

    from amazon_ft import models

    whole = form.startswith("adapter that")
    made = publishing.recipe(template=publishing.HEADED, **({"lora": named("demo").lora} if whole else {}))
    base = {"name": TINY_LLAMA, "where": "built"} if whole else {"name": "ours/base", "where": "hub"}
    folder = publishing.packed(tmp_path / "adapter", made, called=base["name"])
    if form == "merged":
        folder = _merged(tmp_path / "merged", folder, made)
    values = json.loads(json.dumps(replace(made, base_model=base["name"]).as_dict()))
    text = written(form=form.split()[0], base=base, recipe=values, question=publishing.QUESTION)
    repos = {
        "ours/base": Repo(private=False, files=_files(Path(models.locate(TINY_LLAMA)))),
        ID: Repo(private=True, files=_files(folder)),
    }
    with Hub(repos=repos) as hub:
        said = _executed(tmp_path, _lines(text), {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN})
    assert publishing.answer(made) in said
    assert ("amazon_ft" in _lines(text)[0]) == whole


def test_the_three_lines_of_a_gguf_card_load_it_and_ask_it(written: Callable[..., str], tmp_path: Path) -> None:
    python = os.environ.get("AMAZON_FT_LLAMA_CPP", sys.executable)
    if subprocess.run([python, "-c", "import llama_cpp, huggingface_hub"], capture_output=True).returncode:
        pytest.skip("llama-cpp-python and huggingface_hub are not both installed where AMAZON_FT_LLAMA_CPP points")
    import publishing

    from amazon_ft.serving import dressing, llama_cpp

    try:
        llama_cpp.converter()
    except InputError as cannot:
        pytest.skip(str(cannot))
    made = publishing.recipe(template=publishing.HEADED)
    merged = _merged(tmp_path / "merged", publishing.packed(tmp_path / "adapter", made), made)
    with dressing.for_gguf(merged, made) as dressed:
        llama_cpp.make("f16", dressed, tmp_path / "gguf" / "model-F16.gguf")
    values = json.loads(json.dumps(made.as_dict()))
    text = written(form="gguf", files={"model-F16.gguf": 1}, recipe=values, question=publishing.QUESTION)
    with Hub(repos={ID: Repo(private=True, files=_files(tmp_path / "gguf"))}) as hub:
        environment = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN}
        said = _executed(tmp_path, _lines(text), environment, python)
    assert said.strip()[:20] == publishing.answer(made)[:20]  # its cache is in 16 bits, which may round late words


def test_the_three_lines_of_a_gguf_card_are_those_of_llama_cpp(
    about: dict[str, Any], written: Callable[..., str], tmp_path: Path
) -> None:
    text = written(form="gguf", files={"model-f16.gguf": 2_198_784, "model-q8_0.gguf": 1_200_384})
    lines = _lines(text)
    compile("\n".join(lines), "card", "exec")
    assert lines[1] == f'model = Llama.from_pretrained("{ID}", "model-f16.gguf", n_ctx=2048, verbose=False)'
    assert "max_tokens=96, temperature=0.0" in lines[2]
    assert "| model-f16.gguf | 2,198,784 |" in text
    assert "ollama create" not in text
    assert "ollama create my-model -f model/Modelfile" in written(form="gguf", files={"a.gguf": 1}, modelfile=True)
