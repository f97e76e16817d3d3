"""Count what happened to every row of a catalogue, with examples. Pure."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from amazon_ft.cleaning.rules import Policy
from amazon_ft.sources.chunks import BadRow

EXAMPLES = 3  # of each rule
JUDGED, JUDGED_OF_CHUNK = 1_000, 500  # rows, for what each policy destroys
BAD_ROWS_SHOWN = 20
AROUND = 60  # characters shown on each side of a change
HEADS = (100, 1_000, 100_000)  # products: what people take from the head of the file
LONGEST = 18  # a text of 2**18 characters or more counts as one of that bin

Change = tuple[
    int, str, str, str, str
]  # a hash of the uid, so that the lowest few are a sample; uid, field, both texts


@dataclass
class Counts:
    """Count rows: read = kept + the sum of rejected."""

    read: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Change]] = field(default_factory=dict)
    bad_rows: list[str] = field(default_factory=list)
    lengths: dict[str, Counter[int]] = field(default_factory=dict)  # by bit length: bin b is 2**(b-1) to 2**b - 1
    prefixes: dict[str, Counter[str]] = field(default_factory=dict)
    judged: list[tuple[int, str, str]] = field(default_factory=list)  # hash of the uid, uid, raw text

    def add(self, later: Counts) -> None:
        """Add the counts of later rows."""
        self.read += later.read
        self.kept += later.kept
        self.rejected += later.rejected
        self.changed += later.changed
        self.bad_rows = [*self.bad_rows, *later.bad_rows][:BAD_ROWS_SHOWN]
        self.judged = sorted([*self.judged, *later.judged])[:JUDGED]
        for rule, changes in later.examples.items():
            self.show(rule, changes)
        for name, lengths in later.lengths.items():
            self.lengths.setdefault(name, Counter()).update(lengths)
        for name, prefixes in later.prefixes.items():
            self.prefixes.setdefault(name, Counter()).update(prefixes)

    def name(self, source: str, row: BadRow) -> None:
        """Remember where a row stands that gave no product, if it is one of the first."""
        if len(self.bad_rows) < BAD_ROWS_SHOWN:
            self.bad_rows.append(f"{source} line {row.number}: {row.reason}{row.detail and f' ({row.detail})'}")

    def reject(self, reason: str, rows: int) -> None:
        """Count rows that were kept so far as rejected."""
        self.kept -= rows
        self.rejected[reason] += rows

    def show(self, rule: str, changes: list[Change]) -> None:
        """Keep the lowest few of the changes as examples of a rule."""
        self.examples[rule] = heapq.nsmallest(EXAMPLES, [*self.examples.get(rule, ()), *changes])

    def as_dict(self, policy: Policy) -> dict[str, Any]:
        """Give the counts as plain values, the rules in the policy's order."""
        rules = [rule.name for rule in policy.rules]
        return {
            "policy": policy.name,
            "read": self.read,
            "kept": self.kept,
            "rejected": dict(sorted(self.rejected.items(), key=lambda item: (-item[1], item[0]))),
            "changed": {rule: self.changed[rule] for rule in rules},
            "examples": {rule: [_shown(*change) for change in self.examples.get(rule, [])] for rule in rules},
            "bad_rows": self.bad_rows,
            "lengths": {name: self._histogram(name) for name in ("title", "content")},
            "prefixes": self._heads(),
        }

    def _heads(self) -> dict[str, dict[str, int]]:
        heads = {f"first {head:,}": head for head in HEADS if head < self.kept}
        return {name: dict(sorted(self.prefixes[name].items())) for name in (*heads, "all") if name in self.prefixes}

    def _histogram(self, name: str) -> dict[str, list[int]]:
        counted = {side: self.lengths.get(f"{name} {side}", Counter()) for side in ("read", "kept")}
        bins = {side: [numbers[place] for place in range(LONGEST + 1)] for side, numbers in counted.items()}
        return {"edges": [0, *(2**place for place in range(LONGEST + 1))], **bins}


def _shown(_rank: int, uid: str, field: str, before: str, after: str) -> dict[str, str]:
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    start, end = max(0, same - AROUND), same + 2 * AROUND
    sides = {side: ("…" if start else "") + text[start:end] for side, text in (("before", before), ("after", after))}
    return {"uid": uid, "field": field, **sides}
