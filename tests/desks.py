"""A desk for tests of the panel: recorded rows that are made up, and answers that come word by word."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from threading import Event
from typing import Any

import comparing

from amazon_ft.files import InputError, append_jsonl, read_appended
from amazon_ft.recipes import Generation, named
from amazon_ft.retrieval.answers import Reply
from amazon_ft.retrieval.index import Entry
from amazon_ft.retrieval.matching import Candidate, Match
from amazon_ft.retrieval.wording import read
from amazon_ft.runs import Run

SEVERAL = "rake"  # a question about it may mean two products
BROKEN = "broken"  # a question about it ends in an error that nobody foresaw
REFUSED = "refused"  # a question about it is refused in one sentence
LONG = "long"  # a question about it is answered in many words
TWINS = (Entry("B000000001", "Odell Rake, 14 teeth", 1), Entry("B000000002", "Odell Rake, <b>16</b> teeth", 2))


class FakeDesk:
    """Answer from made-up rows, one word every `pause` seconds; `asked` records every question with its manner."""

    def __init__(self, folder: Path, number: int = 12, pause: float = 0.0) -> None:
        self.run, self.recipe, self.pause = Run(folder), named("demo"), pause
        self._recorded = [row for row in comparing.rows(2 * number, seed=7) if row["set"] != "own"][:number]
        self._spare = comparing.rows(10, seed=8)[1]
        self.asked: list[tuple[str, str, Generation | None]] = []
        self.gate = Event()  # answers are held back at their first word until it is set
        self.gate.set()

    def rows(self) -> list[dict[str, Any]]:
        """Give the recorded rows and those of earlier questions."""
        return [*self._recorded, *read_appended(self.run.own_answers)]

    def ask_row(
        self,
        question: str,
        uid: str = "",
        generation: Generation | None = None,
        heard: Callable[[str, str, int], bool | None] | None = None,
    ) -> tuple[Reply, dict[str, Any]]:
        """Answer word by word, and keep the row."""
        self.asked.append((question, uid, generation))
        if BROKEN in question:
            raise RuntimeError("CUDA <out> of memory")
        if REFUSED in question:
            raise InputError("the question is 7 tokens too long for the model: ask a shorter one.")
        kind = "ambiguous" if SEVERAL in question and not uid else "found"
        row = self._row(question, kind)
        systems = [system for system in comparing.MODELS if system in row]
        for system in systems:
            if not self._say(row[system], question, heard):
                row = {name: value for name, value in row.items() if name not in systems[systems.index(system) + 1 :]}
                row["ended"] = True
                break
        append_jsonl(self.run.own_answers, [row])
        candidates = tuple(Candidate(entry, 0.9) for entry in TWINS) if kind == "ambiguous" else ()
        return Reply(question, Match(kind, read([], []), candidates), None, {}), row

    def _row(self, question: str, kind: str) -> dict[str, Any]:
        row = {**deepcopy(self._spare), "set": "own", "question": question, "retrieval": {"kind": kind, "score": 0.93}}
        if kind == "found":
            return row
        kept = {name: value for name, value in row.items() if name not in comparing.SYSTEMS[2:]}
        return kept | {"source": "", "title": "", "reference": "", "content": ""}

    def _say(self, answer: dict[str, Any], question: str, heard: Callable[[str, str, int], bool | None] | None) -> bool:
        words = answer["text"].split() * (40 if LONG in question else 1)
        for number in range(1, len(words) + 1):
            self.gate.wait(10)
            time.sleep(self.pause)
            if heard and heard(answer["cell"], " ".join(words[:number]), number):
                answer |= {"text": " ".join(words[:number]), "stopped": False}
                return False
        return True
