from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from amazon_ft import models
from amazon_ft.files import InputError
from amazon_ft.recipes import TINY_LLAMA
from amazon_ft.serving import parity, readers
from amazon_ft.serving.parity import Difference, Parity, Prompt, Trained, check_published, compare

TEXTS = ("What is the Lamp?", "And the Chair?", "E o Copo, é de quê?")
TRAINED = Trained(TEXTS, [[1, 2, 3], [1, 4], [5]], ["A lamp.", "A chair, 4 legs.", "Um copo."], 16)


@dataclass(frozen=True)
class Fake:
    """Read and answer as it is told."""

    read: Sequence[Prompt] | None = tuple(TRAINED.prompts)
    said: Sequence[str] = tuple(TRAINED.answers)
    form: str = "gguf"
    name: str = "fake"
    file: str = "a.gguf"

    def prompts(self, texts: Sequence[str]) -> Sequence[Prompt] | None:
        assert texts == TEXTS
        return self.read

    def answers(self, texts: Sequence[str], max_new_tokens: int) -> list[str]:
        assert (texts, max_new_tokens) == (TEXTS, 16)
        return [*self.said]


def _parity(*readers: parity.Reader | str) -> Parity:
    return compare(TRAINED, {f"reader {number}": reader for number, reader in enumerate(readers)})


def test_what_reads_and_answers_alike_is_the_same() -> None:
    found = _parity(Fake(form="merged"))
    assert [(one.template, one.equal, one.asked, one.differences) for one in found.readings] == [("same", 3, 3, ())]
    check_published(found, "merged", ["a.gguf"])


def test_an_answer_that_differs_is_counted_and_shown_and_may_be_published() -> None:
    found = _parity(Fake(said=["A lamp.", "A chair, 3 legs.", "Um copo. Azul."]))
    assert found.readings[0].equal == 1
    assert found.readings[0].differences == (
        Difference("And the Chair?", "A chair, 4 legs.", "A chair, 3 legs.", 9),
        Difference("E o Copo, é de quê?", "Um copo.", "Um copo. Azul.", 8),
    )
    check_published(found, "gguf", ["a.gguf"])


def test_a_character_that_was_cut_is_no_difference() -> None:
    said = ["A lamp.", "A chair, 4 legs.\ufffd", "Um copo. \ufffd\ufffd"]
    assert _parity(Fake(said=said)).readings[0].equal == 3
    assert _parity(Fake(said=["A\ufffdlamp.", *said[1:]])).readings[0].equal == 2


@pytest.mark.parametrize(
    ("read", "verdict", "place", "why"),
    [
        ([[1, 2, 3], [1, 9], [5]], "differs", 1, "question 2 from token 1 on: 9 instead of 4"),
        ([[1, 2, 3, 7], [1, 4], [5]], "differs", 3, "question 1 from token 3 on: 7 instead of the end"),
        ([[1, 2, 3], [], [5]], "differs", 0, "question 2 from token 0 on: the end instead of 1"),
        ([3, 2, 2], "differs", None, "question 3 has 2 tokens instead of 1"),
        ([3, [1, 4], 1], "same length", None, ""),
        (None, "not known", None, ""),
    ],
)
def test_a_template_is_judged_by_the_tokens_that_it_gives(
    read: Sequence[Prompt] | None, verdict: str, place: int | None, why: str
) -> None:
    one = _parity(Fake(read=read)).readings[0]
    assert (one.template, one.place, one.why) == (verdict, place, why)


def test_a_form_that_anybody_reads_otherwise_is_refused() -> None:
    found = _parity(Fake(), Fake(read=[[1, 2, 3], [1, 9], [5]], name="Ollama, mine"), Fake(form="merged"))
    with pytest.raises(InputError, match=r"refused: .* gguf form, read by Ollama, mine, .* token 1 on: 9 instead of 4"):
        check_published(found, "gguf", ["a.gguf"])
    check_published(found, "merged", ["a.gguf"])


@pytest.mark.parametrize(
    "reader",
    [Fake(read=None), Fake(read=[3, 2, 1]), Fake(form="merged"), Fake(file="b.gguf"), Fake(file=""), "not installed"],
)
@pytest.mark.parametrize("files", [["a.gguf"], ["b.gguf", "a.gguf"]])
def test_without_a_proof_of_each_file_nothing_counts_as_published(
    reader: parity.Reader | str, files: list[str]
) -> None:
    with pytest.raises(InputError, match=r"refused: nothing has shown that a\.gguf reads as the trained model"):
        check_published(_parity(reader), "gguf", files)


def test_a_form_that_is_not_there_is_not_proven() -> None:
    with pytest.raises(InputError, match="refused: nothing has shown that merged reads as the trained model"):
        check_published(_parity(Fake()), "merged", [])


def test_who_cannot_read_is_named_with_the_reason() -> None:
    class Broken(Fake):
        def answers(self, texts: Sequence[str], max_new_tokens: int) -> list[str]:
            raise InputError("the file is torn: make it anew.")

    found = _parity("llama-cpp-python is not installed", Broken(), Fake())
    assert found.absent == {
        "reader 0": "llama-cpp-python is not installed",
        "reader 1": "the file is torn: make it anew.",
    }
    assert [one.name for one in found.readings] == ["fake"]
    rows = found.table()
    assert [list(row) for row in rows] == [["read by", "form", "template", "answers equal", "seconds"]] * 3
    assert rows[0]["answers equal"] == "3 of 3"
    assert rows[1]["template"] == "not asked: llama-cpp-python is not installed"


def test_it_survives_json() -> None:
    found = _parity(Fake(said=["A lamp.", "?", "Um copo."]), Fake(read=[[7], [1, 4], [5]], name="other"), "away")
    assert parity.read(json.loads(json.dumps(found.as_dict()))) == found


def test_questions_answers_and_tokens_belong_together() -> None:
    with pytest.raises(ValueError, match="token ids and its answer"):
        replace(TRAINED, answers=["A lamp."])
    with pytest.raises(ValueError, match="parity needs a question"):
        Trained([], [], [], 16)


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    return Path(shutil.copytree(models.locate(TINY_LLAMA), tmp_path / "merged"))


def test_a_reader_that_is_not_there_says_what_is_missing(merged: Path, tmp_path: Path) -> None:
    assert readers.folder(tmp_path / "none", "merged") == f"{tmp_path / 'none'} holds no config.json"
    assert readers.folder(merged, "adapter") == f"{merged} holds no adapter_config.json"
    assert readers.gguf(tmp_path / "x.gguf", merged) == f"{tmp_path / 'x.gguf'} is not there"
    assert readers.by_llama_cpp(tmp_path / "x.gguf") == f"{tmp_path / 'x.gguf'} is not there"
    (tmp_path / "x.gguf").touch()
    assert readers.gguf(tmp_path / "x.gguf", tmp_path / "none") == f"{tmp_path / 'none'} holds no config.json"
    (merged / "generation_config.json").unlink()
    assert readers.folder(merged, "merged") == f"{merged} holds no generation_config.json"


def test_llama_cpp_is_not_there_without_its_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.gguf").touch()
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
    python.chmod(0o755)
    monkeypatch.setenv("AMAZON_FT_LLAMA_CPP", str(python))
    assert readers.by_llama_cpp(tmp_path / "x.gguf") == f"llama-cpp-python is not installed for {python}"


def test_a_folder_is_read_by_its_own_template_and_stops(merged: Path) -> None:
    reader = readers.folder(merged, "merged")
    assert isinstance(reader, readers.Transformers)
    template = (merged / "chat_template.jinja").read_text()
    whole = reader.answers(["Tell me about a lamp."], 12)
    plain = reader.prompts(["Tell me about a lamp."])
    (merged / "chat_template.jinja").write_text(template.replace("<|assistant|>", "<|assistant|> "))
    other = readers.folder(merged, "merged")
    assert isinstance(other, readers.Transformers)
    assert other.prompts(["Tell me about a lamp."]) != plain
    first = reader._tokenizer(whole[0], add_special_tokens=False)["input_ids"][0]
    decoding = json.loads((merged / "generation_config.json").read_text())
    (merged / "generation_config.json").write_text(json.dumps({**decoding, "eos_token_id": [first], "do_sample": True}))
    assert len(reader.answers(["Tell me about a lamp."], 12)[0]) < len(whole[0])


def test_torn_weights_are_told_in_one_sentence(merged: Path, tmp_path: Path) -> None:
    (tmp_path / "torn.gguf").write_bytes(b"GGUF" + bytes(30))
    reader = readers.gguf(tmp_path / "torn.gguf", merged)
    assert isinstance(reader, readers.Transformers)
    with pytest.raises(InputError, match=r"torn\.gguf is no whole GGUF file"):
        reader.prompts(["x"])
    weights = merged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    whole = readers.folder(merged, "merged")
    assert isinstance(whole, readers.Transformers)
    with pytest.raises(InputError, match=r"model\.safetensors is no whole safetensors file"):
        whole.answers(["x"], 4)


def test_what_transformers_cannot_load_is_told_in_one_sentence(merged: Path) -> None:
    config = merged / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "mammoth"}))
    whole = readers.folder(merged, "merged")
    assert isinstance(whole, readers.Transformers)
    with pytest.raises(InputError, match=r"^Transformers cannot load .*merged .*mammoth.*: have it made anew\.$"):
        whole.answers(["x"], 4)
