"""Rows as a trainer takes them: tokenized, counted, cut, packed, and checked before an hour is spent on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.prompts import IGNORED, Example, Template, stop_token_id, tokenize
from amazon_ft.recipes import Training


@dataclass(frozen=True)
class Rows:
    """Hold tokenized rows, or packs of them: ids, labels, lengths of the parts of each, and where each came from."""

    input_ids: list[list[int]]
    labels: list[list[int]]
    parts: list[list[int]]
    sources: list[list[str]]

    @property
    def lengths(self) -> list[int]:
        """Count the tokens of each row."""
        return [len(ids) for ids in self.input_ids]

    def first(self, number: int) -> Rows:
        """Give the first `number` rows."""
        return Rows(self.input_ids[:number], self.labels[:number], self.parts[:number], self.sources[:number])

    def sources_of(self, rows: Sequence[int]) -> list[str]:
        """Name the products that some rows came from."""
        return [source for row in rows for source in self.sources[row]]

    def dataset(self) -> Any:
        """Give the rows as a Dataset with input_ids, labels, length and, for packs, seq_lengths."""
        from datasets import Dataset

        columns = {"input_ids": self.input_ids, "labels": self.labels, "length": self.lengths}
        packs = any(len(part) > 1 for part in self.parts)
        return Dataset.from_dict(columns | ({"seq_lengths": self.parts} if packs else {}))


def tokenized(examples: Sequence[Example], training: Training, template: Template, tokenizer: Any) -> Rows:
    """Tokenize examples, and say how many were cut at max_length and how many left out, and why.

    Raises InputError if none is left.
    """
    kept, sources, refused = [], [], []
    for example in examples:
        try:
            kept.append(tokenize(example, template, tokenizer, training.max_length))
        except InputError as error:
            refused.append(str(error))
        else:
            sources.append([example.source])
    if cut := sum(row.cut > 0 for row in kept):
        print(f"{cut:,} of {len(kept):,} answers were cut at max_length {training.max_length} and lose their end")
    if shortened := sum(row.shortened > 0 for row in kept):
        print(f"{shortened:,} of {len(kept):,} reasonings were shortened to max_length {training.max_length}")
    if refused:
        print(f"{len(refused):,} rows left out; the first: {refused[0]}")
    if not kept:
        raise InputError("no training or validation row is left: give a larger catalogue or raise max_length.")
    return Rows(
        [row.input_ids for row in kept], [row.labels for row in kept], [[len(row.input_ids)] for row in kept], sources
    )


def checked(rows: Rows, template: Template, tokenizer: Any) -> list[str]:
    """Say what was checked of the rows: every one is trained on, and ends with the token that ends an answer.

    Raises InputError if one is not.
    """
    stop = stop_token_id(template, tokenizer)
    for labels, sources in zip(rows.labels, rows.sources, strict=True):
        trained = [label for label in labels if label != IGNORED]
        if not trained or trained[-1] != stop:
            raise InputError(f"the row of {sources[0]} trains no answer that ends: leave it out.")
    share = sum(label != IGNORED for labels in rows.labels for label in labels) / sum(rows.lengths)
    end = tokenizer.convert_ids_to_tokens(stop)
    said = [
        f"all {len(rows.lengths):,} rows train an answer that ends with {end}; {share:.0%} of the tokens are trained"
    ]
    if tokenizer.pad_token_id == stop:
        said.append(f"pads are {end} too: harmless here, where labels go by length, but other trainers would mask it")
    return said


def packed(rows: Rows, training: Training) -> Rows:
    """Pack rows into as few packs of max_length tokens as best-fit-decreasing finds; no row sees another one."""
    from datasets import Dataset
    from trl import pack_dataset

    places = [[place] * len(ids) for place, ids in enumerate(rows.input_ids)]
    table = Dataset.from_dict({"input_ids": rows.input_ids, "labels": rows.labels, "place": places})
    packs = pack_dataset(table, training.max_length, strategy="bfd")
    print(
        f"packing: {len(rows.lengths):,} rows in {len(packs):,} packs; a step now learns from about "
        f"{training.effective_batch_size * len(rows.lengths) / len(packs):.0f} rows instead of "
        f"{training.effective_batch_size}, so an epoch has fewer, larger steps: faster, but not the same training"
    )
    found = [list(dict.fromkeys(pack)) for pack in packs["place"]]
    sources = [[source for place in pack for source in rows.sources[place]] for pack in found]
    return Rows(list(packs["input_ids"]), list(packs["labels"]), list(packs["seq_lengths"]), sources)
