"""Merge adapters as PEFT does, tensor by tensor, within what was planned; a failure leaves what was there before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import loras
import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from amazon_ft import hardware, models, steps
from amazon_ft.files import InputError, digest
from amazon_ft.generation import Local
from amazon_ft.hardware import Machine
from amazon_ft.merging import bases, planning, writing
from amazon_ft.recipes import TINY_LLAMA, named
from amazon_ft.runs import Run

CPU = Machine("cpu", "CPU, 2 cores", None)
T4 = Machine("cuda", "Tesla T4", (7, 5), 15 * 2**30, 14 * 2**30)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return loras.model(tmp_path_factory.mktemp("llama") / "base", shards=3)


@pytest.fixture(scope="module")
def trained(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return loras.adapter(tmp_path_factory.mktemp("trained") / "adapter", llama)


def _merge(adapter: Path, where: Path, folder: Path, dtype: str = "", **how: Any) -> writing.Merged:
    base = bases.read(where)
    return writing.merge(adapter, base, folder, writing.plan(adapter, base, folder, CPU, dtype), **how)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for file in folder.glob("*.safetensors") for name, tensor in load_file(file).items()}


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Tell whether no two numbers of 16 bits have another one between them, but for what is as good as 0."""
    places = [torch.where(bits < 0, -32768 - bits, bits) for bits in (t.view(torch.int16).int() for t in (one, other))]
    near = (places[0] - places[1]).abs() <= 1
    return bool((near | ((one.float() - other.float()).abs() < 1e-7)).all())


UNTIED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "all projections in three shards": ({"shards": 3}, {}),
    "float16": ({"dtype": "float16"}, {}),
    "float32": ({"dtype": "float32"}, {}),
    "rslora": ({}, {"use_rslora": True}),
    "patterns": ({}, {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {r"layers\.1\..*": 9}}),
    "fused as in Phi": ({"phi": True}, {"target_modules": ["qkv_proj", "gate_up_proj", "o_proj", "down_proj"]}),
    "head": ({}, {"target_modules": ["lm_head", "q_proj"]}),
    "words": ({}, {"target_modules": ["embed_tokens", "q_proj"]}),
    "saved": ({}, {"modules_to_save": ["embed_tokens", "lm_head", "norm"]}),
    "tied": ({"tie_word_embeddings": True}, {}),
    "tied and saved": (
        {"tie_word_embeddings": True, "dtype": "float32"},
        {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True, "target_modules": ["q_proj", "v_proj"]},
    ),
}


@pytest.mark.parametrize("case", UNTIED)
def test_the_sum_is_that_of_peft(case: str, tmp_path: Path) -> None:
    about, lora = UNTIED[case]
    where = loras.model(tmp_path / "base", **about)
    adapter = loras.adapter(tmp_path / "adapter", where, **lora)
    before = digest(where)
    _merge(adapter, where, tmp_path / "merged")
    expected = loras.adapted(where, adapter).merge_and_unload().state_dict()
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    dtype = torch.bfloat16 if about.get("dtype", "bfloat16") == "bfloat16" else torch.float16
    untouched = loras.plain(where).state_dict()
    changed = {name for name in expected if not torch.equal(expected[name], untouched[name])}
    assert changed
    assert ours.config.tie_word_embeddings == about.get("tie_word_embeddings", False)
    assert set(ours.state_dict()) == set(expected)
    for name, weight in ours.state_dict().items():
        assert weight.dtype == dtype
        assert (_close if name in changed else torch.equal)(weight, expected[name].to(dtype)), name
    assert digest(where) == before


TIED: dict[str, dict[str, Any]] = {
    "head": {"target_modules": ["lm_head", "q_proj"]},
    "words": {"target_modules": ["embed_tokens", "q_proj"]},
    "both": {"target_modules": ["embed_tokens", "lm_head"]},
    "head saved": {"modules_to_save": ["lm_head"]},
    "words saved": {"modules_to_save": ["embed_tokens"]},
    "both saved": {"modules_to_save": ["embed_tokens", "lm_head"]},
}


@pytest.mark.parametrize("case", TIED)
@pytest.mark.filterwarnings("ignore:Model has .tie_word_embeddings:UserWarning")
def test_a_tied_model_whose_table_and_head_are_changed_apart_answers_as_with_its_adapter(
    case: str, tmp_path: Path
) -> None:
    where = loras.model(tmp_path / "base", "float32", tie_word_embeddings=True)
    adapter = loras.adapter(tmp_path / "adapter", where, **TIED[case])
    _merge(adapter, where, tmp_path / "merged")
    ids = torch.arange(20).view(2, 10)
    with torch.no_grad():
        models = (loras.plain(where), loras.adapted(where, adapter), loras.plain(tmp_path / "merged"))
        base, tuned, merged = (model(input_ids=ids).logits for model in models)
    assert (tuned - merged).abs().max() < 0.01 * (tuned - base).abs().max()
    config = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert config["tie_word_embeddings"] is False
    plan = writing.plan(adapter, bases.read(where), tmp_path / "merged", CPU)
    assert any("so they are two from now on" in reason for reason in plan.reasons)


def test_what_no_adapter_touches_is_copied_bit_by_bit(llama: Path, tmp_path: Path) -> None:
    adapter = loras.adapter(tmp_path / "adapter", llama, ["up_proj"])
    _merge(adapter, llama, tmp_path / "merged")
    base, ours = _weights(llama), _weights(tmp_path / "merged")
    assert set(base) == set(ours)
    same = {name for name in base if torch.equal(base[name].view(torch.int16), ours[name].view(torch.int16))}
    assert set(base) - same == {name for name in base if "up_proj" in name}


def test_a_tensor_in_another_dtype_than_the_base_keeps_it(llama: Path, trained: Path, tmp_path: Path) -> None:
    where = Path(shutil.copytree(llama, tmp_path / "mixed"))
    for file in where.glob("*.safetensors"):
        mixed = {name: weight.float() if "norm" in name else weight for name, weight in load_file(file).items()}
        safetensors.torch.save_file(mixed, file)
    _merge(trained, where, tmp_path / "merged", "float16")
    dtypes = {name: weight.dtype for name, weight in _weights(tmp_path / "merged").items()}
    assert {dtype for name, dtype in dtypes.items() if "norm" in name} == {torch.float32}
    assert {dtype for name, dtype in dtypes.items() if "norm" not in name} == {torch.float16}


@pytest.mark.parametrize("largest", [10_000, 20_000, 2**31])
def test_shards_bytes_and_index_are_as_planned(
    largest: int, llama: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "LARGEST", largest)
    plan = writing.plan(trained, bases.read(llama), tmp_path / "merged", CPU)
    merged = _merge(trained, llama, tmp_path / "merged")
    files = {file.name: file.stat().st_size for file in (tmp_path / "merged").iterdir()}
    assert merged.bytes == sum(files.values()) == pytest.approx(plan.bytes, rel=1e-3)
    assert set(files) == {*plan.names, "config.json", *(["model.safetensors.index.json"] if plan.index else [])}
    assert len(plan.names) == len(plan.shards) and (len(plan.names) > 2) == (largest < 2**31)
    for name, shard in zip(plan.names, plan.shards, strict=True):
        assert set(load_file(tmp_path / "merged" / name)) == {part.name for part in shard}
        assert sum(part.bytes for part in shard) <= largest or len(shard) == 1
    assert bases.read(tmp_path / "merged").dtype == "bfloat16"
    expected = loras.adapted(llama, trained).merge_and_unload()
    ids = torch.arange(10).view(1, 10)
    with torch.no_grad():
        difference = expected(input_ids=ids).logits - loras.plain(tmp_path / "merged")(input_ids=ids).logits
    assert difference.abs().max() < 0.05


def test_the_configuration_asks_for_no_code_and_says_how_it_is_written(
    llama: Path, trained: Path, tmp_path: Path
) -> None:
    where = Path(shutil.copytree(llama, tmp_path / "own"))
    config = json.loads((where / "config.json").read_text())
    more = {"auto_map": {"AutoModel": "elsewhere--x.Y"}, "torch_dtype": "float32", "_name_or_path": "/home/ana"}
    (where / "config.json").write_text(json.dumps(config | more))
    _merge(trained, where, tmp_path / "merged", "float16")
    ours = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert ours == config | {"dtype": "float16"}


def test_memory_and_its_reason_are_planned(llama: Path, trained: Path, tmp_path: Path) -> None:
    base = bases.read(llama)
    plan = writing.plan(trained, base, tmp_path, T4)
    largest = 48 * 32  # gate, up and down
    assert plan.device == "cuda"
    assert plan.device_peak == 6 * largest + 4 * 4 * (48 + 32) + planning.WORKSPACE
    made = sum(tensor.bytes for tensor in base.tensors if "proj" in tensor.name)
    assert plan.host_peak == made
    hopper = writing.plan(trained, base, tmp_path, replace(T4, capability=(9, 0)))
    assert hopper.device_peak - plan.device_peak == planning.HOPPER_WORKSPACE - planning.WORKSPACE
    on_cpu = writing.plan(trained, base, tmp_path, CPU)
    assert (on_cpu.device, on_cpu.device_peak) == ("cpu", 0)
    assert made < on_cpu.host_peak <= made + 4 * largest
    full = writing.plan(trained, base, tmp_path, replace(T4, free=2**20))
    assert full.device == "cpu"
    assert any("added on the CPU: 8.1 MiB are needed of Tesla T4, and 1.0 MiB free" in why for why in full.reasons)


def test_reasons_say_what_is_done(llama: Path, trained: Path, tmp_path: Path) -> None:
    plan = writing.plan(trained, bases.read(llama, "ana/kettles"), tmp_path, CPU)
    assert plan.reasons[:3] == (
        "written as bfloat16, as ana/kettles is",
        "14 weights get scale * B @ A added, 0 are replaced, all others stay as they are",
        "added on the CPU, 2 cores",
    )
    plan = writing.plan(trained, bases.read(llama, "ana/kettles"), tmp_path, CPU, "float16")
    assert plan.reasons[0] == "written as float16, in bfloat16 as ana/kettles is"


def test_memory_is_measured_where_it_can_be(
    llama: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged = _merge(trained, llama, tmp_path / "merged")
    assert merged.device_peak is None
    assert (merged.host_peak is not None) == writing.STATUS.exists()
    monkeypatch.setattr(writing, "STATUS", tmp_path / "no such file")
    assert _merge(trained, llama, tmp_path / "merged").host_peak is None


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    llama: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "merged"
    _merge(trained, llama, folder)
    before = digest(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=40_000))
    plan = writing.plan(trained, bases.read(llama), folder, CPU)
    assert plan.free == 40_000 < plan.bytes
    told = rf"the merged model in {folder} needs 4\d\.\d KiB on the disk of {folder}, and 39\.1 KiB are free there: "
    with pytest.raises(InputError, match=rf"{told}delete what you no longer need, for instance in {folder}"):
        _merge(trained, llama, folder, finish=lambda folder: pytest.fail("it began"))
    assert digest(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(28, "No space left on device"), InputError),
        (SafetensorError("I/O error: No space left on device (os error 28)"), InputError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=repr,
)
def test_a_merge_that_breaks_off_leaves_the_earlier_one(
    error: BaseException,
    raised: type[BaseException],
    llama: Path,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _merge(trained, llama, tmp_path / "merged")
    before, save, calls = digest(tmp_path / "merged"), safetensors.torch.save_file, []

    def breaks(tensors: Any, file: Path, **more: Any) -> None:
        calls.append(file)
        save(tensors, file, **more)
        if len(calls) == 2:
            raise error

    monkeypatch.setattr(planning, "LARGEST", 20_000)
    monkeypatch.setattr(safetensors.torch, "save_file", breaks)
    with pytest.raises(raised) as told:
        _merge(trained, llama, tmp_path / "merged")
    assert len(calls) == 2
    assert raised is KeyboardInterrupt or "No space left on device" in str(told.value)
    assert digest(tmp_path / "merged") == before
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]


KILLED = """
import os, signal, sys
from pathlib import Path
import safetensors.torch
from amazon_ft.hardware import Machine
from amazon_ft.merging import bases, planning, writing
adapter, where, folder = map(Path, sys.argv[1:4])
planning.LARGEST, save = 20_000, safetensors.torch.save_file
def kills(*given, **more):
    save(*given, **more)
    os.kill(os.getpid(), signal.SIGKILL)
safetensors.torch.save_file = kills
base = bases.read(where)
writing.merge(adapter, base, folder, writing.plan(adapter, base, folder, Machine("cpu", "CPU", None)))
"""


@pytest.mark.skipif(os.name == "nt", reason="needs a kill")
def test_a_killed_merge_leaves_the_earlier_one_and_the_next_clears_up(
    llama: Path, trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "merged"
    _merge(trained, llama, folder)
    before = digest(folder)
    done = subprocess.run([sys.executable, "-c", KILLED, str(trained), str(llama), str(folder)], capture_output=True)
    assert done.returncode == -9, done.stderr
    assert digest(folder) == before
    assert len(list(tmp_path.iterdir())) == 2
    _merge(trained, llama, folder)
    assert digest(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]


def test_others_add_their_files_before_the_folder_appears(llama: Path, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "merged"

    def finish(temporary: Path) -> None:
        assert not folder.exists()
        assert {"config.json", "model.safetensors"} == {file.name for file in temporary.iterdir()}
        (temporary / "tokenizer.json").write_text("{}")

    merged = _merge(trained, llama, folder, finish=finish)
    assert (folder / "tokenizer.json").read_text() == "{}"
    assert merged.bytes == sum((folder / name).stat().st_size for name in ("config.json", "model.safetensors"))


def test_a_folder_that_others_cannot_finish_does_not_appear(llama: Path, trained: Path, tmp_path: Path) -> None:
    def fails(temporary: Path) -> None:
        raise InputError("there is no tokenizer.")

    with pytest.raises(InputError, match=r"^there is no tokenizer\.$"):
        _merge(trained, llama, tmp_path / "merged", finish=fails)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def half(tmp_path: Path) -> Path:
    return loras.model(tmp_path / "half", "float32")


def _scaled(by: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda tensor: tensor * by


def test_what_float16_cannot_hold_is_not_written(half: Path, tmp_path: Path) -> None:
    adapter = loras.adapter(tmp_path / "adapter", half)
    loras.change(adapter, layers__1__self_attn__q_proj__lora_B__weight=_scaled(1e7))
    told = r"q_proj\.weight has numbers that F16 cannot hold: merge into bfloat16 \(dtype=\"bfloat16\"\)"
    with pytest.raises(InputError, match=told):
        _merge(adapter, half, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
    _merge(adapter, half, tmp_path / "merged", "bfloat16")
    assert _weights(tmp_path / "merged")["model.layers.1.self_attn.q_proj.weight"].abs().max() > 65504


@pytest.mark.parametrize("saved", [False, True])
def test_what_is_no_number_is_not_written(saved: bool, llama: Path, tmp_path: Path) -> None:
    adapter = loras.adapter(tmp_path / "adapter", llama, modules_to_save=["norm"])
    end = "model__norm__weight" if saved else "layers__0__mlp__up_proj__lora_A__weight"
    loras.change(adapter, **{end: _scaled(float("nan"))})
    with pytest.raises(InputError, match=r"has numbers that F16 cannot hold: the adapter or the base .* train the"):
        _merge(adapter, llama, tmp_path / "merged", "float16")
    assert not (tmp_path / "merged").exists()


def test_no_other_dtypes_are_written(llama: Path, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not written as int8: choose one of float16, bfloat16"):
        writing.plan(trained, bases.read(llama), tmp_path, CPU, "int8")


def test_4_bit_weights_are_never_merged_into(llama: Path, tmp_path: Path) -> None:
    where = Path(shutil.copytree(llama, tmp_path / "packed"))
    config = json.loads((where / "config.json").read_text())
    (where / "config.json").write_text(json.dumps(config | {"quantization_config": {"load_in_4bit": True}}))
    with pytest.raises(InputError, match=r"holds 4-bit weights, .* name the 16-bit model .* with --base"):
        bases.sixteen_bit(str(where))


def test_coarse_products_are_switched_off_meanwhile(
    llama: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, save = [], safetensors.torch.save_file

    def watched(*given: Any, **more: Any) -> None:
        seen.append(torch.get_float32_matmul_precision())
        save(*given, **more)

    monkeypatch.setattr(safetensors.torch, "save_file", watched)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        _merge(trained, llama, tmp_path / "merged")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert seen == ["highest"]


def test_the_merged_demo_answers_as_the_trained_one(walked: Run, tmp_path: Path) -> None:
    demo, folder = named("demo"), tmp_path / "merged"
    base = bases.sixteen_bit(demo.base_model)
    plan = writing.plan(walked.adapter, base, folder, hardware.measure())
    tokenizer = AutoTokenizer.from_pretrained(walked.adapter)
    writing.merge(walked.adapter, base, folder, plan, finish=tokenizer.save_pretrained)
    assert (base.name, plan.dtype) == (TINY_LLAMA, "float16")
    asked = {"tuned": [*steps.rows(walked, "train")[:15], *steps.rows(walked, "test")[:15]]}
    trained = Local(models.load(demo, adapter=walked.adapter)).answers(demo, asked)["tuned"]
    merged = Local(models.load(replace(demo, base_model=str(folder)))).answers(demo, asked)["tuned"]
    assert len(trained) == 30
    assert [answer.text for answer in merged] == [answer.text for answer in trained]
    assert len({answer.text for answer in trained}) > 15
