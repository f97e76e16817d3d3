"""Blind votes between two systems: which is left is drawn by lot, each vote is on disk before the next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from amazon_ft.evaluation import sign_test
from amazon_ft.files import InputError, append_jsonl, read_appended

PAIR = ("base", "tuned")
TIE = "tie"
SIDES = ("left", "right")
OWN = "own"  # the set of what a user asked, whose answers were shown by name
FIELDS = ("key", "left", "right", "choice", "at")


@dataclass(frozen=True)
class Tally:
    """Count the votes; `p` is that of the exact two-sided sign test, in which ties have no say."""

    base: int
    tuned: int
    tie: int
    p: float

    @property
    def cast(self) -> int:
        """Count all of them."""
        return self.base + self.tuned + self.tie


@dataclass(frozen=True)
class Votes:
    """Keep blind votes in a file of JSON lines; the first of `systems` counts as base, the second as tuned."""

    path: Path
    seed: int = 3407
    systems: tuple[str, str] = PAIR

    def sides(self, key: str) -> tuple[str, str]:
        """Draw which system stands left and which right: always the same for the same seed and key."""
        first, second = self.systems
        return (first, second) if _drawn(self.seed, "side", key) % 2 else (second, first)

    def name(self, key: str) -> str:
        """Name a key by digits that tell nothing about it."""
        return f"{_drawn(self.seed, 'name', key):016x}"[:8]

    def shuffled(self, keys: Iterable[str]) -> list[str]:
        """Put keys into an order that tells nothing about them: always the same for the same seed."""
        return sorted(dict.fromkeys(keys), key=lambda key: _drawn(self.seed, "order", key))

    def left(self, keys: Iterable[str]) -> list[str]:
        """Give the keys that have no vote yet, shuffled."""
        cast = self.read()
        return [key for key in self.shuffled(keys) if key not in cast]

    def cast(self, key: str, side: str) -> dict[str, str]:
        """Save a vote for "left", "right" or "tie", and return what was saved, the two systems by name.

        Raises InputError for another side.
        """
        if side not in (*SIDES, TIE):
            raise InputError(f"a vote is left, right or tie, not {side!r}: vote again.")
        left, right = self.sides(key)
        choice = {"left": left, "right": right, TIE: TIE}[side]
        at = datetime.now(UTC).isoformat(timespec="seconds")
        vote = dict(zip(FIELDS, (key, left, right, choice, at), strict=True))
        append_jsonl(self.path, [vote])
        return vote

    def read(self) -> dict[str, dict[str, str]]:
        """Read the last vote for each key, but for one that a kill tore in two; votes on other systems stay out.

        Raises InputError, with the line, if another line is no vote.
        """
        lines = enumerate(read_appended(self.path), 1)
        votes = [_checked(vote, self.path, number) for number, vote in lines]
        return {vote["key"]: vote for vote in votes if {vote["left"], vote["right"]} == set(self.systems)}

    def tally(self, keys: Collection[str] | None = None) -> Tally:
        """Count the votes; with `keys`, only those on these."""
        choices = [vote["choice"] for key, vote in self.read().items() if keys is None or key in keys]
        base, tuned, tie = (choices.count(choice) for choice in (*self.systems, TIE))
        return Tally(base, tuned, tie, sign_test(tuned, base))


def key(row: Mapping[str, Any], systems: Sequence[str] = PAIR) -> str:
    """Name a row by its set, its product and a hash of the question and both answers.

    A vote thus belongs to the texts that were read: another answer to the same question is voted on anew.
    """
    read = "\0".join([row["question"], *(row[system]["text"] for system in systems)])
    return f"{row['set']} {row['source'] or '-'} {sha256(read.encode('utf-8', 'replace')).hexdigest()[:12]}"


def votable(rows: Iterable[Mapping[str, Any]], systems: Sequence[str] = PAIR) -> dict[str, Mapping[str, Any]]:
    """Give the rows that both systems answered, each in its own words, by their keys; but no user's own questions."""
    both = [row for row in rows if row["set"] != OWN and all(system in row for system in systems)]
    return {key(row, systems): row for row in both if len({row[system]["text"].strip() for system in systems}) > 1}


def _drawn(seed: int, what: str, key: str) -> int:
    return int.from_bytes(sha256(f"{seed} {what} {key}".encode("utf-8", "replace")).digest()[:8], "big")


def _checked(vote: Mapping[str, Any], path: Path, number: int) -> dict[str, str]:
    if not all(isinstance(vote.get(field), str) for field in FIELDS):
        raise InputError(f"line {number} of {path} is no vote: mend it, or move the file away.")
    return {field: vote[field] for field in FIELDS}
