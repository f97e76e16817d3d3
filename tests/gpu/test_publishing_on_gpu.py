"""Publish what Unsloth trained in 4 bits on a CUDA GPU: our merge and GGUF beside those that Unsloth itself writes.

Run on a GPU machine: pytest -s tests/gpu/test_publishing_on_gpu.py. LLAMA_CPP names a checkout, or it is fetched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

COMMON = """
import json, sys
from dataclasses import replace
from pathlib import Path
from amazon_ft import steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run
folder = Path(sys.argv[1])
published = named("phi-3-input-output")
recipe = replace(published, base_model=str(folder / "base"), rows=64, held_out_rows=16,
                 training=replace(published.training, num_train_epochs=None, max_steps=30, learning_rate=2e-3),
                 generation=replace(published.generation, max_new_tokens=24))
run = Run(folder / "run")
"""
BASE = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
import torch
from sentencepiece import SentencePieceTrainer
from shapes import sentences
from transformers import LlamaConfig, LlamaForCausalLM, LlamaTokenizer
folder = Path(sys.argv[1]) / "base"
folder.mkdir(parents=True)
SentencePieceTrainer.train(sentence_iterator=iter(sentences()), model_prefix=str(folder / "tokenizer"),
    model_type="bpe", vocab_size=1024, byte_fallback=True, normalization_rule_name="identity",
    remove_extra_whitespaces=False, minloglevel=2)
LlamaTokenizer.from_pretrained(str(folder), legacy=False, add_bos_token=True, pad_token="<unk>").save_pretrained(folder)
torch.manual_seed(0)
config = LlamaConfig(vocab_size=1024, hidden_size=512, intermediate_size=1408, num_hidden_layers=4, pad_token_id=0,
    num_attention_heads=8, num_key_value_heads=4, head_dim=64, max_position_embeddings=2048)
LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
"""
TRAIN = f"{COMMON}\nsteps.clean(run); steps.format_rows(run, recipe); steps.train(run, recipe)\n"
OURS = f"""{COMMON}
steps.pack_adapter(run, recipe); steps.merge(run, recipe); steps.gguf(run, recipe, ("f16",))
found = steps.check_answers(run, recipe, 8)
print("RESULT" + json.dumps({{"rows": found.table()}}))
"""
UNSLOTHS = f"""{COMMON}
made = steps.gguf_with_unsloth(Run(folder / "copy"), recipe, ("f16",))
print("RESULT" + json.dumps({{"files": [str(path) for path in folder.joinpath("copy").rglob("*.gguf")]}}))
"""


def _ran(script: str, folder: Path, **more: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, env={**os.environ, **more}
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    return dict(json.loads(lines[0].removeprefix("RESULT"))) if lines else {}


def _llama_cpp(folder: Path) -> Path:
    """Copy llama.cpp's converter where Unsloth looks for it, beside a quantiser that 16 bits have no need of."""
    from amazon_ft.serving import llama_cpp

    Path(shutil.copytree(llama_cpp.converter(), folder))
    quantiser = folder / "llama-quantize"
    if not quantiser.exists():
        quantiser.write_text('#!/bin/sh\necho usage; test "$1" = --help\n')
        quantiser.chmod(0o755)
    return folder


def test_our_forms_are_those_that_unsloth_writes(tmp_path: Path) -> None:
    from amazon_ft.serving import kinds

    for script in (BASE, TRAIN):
        _ran(script, tmp_path)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    rows = _ran(OURS, tmp_path)["rows"]
    print("", *(f"PUBLISH {row}" for row in rows), sep="\n")
    assert {row["template"] for row in rows if row["answers equal"]} == {"same"}
    there = _llama_cpp(tmp_path / "llama.cpp")
    try:
        files = _ran(UNSLOTHS, tmp_path, UNSLOTH_LLAMA_CPP_PATH=str(there), UNSLOTH_AUTO_INSTALL="0")["files"]
    except RuntimeError as error:
        print("PUBLISH Unsloth wrote no GGUF:", str(error)[-1500:])
        pytest.skip(f"Unsloth wrote no GGUF here: {str(error)[-300:]}")
    print("PUBLISH Unsloth's files:", files)
    ours, theirs = (
        {tensor.name: torch.from_numpy(tensor.data.copy()).float() for tensor in kinds.opened(path).tensors}
        for path in (tmp_path / "run/published/gguf/model-F16.gguf", Path(files[0]))
    )
    assert ours.keys() == theirs.keys()
    off = {name: (ours[name] - theirs[name]).abs().max().item() for name in ours}
    print(f"PUBLISH largest difference to Unsloth's: {max(off.values()):.2e} in {max(off, key=off.__getitem__)}")
    assert max(off.values()) < 0.01
