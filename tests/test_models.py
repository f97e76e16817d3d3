"""Choose what runs a model, put an adapter on whatever layers it has, and tell one base model from another."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy
import pytest
import torch
from safetensors.numpy import save_file
from shapes import SHAPES, tiny_llama
from transformers import LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

from amazon_ft import adapters, models
from amazon_ft.files import InputError
from amazon_ft.hardware import Machine, Precision
from amazon_ft.hardware.memory import Shape
from amazon_ft.models import Backend, Loaded, choose_backend
from amazon_ft.recipes import TINY_LLAMA, Lora, named
from amazon_ft.recipes.values import ALL_PROJECTIONS

DEMO, LLAMA = named("demo"), named("llama-3.2-1b-question")
CPU = Machine("cpu", "CPU, 2 cores", None)
T4 = Machine("cuda", "Tesla T4", (7, 5), 15 * 2**30, 14 * 2**30)
P100 = replace(T4, name="Tesla P100", capability=(6, 0))
SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 64,
    "pad_token_id": 0,
}


@pytest.fixture
def unsloth_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "find_spec", lambda name: SimpleNamespace(name=name))


@pytest.fixture
def unsloth_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "find_spec", lambda name: None)


def llama() -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(**SMALL))


def phi() -> Phi3ForCausalLM:
    return Phi3ForCausalLM(Phi3Config(**SMALL))


@pytest.mark.usefixtures("unsloth_is_here")
def test_unsloth_is_chosen_where_it_can_train_the_recipe() -> None:
    assert choose_backend(LLAMA, T4) == Backend("unsloth", "Tesla T4 with 4-bit weights")
    assert choose_backend(LLAMA, T4, "unsloth").name == "unsloth"
    assert choose_backend(LLAMA, replace(T4, capability=(7, 0))).name == "unsloth"
    assert choose_backend(LLAMA, T4, "transformers") == Backend("transformers", "as asked")


@pytest.mark.usefixtures("unsloth_is_here")
def test_to_answer_transformers_is_taken_where_unsloth_does_not_rule_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    faster = Backend("transformers", "it answers many questions at once faster")
    assert choose_backend(LLAMA, T4, to_answer=True) == faster
    assert choose_backend(LLAMA, T4, "unsloth", to_answer=True).name == "unsloth"
    monkeypatch.setitem(sys.modules, "unsloth.models.llama", object())
    assert choose_backend(LLAMA, T4, to_answer=True).name == "unsloth"


@pytest.mark.usefixtures("unsloth_is_here")
@pytest.mark.parametrize(
    ("recipe", "machine", "reason"),
    [
        (LLAMA, CPU, "Unsloth needs a CUDA GPU"),
        (LLAMA, P100, "Unsloth needs compute capability 7.0, Tesla P100 has 6.0"),
        (DEMO, T4, "a small model in full, with its word table trained"),
        (replace(LLAMA, load_in_4bit=False), T4, "a small model in full, with its word table trained"),
        (
            replace(LLAMA, lora=Lora(modules_to_save=("embed_tokens",))),
            T4,
            "a small model in full, with its word table trained",
        ),
    ],
    ids=str,
)
def test_plain_transformers_is_chosen_elsewhere_and_the_reason_told(
    recipe: models.Recipe, machine: Machine, reason: str
) -> None:
    for asked in (None, "transformers"):
        assert choose_backend(recipe, machine, asked) == Backend("transformers", reason)
    with pytest.raises(InputError) as refused:
        choose_backend(recipe, machine, "unsloth")
    assert str(refused.value) == (f"Unsloth cannot run {recipe.name} here ({reason}): leave the backend to amazon-ft.")


@pytest.mark.usefixtures("unsloth_is_not_here")
def test_without_unsloth_plain_transformers_does_it() -> None:
    assert choose_backend(LLAMA, T4) == Backend("transformers", "Unsloth is not installed")
    with pytest.raises(InputError, match=r"\(Unsloth is not installed\)"):
        choose_backend(LLAMA, T4, "unsloth")


@pytest.mark.usefixtures("unsloth_is_here")
def test_a_process_that_unsloth_rules_gets_no_plain_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unsloth.models.llama", ModuleType("unsloth.models.llama"))
    assert choose_backend(LLAMA, T4).name == "unsloth"
    for recipe, asked in ((DEMO, None), (LLAMA, "transformers")):
        with pytest.raises(InputError, match="restart the session"):
            choose_backend(recipe, T4, asked)


def test_loading_says_what_runs_it_and_in_which_precision(capsys: pytest.CaptureFixture[str]) -> None:
    loaded = models.load(DEMO)
    said = capsys.readouterr().out
    assert (loaded.backend, loaded.four_bit, loaded.precision.dtype) == ("transformers", False, "float32")
    assert "amazon-ft/tiny-llama in float32: CPU" in said
    assert "backend transformers: Unsloth needs a CUDA GPU" in said
    assert "4 bits" not in said


def test_a_target_is_the_layer_of_that_name() -> None:
    assert adapters.targets(llama(), Lora()) == list(ALL_PROJECTIONS)
    assert adapters.targets(llama(), Lora(target_modules=("v_proj", "q_proj"))) == ["v_proj", "q_proj"]


def test_fused_projections_stand_for_their_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert adapters.targets(phi(), Lora()) == ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
    said = capsys.readouterr().out
    assert "q_proj and k_proj and v_proj and gate_proj and up_proj into gate_up_proj, qkv_proj" in said
    assert adapters.targets(phi(), Lora(target_modules=("o_proj",))) == ["o_proj"]
    assert adapters.targets(phi(), Lora(target_modules=("qkv_proj",))) == ["qkv_proj"]
    assert capsys.readouterr().out == ""
    adapted = adapters.fresh(phi(), Lora(r=2), "transformers", 1)
    names = {name.split(".")[-4] for name, weight in adapted.named_parameters() if weight.requires_grad}
    assert names == {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"}


@pytest.mark.parametrize("model", [llama, phi])
def test_a_missing_layer_is_named_with_those_there_are(model: type) -> None:
    with pytest.raises(InputError) as refused:
        adapters.fresh(model(), Lora(target_modules=("q_proj", "query", "wo")), "transformers", 1)
    said = str(refused.value)
    assert said.startswith("the base model has no layer query, wo: choose of down_proj, ")
    assert said.endswith(".")
    assert ("qkv_proj" in said) == (model is phi)
    assert "norm" not in said


@pytest.mark.parametrize("seed", [1, 2])
def test_a_fresh_adapter_answers_as_before_and_is_that_of_its_seed(seed: int) -> None:
    torch.manual_seed(0)
    model, ids = llama().eval(), torch.arange(20)[None]
    before = model(input_ids=ids).logits
    made = [adapters.fresh(llama(), Lora(r=4), "transformers", each) for each in (seed, seed, seed + 1)]
    one, same, other = ({name: weight for name, weight in each.named_parameters() if "lora_A" in name} for each in made)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)
    adapted = adapters.fresh(model, Lora(r=4), "transformers", seed).eval()
    assert torch.equal(adapted(input_ids=ids).logits, before)


def test_what_is_trained_becomes_float32_and_nothing_else() -> None:
    model = adapters.fresh(llama().to(torch.float16), Lora(r=2), "transformers", 1)
    for place, weight in enumerate(weight for weight in model.parameters() if weight.requires_grad):
        weight.data = weight.data.to(torch.bfloat16 if place % 2 else torch.float16)
    before = {name: weight.detach().float().clone() for name, weight in model.named_parameters()}
    assert adapters.full_precision(model) == {"bfloat16", "float16"}
    assert {(weight.requires_grad, weight.dtype) for weight in model.parameters()} == {
        (True, torch.float32),
        (False, torch.float16),
    }
    assert all(torch.equal(weight.detach().float(), before[name]) for name, weight in model.named_parameters())
    assert adapters.full_precision(model) == {"float32"}


def test_the_layers_that_can_be_recomputed_are_found_in_their_order() -> None:
    model = adapters.fresh(llama(), Lora(r=2), "transformers", 1)
    layers = adapters.decoder_layers(model)
    assert [id(layer) for layer in layers] == [id(layer) for layer in model.base_model.model.model.layers]
    model.train()
    layers[0].gradient_checkpointing = True
    model(input_ids=torch.arange(8)[None]).logits.sum().backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)


@pytest.mark.parametrize(("model", "head_dim"), [(llama, 8), (phi, 8)])
def test_the_shape_counts_the_weights_that_there_are(model: type, head_dim: int) -> None:
    made = model()
    shape = models.shape(Loaded(made, None, Precision("float32", "")))
    assert shape == Shape(32, 48, 2, 4, 2, head_dim, 64)
    norms = sum(weight.numel() for name, weight in made.named_parameters() if "norm" in name)
    assert sum(weight.numel() for weight in made.parameters()) == shape.linear + 2 * shape.table + norms
    adapted = adapters.fresh(llama(), Lora(r=4), "transformers", 1)
    assert shape.trained(Lora(r=4)) == sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)


def test_tied_word_tables_are_seen() -> None:
    tied = LlamaForCausalLM(LlamaConfig(**SMALL, tie_word_embeddings=True, head_dim=16))
    assert models.shape(Loaded(tied, None, Precision("float32", ""))) == Shape(32, 48, 2, 4, 2, 16, 64, True)


def _sharded(folder: Path, sizes: Sequence[int]) -> list[Path]:
    folder.mkdir()
    files = [folder / f"model-{place + 1:05}-of-{len(sizes):05}.safetensors" for place in range(len(sizes))]
    for place, (file, size) in enumerate(zip(files, sizes, strict=True)):
        save_file({"weight": numpy.full(size, place, numpy.uint8)}, file)
    return files


def _flip(file: Path, at: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(at)
        byte = stream.read(1)
        stream.seek(at)
        stream.write(bytes([byte[0] ^ 1]))


def test_a_fingerprint_changes_with_any_sampled_block_of_any_shard(tmp_path: Path) -> None:
    large = models.SAMPLED * models.BLOCKS * 2
    files = _sharded(tmp_path / "model", (1000, 5 * models.SAMPLED, large))
    whole = models.fingerprint(str(tmp_path / "model"))
    assert len(whole) == 64
    seen = {whole}
    step = files[2].stat().st_size // models.BLOCKS
    changes = [(files[0], 900), *((files[1], block * models.SAMPLED + 77) for block in (0, 2, 4))]
    changes += [(files[2], block * step + offset) for block in (0, 100, 255) for offset in (0, models.SAMPLED - 1)]
    for file, at in changes:
        _flip(file, at)
        seen.add(models.fingerprint(str(tmp_path / "model")))
        _flip(file, at)
        assert models.fingerprint(str(tmp_path / "model")) == whole
    assert len(seen) == 1 + len(changes)


def test_a_fingerprint_knows_names_sizes_and_nothing_but_weights(tmp_path: Path) -> None:
    files = _sharded(tmp_path / "model", (1000, 2000))
    folder = str(tmp_path / "model")
    whole = models.fingerprint(folder)
    (tmp_path / "model" / "README.md").write_text("no weight")
    assert models.fingerprint(folder) == whole
    _sharded(tmp_path / "copy", (1000, 2000))
    assert models.fingerprint(str(tmp_path / "copy")) == whole
    with files[1].open("ab") as stream:
        stream.write(b"\0")
    longer = models.fingerprint(folder)
    files[1].unlink()
    shorter = models.fingerprint(folder)
    files[0].rename(files[1])
    assert len({whole, longer, shorter, models.fingerprint(folder)}) == 4


def test_a_model_on_the_hub_is_known_by_its_name() -> None:
    assert models.fingerprint("unsloth/Llama-3.2-1B-Instruct-bnb-4bit") == "unsloth/Llama-3.2-1B-Instruct-bnb-4bit"
    assert models.fingerprint(TINY_LLAMA) == models.fingerprint(models.locate(TINY_LLAMA)) != TINY_LLAMA


def test_a_pad_is_not_the_end_where_another_token_is_to_spare() -> None:
    tokenizer = tiny_llama()
    assert tokenizer.unk_token not in (None, tokenizer.eos_token)
    for pad in (None, tokenizer.eos_token):
        tokenizer.pad_token = pad
        models._pad(tokenizer)
        assert tokenizer.pad_token == tokenizer.unk_token
    tokenizer.unk_token, tokenizer.pad_token = None, None
    models._pad(tokenizer)
    assert tokenizer.pad_token == tokenizer.eos_token


def test_a_pad_of_its_own_stays() -> None:
    padded = [shape() for shape in SHAPES.values() if shape().pad_token_id not in (None, shape().eos_token_id)]
    assert padded
    for tokenizer in padded:
        before = tokenizer.pad_token
        models._pad(tokenizer)
        assert tokenizer.pad_token == before
