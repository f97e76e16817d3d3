"""Predict what a training takes on a GPU from the shape of its model. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from amazon_ft.hardware.machine import GIB
from amazon_ft.recipes import Lora

FOUR_BIT = 0.5 + 1 / 64 + 4 / (64 * 256)  # bytes a weight: NF4, and its scales in 8 bits (QLoRA, section 3)
TRAINED = 4 + 4 + 2  # bytes a trained weight: itself, its gradient, the two states of 8-bit Adam
WORTH_KEEPING = 0.25  # of the layers: fewer save too little time for the memory that they take


@dataclass(frozen=True)
class Shape:
    """Hold what a decoder's size follows from, in the names of a Transformers configuration."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    tie_word_embeddings: bool = False

    @property
    def keys(self) -> int:
        """Give the width of keys, which is that of values too."""
        return self.num_key_value_heads * self.head_dim

    @property
    def linear(self) -> int:
        """Count the weights of all projections."""
        return self.num_hidden_layers * sum(rows * columns for rows, columns in self.projections().values())

    @property
    def table(self) -> int:
        """Count the weights of the word table, which are those of the output head too."""
        return self.vocab_size * self.hidden_size

    def projections(self) -> dict[str, tuple[int, int]]:
        """Give rows and columns of each projection of one layer."""
        queries, hidden, inner = self.num_attention_heads * self.head_dim, self.hidden_size, self.intermediate_size
        return {
            "q_proj": (queries, hidden),
            "k_proj": (self.keys, hidden),
            "v_proj": (self.keys, hidden),
            "o_proj": (hidden, queries),
            "gate_proj": (inner, hidden),
            "up_proj": (inner, hidden),
            "down_proj": (hidden, inner),
        }

    def trained(self, lora: Lora) -> int:
        """Count the weights that an adapter adds or replaces."""
        sides = [sum(size) for name, size in self.projections().items() if name in lora.target_modules]
        return self.num_hidden_layers * lora.r * sum(sides) + self.table * len(lora.modules_to_save)


LLAMA_3_1B = Shape(2048, 8192, 16, 32, 8, 64, 128256, tie_word_embeddings=True)
LLAMA_3_8B = Shape(4096, 14336, 32, 32, 8, 128, 128256)
TINYLLAMA = Shape(2048, 5632, 22, 32, 4, 64, 32000)
PHI_3_MINI = Shape(3072, 8192, 32, 32, 32, 96, 32064)
PUBLISHED = {  # from their config.json, so that nothing is downloaded for an estimate
    "unsloth/Llama-3.2-1B-Instruct-bnb-4bit": LLAMA_3_1B,
    "unsloth/DeepSeek-R1-Distill-Llama-8B": LLAMA_3_8B,
    "unsloth/tinyllama-chat-bnb-4bit": TINYLLAMA,
    "unsloth/Phi-3-mini-4k-instruct-bnb-4bit": PHI_3_MINI,
}


@dataclass(frozen=True)
class Engine:
    """Hold what a backend keeps for each token, in numbers of 16 bits: so many hidden sizes, keys, intermediate sizes.

    Measured by benchmarks/memory.py: `kept` by each layer that is not recomputed, `working` by the one that runs,
    `passed_on` in hidden sizes by every layer that is recomputed, and `head`, bytes that the loss takes.
    """

    kept: tuple[float, float, float]
    working: tuple[float, float, float]
    passed_on: float
    head: float


ENGINES = {
    "unsloth": Engine(kept=(8.3, 0.1, 1.7), working=(7.7, 1.5, 4.4), passed_on=0.0, head=0.3 * GIB),
    "transformers": Engine(kept=(9.4, 3.1, 3.3), working=(20.0, 8.0, 8.0), passed_on=1.0, head=0.2 * GIB),
}


@dataclass(frozen=True)
class Memory:
    """Hold what a training takes on the GPU, in bytes: fixed, a token, and a token of each layer kept."""

    layers: int
    fixed: float
    per_token: float
    per_kept_layer: float

    def peak(self, tokens: int, kept: int = 0) -> float:
        """Give the peak for a micro-batch of `tokens` in which `kept` layers are not recomputed."""
        return self.fixed + tokens * (self.per_token + kept * self.per_kept_layer)

    def kept(self, tokens: int, budget: float) -> int:
        """Give how many layers need not be recomputed within `budget`; none where it is too few to matter."""
        fitting = int((budget - self.peak(tokens)) / (tokens * self.per_kept_layer))
        return min(fitting, self.layers) if fitting >= WORTH_KEEPING * self.layers else 0


def memory(shape: Shape, lora: Lora, backend: str, *, four_bit: bool) -> Memory:
    """Predict what training `lora` on a model of this shape takes."""
    engine = ENGINES[backend]
    tables = 2 * shape.table * (1 if shape.tie_word_embeddings else 2)
    return Memory(
        layers=shape.num_hidden_layers,
        fixed=shape.linear * (FOUR_BIT if four_bit else 2) + tables + TRAINED * shape.trained(lora) + engine.head,
        per_token=_bytes(shape, engine.working) + 2 * shape.hidden_size * engine.passed_on * shape.num_hidden_layers,
        per_kept_layer=_bytes(shape, engine.kept) - 2 * shape.hidden_size * engine.passed_on,
    )


def _bytes(shape: Shape, shares: tuple[float, float, float]) -> float:
    sizes = (shape.hidden_size, shape.keys, shape.intermediate_size)
    return 2 * sum(share * size for share, size in zip(shares, sizes, strict=True))
