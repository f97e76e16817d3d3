"""Check files of chat rows, anybody's, against every rule, and count their tokens on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from json import dumps
from pathlib import Path
from typing import Any, BinaryIO

from amazon_ft.openai_jobs import chats, tokens
from amazon_ft.openai_jobs.findings import RULES, Finding, Tally, Trouble
from amazon_ft.openai_jobs.leaks import Held, HeldOut
from amazon_ft.openai_jobs.tokens import Count, Counter

FEWEST = 10  # rows that a job takes
LONGEST_LINE = 2**24  # bytes; a line is read whole
MARKS = {b"\xef\xbb\xbf": "byte order mark", b"\xff\xfe": "not UTF-8", b"\xfe\xff": "not UTF-8"}
NOTHING = Count(0, 0, 0)


@dataclass(frozen=True)
class Limits:
    """Hold what a service takes: tokens of a row, and who says so; rows and bytes of a file."""

    tokens: int | None
    source: str
    rows: int = FEWEST
    size: int = 512_000_000  # 512 MB, read as the smaller of its two meanings


# OpenAI's guide gave these; here they are as tensorzero/tensorzero copied them from it on 2025-03-05
# (optimizations-server/src/constants.py). The guide itself was not read.
COPIED = "OpenAI's fine-tuning guide, as tensorzero/tensorzero copied it on 2025-03-05"
TOKENS = {
    "gpt-4o-mini-2024-07-18": 65_536,
    "gpt-4o-2024-08-06": 65_536,
    "gpt-4-0613": 8_192,
    "gpt-3.5-turbo-0125": 16_385,
    "gpt-3.5-turbo-1106": 16_385,
}


@dataclass(frozen=True)
class Checked:
    """Hold what was counted of a file: rows, tokens as they are billed, tokens of its longest row, bytes."""

    path: Path
    rows: int
    tokens: int
    least: int
    most: int
    longest: int
    size: int


@dataclass(frozen=True)
class Report:
    """Hold what was found in some files: how often each rule was broken, and the first few findings of each."""

    training: tuple[Checked, ...]
    validation: Checked | None
    counts: dict[str, int]
    findings: tuple[Finding, ...]
    counter: Counter
    limits: Limits

    @property
    def ok(self) -> bool:
        """Tell whether the files can be sent."""
        return not any(RULES[rule].error for rule in self.counts)

    def lines(self) -> list[str]:
        """Say what was checked and found, one line for each thing."""
        files = [*self.training, *([self.validation] if self.validation else [])]
        about = "" if self.counter.exact else "about "
        said = [f"{file.path.name}: {file.rows:,} rows, {about}{file.tokens:,} tokens" for file in files]
        for rule, number in sorted(self.counts.items(), key=lambda item: not RULES[item[0]].error):
            shown = [f"  {finding}" for finding in self.findings if finding.rule == rule]
            more = [f"  and {number - len(shown):,} more"] if number > len(shown) else []
            said += [f"{'error' if RULES[rule].error else 'warning'}, {rule}: {number:,}", *shown, *more]
        return [*said, "no errors: the files can be sent" if self.ok else "errors: mend them before anything is sent"]

    def as_dict(self) -> dict[str, Any]:
        """Give the report as plain data."""
        files = [asdict(file) | {"path": str(file.path)} for file in self.training]
        held = asdict(self.validation) | {"path": str(self.validation.path)} if self.validation else None
        about = {"ok": self.ok, "training": files, "validation": held, "tokens_by": self.counter.said}
        found = {"counts": dict(self.counts), "findings": [finding.as_dict() for finding in self.findings]}
        return about | {"limits": asdict(self.limits)} | found


def limits(model: str, tokens: int | None = None) -> Limits:
    """Give the limits for a model; the most tokens of a row are the user's where they are given."""
    if tokens is not None:
        return Limits(tokens, "given by the user")
    base = model.removeprefix("ft:").partition(":")[0]
    return Limits(TOKENS[base], COPIED) if base in TOKENS else Limits(None, f"none is known for {model}")


def check(
    training: Sequence[Path],
    validation: Path | None,
    counter: Counter,
    limits: Limits,
    held_out: Iterable[HeldOut] = (),
) -> Report:
    """Check the files of a chain of jobs, one after another, with what is in the validation file as held out, too."""
    tally, seen = Tally(), dict[bytes, tuple[Path, int]]()
    own: list[HeldOut] = []
    held = validation and _checked(validation, _Rules(counter, limits, 1, tally, seen, own=own))
    rules = _Rules(counter, limits, limits.rows, tally, seen, Held([*held_out, *own]))
    done = tuple(_checked(path, rules) for path in training)
    if not training:
        tally.add(Path("training"), 0, [("no file", "there is no training file")])
    return Report(done, held or None, dict(tally.counts), tuple(tally.kept), counter, limits)


@dataclass(frozen=True)
class _Rules:
    """Hold what a file is checked by, and where what is found goes."""

    counter: Counter
    limits: Limits
    rows: int
    tally: Tally
    seen: dict[bytes, tuple[Path, int]]
    held: Held | None = None
    own: list[HeldOut] | None = None  # where a validation file's rows go


def _checked(path: Path, rules: _Rules) -> Checked:
    if not path.is_file():
        rules.tally.add(path, 0, [("no file", "there is no such file")])
        return Checked(path, 0, 0, 0, 0, 0, 0)
    rows, total, longest = 0, NOTHING, 0
    with path.open("rb") as file:
        for number, line, wrong in _lines(file):
            count, found = (NOTHING, wrong) if wrong else _row(line, path, number, rules)
            rules.tally.add(path, number, found)
            rows += bool(line.strip()) or any(rule == "line too long" for rule, _ in wrong)
            longest = max(longest, count.tokens)
            most = rules.limits.tokens or count.most
            total = Count(*(before + min(one, most) for before, one in zip(total, count, strict=True)))
    size = path.stat().st_size
    rules.tally.add(path, 0, _of_file(path, size, rows, rules))
    return Checked(path, rows, *total, longest, size)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes, list[Trouble]]]:
    """Yield each line with its number, and what is wrong with it before it is read."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        rule = next((rule for mark, rule in MARKS.items() if number == 1 and line.startswith(mark)), "")
        if rule:
            yield number, b"", [(rule, f"the file begins with the bytes {line[:3].hex(' ')}")]
            line = line.removeprefix(b"\xef\xbb\xbf")
        if rule == "not UTF-8":
            return  # UTF-16: every further line would be wrong, too
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            yield number, b"", [("line too long", f"the line has more than {LONGEST_LINE:,} bytes")]
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST_LINE)
        else:
            yield number, line, []


def _row(line: bytes, path: Path, number: int, rules: _Rules) -> tuple[Count, list[Trouble]]:
    row, found = chats.parsed(line)
    if found:
        return NOTHING, found
    some = chats.messages(row)
    count = tokens.of_chat(some, rules.counter)
    found = [*chats.troubles(row), *_repeats(some, path, number, rules)]
    if rules.limits.tokens and count.tokens > rules.limits.tokens:
        about = "" if rules.counter.exact else "about "
        found.append(
            ("too many tokens", f"the row has {about}{count.tokens:,} tokens, of {rules.limits.tokens:,} that fit")
        )
    answers = chats.said(some, "assistant")
    if rules.own is not None and answers:
        question = "\n".join(chats.said(some, "user"))  # a system message is that of every row
        rules.own.append(HeldOut(f"{path.name}, line {number}", (question,), answers[-1]))
    if rules.held and not rules.held.empty:
        found += rules.held.leaks(chats.asked(some), answers)
    return count, found


def _repeats(some: list[chats.Message], path: Path, number: int, rules: _Rules) -> Iterator[Trouble]:
    key = blake2b(dumps(some, sort_keys=True).encode(), digest_size=16).digest()
    first, line = rules.seen.setdefault(key, (path, number))
    if some and (first, line) != (path, number):
        yield "duplicate", f"the row is that of {first.name}, line {line}"


def _of_file(path: Path, size: int, rows: int, rules: _Rules) -> Iterator[Trouble]:
    if path.suffix != ".jsonl":
        yield "not .jsonl", f"the file's name ends in {path.suffix or 'nothing'}"
    if size > rules.limits.size:
        yield "too large", f"the file has {size:,} bytes, of {rules.limits.size:,} that are taken"
    if rows < rules.rows:
        yield "too few rows", f"the file has {rows:,} rows, and needs {rules.rows}"
