"""Merge random adapters into random models of the real shapes and compare with what was predicted.

Run on a GPU machine: pytest -s tests/gpu/test_merging_on_gpu.py. Without a GPU a tiny shape is merged on the CPU.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from amazon_ft.merging import bases, weights

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
NAMES = ("llama-1b", "llama-8b") if CUDA else ("nano",)
SHARD = 4 * 2**30  # bytes of a base model's file
NOISE = 8 * 2**20  # bytes that a process's memory grows by, whatever it does
RANK, ALPHA = 16, 16
HALF_A_PLACE = 1.001 * 2**-8  # of a number: how far bfloat16 lies from it at most

# A process for each measurement: what was loaded before would count.
MERGE = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from amazon_ft import hardware
from amazon_ft.merging import bases, writing
model, adapter, folder = map(Path, sys.argv[1:])
base = bases.read(model)
plan = writing.plan(adapter, base, folder, hardware.measure())
print(*plan.reasons, sep="\\n")
samples, sample = [], writing._anonymous
writing._anonymous = lambda: samples.append(sample()) or samples[-1]
merged = writing.merge(adapter, base, folder, plan)
predicted = {"bytes": plan.bytes, "device_peak": plan.device_peak, "host_peak": plan.host_peak}
print("RESULT" + json.dumps({"predicted": predicted, "measured": asdict(merged), "before": samples[0]}))
"""
UNSLOTH = """
import unsloth  # before all that it patches
import json, sys, time
import torch
from unsloth import FastLanguageModel
from amazon_ft.merging import writing
adapter, folder = sys.argv[1:]
model, tokenizer = FastLanguageModel.from_pretrained(
    adapter, max_seq_length=512, dtype=torch.bfloat16, load_in_4bit=False
)
torch.cuda.reset_peak_memory_stats()
used, before, started = torch.cuda.memory_allocated(), writing._anonymous(), time.monotonic()
model.save_pretrained_merged(folder, tokenizer, save_method="merged_16bit")
print("RESULT" + json.dumps({"seconds": time.monotonic() - started, "before": before, "loaded": used,
                             "device_peak": torch.cuda.max_memory_allocated()}))
"""


def _run(script: str, *given: Path) -> tuple[dict[str, Any], int, str]:
    """Run a script in a process of its own; give its result, and the most memory of its own that was seen from here."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"},
    )
    seen, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            try:
                found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
            except OSError:
                return
            seen[0] = max(seen[0], int(found[1]) * 1024 if found else 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    told, _ = process.communicate()
    done.set()
    watcher.join()
    lines = [line for line in told.splitlines() if line.startswith("RESULT")]
    if process.returncode or not lines:
        raise RuntimeError(told[-3000:])
    return json.loads(lines[0].removeprefix("RESULT")), seen[0], told


def _base(name: str, folder: Path) -> Path:
    """Save random weights in 16 bits, made on the GPU, in shards, with a tokenizer."""
    sys.path.insert(0, "benchmarks")
    import random_models

    with torch.device("meta"):
        built = random_models._class(name)(random_models._config(name))
    built.config.architectures, built.config.dtype = [type(built).__name__], torch.bfloat16
    built.config.save_pretrained(folder)
    random_models.tokenizer().save_pretrained(folder)
    tied = {"lm_head.weight"} if built.config.tie_word_embeddings else set()
    shapes = {name: weight.shape for name, weight in built.state_dict().items() if name not in tied}
    torch.manual_seed(0)
    shard, files, placed = dict[str, torch.Tensor](), 1, {}
    for name, shape in shapes.items():
        weight = torch.empty(shape, dtype=torch.bfloat16, device=DEVICE).normal_(1 if len(shape) == 1 else 0, 0.02)
        if shard and sum(other.nbytes for other in shard.values()) + weight.nbytes > SHARD:
            save_file(shard, folder / f"model-{files:05}.safetensors", metadata={"format": "pt"})
            shard, files = {}, files + 1
        shard[name] = weight.cpu()
        placed[name] = f"model-{files:05}.safetensors"
    save_file(shard, folder / f"model-{files:05}.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    return folder


def _adapter(model: Path, folder: Path) -> Path:
    """Save a random adapter on all seven projections, as PEFT would."""
    from peft import LoraConfig
    from transformers import AutoTokenizer

    projections = [tensor for tensor in bases.read(model).tensors if "_proj" in tensor.name]
    targets = sorted({tensor.name.split(".")[-2] for tensor in projections})
    LoraConfig(
        task_type="CAUSAL_LM",
        base_model_name_or_path=str(model),
        inference_mode=True,
        r=RANK,
        lora_alpha=ALPHA,
        target_modules=targets,
    ).save_pretrained(folder)
    torch.manual_seed(1)
    factors = {}
    for tensor in projections:
        layer = f"base_model.model.{tensor.name.removesuffix('.weight')}"
        factors[f"{layer}.lora_A.weight"] = torch.randn(RANK, tensor.shape[1]) / tensor.shape[1] ** 0.5
        factors[f"{layer}.lora_B.weight"] = torch.randn(tensor.shape[0], RANK) * 0.02
    save_file(factors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


def _weight(folder: Path, name: str) -> torch.Tensor:
    if (folder / "adapter_model.safetensors").exists():
        file = folder / "adapter_model.safetensors"
    else:
        [file] = [tensor.file for tensor in bases.read(folder).tensors if tensor.name == name]
    return _opened(file, name)


def _opened(file: Path, name: str) -> torch.Tensor:
    with safe_open(file, framework="pt", device=DEVICE) as opened:
        return opened.get_tensor(name)


def _say(name: str, what: str, value: str) -> None:
    print(f"MERGE {name:9} {what:34} {value}", flush=True)


def _close(name: str, what: str, measured: int, predicted: int) -> None:
    off = measured / predicted - 1 if predicted else 0.0
    _say(name, what, f"{measured:>14,} bytes, predicted {predicted:>14,}, off by {off:+.2%}")
    assert abs(measured - predicted) <= max(0.15 * predicted, 0 if CUDA else NOISE)


def _places(weight: torch.Tensor) -> torch.Tensor:
    """Number the representable values in their order."""
    bits = weight.view(torch.int16).int()
    return torch.where(bits < 0, -32768 - bits, bits)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folders(name: str, tmp_path: Path) -> Iterator[tuple[Path, Path, Path]]:
    """Give the folders of a base model, of an adapter on it, and of what it is merged into; then clear up."""
    model = _base(name, tmp_path / "base")
    yield model, _adapter(model, tmp_path / "adapter"), tmp_path / "merged"
    shutil.rmtree(tmp_path)


def test_memory_and_disk_are_as_predicted_and_the_sums_are_right(name: str, folders: tuple[Path, Path, Path]) -> None:
    model, adapter, folder = folders
    result, seen, told = _run(MERGE, model, adapter, folder)
    predicted, measured = result["predicted"], result["measured"]
    print(f"\n{torch.cuda.get_device_name() if CUDA else 'CPU'}, torch {torch.__version__}\n{told}")
    _say(name, "seconds", f"{measured['seconds']:.1f}")
    _close(name, "disk", sum(file.stat().st_size for file in folder.iterdir()), predicted["bytes"])
    _close(name, "host memory, as merge measures it", measured["host_peak"], predicted["host_peak"])
    _close(name, "host memory, seen from outside", seen - result["before"], predicted["host_peak"])
    if CUDA:
        _close(name, "device memory", measured["device_peak"], predicted["device_peak"])
    assert predicted["bytes"] == pytest.approx(measured["bytes"], rel=1e-3)
    _check_sums(name, model, adapter, folder)
    if name != "llama-8b":
        _check_logits(name, model, adapter, folder)


def _check_sums(name: str, model: Path, adapter: Path, folder: Path) -> None:
    """Work five tensors out apart, in float64."""
    layers = max(int(found[1]) for tensor in bases.read(model).tensors if (found := re.search(r"(\d+)", tensor.name)))
    for place, projection in ((0, "self_attn.q_proj"), (layers, "self_attn.v_proj"), (layers // 2, "mlp.down_proj"),
                              (1, "mlp.gate_proj")):  # fmt: skip
        layer = f"model.layers.{place}.{projection}"
        a, b = (_weight(adapter, f"base_model.model.{layer}.lora_{side}.weight").double() for side in "AB")
        before, ours = (_weight(where, f"{layer}.weight") for where in (model, folder))
        exact = before.double() + ALPHA / RANK * (b @ a)
        off = (ours.double() - exact).abs()
        changed, rounded = (before != ours).float().mean().item(), (ours != exact.to(ours.dtype)).float().mean().item()
        _say(name, layer, f"{off.max():.1e} off at most, {changed:.1%} changed, {rounded:.0e} of it rounded otherwise")
        assert (off <= HALF_A_PLACE * exact.abs() + 1e-8).all()
        assert rounded < 1e-3
        assert changed > 0.5
    table = "model.embed_tokens.weight"
    assert torch.equal(_weight(folder, table), _weight(model, table))


def _check_logits(name: str, model: Path, adapter: Path, folder: Path) -> None:
    """Load the merged model as anybody would, and the adapter on its base."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    ids = torch.randint(3, 8000, (2, 64), generator=torch.Generator().manual_seed(2)).to(DEVICE)
    with torch.no_grad():
        merged = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).to(DEVICE)(input_ids=ids).logits
        base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16).to(DEVICE)
        tuned = PeftModel.from_pretrained(base, str(adapter))
        trained = tuned(input_ids=ids).logits
        with tuned.disable_adapter():
            untrained = tuned(input_ids=ids).logits
    off, moved = ((other.float() - trained.float()).abs().mean().item() for other in (merged, untrained))
    most = (merged.float() - trained.float()).abs().max().item()
    _say(name, "logits beside PEFT's", f"{off:.2e} apart on average, {most:.2e} at most; the adapter moves {moved:.2e}")
    assert off < 0.1 * moved


@pytest.mark.skipif(not CUDA, reason="Unsloth needs a CUDA GPU")
@pytest.mark.parametrize("name", ["llama-1b"], indirect=True)
def test_unsloth_makes_the_same_of_it(name: str, folders: tuple[Path, Path, Path]) -> None:
    model, adapter, folder = folders
    ours, theirs = _run(MERGE, model, adapter, folder)[0]["measured"], folder.with_name("unsloth")
    for what in ("seconds", "device_peak", "host_peak"):
        _say(name, f"ours beside Unsloth's, {what}", f"{ours[what]:,}")
    try:
        result, seen, _ = _run(UNSLOTH, adapter, theirs)
    except RuntimeError as error:
        _say(name, "Unsloth did not merge", " | ".join(str(error).splitlines()[-3:]))
        pytest.skip(f"Unsloth did not merge here: {str(error)[-300:]}")
    _say(name, "Unsloth, seconds", f"{result['seconds']:.1f}")
    _say(name, "Unsloth, device memory", f"{result['device_peak']:,} bytes, {result['loaded']:,} of them loaded before")
    _say(name, "Unsloth, host memory", f"{seen - result['before']:,} bytes")
    _say(name, "Unsloth, files", ", ".join(sorted(file.name for file in theirs.iterdir())))
    written = {tensor.name: tensor for file in theirs.glob("*.safetensors") for tensor in weights.tensors(file)}
    alone = written.keys() ^ {tensor.name for tensor in bases.read(folder).tensors}
    pairs = [(_opened(written[one].file, one), _weight(folder, one)) for one in sorted(written.keys() - alone)]
    assert pairs
    most = max((left.float() - right.float()).abs().max().item() for left, right in pairs)
    apart = max(int((_places(left) - _places(right)).abs().max()) for left, right in pairs)
    _say(name, "Unsloth, largest difference", f"{most:.2e}, {apart} places; in one of both alone: {sorted(alone)}")
    assert most < 0.01
