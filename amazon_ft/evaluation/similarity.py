"""Tell how near two texts are in meaning, by a sentence-embedding model on this disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError

BATCH = 64  # texts at a time
MAX_LENGTH = 256  # tokens: what sentence-embedding models of this size are trained to read
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Similarity:
    """Give the cosine of pairs of texts by the embedding model in a folder.

    Raises InputError if the folder holds none; nothing is downloaded.
    """

    folder: Path

    def __post_init__(self) -> None:
        if not (self.folder / "config.json").is_file() or not any((self.folder / name).is_file() for name in WEIGHTS):
            raise InputError(
                f"{self.folder} holds no embedding model: name a folder with its config.json, tokenizer and "
                f"{' or '.join(WEIGHTS)}."
            )

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Compute the cosine of each pair, -1 to 1."""
        if not pairs:
            return []
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))  # little padding
        place = {texts[number]: rank for rank, number in enumerate(order)}
        vectors = self._embedded([texts[number] for number in order])
        left, right = (vectors[[place[pair[side]] for pair in pairs]] for side in (0, 1))
        return [float(cosine) for cosine in (left * right).sum(1)]

    def _embedded(self, texts: Sequence[str]) -> Any:
        import torch

        return torch.cat([self._mean(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)])

    def _mean(self, texts: Sequence[str]) -> Any:
        """Average the token vectors of each text, padding left out, to a vector of length 1."""
        import torch

        tokenizer, model = self._loaded
        read = tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**read).last_hidden_state.float()
        mask = read["attention_mask"].unsqueeze(-1)
        return torch.nn.functional.normalize((hidden * mask).sum(1), dim=1)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from transformers import AutoModel, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
        return tokenizer, AutoModel.from_pretrained(self.folder, local_files_only=True).eval()
