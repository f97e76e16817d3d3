"""Walk the last part of the road: pack, merge, convert, check, card, publish, and load what was published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from converting import converter
from hub import TOKEN, Hub

from amazon_ft import steps
from amazon_ft.cli import main
from amazon_ft.files import InputError, write_json
from amazon_ft.publishing import vetting
from amazon_ft.recipes import named
from amazon_ft.runs import Run, manifest
from amazon_ft.serving.parity import Parity

pytest.importorskip("huggingface_hub")
from huggingface_hub import constants

RECIPE = named("demo")
QUESTIONS = 6


@dataclass(frozen=True)
class Made:
    """Hold a run with every form of its model, and how they compared."""

    run: Run
    parity: Parity


@pytest.fixture(scope="module")
def made(walked: Run, tmp_path_factory: pytest.TempPathFactory) -> Made:
    converter()
    run = Run(Path(shutil.copytree(walked.folder, tmp_path_factory.mktemp("published") / "run")))
    steps.pack_adapter(run, RECIPE)
    steps.merge(run, RECIPE)
    steps.gguf(run, RECIPE, ("f16",))
    return Made(run, steps.check_answers(run, RECIPE, QUESTIONS))


@pytest.fixture
def run(made: Made, tmp_path: Path) -> Run:
    """Copy the run for a test that changes it."""
    return Run(Path(shutil.copytree(made.run.folder, tmp_path / "run")))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with Hub() as there:
        monkeypatch.setattr(constants, "ENDPOINT", there.url)
        yield there


def test_every_form_reads_and_answers_as_the_trained_model(made: Made) -> None:
    assert {reading.form for reading in made.parity.readings} == {"adapter", "merged", "gguf"}
    assert {(reading.template, reading.equal) for reading in made.parity.readings} == {("same", QUESTIONS)}
    assert json.loads(made.run.parity.read_text(encoding="utf-8")) == json.loads(json.dumps(made.parity.as_dict()))


def test_what_is_there_is_not_made_again(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    steps.write_card(run, RECIPE, "merged", "ana/kettles")
    steps.write_modelfile(run, RECIPE, "f16")
    before = {path: path.stat().st_mtime_ns for path in run.published.rglob("*.safetensors")}
    for step in (steps.pack_adapter, steps.merge):
        step(run, RECIPE)
    steps.gguf(run, RECIPE, ("f16",))
    parity = run.parity.read_bytes()
    steps.check_answers(run, RECIPE, QUESTIONS)
    assert capsys.readouterr().out.count("(already done)") == 4
    assert run.parity.read_bytes() == parity
    assert {path: path.stat().st_mtime_ns for path in run.published.rglob("*.safetensors")} == before


def test_the_packed_adapter_names_its_base_and_no_path_of_this_machine(made: Made) -> None:
    folder = made.run.publication("adapter")
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == RECIPE.base_model
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix in (".json", ".jinja")]
    assert not [text for text in texts if str(made.run.folder) in text or str(Path.home()) in text]
    assert not (folder / "manifest.json").exists()


@pytest.mark.parametrize("form", ["adapter", "merged", "gguf"])
def test_a_form_is_published_with_its_card_and_nothing_else(
    form: str, run: Run, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.publication(form) / "optimizer.pt").write_bytes(b"\x80\x04.") if form == "gguf" else None
    assert steps.publish(run, RECIPE, form, "ana/kettles") == f"{hub.url}/ana/kettles"
    files = set(hub.repos["ana/kettles"].files)
    weights = {"adapter": "adapter_model.safetensors", "merged": "model.safetensors", "gguf": "model-F16.gguf"}
    assert {"README.md", "images/loss.png", "images/scores.png", weights[form]} <= files
    assert not [name for name in files if name.endswith((".pt", "manifest.json"))]
    assert hub.repos["ana/kettles"].private
    steps.publish(run, RECIPE, form, "ana/kettles")
    assert len(hub.repos["ana/kettles"].commits) == 2
    assert TOKEN not in capsys.readouterr().out


def test_what_was_published_is_loaded_and_answers_as_the_trained_model(made: Made, run: Run, hub: Hub) -> None:
    steps.publish(run, RECIPE, "adapter", "ana/kettles")
    fetched = run.folder / "fetched"
    for name, content in hub.repos["ana/kettles"].files.items():
        (fetched / name).parent.mkdir(parents=True, exist_ok=True)
        (fetched / name).write_bytes(content)
    desk = steps.Desk(made.run, RECIPE)
    question = "Tell me about " + steps.rows(run, "train")[0].output.split()[0]
    trained = desk.ask(question, cells=["tuned"]).answers["tuned"].text
    assert vetting.load(fetched, RECIPE.base_model).ask(question) == trained


def test_another_recipe_than_the_runs_is_not_told_of(run: Run, hub: Hub, tmp_path: Path) -> None:
    other = named("demo-reasoning")
    for form in ("merged", "rows"):
        with pytest.raises(InputError, match="belongs to another recipe"):
            steps.publish(run, other, form, "ana/kettles", dry_run=True)
    with pytest.raises(InputError, match="belongs to another recipe"):
        steps.write_card(run, other, "merged")
    with pytest.raises(InputError, match="needs what step 'clean' finds out"):
        steps.write_card(Run(tmp_path / "none"), other, "merged")
    assert not (tmp_path / "none").exists()


def test_a_form_that_was_not_made_says_how_to_make_it(walked: Run, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(walked.folder, tmp_path / "run")))
    for form, verb in (("merged", "merge"), ("gguf", "gguf")):
        with pytest.raises(InputError, match=f"no {form} model yet: make it first, by `amazon-ft publish {verb} --run"):
            steps.publish(run, RECIPE, form, "ana/kettles", dry_run=True)
    with pytest.raises(InputError, match="no adapter model yet: make it first, by `amazon-ft publish pack --run"):
        steps.write_card(run, RECIPE, "adapter")
    with pytest.raises(InputError, match="'a/b/c' is no name on the Hub"):
        steps.publish(run, RECIPE, "adapter", "a/b/c", dry_run=True)
    assert not run.published.exists()


def test_a_modelfile_is_published_with_the_derived_template(run: Run, hub: Hub) -> None:
    path = steps.write_modelfile(run, RECIPE, "f16")
    derived = path.read_text(encoding="utf-8")
    path.write_text(derived.replace("<|end|>", "<|pad|>"), encoding="utf-8")
    steps.publish(run, RECIPE, "gguf", "ana/kettles")
    assert hub.repos["ana/kettles"].files["Modelfile"].decode() == derived


def test_what_others_are_made_from_is_made_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = list[str]()
    monkeypatch.setattr(steps.forms, "_one_gguf", lambda run, recipe, name: made.append(name))
    steps.gguf(run, RECIPE, ("Q4_K_M", "q8_0", "F16"))
    assert made == ["f16", "q4_k_m", "q8_0"]


def test_rows_are_published_as_a_data_set(run: Run, hub: Hub) -> None:
    steps.publish(run, RECIPE, "rows", "ana/rows")
    assert set(hub.repos["datasets/ana/rows"].files) == {
        "README.md", "data/train.jsonl", "data/validation.jsonl", "data/test.jsonl"
    }  # fmt: skip


def test_a_dry_run_sends_nothing(run: Run, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    steps.publish(run, RECIPE, "merged", "ana/kettles", dry_run=True)
    assert (hub.asked, hub.repos) == ([], {})
    assert "model.safetensors" in capsys.readouterr().out


def test_an_unchecked_form_is_refused(run: Run, hub: Hub) -> None:
    record = manifest(run)
    record["steps"].pop("check")
    write_json(run.manifest, record)
    with pytest.raises(InputError, match="was not checked as it is now: do `amazon-ft publish check --run"):
        steps.publish(run, RECIPE, "merged", "ana/kettles")
    assert hub.asked == []


def test_a_command_to_go_on_with_holds_for_a_folder_with_spaces(run: Run) -> None:
    spaced = Run(run.folder.rename(run.folder.with_name("meus dados")))
    (spaced.publication("merged") / "recipe.json").write_text("{}")
    with pytest.raises(InputError, match=r"do `amazon-ft publish check --run '.*meus dados'` first\."):
        steps.publish(spaced, RECIPE, "merged", "ana/kettles")


def test_a_form_that_changed_since_it_was_checked_is_refused(run: Run, hub: Hub) -> None:
    template = run.publication("merged") / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|end|>", "<|pad|>"))
    with pytest.raises(InputError, match="was not checked as it is now"):
        steps.publish(run, RECIPE, "merged", "ana/kettles")
    assert hub.asked == []


def test_another_template_is_refused(run: Run, hub: Hub) -> None:
    template = run.publication("adapter") / "chat_template.jinja"
    template.write_text(template.read_text() + "Answer: ")
    record = manifest(run)
    record["steps"].pop("pack")  # as if it had been made so
    write_json(run.manifest, record)
    shutil.rmtree(run.publication("merged"))
    shutil.rmtree(run.publication("gguf"))
    found = steps.check_answers(run, RECIPE, 2)
    assert found.readings[0].template == "differs"
    with pytest.raises(InputError, match="refused: the template of the adapter form"):
        steps.proving.check_proven(run, "adapter")


def test_a_kind_that_fails_leaves_the_others_and_says_how_to_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLAMA_CPP", str(run.folder))
    monkeypatch.setenv("PATH", "")
    path = run.publication("gguf") / "model-F16.gguf"
    before = path.read_bytes()
    told = r"What was made before stays; then go on by `amazon-ft publish gguf --kinds f16 q8_0 --run"
    with pytest.raises(InputError, match=told):
        steps.gguf(run, RECIPE, ("f16", "q8_0"))
    assert steps.try_gguf(run, RECIPE, ("f16", "q8_0")) == [path]
    assert "LLAMA_CPP" in capsys.readouterr().out
    assert path.read_bytes() == before


def test_a_base_that_cannot_be_had_says_how_to_go_on(walked: Run, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(walked.folder, tmp_path / "run")))
    told = r"then go on by `amazon-ft publish merge --base /nowhere/at/all --run"
    with pytest.raises(InputError, match=told):
        steps.merge(run, RECIPE, "/nowhere/at/all")
    assert not run.publication("merged").exists()


def test_what_was_not_trained_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do the step 'train' first"):
        steps.pack_adapter(Run(tmp_path / "run"), RECIPE)
    with pytest.raises(InputError, match="do the step 'train' first"):
        steps.check_answers(Run(tmp_path / "run"), RECIPE)
    with pytest.raises(InputError, match="trained by a hosted job"):
        steps.merge(Run(tmp_path / "other"), named("gpt-4o-mini-chat"))


def test_nothing_to_check_is_said(walked: Run, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(walked.folder, tmp_path / "run")))
    with pytest.raises(InputError, match="holds no form of the model yet"):
        steps.check_answers(run, RECIPE)


def test_ollama_gets_the_merged_model_of_a_word_table(run: Run) -> None:
    text = steps.write_modelfile(run, RECIPE, "f16").read_text(encoding="utf-8")
    assert "FROM ./model-F16.gguf" in text
    assert "ADAPTER" not in text
    with pytest.raises(InputError, match="modules_to_save"):
        steps.write_modelfile(run, RECIPE, on="llama3.2:1b")
    with pytest.raises(InputError, match=r"make it first, by `amazon-ft publish gguf --kinds q8_0 --run"):
        steps.write_modelfile(run, RECIPE, "q8_0")


def test_a_question_is_said_as_a_user_would() -> None:
    row = replace(steps.proving.Example("What is {x}?", "A lamp", "It shines."), context="Lamp [1]")
    assert steps.proving.said(row, RECIPE) == "A lamp\n\nLamp [1]"
    assert steps.proving.said(replace(row, context=""), named("llama-3.2-1b-question")) == "What is {x}?"


def test_the_commands_walk_it_too(
    run: Run, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    at = ["--run", str(run.folder)]
    for words in (["pack"], ["merge"], ["gguf", "--kinds", "f16"], ["ollama", "--kind", "f16", "--dry-run"]):
        assert main(["publish", *words, *at]) == 0
    assert "TEMPLATE" in capsys.readouterr().out
    assert main(["publish", "check", "--questions", "1", *at]) == 0
    assert "merged, template same, 1 of 1" in capsys.readouterr().out
    assert main(["publish", "card", "gguf", *at]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()
    assert main(["publish", "hub", "merged", "ana/kettles", *at]) == 0
    assert not main(["publish", "hub", "rows", "ana/rows", "--public", "--dry-run", *at])
    assert [*hub.repos] == ["ana/kettles"]
    assert main(["publish", "ollama", "--kind", "f16", *at]) == 1
    assert "Ollama is not installed here" in capsys.readouterr().err
    assert main(["publish", "check", "--questions", "0", *at]) == 1
    assert main(["publish", "gguf", "--kinds", "q9", *at]) == 1
    assert "there is no kind of GGUF named 'q9'" in capsys.readouterr().err
