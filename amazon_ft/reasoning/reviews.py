"""What people decide about rows: drawn by hash, each decision is on disk before the next one, the last counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError, append_jsonl, read_appended
from amazon_ft.reasoning.authors import FIELDS, Decision

Row = Mapping[str, Any]

ACCEPT, EDIT, REJECT = WORDS = ("accept", "edit", "reject")
NUMBER = 20  # rows that a class reads


@dataclass(frozen=True)
class Tally:
    """Count rows, and what was decided about them."""

    number: int
    accepted: int
    edited: int
    rejected: int

    @property
    def decided(self) -> int:
        """Count those that have a decision."""
        return self.accepted + self.edited + self.rejected


@dataclass(frozen=True)
class Reviews:
    """Keep decisions about rows in a file of JSON lines; `rows` are always as they were written, not as edited."""

    path: Path
    seed: int = 3407

    def read(self) -> dict[str, Decision]:
        """Read the last decision about each key, but for one that a kill tore in two.

        Raises InputError, with the line, if another line is no decision.
        """
        lines = enumerate(read_appended(self.path), 1)
        decisions = [_checked(line, self.path, number) for number, line in lines]
        return {decision.key: decision for decision in decisions}

    def decide(self, key: str, decision: str, texts: Mapping[str, str] | None = None) -> Decision:
        """Save "accept", "reject", or "edit" with the three texts as they shall be, and return what was saved.

        Raises InputError for another word, for an edit without its texts, and for texts without an edit.
        """
        if decision not in WORDS:
            raise InputError(f"a decision is {', '.join(WORDS[:-1])} or {WORDS[-1]}, not {decision!r}: decide again.")
        if texts and decision != EDIT:
            raise InputError(f"only an edit has texts: leave them out to {decision} a row.")
        said = _whole(texts or {}) if decision == EDIT else dict.fromkeys(FIELDS, "")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        append_jsonl(self.path, [{"key": key, "decision": decision, **said, "at": at}])
        return Decision(key, decision, *said.values())

    def judge(self, row: Row, decision: str, texts: Mapping[str, str] | None = None) -> Decision:
        """Decide about a row as it stands now: who accepts an edited row keeps the edit.

        An edit names only the texts that change; one that leaves all as they were written accepts the row.
        Raises InputError as edited() and decide() do.
        """
        key, former = row["key"], self.read().get(row["key"])
        is_edited = former is not None and former.decision == EDIT
        if decision == EDIT and texts is not None:
            said = self.edited(row, texts)
            kept = is_edited and said == as_it_stands(row, former)
            return self.decide(key, ACCEPT) if said == _stripped(row) and not kept else self.decide(key, EDIT, said)
        if decision == ACCEPT and is_edited:
            return self.decide(key, EDIT, as_it_stands(row, former))
        return self.decide(key, decision, texts)

    def edited(self, row: Row, texts: Mapping[str, str]) -> dict[str, str]:
        """Give the three texts of a row as they would be with these in the place of their own.

        Raises InputError for an empty text, and for a text of another name.
        """
        return _whole({**as_it_stands(row, self.read().get(row["key"])), **_named(texts)})

    def chosen(self, rows: Iterable[Row], number: int = NUMBER) -> list[Row]:
        """Draw so many rows, always the same for the same rows and seed; a row with a decision stays in the choice."""
        decided, drawn = self.read(), self._shuffled(rows)
        first = sorted(drawn, key=lambda row: row["key"] not in decided)[: max(number, 0)]
        return self._shuffled(first)

    def left(self, rows: Iterable[Row]) -> list[Row]:
        """Give the rows that have no decision yet, in the order in which they are drawn."""
        decided = self.read()
        return [row for row in self._shuffled(rows) if row["key"] not in decided]

    def tally(self, rows: Iterable[Row]) -> Tally:
        """Count what was decided about these rows."""
        keys, decided = {row["key"] for row in rows}, self.read()
        words = [decided[key].decision for key in keys if key in decided]
        return Tally(len(keys), *(words.count(word) for word in WORDS))

    def _shuffled(self, rows: Iterable[Row]) -> list[Row]:
        each = {row["key"]: row for row in rows}
        return [each[key] for key in sorted(each, key=self._drawn)]

    def _drawn(self, key: str) -> str:
        return sha256(f"{self.seed} {key}".encode("utf-8", "replace")).hexdigest()


def written(decision: Decision) -> dict[str, str]:
    """Give the texts of an edit by their names in a row."""
    return dict(zip(FIELDS, (decision.question, decision.reasoning, decision.response), strict=True))


def as_it_stands(row: Row, decision: Decision | None) -> dict[str, str]:
    """Give the three texts of a row, as they were edited if they were."""
    if decision is not None and decision.decision == EDIT:
        return written(decision)
    return {field: str(row[field]) for field in FIELDS}


def name(key: str) -> str:
    """Name a row shortly."""
    return key[:8]


def find(rows: Iterable[Row], said: str) -> Row:
    """Find the row of a name; raises InputError if there is none, or if several rows begin so."""
    keys = {row["key"]: row for row in rows}
    if said in keys:
        return keys[said]
    found = [key for key in keys if said and key.startswith(said)]
    if len(found) != 1:
        number = "several rows are" if found else "no row is"
        raise InputError(f"{number} called {said!r}: take the name that next_row shows, or the row's whole key.")
    return keys[found[0]]


def _whole(texts: Mapping[str, str]) -> dict[str, str]:
    said = _stripped(_named(texts))
    for field, text in said.items():
        if not text:
            raise InputError(f"{field} is empty: an edit has all of {', '.join(FIELDS)}.")
    return said


def _named(texts: Mapping[str, str]) -> Mapping[str, str]:
    if others := [each for each in texts if each not in FIELDS]:
        raise InputError(f"a row has no text {others[0]!r}: edit {', '.join(FIELDS[:-1])} or {FIELDS[-1]}.")
    return texts


def _stripped(texts: Row) -> dict[str, str]:
    """Give texts as the file will hold them, which cannot hold half a pair of surrogates."""
    return {field: str(texts.get(field) or "").strip().encode("utf-8", "replace").decode() for field in FIELDS}


def _checked(line: Mapping[str, Any], path: Path, number: int) -> Decision:
    values = [line.get(name) for name in ("key", "decision", *FIELDS)]
    if not all(isinstance(value, str) for value in values) or line["decision"] not in WORDS:
        raise InputError(f"line {number} of {path} is no decision: mend it, or move the file away.")
    return Decision(*(str(value).encode("utf-8", "replace").decode() for value in values))
