"""Read what an adapter adds to which weight, and refuse what is no plain sum or belongs to another model."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import loras
import pytest
import torch
from peft import PeftModel

from amazon_ft.files import InputError
from amazon_ft.merging import bases
from amazon_ft.merging.bases import Base
from amazon_ft.merging.sums import changes, stays_tied

Q = "model.layers.1.self_attn.q_proj"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return bases.read(loras.model(tmp_path_factory.mktemp("llama") / "base"))


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return bases.read(loras.model(tmp_path_factory.mktemp("tied") / "base", tie_word_embeddings=True))


@pytest.fixture(scope="module")
def trained(llama: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return loras.adapter(tmp_path_factory.mktemp("trained") / "adapter", llama.where)


@pytest.fixture
def own(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "own"))


def test_every_projection_is_found_with_its_factors_and_scale(trained: Path, llama: Base) -> None:
    found = changes(trained, llama)
    assert set(found) == {tensor.name for tensor in llama.tensors if "proj" in tensor.name}
    assert {change.scale for change in found.values()} == {6 / 4}
    assert all(len(change.factors) == 2 and change.instead is None for change in found.values())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"layers.1.self_attn.q_proj": 20, "down_proj": 1}},
        {"rank_pattern": {"^model.layers.1.*": 3}, "alpha_pattern": {r"layers\.\d+\.mlp\..+": 9}, "use_rslora": True},
        {"rank_pattern": {"j": 3}},
    ],
    ids=str,
)
def test_the_scale_is_that_of_peft(values: dict[str, Any], llama: Base, tmp_path: Path) -> None:
    adapter = loras.adapter(tmp_path / "adapter", llama.where, **values)
    model = PeftModel.from_pretrained(loras.plain(llama.where), str(adapter)).base_model.model
    for name, change in changes(adapter, llama).items():
        module = model.get_submodule(name.removesuffix(".weight"))
        assert change.scale == pytest.approx(module.scaling["default"])
        assert change.a and change.a.shape[0] == module.r["default"]


REFUSED = {
    "use_dora": True,
    "bias": "all",
    "fan_in_fan_out": True,
    "layer_replication": [[0, 1], [0, 1]],
    "peft_type": "IA3",
    "lora_bias": True,
    "trainable_token_indices": [1],
    "target_parameters": ["experts"],
    "loftq_config": {"loftq_bits": 4},
    "init_lora_weights": "pissa_niter_4",
    "megatron_config": {"a": 1},
    "alora_invocation_tokens": [1],
    "something_new": "on",
}


@pytest.mark.parametrize("key", REFUSED)
def test_an_adapter_that_is_more_than_a_sum_is_refused(key: str, own: Path, llama: Base) -> None:
    loras.say(own, **{key: REFUSED[key]})
    with pytest.raises(
        InputError, match=rf"cannot be merged, because its adapter_config\.json says {key} = .*as it is"
    ):
        changes(own, llama)


@pytest.mark.parametrize("start", [True, False, None, "gaussian", "eva", "orthogonal"])
def test_a_beginning_that_leaves_the_base_alone_is_none_of_them(start: object, own: Path, llama: Base) -> None:
    assert changes(loras.say(own, init_lora_weights=start), llama)


@pytest.mark.parametrize("start", ["pissa", "olora", "corda", "loftq", "lora_ga", "mica", 0.5])
def test_a_beginning_that_changes_the_base_is(start: object, own: Path, llama: Base) -> None:
    with pytest.raises(InputError, match="init_lora_weights"):
        changes(loras.say(own, init_lora_weights=start), llama)


@pytest.mark.parametrize(
    "values",
    [
        {"r": None},
        {"r": "four"},
        {"r": 0},
        {"lora_alpha": -1},
        {"lora_alpha": math.inf},
        {"alpha_pattern": {"(": 3}},
        {"alpha_pattern": {"q_proj": None}},
        {"rank_pattern": [1]},
    ],
    ids=str,
)
def test_a_torn_configuration_is_refused(values: dict[str, Any], own: Path, llama: Base) -> None:
    with pytest.raises(InputError, match="holds no usable"):
        changes(loras.say(own, **values), llama)


def test_an_adapter_of_another_rank_than_its_configuration_says_is_refused(own: Path, llama: Base) -> None:
    with pytest.raises(InputError, match="another rank than its matrices have"):
        changes(loras.say(own, r=8), llama)


def _key(end: str) -> str:
    return f"{Q}.{end}".replace(".", "__")


@pytest.mark.parametrize(
    ("end", "tensor", "told"),
    [
        ("lora_A.weight", None, rf"holds no two matrices for {Q}\.weight"),
        ("lora_B.weight", lambda b: b.flatten(), "holds no two matrices"),
        ("lora_B.weight", lambda b: b[:30], r"trained on a .*q_proj\.weight of 30 x 32, and that of .* is 32 x 32"),
        ("lora_A.weight", lambda a: a[:, :8].contiguous(), "of 32 x 8, and that"),
        ("lora_A.weight", lambda a: a[:2], "another rank"),
        ("lora_A.weight", lambda a: a.to(torch.int8), "is in I8, and no floating point"),
    ],
)
def test_factors_that_do_not_fit_are_named(end: str, tensor: Any, told: str, own: Path, llama: Base) -> None:
    with pytest.raises(InputError, match=told):
        changes(loras.change(own, **{_key(end): tensor}), llama)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("q_proj", "query", r"changes model\.layers\..\.self_attn\.query\.weight, which .* does not have"),
        ("base_model.model.", "other.", r"changes other\.model\.layers"),
        ("q_proj.lora_B.weight", "q_proj.lora_B.bias", r"q_proj\.lora_B\.bias, which is no factor of a sum"),
        ("q_proj.lora_B.weight", "q_proj.lora_magnitude_vector", "which is no factor of a sum"),
    ],
)
def test_tensors_that_belong_to_nothing_are_named(old: str, new: str, told: str, own: Path, llama: Base) -> None:
    with pytest.raises(InputError, match=told):
        changes(loras.change(own, renamed={old: new}), llama)


def test_an_adapter_of_another_model_is_refused_by_its_shapes(trained: Path, tmp_path: Path) -> None:
    other = bases.read(loras.model(tmp_path / "other", intermediate_size=64))
    told = r"trained on a model\.layers\.0\.mlp\.\w+_proj\.weight of \d+ x \d+, and that of .*other is .*with --base"
    with pytest.raises(InputError, match=told):
        changes(trained, other)


def test_a_word_table_of_another_size_is_refused(llama: Base, tmp_path: Path) -> None:
    adapter = loras.adapter(tmp_path / "adapter", llama.where, modules_to_save=["embed_tokens"])
    larger = bases.read(loras.model(tmp_path / "larger", vocab_size=128))
    with pytest.raises(InputError, match=r"a model\.embed_tokens\.weight of 96 x 32, and that of .* is 128 x 32"):
        changes(adapter, larger)


def test_files_that_are_missing_or_torn_are_named(own: Path, llama: Base) -> None:
    file = own / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="is no whole safetensors file"):
        changes(own, llama)
    file.rename(own / "adapter_model.bin")
    with pytest.raises(InputError, match=r"no adapter_model\.safetensors: the pickle there can run code"):
        changes(own, llama)
    (own / "adapter_model.bin").unlink()
    with pytest.raises(InputError, match=r"has no adapter_model\.safetensors; save"):
        changes(own, llama)
    (own / "adapter_config.json").write_text("{")
    with pytest.raises(InputError, match=r"adapter_config\.json is torn"):
        changes(own, llama)
    (own / "adapter_config.json").unlink()
    with pytest.raises(InputError, match=r"has no adapter_config\.json"):
        changes(own, llama)


@pytest.mark.parametrize(
    ("values", "stays"),
    [
        ({}, True),
        ({"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True}, True),
        ({"modules_to_save": ["embed_tokens"]}, False),
        ({"modules_to_save": ["lm_head"]}, False),
        ({"modules_to_save": ["lm_head", "embed_tokens"]}, False),
        ({"target_modules": ["lm_head"]}, False),
        ({"target_modules": ["q_proj", "embed_tokens"]}, False),
    ],
    ids=str,
)
def test_table_and_head_stay_one_where_they_still_have_the_same_values(
    values: dict[str, Any], stays: bool, tied: Base, tmp_path: Path
) -> None:
    found = changes(loras.adapter(tmp_path / "adapter", tied.where, **values), tied)
    assert stays_tied(found, tied) == stays


def test_what_was_never_one_does_not_become_one(trained: Path, llama: Base) -> None:
    assert not stays_tied(changes(trained, llama), llama)
