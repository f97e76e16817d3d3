"""The adapter, merged, as GGUF, and read back by others: every answer is the trained model's."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from converting import converter, llama_cpp_python

from amazon_ft import hardware, models, prompts
from amazon_ft.files import InputError
from amazon_ft.generation.answering import Manner
from amazon_ft.generation.speaking import Local
from amazon_ft.merging import bases, writing
from amazon_ft.recipes import TINY_LLAMA, named
from amazon_ft.runs import Run
from amazon_ft.serving import dressing, kinds, llama_cpp, parity, readers
from amazon_ft.serving.kinds import kind
from amazon_ft.serving.parity import Reader, Reading, Trained
from amazon_ft.steps.preparing import rows

RECIPE = named("demo")
QUESTIONS = 30
TOKENS = 64
MOST_OTHER = 6  # answers of a model of 8.5 bits that may differ; three did


@dataclass(frozen=True)
class Published:
    """Hold the folder of the merged model, the one of its GGUF files, and what the trained model answers."""

    merged: Path
    gguf: Path
    trained: Trained

    def made(self, name: str) -> Path:
        """Give the GGUF file of a kind; make it once."""
        path = self.gguf / kind(name).file_name
        if not path.exists():
            llama_cpp.make(name, llama_cpp.source(name, self.merged, self.gguf / kind("f16").file_name), path)
        return path


@pytest.fixture(scope="module")
def published(walked: Run, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("published")
    merged, base = folder / "merged", bases.sixteen_bit(RECIPE.base_model)
    plan = writing.plan(walked.adapter, base, merged, hardware.measure())
    writing.merge(walked.adapter, base, merged, plan, lambda inner: dressing.dress(inner, walked.adapter, RECIPE))
    return Published(merged, folder / "gguf", _trained(walked))


def _trained(run: Run) -> Trained:
    """Ask about products that were trained on and about others."""
    some = [rows(run, split)[: QUESTIONS // 2] for split in ("train", "test")]
    texts = [row.input for split in some for row in split]
    loaded = models.load(RECIPE, adapter=run.adapter)
    asked = [prompts.free_question(text, RECIPE.asked) for text in texts]
    ids = [prompts.prompt_ids(one, RECIPE.template, loaded.tokenizer) for one in asked]
    speaker = Local(loaded)
    manner = Manner(replace(RECIPE.generation, max_new_tokens=TOKENS))
    answers = [speaker.answers(RECIPE, {"tuned": [one]}, manner)["tuned"][0].text for one in asked]
    return Trained(texts, ids, answers, TOKENS)


def _read(published: Published, reader: Reader | str) -> Reading:
    found = parity.compare(published.trained, {"reader": reader})
    assert found.absent == {}
    return found.readings[0]


def _all_equal(one: Reading) -> None:
    assert (one.template, one.why) == ("same", "")
    assert one.equal == QUESTIONS, one.differences


def test_the_questions_are_a_fair_choice(published: Published) -> None:
    answers = published.trained.answers
    assert len(published.trained.texts) == len(set(published.trained.texts)) == QUESTIONS
    assert len(set(answers)) > QUESTIONS // 2
    assert all(answers)


def test_the_merged_model_answers_as_the_trained_one(published: Published) -> None:
    _all_equal(_read(published, readers.folder(published.merged, "merged")))


def test_transformers_reads_the_same_answers_from_the_gguf(published: Published) -> None:
    converter()
    path = published.made("f16")
    assert kinds.chat_template(path) == (published.merged / "chat_template.jinja").read_text()
    _all_equal(_read(published, readers.gguf(path, published.merged)))


def test_llama_cpp_reads_the_same_answers_from_the_gguf(published: Published) -> None:
    llama_cpp_python()
    converter()
    one = _read(published, readers.by_llama_cpp(published.made("f16")))
    _all_equal(one)


def test_eight_bits_read_alike_and_answer_nearly_alike(published: Published) -> None:
    converter()
    path = published.made("q8_0")
    one = _read(published, readers.gguf(path, published.merged))
    assert one.template == "same"
    assert one.equal >= QUESTIONS - MOST_OTHER
    assert len(one.differences) == QUESTIONS - one.equal
    whole = published.made("f16").stat().st_size
    assert 0.5 < path.stat().st_size / whole < 0.6


@pytest.mark.parametrize("name", ["f16", "q8_0"])
def test_the_size_of_a_converted_file_is_predicted(name: str, published: Published) -> None:
    converter()
    size = published.made(name).stat().st_size
    assert size <= kinds.from_folder(published.merged, kind(name)) <= 1.1 * size


def test_another_template_is_seen_and_refused(published: Published, tmp_path: Path) -> None:
    converter()
    template, path = (published.merged / "chat_template.jinja").read_bytes(), tmp_path / "model-F16.gguf"
    other = template.replace(b"<|assistant|>", b"<|assistent|>")
    path.write_bytes(published.made("f16").read_bytes().replace(template, other))
    first = Trained(*(part[:1] for part in (published.trained.texts, published.trained.prompts, [""])), 1)
    found = parity.compare(first, {"": readers.gguf(path, published.merged)})
    assert found.readings[0].template == "differs"
    with pytest.raises(InputError, match=r"refused: the template of the gguf form, read by Transformers, model-F16"):
        parity.check_published(found, "gguf", [path.name])


def test_quantised_files_are_read_and_as_large_as_predicted(published: Published) -> None:
    llama_cpp_python()
    converter()
    source = published.made("f16")
    for name in ("q6_k", "q4_k_m"):
        path = published.made(name)
        one = _read(published, readers.by_llama_cpp(path))
        assert one.template == "same"
        assert one.equal >= QUESTIONS // 2
        # Rows of 128 are too short for blocks of 256: llama.cpp takes smaller blocks, of more bits.
        assert path.stat().st_size <= kinds.from_gguf(source, kind(name)) < 1.4 * path.stat().st_size


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a random model whose rows are multiples of 256, and whose head is a table of its own."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tiny = Path(models.locate(TINY_LLAMA))
    folder = Path(shutil.copytree(tiny, tmp_path_factory.mktemp("wide") / "model"))
    config = AutoConfig.from_pretrained(tiny)
    config.update({"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 8, "tie_word_embeddings": False})
    AutoModelForCausalLM.from_config(config, dtype=torch.float16).save_pretrained(folder)
    return folder


def test_the_bits_of_each_kind_are_those_that_llama_cpp_writes(wide: Path, tmp_path: Path) -> None:
    llama_cpp_python()
    converter()
    source = tmp_path / "model-F16.gguf"
    llama_cpp.make("f16", wide, source)
    assert source.stat().st_size == pytest.approx(kinds.from_folder(wide, kind("f16")), rel=0.03)
    for name in (one.name for one in kinds.KINDS.values() if not one.converted):
        path = tmp_path / kind(name).file_name
        llama_cpp.make(name, source, path)
        assert path.stat().st_size == pytest.approx(kinds.from_gguf(source, kind(name)), rel=0.04), name
