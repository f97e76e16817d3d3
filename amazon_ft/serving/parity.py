"""Compare what each published form reads and answers with what the trained model did: the proof that it is the same."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from amazon_ft.files import InputError

SAME, SAME_LENGTH, DIFFERS, UNKNOWN = "same", "same length", "differs", "not known"

Prompt = Sequence[int] | int  # token ids, or how many there are where no more is told


class Reader(Protocol):
    """Answer from one published form, as somebody would who has nothing else."""

    @property
    def name(self) -> str:
        """Name what reads."""

    @property
    def form(self) -> str:
        """Name the form that is read: adapter, merged or gguf."""

    @property
    def file(self) -> str:
        """Name the file or folder of that form; nothing where it cannot be known, as of a model that Ollama has."""

    def prompts(self, texts: Sequence[str]) -> Sequence[Prompt] | None:
        """Give the token ids that its own template makes of each text as a lone user turn; None if it does not tell."""

    def answers(self, texts: Sequence[str], max_new_tokens: int) -> list[str]:
        """Answer each text greedily, without white space around the answer."""


@dataclass(frozen=True)
class Trained:
    """Hold what the trained model was asked, the token ids it read, and what it answered greedily."""

    texts: Sequence[str]
    prompts: Sequence[Sequence[int]]
    answers: Sequence[str]
    max_new_tokens: int

    def __post_init__(self) -> None:
        if not self.texts or not len(self.texts) == len(self.prompts) == len(self.answers):
            raise ValueError("parity needs a question, and for each its token ids and its answer")


@dataclass(frozen=True)
class Difference:
    """Hold two answers to one question, and the character from which on they differ."""

    text: str
    trained: str
    published: str
    place: int


@dataclass(frozen=True)
class Reading:
    """Hold how one reader compares with the trained model."""

    name: str
    form: str
    template: str  # SAME, SAME_LENGTH, DIFFERS or UNKNOWN
    equal: int  # answers, of as many as were asked
    asked: int
    seconds: float
    place: int | None = None  # the token from which on a template differs
    why: str = ""  # how it differs
    file: str = ""  # that was read
    differences: tuple[Difference, ...] = ()

    def row(self) -> dict[str, str]:
        """Give it as a row to be shown."""
        return {
            "read by": self.name,
            "form": self.form,
            "template": f"{self.template} ({self.why})" if self.why else self.template,
            "answers equal": f"{self.equal} of {self.asked}",
            "seconds": f"{self.seconds:.1f}",
        }


@dataclass(frozen=True)
class Parity:
    """Hold how every reader compares, and why others could not be asked."""

    readings: tuple[Reading, ...]
    absent: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return asdict(self)

    def table(self) -> list[dict[str, str]]:
        """Give a row a reader, to be shown."""
        return [one.row() for one in self.readings] + [
            {"read by": name, "form": "", "template": f"not asked: {why}", "answers equal": "", "seconds": ""}
            for name, why in self.absent.items()
        ]


def read(plain: Mapping[str, Any]) -> Parity:
    """Make a Parity of what as_dict gave, and JSON kept."""
    readings = [
        Reading(**{**one, "differences": tuple(Difference(**each) for each in one["differences"])})
        for one in plain["readings"]
    ]
    return Parity(tuple(readings), dict(plain["absent"]))


def compare(trained: Trained, readers: Mapping[str, Reader | str]) -> Parity:
    """Ask every reader what the trained model was asked; a text instead of a reader says why it is not there.

    A reader that cannot read after all, or whose program fails, is not there either: its reason is kept.
    """
    readings, absent = list[Reading](), dict[str, str]()
    for name, reader in readers.items():
        try:
            if isinstance(reader, str):
                raise InputError(reader)
            readings.append(_reading(trained, reader))
        except InputError as reason:
            absent[name] = str(reason)
    return Parity(tuple(readings), absent)


def check_published(parity: Parity, form: str, files: Iterable[str]) -> None:
    """Raise InputError unless somebody reads each file with exactly the template of training, and nobody otherwise.

    Answers may differ, as those of fewer bits do: they are counted, and shown.
    """
    own = [one for one in parity.readings if one.form == form]
    for one in own:
        if one.template == DIFFERS:
            raise InputError(
                f"refused: the template of the {form} form, read by {one.name}, gives other tokens than training's "
                f"({one.why}): make it anew before it is published."
            )
    shown = {one.file for one in own if one.template == SAME}
    if unread := sorted({*files} - shown) or ([] if shown else [form]):
        raise InputError(
            f"refused: nothing has shown that {unread[0]} reads as the trained model: do parity first, with "
            "llama-cpp-python where Transformers cannot tell."
        )


def _reading(trained: Trained, reader: Reader) -> Reading:
    started = time.perf_counter()
    verdict, place, why = _template(trained.prompts, reader.prompts(trained.texts))
    answers = reader.answers(trained.texts, trained.max_new_tokens)
    both = zip(trained.texts, trained.answers, answers, strict=True)
    found = tuple(
        Difference(text, one, other, first(one, other)) for text, one, other in both if _whole(one) != _whole(other)
    )
    seconds = round(time.perf_counter() - started, 1)
    asked = len(trained.texts)
    return Reading(
        reader.name, reader.form, verdict, asked - len(found), asked, seconds, place, why, reader.file, found
    )


def _whole(answer: str) -> str:
    # Where an answer was cut within a character, some decoders show what is left of it, and some do not.
    return answer.rstrip("\ufffd").rstrip()


def first(one: Sequence[object], other: Sequence[object]) -> int:
    """Give the first place at which two sequences differ; where one ends, if the other begins with it."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))


def _template(trained: Sequence[Sequence[int]], read: Sequence[Prompt] | None) -> tuple[str, int | None, str]:
    """Judge prompts: whether they are the same, the first token that is not, and how it differs."""
    if read is None:
        return UNKNOWN, None, ""
    for number, (ids, other) in enumerate(zip(trained, read, strict=True), 1):
        if isinstance(other, int):
            if other != len(ids):
                return DIFFERS, None, f"question {number} has {other} tokens instead of {len(ids)}"
        elif list(other) != list(ids):
            place = first(ids, other)
            shown = [str(some[place]) if place < len(some) else "the end" for some in (other, ids)]
            return DIFFERS, place, f"question {number} from token {place} on: {shown[0]} instead of {shown[1]}"
    return (SAME_LENGTH if any(isinstance(other, int) for other in read) else SAME), None, ""
