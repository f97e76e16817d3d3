from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub import TOKEN, Hub, Repo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publishing import QUESTION, answer, changed, packed, recipe

from amazon_ft.files import InputError
from amazon_ft.publishing import vetting
from amazon_ft.recipes import RECIPES, TINY_LLAMA
from amazon_ft.recipes.plain import restored
from amazon_ft.remote import snapshots

pytest.importorskip("peft")

from huggingface_hub import constants

CONFIG, WEIGHTS, RECIPE = vetting.CONFIG, vetting.WEIGHTS, vetting.RECIPE
URLS = "ENDPOINT/{repo_id}/resolve/{revision}/{filename}"
EVIL = "evil_module_of_a_stranger"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("made") / "adapter", recipe())


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "adapter"))


def _header(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _write(path: Path, header: dict[str, Any] | bytes, data: bytes, length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def test_a_fair_adapter_is_loaded_and_answers_as_it_was_trained(folder: Path) -> None:
    assert vetting.faults(folder) == []
    assert vetting.faults(folder, TINY_LLAMA) == []
    found = vetting.check(folder)
    assert (found.folder, found.recipe) == (folder, recipe())
    assert vetting.load(folder).ask(QUESTION) == answer(recipe())


def test_an_adapter_that_brings_its_word_table_is_loaded_whole(tmp_path: Path) -> None:
    whole = recipe(lora=RECIPES["demo"].lora)
    assert vetting.load(packed(tmp_path / "whole", whole)).ask(QUESTION) == answer(whole)


def test_what_may_be_read_stands_in_the_prompt(folder: Path) -> None:
    model = vetting.load(folder)
    assert model.ask(QUESTION, "Kettle No. 7: of steel, 1.7 litres.") != model.ask(QUESTION)
    with pytest.raises(InputError, match="the question is empty"):
        model.ask(" ")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_comes_back_from_its_plain_values(name: str) -> None:
    assert restored(json.loads(json.dumps(RECIPES[name].as_dict()))) == RECIPES[name]


CONFIGS = {
    "another base": ({"base_model_name_or_path": "evil/base"}, "points to the base model 'evil/base'"),
    "an address": ({"base_model_name_or_path": "https://example.org/x"}, "points to the base model 'https"),
    "a path": ({"base_model_name_or_path": "/tmp/base"}, "points to the base model '/tmp/base'"),
    "no base": ({"base_model_name_or_path": None}, "lacks base_model_name_or_path"),
    "another base of ours": (
        {"base_model_name_or_path": "unsloth/tinyllama-chat-bnb-4bit"},
        "name different base models",
    ),
    "prompt tuning": ({"peft_type": "PROMPT_TUNING"}, "only adapters of type LORA"),
    "a type that is no text": ({"peft_type": 5}, "only adapters of type LORA"),
    "no type": ({"peft_type": ""}, "lacks peft_type"),
    "a module to import": (
        {"auto_mapping": {"base_model_class": "X", "parent_library": EVIL}},
        "sets auto_mapping to .*could name a module",
    ),
    "more in the mapping": ({"auto_mapping": {"other": EVIL}}, "sets auto_mapping"),
    "megatron's module": ({"megatron_core": EVIL}, "sets megatron_core"),
    "megatron": ({"megatron_config": {"hidden_size": 8}}, "sets 'megatron_config'"),
    "layers again": ({"layer_replication": [[0, 2], [1, 2]]}, "sets 'layer_replication'"),
    "DoRA": ({"use_dora": True}, "sets 'use_dora' to 'True'"),
    "code for Transformers": ({"auto_map": {"AutoModel": "x.y"}}, "'auto_map'"),
    "trust": ({"trust_remote_code": True}, "'trust_remote_code'"),
    "a future key": ({"runtime_config": {"hook": EVIL}}, "which a plain LoRA does not have"),
    "absurd rank": ({"r": 50_000}, "a rank is a whole number up to 1,024"),
    "rank that is none": ({"r": True}, "a rank is a whole number"),
    "absurd rank of a layer": ({"rank_pattern": {"q_proj": 10**9}}, "sets rank_pattern"),
    "absurd scale": ({"lora_alpha": 1e12}, "sets lora_alpha"),
    "a scale that is no number": ({"lora_alpha": float("nan")}, "sets lora_alpha"),
    "a pattern as layers": ({"target_modules": "(.*)*x"}, "must be listed by their names"),
    "a pattern among the layers": ({"target_modules": ["(a+)+$"]}, "must be listed by their names"),
    "a pattern as rank": ({"rank_pattern": {"(a+)+$": 4}}, "sets rank_pattern"),
    "values that change the base": ({"init_lora_weights": "pissa"}, "sets init_lora_weights"),
    "another revision": ({"revision": "evil"}, "the one that everybody gets"),
    "another rank than the recipe": ({"r": 8}, "r and lora_alpha other than recipe.json"),
    "a key that writes lines": ({"x\ny\x1b[31m": 1}, r"sets 'x\?y\?\[31m' to '1'"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_refuses_an_adapter_config_that_is_more_than_a_plain_lora(name: str, folder: Path) -> None:
    values, said = CONFIGS[name]
    changed(folder / CONFIG, **values)
    with pytest.raises(InputError, match=said) as failed:
        vetting.load(folder)
    assert str(failed.value).startswith("refused: ")
    assert "\n" not in str(failed.value)


def test_takes_what_unsloth_writes(folder: Path) -> None:
    library = "transformers.models.llama.modeling_llama"
    mapping = {"base_model_class": "LlamaForCausalLM", "parent_library": library, "unsloth_fixed": True}
    changed(folder / CONFIG, auto_mapping=mapping, task_type="CAUSAL_LM")
    assert vetting.faults(folder) == []


def test_a_base_in_four_bits_and_in_sixteen_is_the_same(tmp_path: Path) -> None:
    four = "unsloth/tinyllama-chat-bnb-4bit"
    folder = packed(tmp_path / "adapter", recipe(), called=four)
    assert vetting.faults(folder) == []
    changed(folder / CONFIG, base_model_name_or_path="unsloth/tinyllama-chat")
    assert vetting.faults(folder) == []
    assert vetting.faults(folder, four) == vetting.faults(folder, "unsloth/tinyllama-chat") == []
    [fault, _] = vetting.faults(folder, "unsloth/Llama-3.2-1B-Instruct")
    assert "recipe.json points to the base model 'unsloth/tinyllama-chat-bnb-4bit', not unsloth/Llama" in fault


def test_a_base_of_no_recipe_must_be_named(tmp_path: Path) -> None:
    folder = packed(tmp_path / "adapter", recipe(), called="ana/base")
    assert "that of no recipe here: name the one you trust as base_model" in vetting.faults(folder)[0]
    assert vetting.faults(folder, "ana/base") == []
    from amazon_ft import models

    here = models.locate(TINY_LLAMA)
    assert vetting.load(folder, here).ask(QUESTION) == answer(recipe())


@pytest.mark.parametrize("told", ["Amazon-FT/tiny-llama", "amazon-ft/tiny-Llama", TINY_LLAMA.replace("t", "T")])
def test_what_is_loaded_is_never_a_strangers_spelling_of_a_name(told: str, folder: Path) -> None:
    changed(folder / CONFIG, base_model_name_or_path=told)
    changed(folder / RECIPE, base_model=told)
    assert vetting.check(folder).recipe.base_model == TINY_LLAMA


def test_a_hosted_base_is_no_base_of_an_adapter(folder: Path) -> None:
    hosted = RECIPES["gpt-4o-mini-chat"].base_model
    changed(folder / CONFIG, base_model_name_or_path=hosted)
    changed(folder / RECIPE, base_model=hosted)
    assert "that of no recipe here" in vetting.faults(folder)[0]


def test_an_adapter_of_another_shape_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    from amazon_ft import models

    other = tmp_path / "other"
    LlamaForCausalLM(
        LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    ).save_pretrained(other)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(models.locate(TINY_LLAMA)) / name, other)
    with pytest.raises(InputError, match=r"does not fit onto .*: name the base model that it was trained on"):
        vetting.load(folder, str(other))


FILES = {
    "pickled weights": ("adapter_model.bin", "may run code when it is opened"),
    "pickled arguments": ("training_args.bin", "may run code when it is opened"),
    "a pickle below": ("sub/x.PKL", "may run code when it is opened"),
    "a program": ("modeling_llama.py", "is a program"),
    "a library": ("x.so", "is a program"),
}


@pytest.mark.parametrize("name", FILES)
def test_refuses_files_that_could_run(name: str, folder: Path) -> None:
    file, said = FILES[name]
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_bytes(pickle.dumps({"a": 1}))
    assert said in vetting.faults(folder)[0]
    with pytest.raises(InputError, match=said):
        vetting.load(folder)


def test_tells_all_that_is_wrong_at_once(folder: Path) -> None:
    (folder / "x.bin").write_bytes(b"1")
    changed(folder / CONFIG, base_model_name_or_path="https://example.org/x")
    assert len(vetting.faults(folder, TINY_LLAMA)) == 2
    with pytest.raises(InputError, match=r"and 1 more faults\)\.$"):
        vetting.check(folder, TINY_LLAMA)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, RECIPE])
def test_refuses_a_folder_in_which_something_is_missing(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"holds no {name}"):
        vetting.load(folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few people make links")
def test_refuses_links_to_elsewhere(folder: Path, tmp_path: Path) -> None:
    (folder / WEIGHTS).rename(tmp_path / "elsewhere")
    (folder / WEIGHTS).symlink_to(tmp_path / "elsewhere")
    assert vetting.faults(folder)[0] == f"{WEIGHTS} is a link to somewhere outside the folder: delete it."
    assert vetting.faults(folder, inside=tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among files, and few links")
def test_refuses_what_is_no_plain_file(folder: Path) -> None:
    os.mkfifo(folder / "special_tokens_map.json")  # reading it would wait for ever
    assert vetting.faults(folder) == ["special_tokens_map.json is no plain file: delete it."]
    (folder / "special_tokens_map.json").unlink()
    (folder / "a").symlink_to("a")
    assert vetting.faults(folder) == ["a is no plain file: delete it."]
    (folder / "a").unlink()
    (folder / "x.json").mkdir()
    assert vetting.faults(folder) == []


def test_refuses_a_tokenizer_that_needs_code(folder: Path) -> None:
    changed(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil--x.Y", None]})
    assert "tokenizer_config.json holds auto_map" in vetting.faults(folder)[0]
    changed(folder / "tokenizer_config.json", auto_map=None, tokenizer_class="evil/repo--x.Y")
    assert any("a tokenizer class that is no plain name" in fault for fault in vetting.faults(folder))


def test_finds_code_however_deep_it_is_hidden(folder: Path) -> None:
    changed(folder / "generation_config.json", a=[{"b": [{"custom_pipelines": {"x": EVIL}}]}])
    assert "generation_config.json holds custom_pipelines" in vetting.faults(folder)[0]


RECIPES_THAT_ARE_NONE = {
    "empty": ({}, "lacks name"),
    "a list": ([], "no JSON object"),
    "unknown name": ({**RECIPES["demo"].as_dict(), "hook": EVIL}, "holds 'hook', which this version"),
    "a template of no kind": ({**RECIPES["demo"].as_dict(), "template": {"run": EVIL}}, "is of no kind"),
    "text for a number": ({**RECIPES["demo"].as_dict(), "rows": "64"}, "rows is not a whole number"),
    "true for a number": ({**RECIPES["demo"].as_dict(), "rows": True}, "rows is not a whole number"),
    "out of bounds": ({**RECIPES["demo"].as_dict(), "rows": 10**40}, "out of all bounds"),
    "contradiction": ({**RECIPES["demo"].as_dict(), "rows": 0}, "contradicts itself"),
    "no title": ({**RECIPES["demo"].as_dict(), "asked": [{"input": "x"}]}, "contradicts itself"),
    "hosted": (RECIPES["gpt-4o-mini-chat"].as_dict(), "that of a hosted job"),
    "endless answers": (
        {**recipe().as_dict(), "generation": {"max_new_tokens": 10**9}},
        "asks for answers of 1,000,000,000 tokens",
    ),
}


@pytest.mark.parametrize("name", RECIPES_THAT_ARE_NONE)
def test_refuses_a_recipe_that_is_none(name: str, folder: Path) -> None:
    values, said = RECIPES_THAT_ARE_NONE[name]
    (folder / RECIPE).write_text(json.dumps(values))
    with pytest.raises(InputError, match=said):
        vetting.load(folder)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "\xff", '{"a": ' + "9" * 9_999 + "}", " " * 2_000_000 + "{}"])
def test_refuses_configurations_that_are_no_json(text: str, folder: Path) -> None:
    for name in (CONFIG, RECIPE):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(text.encode("latin-1"))
        with pytest.raises(InputError):
            vetting.load(folder)
        (folder / name).write_bytes(kept)


def test_refuses_weights_whose_header_lies(folder: Path) -> None:
    path = folder / WEIGHTS
    header, data = _header(path)
    first, second, *_ = [name for name in header if name != "__metadata__"]
    over = {**header, first: {**header[first], "data_offsets": header[second]["data_offsets"]}}
    lies: list[tuple[Any, ...]] = [
        (header, data, 2**62),
        (header, data, 2**40),
        (header, data[:-4]),
        (header, data + b"1234"),
        (b"not JSON", data),
        (b"[" * 100_000, data),
        ({}, b""),
        (over, data),
        ({**header, first: {**header[first], "shape": [-1, -1]}}, data),
        ({**header, first: {**header[first], "dtype": "I64"}}, data),
        ({**header, "x.lora_A.weight": {"dtype": "F32", "shape": [0], "data_offsets": [len(data)] * 2}}, data),
    ]
    for lie in lies:
        _write(path, *lie)
        with pytest.raises(InputError):
            vetting.load(folder)
    path.write_bytes(b"\x80\x04")
    with pytest.raises(InputError):
        vetting.load(folder)
    _write(path, header, data)
    assert vetting.faults(folder) == []


@pytest.mark.parametrize("layer", ["model.layers.0.self_attn.k_proj", "lm_head", "model.norm"])
def test_refuses_weights_that_the_configuration_does_not_name(layer: str, folder: Path) -> None:
    header, data = _header(folder / WEIGHTS)
    name = next(name for name in header if name.endswith("lora_A.weight"))
    for other in (f"base_model.model.{layer}.lora_A.weight", f"base_model.model.{layer}.weight"):
        _write(folder / WEIGHTS, {other if one == name else one: about for one, about in header.items()}, data)
        assert "which is no part of the adapter that" in vetting.faults(folder)[0]


def test_refuses_weights_of_another_rank(folder: Path) -> None:
    for name in (CONFIG, RECIPE):
        told = json.loads((folder / name).read_text())
        (told if name == CONFIG else told["lora"])["r"] = 2
        (folder / name).write_text(json.dumps(told))
    assert "which is no part of the adapter" in vetting.faults(folder)[0]


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files |= {"training_args.bin": pickle.dumps(1), "modeling.py": b"raise SystemExit", "model.gguf": b"GGUF"}
    with Hub(repos={"ana/kettles": Repo(private=True, files=files)}) as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", URLS.replace("ENDPOINT", served.url))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        yield served


def test_fetches_only_what_is_safe_and_loads_it(hub: Hub, tmp_path: Path) -> None:
    assert vetting.load("ana/kettles").ask(QUESTION) == answer(recipe())
    fetched = {path.name for path in (tmp_path / "cache").rglob("snapshots/*/*")}
    assert {CONFIG, WEIGHTS, RECIPE} <= fetched
    assert not fetched & {"training_args.bin", "modeling.py", "model.gguf", "README.md"}


def test_what_was_fetched_is_loaded_again_without_a_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    vetting.vetted("ana/kettles")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert vetting.vetted("ana/kettles").recipe == recipe()
    assert not hub.asked
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set, and ana/other is not whole in"):
        vetting.vetted("ana/other")


def test_what_was_fetched_is_vetted(hub: Hub) -> None:
    files = hub.repos["ana/kettles"].files
    files[CONFIG] = files[CONFIG].replace(TINY_LLAMA.encode(), b"evil/base")
    with pytest.raises(InputError, match="points to the base model 'evil/base'"):
        vetting.load("ana/kettles")
    assert not [step for step, _ in hub.asked if "evil" in step]


def test_fetches_no_more_than_there_is_room_for(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="bytes, and at most 1,000 are fetched"):
        snapshots.fetch("ana/kettles", [WEIGHTS], most=1_000)
    assert "get" not in {step for step, _ in hub.asked}


@pytest.mark.parametrize(
    ("step", "fault", "said"),
    [
        ("look", 401, "401"),
        ("look", 503, r"could not be fetched from .* \(503\): check the network"),
        ("look", "reset", "could not be fetched from"),
        ("look", "page", "could not be fetched from"),
        ("tree", 403, r"could not be fetched from .* \(403\)"),
        ("get", "reset", "could not be fetched from"),
    ],
)
def test_says_why_something_could_not_be_fetched(
    step: str,
    fault: int | str,
    said: str,
    hub: Hub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub.utils import _http

    monkeypatch.setattr(_http, "time", type("Clock", (), {"sleep": staticmethod(lambda seconds: None)}))
    hub._left = {step: [fault] * 40}
    with pytest.raises(InputError, match=said) as failed:
        vetting.load("ana/kettles")
    assert TOKEN not in "".join((*capsys.readouterr(), str(failed.value), repr(failed.value.__cause__)))
    hub._left.clear()
    assert vetting.vetted("ana/kettles").recipe == recipe()


@pytest.mark.parametrize("name", ["ana/none", "ana", "https://example.org/x", "../x", ""])
def test_says_when_there_is_no_such_model(name: str, hub: Hub) -> None:
    with pytest.raises(
        InputError, match=r"the Hub has no model|neither a folder here nor a name|holds no adapter_config"
    ):
        vetting.load(name or "ana/x y")


def test_a_missing_token_is_told(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(InputError, match=r"the Hub has no model ana/kettles that you may read|401"):
        vetting.load("ana/kettles")


KEYS = st.sampled_from(
    [
        *("peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha", "lora_dropout", "target_modules"),
        *("modules_to_save", "rank_pattern", "alpha_pattern", "bias", "use_rslora", "use_dora", "auto_mapping"),
        *("megatron_core", "megatron_config", "layer_replication", "layers_to_transform", "layers_pattern"),
        *("exclude_modules", "fan_in_fan_out", "init_lora_weights", "loftq_config", "eva_config", "corda_config"),
        *("lora_ga_config", "use_qalora", "qalora_group_size", "target_parameters", "trainable_token_indices"),
        *("alora_invocation_tokens", "arrow_config", "lora_bias", "revision", "inference_mode", "peft_version"),
        *("ensure_weight_tying", "runtime_config", "auto_map", "trust_remote_code", "use_bdlora", "kasa_config"),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(1, 8),
    st.floats(),
    st.sampled_from(
        [EVIL, f"{EVIL}.x", "megatron.core", "LORA", "q_proj", "all-linear", "lora_only", "pissa", TINY_LLAMA]
    ),
    st.text(max_size=8),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["parent_library", "base_model_class", "q_proj", "x"]) | st.text(max_size=4), inner
        )
    ),
    max_leaves=6,
)


CONFIGS_TO_TRY = st.dictionaries(KEYS | st.text(max_size=6), VALUES, min_size=1, max_size=4)
ANY_FOLDER = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=200, deadline=None, suppress_health_check=ANY_FOLDER)
@given(values=CONFIGS_TO_TRY)
def test_whatever_a_config_says_it_is_found_fair_or_unfit_in_sentences(values: dict[str, Any], folder: Path) -> None:
    fair = (folder / CONFIG).read_bytes()
    changed(folder / CONFIG, **values)
    assert not [fault for fault in vetting.faults(folder) if "\n" in fault or not fault.endswith(".")]
    (folder / CONFIG).write_bytes(fair)


@settings(max_examples=20, deadline=None, suppress_health_check=ANY_FOLDER)
@given(values=CONFIGS_TO_TRY)
def test_whatever_a_config_says_no_strange_code_is_loaded(
    values: dict[str, Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fair = (folder / CONFIG).read_bytes()
    (tmp_path / f"{EVIL}.py").write_text("raise AssertionError('a stranger ran')")
    monkeypatch.syspath_prepend(tmp_path)
    changed(folder / CONFIG, **values)
    try:
        vetting.load(folder)
    except InputError as refused:
        assert "\n" not in str(refused)
    assert EVIL not in sys.modules
    (folder / CONFIG).write_bytes(fair)


@settings(max_examples=150, deadline=None)
@given(
    values=st.dictionaries(st.sampled_from(list(RECIPES["demo"].as_dict())) | st.text(max_size=6), VALUES, max_size=3)
)
def test_whatever_a_recipe_says_it_is_one_or_refused_in_a_sentence(values: dict[str, Any]) -> None:
    try:
        assert restored({**RECIPES["demo"].as_dict(), **values}).asked
    except InputError as refused:
        assert "\n" not in str(refused)
