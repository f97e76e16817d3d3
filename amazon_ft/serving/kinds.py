"""Name the kinds of GGUF, predict how many bytes each takes, and read what a GGUF file says of itself."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.merging.weights import of_model

BLOCK, SMALL_BLOCK = 256, 32  # weights of a row that are quantised together
EVEN = 8.5  # bits where a row is no multiple of BLOCK: llama.cpp then takes a kind of small blocks, Q8_0 at most
WORDS = ("model.embed_tokens.weight", "token_embd.weight")
PIECES = "tokenizer.model"  # a SentencePiece vocabulary with the scores that llama.cpp splits by
HEAD = ("lm_head.weight", "output.weight")


@dataclass(frozen=True)
class Kind:
    """Hold one kind of GGUF and its bits a weight: in the layers, in the table of words, in the head that scores them.

    The bits are those of ggml's blocks (Q4_K: 144 bytes for 256 weights); a mixture such as q4_k_m gives half of the
    down and value projections more, which makes 4.8 bits in the layers of a Llama 3 8B.
    """

    name: str
    layers: float
    words: float
    head: float
    converted: bool = False  # written by the converter at once; the others are made from a 16- or 32-bit file

    @property
    def file_name(self) -> str:
        """Give the file's name, from which the Hub and Ollama read the kind."""
        return f"model-{self.name.upper()}.gguf"


KINDS = {
    kind.name: kind
    for kind in (
        Kind("f32", 32, 32, 32, converted=True),
        Kind("f16", 16, 16, 16, converted=True),
        Kind("bf16", 16, 16, 16, converted=True),
        Kind("q8_0", 8.5, 8.5, 8.5, converted=True),
        Kind("q6_k", 6.5625, 6.5625, 6.5625),
        Kind("q5_k_m", 5.66, 5.5, 6.5625),
        Kind("q5_k_s", 5.51, 5.5, 6.5625),
        Kind("q5_0", 5.5, 5.5, 6.5625),
        Kind("q4_k_m", 4.8, 4.5, 6.5625),
        Kind("q4_k_s", 4.54, 4.5, 6.5625),
        Kind("q4_0", 4.5, 4.5, 6.5625),
    )
}


def kind(name: str) -> Kind:
    """Look a kind up by its name, in any case; raise InputError, with those there are, if there is none."""
    if name.lower() not in KINDS:
        raise InputError(f"there is no kind of GGUF named {name!r}: choose of {', '.join(KINDS)}.")
    return KINDS[name.lower()]


def from_folder(model: Path, made: Kind) -> int:
    """Predict the bytes of the GGUF that a folder with safetensors becomes, from the headers of its files.

    Raises InputError if there are none, or one is torn.
    """
    shapes = {tensor.name: tensor.shape for tensor in of_model(model)}
    tokenizer = model / "tokenizer.json"
    return _bytes(shapes, made) + (tokenizer.stat().st_size if tokenizer.exists() else 0)


def from_gguf(source: Path, made: Kind) -> int:
    """Predict the bytes of the GGUF that another one becomes."""
    reader = opened(source)
    shapes = {tensor.name: tuple(int(size) for size in reversed(tensor.shape)) for tensor in reader.tensors}
    return _bytes(shapes, made) + int(reader.data_offset)


def chat_template(path: Path) -> str:
    """Read the Jinja chat template that a GGUF file brings; raise InputError if it has none."""
    field = opened(path).get_field("tokenizer.chat_template")
    if field is None:
        raise InputError(f"{path} brings no chat template: have it made anew from a folder with chat_template.jinja.")
    return str(field.contents())


def vocabulary(path: Path) -> tuple[str, list[str]]:
    """Read how a GGUF file splits text, llama for SentencePiece, and its tokens in order; raise InputError if torn."""
    fields = [opened(path).get_field(f"tokenizer.ggml.{name}") for name in ("model", "tokens")]
    if None in fields:
        raise InputError(f"{path} brings no tokenizer: have it made anew.")
    return str(fields[0].contents()), list(map(str, fields[1].contents()))


def lacks_pieces(model: Path) -> bool:
    """Tell whether a model's folder has a SentencePiece vocabulary without the file that llama.cpp needs of it."""
    tokenizer = model / "tokenizer.json"
    if not tokenizer.exists() or (model / PIECES).exists():
        return False
    return bool(json.loads(tokenizer.read_text(encoding="utf-8"))["model"].get("byte_fallback"))


def opened(path: Path) -> Any:
    """Open a GGUF file to read what it says of itself; raise InputError if it is none."""
    import gguf

    try:
        return gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError) as error:
        raise InputError(f"{path} is no whole GGUF file ({error}): delete it, and have it made anew.") from error


def _bytes(shapes: Mapping[str, tuple[int, ...]], made: Kind) -> int:
    tied = not set(HEAD) & set(shapes)
    return int(sum(math.prod(shape) * _bits(name, shape, made, tied) for name, shape in shapes.items()) / 8)


def _bits(name: str, shape: tuple[int, ...], made: Kind, tied: bool) -> float:
    if len(shape) < 2:
        return 32  # norms and biases stay as they are
    bits = made.head if name in HEAD or (tied and name in WORDS) else made.words if name in WORDS else made.layers
    if bits >= 16:
        return bits
    return 16 if shape[-1] % SMALL_BLOCK else EVEN if shape[-1] % BLOCK and not made.converted else bits
