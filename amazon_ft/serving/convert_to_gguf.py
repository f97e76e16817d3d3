"""Run llama.cpp's own converter, in a process of its own: python -P convert_to_gguf.py LLAMA_CPP [its arguments]."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

KNOWN = "smollm"
# What llama.cpp does for the pre-tokenizer that it names so: each digit alone, then GPT-2's pattern.
SPLITS = [
    {"type": "Digits", "individual_digits": True},
    {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
]


def main() -> None:
    """Convert as the arguments say; end with one sentence where llama.cpp does not know how the tokenizer splits."""
    folder = sys.argv.pop(1)
    sys.path[:0] = [folder, f"{folder}/gguf-py"]
    base = importlib.import_module("conversion.base")
    converter = importlib.import_module("convert_hf_to_gguf")
    writer = importlib.import_module("gguf").GGUFWriter
    named, put, begins = base.TextModel.get_vocab_base_pre, writer.add_add_bos_token, told_bos(Path(sys.argv[1]))

    def pre_tokenizer(model: Any, tokenizer: Any) -> str:
        # llama.cpp knows a tokenizer by the digest of what it makes of one text, so a new vocabulary is unknown.
        try:
            return str(named(model, tokenizer))
        except NotImplementedError:
            if splits_alike(Path(model.dir_model) / "tokenizer.json"):
                return KNOWN
            sys.exit(
                f"llama.cpp does not know how the tokenizer of {model.dir_model} splits text: take a base model whose "
                "tokenizer it knows, or a newer llama.cpp through LLAMA_CPP."
            )

    def add_bos(gguf: Any, value: bool) -> None:
        # llama.cpp would follow the post-processor, which puts BOS before plain texts, not before every chat.
        put(gguf, value if begins is None else begins)

    base.TextModel.get_vocab_base_pre, writer.add_add_bos_token = pre_tokenizer, add_bos
    converter.main()


def told_bos(model: Path) -> bool | None:
    """Read whether a model's tokenizer_config.json says that a prompt begins with BOS; None where it does not say."""
    path = model / "tokenizer_config.json"
    told = json.loads(path.read_text(encoding="utf-8")).get("add_bos_token") if path.exists() else None
    return told if isinstance(told, bool) else None


def splits_alike(path: Path) -> bool:
    """Tell whether a tokenizer.json splits text exactly as llama.cpp does by the name KNOWN."""
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    splitter = tokenizer.get("pre_tokenizer") or {}
    steps = splitter.get("pretokenizers") if splitter.get("type") == "Sequence" else None
    # Offsets alone depend on trim_offsets.
    bare = [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps or []]
    return bare == SPLITS and not tokenizer.get("normalizer") and tokenizer["model"].get("type") == "BPE"


if __name__ == "__main__":
    main()
