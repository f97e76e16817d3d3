"""Put prompts together so that a batch fits into memory: as many tokens as there is room for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from amazon_ft.hardware import Machine
from amazon_ft.hardware.memory import Shape

MOST = {"cuda": 65_536, "cpu": 8_192}  # tokens of a batch: more of them are no faster
SHARE = 0.5  # of the free memory: Transformers copies its keys and values whenever they grow
NUMBER = 2  # bytes of a key or value on a GPU
LOGITS = 3 * 4  # bytes a row and word of the vocabulary: its logits in float32, and what they are made from
RESERVED = {"unsloth": 512, "transformers": 0}  # tokens a row that a backend keeps beyond what it needs


@dataclass(frozen=True)
class Budget:
    """Hold how many tokens, prompts with their answers, may stand in a batch, by speed and by memory."""

    most: int
    room: int
    beside: int = 0  # tokens' worth of memory that each row takes beside its own

    def holds(self, rows: int, tokens: int) -> bool:
        """Tell whether a batch of rows of so many tokens is within the budget."""
        return rows * tokens <= self.most and rows * (tokens + self.beside) <= self.room

    def halved(self) -> Budget:
        """Give the budget after memory ran out all the same."""
        return replace(self, most=self.most // 2, room=self.room // 2)


def budget(machine: Machine, shape: Shape, backend: str) -> Budget:
    """Plan a batch by the keys and values that each of its tokens keeps in the memory that is free."""
    most = MOST[machine.device]
    if machine.device == "cpu":
        return Budget(most, most)
    kept = 2 * shape.num_hidden_layers * shape.keys * NUMBER
    beside = RESERVED[backend] + LOGITS * shape.vocab_size // kept
    return Budget(most, int(machine.free * SHARE / kept), beside)


def batches(lengths: Sequence[int], new_tokens: int, within: Budget) -> list[list[int]]:
    """Group the places of prompts of these lengths, the longest first, neighbours in length together.

    Every batch is within the budget, but for one row that is not.
    """
    grouped: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if grouped and within.holds(len(grouped[-1]) + 1, lengths[grouped[-1][0]] + new_tokens):
            grouped[-1].append(place)
        else:
            grouped.append([place])
    return grouped
