"""Clean a whole catalogue by a user's choices: products, rejected rows, near duplicates, counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from amazon_ft.cleaning.counting import Counts
from amazon_ft.cleaning.policies import KINDS, POLICIES, destroyed
from amazon_ft.files import InputError
from amazon_ft.sources import reading
from amazon_ft.sources.chunks import Columns, sample
from amazon_ft.sources.reading import Progress, Source

REPEATED_TITLES = ("all", "first", "longest")


@dataclass(frozen=True)
class Files:
    """Name the files that cleaning writes."""

    products: Path
    rejected: Path
    near_duplicates: Path


@dataclass(frozen=True)
class Choices:
    """Hold what a user may choose about the cleaning of a catalogue.

    `sample` takes so many rows of the whole source by hash of uid (None: all); `repeated_titles` keeps all products
    of one title, the first, or the one with the longest description; `strict` stops at a row that is no product.
    """

    columns: Columns = field(default_factory=Columns)
    policy: str = "ours"
    sample: int | None = None
    repeated_titles: str = "all"
    near_duplicates: bool = True
    strict: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("policy", self.policy, tuple(POLICIES)),
            ("repeated_titles", self.repeated_titles, REPEATED_TITLES),
        ):
            if value not in known:
                raise InputError(f"{name} {value!r} is unknown: choose one of {', '.join(known)}.")
        if self.sample is not None and self.sample < 1:
            raise InputError(f"a sample of {self.sample} rows is empty: ask for 1 or more.")

    def as_dict(self) -> dict[str, Any]:
        """Give the choices, and what the policy's name stands for, as plain values."""
        return asdict(self) | {"rules": [rule.name for rule in POLICIES[self.policy].rules]}


DEFAULT = Choices()


def clean(source: Source, choices: Choices, into: Files, workers: int = 1) -> dict[str, Any]:
    """Clean a source into the files of `into` and return the counts, the value of cleaning.json.

    Raises InputError if no row is usable.
    """
    from amazon_ft.cleaning import pipeline, twins

    if workers < 1:
        raise InputError(f"{workers} workers do nothing: ask for 1 or more.")
    policy, progress = POLICIES[choices.policy], Progress()
    chunks = reading.chunks(source, choices.columns, progress)
    if choices.sample:
        chunks = sample(chunks, choices.columns, choices.sample)
    with _bar(progress) as show:
        counts = pipeline.clean(
            chunks,
            choices.columns,
            policy,
            into.products,
            into.rejected,
            workers=workers,
            strict=choices.strict,
            progress=show,
        )
        show(counts)
    if not counts.kept:
        reasons = ", ".join(f"{number} {reason}" for reason, number in counts.rejected.most_common())
        names = ", ".join(source.names)
        raise InputError(f"no usable product in {names}: all {counts.read} rows were rejected ({reasons}).")
    if choices.repeated_titles != "all":
        again = twins.keep_one_a_title(into.products, into.rejected, choices.repeated_titles)
        counts.reject("repeated title", again)
    near = None
    if choices.near_duplicates:
        near = twins.near_duplicates(into.products, into.near_duplicates)
    else:
        twins.nobody(into.near_duplicates)
    return {"sources": source.names, **counts.as_dict(policy), "near_duplicates": near, "destroyed": _destroyed(counts)}


def _destroyed(counts: Counts) -> dict[str, Any]:
    judged = destroyed([text for *_, text in counts.judged])
    return {
        "rows": len(counts.judged),
        "policies": {name: {kind: table[kind] for kind in KINDS} for name, table in judged.items()},
        "left": {name: table["left"]["rows"] for name, table in judged.items()},
    }


@contextmanager
def _bar(progress: Progress) -> Iterator[Callable[[Counts], None]]:
    """Show how much of the files on disk is read, with the time left and rows a second."""
    from tqdm.auto import tqdm

    with tqdm(desc="clean", unit="B", unit_scale=True, total=progress.total or None, smoothing=0) as bar:

        def show(counts: Counts) -> None:
            bar.total = progress.total or None
            speed = counts.read / (time.monotonic() - started)
            bar.set_postfix_str(f"{counts.read:,} rows, {speed:,.0f} rows/s", refresh=False)
            bar.update(progress.read - bar.n)

        started = time.monotonic()
        yield show
