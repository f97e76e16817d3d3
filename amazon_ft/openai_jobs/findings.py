"""Name every rule for a file of chat rows, and hold what was found against it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHOWN = 5  # findings of each rule that are kept and shown
Trouble = tuple[str, str]  # the name of a rule, and what is wrong


@dataclass(frozen=True)
class Rule:
    """Hold what to do about a broken rule, and whether the file must not be sent."""

    todo: str
    error: bool = True


RULES = {
    "no file": Rule("check the path, or export first"),
    "not .jsonl": Rule("rename the file: it must end in .jsonl"),
    "too large": Rule("split it into more files, one for each job"),
    "too few rows": Rule("add rows: a job takes none with fewer"),
    "byte order mark": Rule("save the file as UTF-8 without a byte order mark"),
    "not UTF-8": Rule("save the file as UTF-8"),
    "blank line": Rule("take the line out"),
    "line too long": Rule("split the row, or put each row on a line of its own"),
    "not JSON": Rule("write one JSON object on each line"),
    "not an object": Rule('write {"messages": [...]} on each line'),
    "unknown key": Rule("take the key out, or check how it is spelled"),
    "no messages": Rule('give "messages" a list of {"role": ..., "content": ...}'),
    "unknown role": Rule("use system, user or assistant"),
    "no content": Rule("give the message a text, or leave the row out"),
    "lone surrogate": Rule("mend the text: half a character cannot be sent"),
    "weight": Rule("give a weight to assistant messages only: 0 or 1, without quotes"),
    "nothing trained": Rule("give at least one assistant message of the row the weight 1, or leave the row out"),
    "no assistant": Rule("add the assistant's answer: it is what the model learns"),
    "last message": Rule("end the row with the assistant's answer"),
    "no question": Rule("add a user message, so that the model learns what it answers", error=False),
    "too many tokens": Rule("shorten the row: the service cuts its end off", error=False),
    "duplicate": Rule("take one of the two out, or know that it is trained, and paid for, twice", error=False),
    "leaked question": Rule("take the row out of the training file, or out of what is held out"),
    "leaked answer": Rule("take the row out of the training file, or out of what is held out"),
    "title of a held-out product": Rule("if it is the same product, take the row out: a variant may stay", error=False),
    "part of a held-out answer": Rule("take the row out, or do not count that product as unseen", error=False),
}


@dataclass(frozen=True)
class Finding:
    """Hold one thing that is wrong: where (line 0 is the whole file), against which rule, and what."""

    path: Path
    line: int
    rule: str
    what: str

    @property
    def error(self) -> bool:
        """Tell whether the file must not be sent with it."""
        return RULES[self.rule].error

    @property
    def todo(self) -> str:
        """Say what to do."""
        return RULES[self.rule].todo

    def __str__(self) -> str:
        """Give the finding as one line."""
        place = f"{self.path.name}, line {self.line}" if self.line else self.path.name
        return f"{place}: {self.what}: {self.todo}"

    def as_dict(self) -> dict[str, Any]:
        """Give the finding as plain data."""
        about = {"path": str(self.path), "line": self.line, "rule": self.rule, "error": self.error}
        return about | {"what": self.what, "todo": self.todo}


@dataclass
class Tally:
    """Count findings by rule, and keep the first few of each."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: list[Finding] = field(default_factory=list)

    def add(self, path: Path, line: int, troubles: Iterator[Trouble] | list[Trouble]) -> None:
        """Take note of what is wrong with a line."""
        for rule, what in troubles:
            self.counts[rule] += 1
            if self.counts[rule] <= SHOWN:
                self.kept.append(Finding(path, line, rule, what))


def quoted(value: object) -> str:
    """Show a value short, in one line."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
