"""Hold that llama.cpp splits text with a SentencePiece vocabulary as training did, or that it is told."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from converting import converter, llama_cpp_python
from shapes import PHI_3_CHAT, sentences

from amazon_ft import prompts
from amazon_ft.files import InputError
from amazon_ft.prompts import ChatTemplate
from amazon_ft.recipes import Recipe, named
from amazon_ft.serving import dressing, kinds, llama_cpp, readers

TEXTS = ("What is the Lamp?", "  two  spaces, é ", "Café 日本 #1", "Tell me\n\nabout it", "🙂")
ADDED = ("<|endoftext|>", "<|assistant|>", "<|end|>", "<|user|>")
TEXT = named("phi-3-input-output")
BOS = "tokenizer.ggml.add_bos_token"
CHAT = replace(TEXT, template=ChatTemplate())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a random model with the vocabulary of Phi-3's kind, as Transformers saves it, and its tokenizer.model."""
    sentencepiece = pytest.importorskip("sentencepiece")
    from transformers import AddedToken, LlamaTokenizer, MistralConfig, MistralForCausalLM

    folder = tmp_path_factory.mktemp("base")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences()),
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=900,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    tokenizer = LlamaTokenizer.from_pretrained(str(folder), legacy=False, add_bos_token=True)
    added = [AddedToken(token, rstrip=True, normalized=False, special=True) for token in ADDED]
    tokenizer.add_special_tokens({"additional_special_tokens": added, "eos_token": ADDED[0], "pad_token": ADDED[0]})
    tokenizer.chat_template = PHI_3_CHAT
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 4}
    MistralForCausalLM(MistralConfig(vocab_size=960, num_key_value_heads=2, **sizes)).half().save_pretrained(folder)
    return folder


def _gguf(base: Path, recipe: Recipe, folder: Path) -> tuple[Path, Path]:
    """Give the merged model of a recipe that was never trained, and its GGUF."""
    converter()
    merged, path = folder / "merged", folder / "model-F16.gguf"
    shutil.copytree(base, merged, ignore=shutil.ignore_patterns("tokenizer*", "chat_template*"))
    dressing.dress(merged, base, recipe, base)
    with dressing.for_gguf(merged, recipe) as dressed:
        llama_cpp.make("f16", dressed, path)
    return merged, path


def _ids(base: Path, recipe: Recipe) -> list[list[int]]:
    tokenizer = dressing.tokenizer(base)
    return [prompts.prompt_ids(prompts.free_question(text, recipe.asked), recipe.template, tokenizer) for text in TEXTS]


@pytest.mark.parametrize("recipe", [TEXT, CHAT], ids=["text", "chat"])
def test_llama_cpp_reads_the_trained_tokens(recipe: Recipe, base: Path, tmp_path: Path) -> None:
    merged, path = _gguf(base, recipe, tmp_path)
    added = range(900, 904)
    assert [kinds.vocabulary(path)[1][id_] for id_ in added] == list(ADDED)
    about = {name: kinds.opened(path).get_field(name).contents() for name in (BOS, "general.name")}
    assert about == {BOS: recipe is TEXT, "general.name": "Phi-3-mini-4k-instruct-bnb-4bit"}
    whole = readers.gguf(path, merged, dressing.gguf_template(merged, recipe))
    assert isinstance(whole, readers.Transformers)
    # Within a prompt llama.cpp treats an added token in its own way, which Transformers cannot tell of.
    assert whole.prompts(TEXTS) == (_ids(base, recipe) if recipe is TEXT else None)
    llama_cpp_python()
    own = readers.by_llama_cpp(path)
    assert isinstance(own, readers.LlamaCpp)
    if recipe is TEXT:
        assert own.prompts(TEXTS) == _ids(base, recipe)


def test_other_tokens_than_the_tokenizers_are_told(base: Path, tmp_path: Path) -> None:
    merged, path = _gguf(base, TEXT, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"<|end|>", b"<|ene|>"))
    reader = readers.gguf(path, merged, dressing.gguf_template(merged, TEXT))
    assert isinstance(reader, readers.Transformers)
    with pytest.raises(InputError, match=r"has another token 902 than '<\|end\|>' of .*merged: have it made anew"):
        reader.prompts(TEXTS)


@pytest.mark.parametrize("missing", [("symlink",), ("symlink", "link")])
def test_where_there_are_no_links_files_are_copied(
    missing: tuple[str, ...], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(1314, "A required privilege is not held by the client")

    for name in missing:
        monkeypatch.setattr(os, name, refused)
    with dressing.for_gguf(base, TEXT) as dressed:
        weights = dressed / "model.safetensors"
        assert weights.read_bytes() == (base / "model.safetensors").read_bytes()
        assert not weights.is_symlink()
    assert (base / "model.safetensors").exists()
    assert not dressed.parent.exists()


def test_a_recipes_name_says_nothing_about_the_vocabulary(base: Path, tmp_path: Path) -> None:
    _, path = _gguf(base, replace(TEXT, name="phi-3", base_model="somebody/other"), tmp_path)
    assert kinds.opened(path).get_field("general.name").contents() == "other"
