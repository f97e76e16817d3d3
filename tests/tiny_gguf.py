"""Write the tiny Llama as a GGUF file: python tiny_gguf.py FOLDER FILE, where the gguf package is installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SCALARS = {"F32": "<f4", "F16": "<f2"}
INNER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def write(folder: Path, path: Path) -> None:
    """Write the model of `folder`; where it has no lm_head, llama.cpp takes the embeddings for it."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    _add_shape(writer, config)
    _add_tokenizer(writer, config, json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
    writer.add_chat_template((folder / "chat_template.jinja").read_text(encoding="utf-8"))
    for name, tensor in _tensors(folder / "model.safetensors"):
        writer.add_tensor(*_renamed(name, tensor, config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: Any, config: dict[str, Any]) -> None:
    writer.add_file_type(0)  # all in 32 bits
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])


def _add_tokenizer(writer: Any, config: dict[str, Any], tokenizer: dict[str, Any]) -> None:
    import gguf

    texts = {number: text for text, number in tokenizer["model"]["vocab"].items()}
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    numbers = range(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")  # byte-level BPE
    writer.add_tokenizer_pre("smollm")  # each digit alone, then GPT-2's pattern, as the tiny model's tokenizer splits
    writer.add_token_list([{**texts, **special}[number] for number in numbers])
    kinds = gguf.TokenType
    writer.add_token_types([kinds.CONTROL if number in special else kinds.NORMAL for number in numbers])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)


def _tensors(path: Path) -> list[tuple[str, Any]]:
    """Read a safetensors file: the length of its header, the header, the numbers."""
    import numpy as np

    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return [
        (name, np.frombuffer(data[start + first : start + last], SCALARS[kind]).reshape(shape).astype("f4"))
        for name, (kind, shape, (first, last)) in ((name, tuple(entry.values())) for name, entry in header.items())
    ]


def _renamed(name: str, tensor: Any, config: dict[str, Any]) -> tuple[str, Any]:
    """Give a tensor its name in GGUF, and rows in its order: llama.cpp turns neighbours, Transformers halves."""
    bare = name.removesuffix(".weight")
    if bare in OUTER:
        return f"{OUTER[bare]}.weight", tensor
    _, _, layer, part = bare.split(".", 3)
    heads = {"self_attn.q_proj": "num_attention_heads", "self_attn.k_proj": "num_key_value_heads"}.get(part)
    if heads:
        halves = tensor.reshape(config[heads], 2, -1, tensor.shape[1])
        tensor = halves.swapaxes(1, 2).reshape(tensor.shape)
    return f"blk.{layer}.{INNER[part]}.weight", tensor


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
