from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from converting import converter, llama_cpp_python
from servers import VERSION, FaultServer
from serving import Heard, Served, send
from test_modelfile import read, rendered, turn

from amazon_ft import models, prompts
from amazon_ft.files import InputError
from amazon_ft.recipes import TINY_LLAMA, Recipe, named
from amazon_ft.serving import dressing, llama_cpp, ollama, parity, readers
from amazon_ft.serving.modelfile import modelfile
from amazon_ft.serving.parity import Trained

# Keeps what it is given, as `ollama create` does, and fails as that does without a server or a model file.
COMMAND = """
import json, os, re, sys
from pathlib import Path

command, name, flag, path = sys.argv[1:]
text = Path(path).read_text()
source = re.search(r"^FROM (.*)$", text, re.MULTILINE)
if command != "create" or flag != "-f" or not source:
    sys.exit("Error: no FROM line")
if not Path(source[1]).exists():
    sys.exit(f"gathering model components\\nError: {source[1]}: no such file or directory")
kept = {"modelfile": text, "source": str(Path(source[1]).resolve())}
Path(os.environ["FAKE_OLLAMA"], f"{name}.json").write_text(json.dumps(kept))
print("success")
"""
# Answers as llama.cpp does within Ollama: the rendered text as it is, BOS where the file asks for it, the stops.
ANSWER = """
import json, sys
import llama_cpp

path, text, stops, number = json.loads(sys.argv[1])
llama = llama_cpp.Llama(path, n_ctx=1024, type_k=0, type_v=0, verbose=False)
begun = llama.metadata.get("tokenizer.ggml.add_bos_token") == "true"
ids = llama.tokenize(text.encode(), add_bos=begun, special=True)
said = llama.create_completion(ids, max_tokens=number, temperature=0.0, repeat_penalty=1.0, stop=stops)
answer = said["choices"][0]["text"]
context = llama.tokenize((text + answer).encode(), add_bos=False, special=True)
print(json.dumps({"response": answer, "context": context, "prompt_eval_count": len(ids)}))
"""

Answers = Callable[[str, str, list[str], int], Mapping[str, Any]]


def _echo(path: str, text: str, stops: list[str], number: int) -> Mapping[str, Any]:
    return {"response": f" {text} {stops} {number} ", "context": [1, 2, 3], "prompt_eval_count": 2}


def _by_llama_cpp(path: str, text: str, stops: list[str], number: int) -> Mapping[str, Any]:
    asked = json.dumps([path, text, stops, number])
    ended = subprocess.run([llama_cpp.python(), "-c", ANSWER, asked], capture_output=True, text=True, check=True)
    return dict(json.loads(ended.stdout))


@dataclass
class Ollama(Served):
    """Serve the models that the fake command has made, each asked through its own TEMPLATE."""

    folder: Path = Path()
    answers: Answers = _echo
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: Heard, writer: asyncio.StreamWriter) -> bool:
        made = {path.stem: json.loads(path.read_text()) for path in self.folder.glob("*.json")}
        if request.path == "/api/tags":
            return await send(writer, 200, {"models": [{"name": f"{name}:latest"} for name in made]})
        self.asked.append(request.body)
        if request.path != "/api/generate" or request.body["model"] not in made:
            return await send(writer, 404, {"error": f"model '{request.body.get('model')}' not found"})
        model = made[request.body["model"]]
        commands = read(model["modelfile"])
        values = dict(commands)
        text = rendered(values["TEMPLATE"], [turn(request.body["prompt"], values.get("SYSTEM", ""))])
        stops = [value for name, value in commands if name == "stop"]
        number = request.body["options"].get("num_predict", int(values.get("num_predict", 128)))
        return await send(writer, 200, self.answers(model["source"], text, stops, number))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an `ollama` on the PATH; what it makes lies in the folder."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "made").mkdir()
    path = tmp_path / "bin" / "ollama"
    path.write_text(f"#!{sys.executable}\n{COMMAND}")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent))
    monkeypatch.setenv("FAKE_OLLAMA", str(tmp_path / "made"))
    return tmp_path / "made"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write a model file, of no weights, and its Modelfile."""
    folder = tmp_path / "my gguf"
    folder.mkdir()
    (folder / "model-F16.gguf").write_text("weights")
    text = 'FROM ./model-F16.gguf\nTEMPLATE """<{{ .Prompt }}>"""\nPARAMETER stop "###"\nPARAMETER num_predict 7\n'
    (folder / "Modelfile").write_text(text)
    return folder / "Modelfile"


def _at(monkeypatch: pytest.MonkeyPatch, server: Served) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)


def test_a_model_is_made_and_asked(command: Path, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ollama.create("mine", written)
    assert json.loads((command / "mine.json").read_text())["source"] == str(written.with_name("model-F16.gguf"))
    with Ollama(folder=command) as server:
        _at(monkeypatch, server)
        assert ollama.absent("mine") == "" == ollama.absent("mine:latest")
        assert ollama.ask("mine", "What is it?") == "<What is it?> ['###'] 7"
        assert ollama.asked("mine", "x", 3) == ollama.Told(" <x> ['###'] 3 ", (1, 2, 3), 2)
        assert ollama.absent("other") == f"Ollama at {server.url} has no model other"
        with pytest.raises(InputError, match=r"refuses \(404: model 'other' not found\)"):
            ollama.ask("other", "x")
    assert server.asked[0] == {"model": "mine", "prompt": "What is it?", "stream": False, "options": {}}
    assert server.asked[1]["options"] == {"temperature": 0, "num_predict": 3}


def test_without_the_command_both_steps_are_told(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"not installed here: get it from https://ollama\.com/download") as refused:
        ollama.create("mine", written)
    going_on = str(refused.value).split("`")[1]
    moved, made = going_on.split(" && ")
    assert shlex.split(moved) == ["cd", str(written.parent)]
    assert shlex.split(made) == ["ollama", "create", "mine", "-f", "Modelfile"]


def test_what_ollama_says_against_it_is_told(command: Path, written: Path) -> None:
    written.with_name("model-F16.gguf").unlink()
    with pytest.raises(
        InputError, match=r"could not make mine \(Error: \./model-F16\.gguf: no such file or directory\)"
    ):
        ollama.create("mine", written)
    written.unlink()
    with pytest.raises(InputError, match="Modelfile is missing: write the Modelfile first"):
        ollama.create("mine", written)


@pytest.mark.parametrize("name", ["", "-f", "two words", "a;b", "../x", "a\nb"])
def test_a_name_that_is_none_is_refused_before_ollama_is_asked(name: str, command: Path, written: Path) -> None:
    with pytest.raises(InputError, match="is no name of a model of Ollama's"):
        ollama.create(name, written)
    assert not list(command.iterdir())


def test_paths_are_those_that_the_modelfile_reads(tmp_path: Path) -> None:
    folder = tmp_path / "gguf"
    assert ollama.source(folder / "model-F16.gguf", folder / "Modelfile") == "./model-F16.gguf"
    assert ollama.source(folder / "adapter", folder / "Modelfile") == "./adapter"
    for elsewhere in (tmp_path / "model.gguf", folder / 'mo"del.gguf', folder / "mo\ndel.gguf"):
        with pytest.raises(InputError, match="cannot be named"):
            ollama.source(elsewhere, folder / "Modelfile")


def test_no_server_and_no_ollama_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(speaks="openai") as server:
        _at(monkeypatch, server)
        with pytest.raises(InputError, match=r"refuses \(404"):
            ollama.ask("mine", "x")
    with pytest.raises(InputError, match=rf"does not answer at {server.url} \(.*refused\): start it by `ollama serve`"):
        ollama.ask("mine", "x")
    assert "does not answer" in ollama.absent("mine")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>Log in to use this network", "what answers at .* is not Ollama: check OLLAMA_HOST"),
        (200, b"[1, 2]", "is not Ollama"),
        (200, b'{"message": {"content": "x"}}', "is not Ollama"),
        (500, b'{"error": "out of memory."}', r"refuses \(500: out of memory\)"),
        (502, b"<html>\nBad gateway", r"refuses \(502: <html> Bad gateway\)"),
        (503, b"", r"refuses \(503: no reason given\)"),
    ],
)
def test_what_is_no_answer_is_told_in_one_sentence(
    status: int, body: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd(Served):
        async def answer(self, request: Heard, writer: asyncio.StreamWriter) -> bool:
            return await send(writer, status, body)

    with Odd() as server:
        _at(monkeypatch, server)
        with pytest.raises(InputError, match=said) as refused:
            ollama.ask("mine", "x")
    assert "\n" not in str(refused.value)


def test_a_proxy_for_others_is_not_asked_about_this_machine(
    command: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama.create("mine", written)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with Ollama(folder=command) as server:
        _at(monkeypatch, server)
        assert ollama.ask("mine", "x").startswith("<x>")


@pytest.mark.parametrize(
    ("told", "bos", "prompt"),
    [
        ({"response": "a", "context": [5, 6, 9], "prompt_eval_count": 2}, None, [5, 6]),
        ({"response": "", "context": [5, 6], "prompt_eval_count": 2}, 1, [5, 6]),
        ({"response": "a", "context": [5, 6, 9], "prompt_eval_count": 3}, 1, [1, 5, 6]),
        ({"response": "a", "context": [5, 6, 9], "prompt_eval_count": 3}, None, 3),
        ({"response": "a", "prompt_eval_count": 3}, 1, 3),
    ],
    ids=["no BOS", "no answer", "BOS", "BOS unknown", "number alone"],
)
def test_the_tokens_of_the_prompt_are_read_from_what_ollama_tells(
    told: Mapping[str, Any], bos: int | None, prompt: Any, command: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama.create("mine", written)
    with Ollama(folder=command, answers=lambda *_: told) as server:
        _at(monkeypatch, server)
        reader = readers.by_ollama("mine", bos)
        assert isinstance(reader, readers.Ollama)
        assert reader.prompts(["x"]) == [prompt]
        server.answers = lambda *_: {"response": "a"}
        assert reader.prompts(["x", "y"]) is None
        assert reader.answers(["x"], 4) == ["a"]


TEXTS = ("What is the description of product Lamp?", 'Tell me about a "blue" kettle, 2.5 l.')


def _dressed(recipe: Recipe, folder: Path) -> Path:
    """Give the tiny model as if it had been trained by this recipe: its tokens and template, untrained answers."""
    shutil.copytree(models.locate(TINY_LLAMA), folder)
    dressing.dress(folder, folder, recipe)
    return folder


@pytest.mark.parametrize("name", ["demo", "llama-3.2-1b-question"])
def test_the_whole_road_reads_and_answers_as_the_model_does(
    name: str, command: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    llama_cpp_python()
    monkeypatch.setenv("LLAMA_CPP", str(converter()))
    recipe, path = named(name), tmp_path / "gguf" / "model-F32.gguf"
    merged = _dressed(recipe, tmp_path / "merged")
    reader = readers.folder(merged, "merged")
    assert isinstance(reader, readers.Transformers)
    with dressing.for_gguf(merged, recipe) as source:
        llama_cpp.make("f32", source, path)
    tokenizer = dressing.tokenizer(merged)
    ids = [prompts.prompt_ids(prompts.free_question(text, recipe.asked), recipe.template, tokenizer) for text in TEXTS]
    trained = Trained(TEXTS, ids, reader.answers(TEXTS, 24), 24)
    made = path.with_name("Modelfile")
    made.write_text(modelfile(recipe, tokenizer, ollama.source(path, made)))
    ollama.create("mine", made)
    with Ollama(folder=command, answers=_by_llama_cpp) as server:
        _at(monkeypatch, server)
        found = parity.compare(
            trained,
            {
                "Ollama": readers.by_ollama("mine", tokenizer.bos_token_id),
                "llama.cpp": readers.by_llama_cpp(path),
                "Transformers": readers.gguf(path, merged, dressing.gguf_template(merged, recipe)),
            },
        )
    assert found.absent == {}
    assert [(one.template, one.equal) for one in found.readings] == [("same", 2)] * 3, found.readings
    parity.check_published(found, "gguf", [path.name])
    made.write_text(made.read_text().replace('TEMPLATE """', 'TEMPLATE """Say:'))
    ollama.create("mine", made)
    with Ollama(folder=command, answers=_by_llama_cpp) as server:
        _at(monkeypatch, server)
        alone = Trained(TEXTS[:1], ids[:1], trained.answers[:1], 1)
        other = parity.compare(alone, {"Ollama": readers.by_ollama("mine", tokenizer.bos_token_id)})
    with pytest.raises(InputError, match="refused: the template of the gguf form, read by Ollama, mine, gives other"):
        parity.check_published(other, "gguf", [path.name])


def test_the_version_of_the_ollama_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(models=["m"]) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        assert ollama.version() == VERSION
    assert ollama.version() == ""
