"""Measure how well and how fast products are found by noisy questions about their titles, on Linux.

    python benchmarks/retrieval.py [--quick] [--rows N] [--questions N] [--real FILE] [--thresholds]

The catalogue and the questions are those of benchmarks/titles.py; --real adds the titles of a JSON lines file, but for
one in four, which are asked for as products that do not exist. Beside ours stand the engine's own order of the same
words, that order looked at again with rapidfuzz's token_sort_ratio, and SQLite's FTS5. Each side builds in a fresh
process; CPU seconds are user and system time of all its threads, the least of three builds, and the peak is the most
memory that it held. --thresholds prints precision and recall on the validation questions, to choose by. The last line
is JSON; a full run with --real writes it to benchmarks/results/retrieval.json. --quick takes 60,000 titles and 200
questions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from importlib import metadata
from math import ceil, inf, isfinite
from pathlib import Path
from typing import Any

import titles as invented
from cleaning import measure
from outcomes import Answer, Told, by_noise, curve, latency, right, share, table
from titles import KINDS, Asked, Catalogue

from amazon_ft import products
from amazon_ft.files import read_jsonl, write_json, write_jsonl
from amazon_ft.products import normalised

ROWS, QUICK_ROWS, SEED = 1_300_000, 60_000, 3407
QUESTIONS, QUICK_QUESTIONS = 1_000, 33  # of each kind in each language
RESULT = Path(__file__).with_name("results") / "retrieval.json"
PACKAGES = ("amazon-ft", "numpy", "pyarrow", "rapidfuzz", "tantivy")
LANGUAGES = ("en", "pt")
SLOW = 100  # questions that FTS5 is asked
BUILDS = 3
WARM = 20  # questions asked before the clock counts


def build_ours(source: Path, folder: Path) -> dict[str, Any]:
    """Build the package's index of titles and nothing else."""
    from amazon_ft.retrieval import index

    index.build(source, folder)
    return _size(folder)


def build_fts5(source: Path, folder: Path) -> dict[str, Any]:
    """Build the same index of titles with SQLite."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "titles.db")) as database, database:
        database.execute(
            "CREATE VIRTUAL TABLE titles USING fts5(uid UNINDEXED, title, tokenize='unicode61 remove_diacritics 2')"
        )
        rows = ((product.uid, product.title) for product in products.load(source))
        database.executemany("INSERT INTO titles VALUES (?, ?)", rows)
    return _size(folder)


def _size(folder: Path) -> dict[str, Any]:
    return {"mb": round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)}


def ask_ours(source: Path, folder: Path) -> dict[str, Any]:
    """Open the index and ask it every question of questions.jsonl; what it answers goes into answers.jsonl."""
    from amazon_ft.retrieval import index, matching

    started = time.perf_counter()
    titles = index.opened(source, folder)
    opening = time.perf_counter() - started
    asked = [question["text"] for question in read_jsonl(source.with_name("questions.jsonl"))]
    started = time.perf_counter()
    matching.find(titles, asked[0])
    first = time.perf_counter() - started
    for text in asked[:: max(1, len(asked) // WARM)]:
        matching.find(titles, text)
    write_jsonl(source.with_name("answers.jsonl"), (asdict(_answer(titles, text)) for text in asked))
    return {"opening_seconds": round(opening, 4), "first_question_ms": round(first * 1e3, 1)}


def _answer(titles: Any, question: str) -> Answer:
    from amazon_ft.retrieval import matching

    started = time.perf_counter()
    match = matching.find(titles, question)
    taken = time.perf_counter() - started
    scores = [candidate.score for candidate in match.candidates]
    close = len(scores) > 1 and scores[0] - scores[1] < matching.MARGIN
    uids = [candidate.entry.uid for candidate in match.candidates]
    engine, again = _engine(titles, question)
    return Answer(match.kind, max(scores, default=0.0), close, uids, engine, again, taken * 1e3)


def _engine(titles: Any, question: str) -> tuple[list[str], list[str]]:
    """Give the uid that the engine puts first for the words of a question that name something, and rapidfuzz then."""
    from rapidfuzz.fuzz import token_sort_ratio

    from amazon_ft.retrieval import index

    named = _named(index.words(titles, question))
    entries = index.search(titles, (), named, 50)
    line = " ".join(named)
    again = max(entries, key=lambda entry: token_sort_ratio(line, entry.title.lower()), default=None)
    return [entry.uid for entry in entries[:1]], [again.uid] if again else []


def _named(words: Sequence[str]) -> list[str]:
    """Leave out the words that people ask with."""
    from amazon_ft.retrieval.phrases import EITHER

    return [word for word in words if word not in EITHER] or list(words)


def ask_fts5(source: Path, folder: Path) -> dict[str, Any]:
    """Ask SQLite some of the questions, any of a title's words, the best by BM25 first."""
    found = []
    with closing(sqlite3.connect(folder / "titles.db")) as database:
        for asked in _spread(read_jsonl(source.with_name("questions.jsonl"))):
            started = time.perf_counter()
            wanted = " OR ".join(f'"{word}"' for word in _named(normalised(asked["text"]).split())) or '""'
            query = "SELECT uid FROM titles WHERE titles MATCH ? ORDER BY rank LIMIT 1"
            uids = [uid for (uid,) in database.execute(query, (wanted,))]
            found.append(asdict(Answer("found", 0, False, uids, uids, uids, (time.perf_counter() - started) * 1e3)))
    write_jsonl(source.with_name("answers-fts5.jsonl"), found)
    return {}


def _spread(questions: Sequence[Any]) -> Sequence[Any]:
    """Take some questions of every kind and language: they lie together."""
    return questions[:: ceil(len(questions) / SLOW)]


SIDES: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    side.__name__: side for side in (build_ours, build_fts5, ask_ours, ask_fts5)
}


def _apart(name: str, source: Path, folder: Path) -> dict[str, Any]:
    """Run a side in a process of its own, and give what it took and told."""
    cost, said = measure([sys.executable, __file__, "--side", name, str(source), str(folder)])
    told = {"cpu_seconds": cost.cpu_seconds, "wall_seconds": cost.wall_seconds, **json.loads(said.splitlines()[-1])}
    _say(f"{name}: {json.dumps(told)}")
    return told


def _least(name: str, source: Path, folder: Path) -> dict[str, Any]:
    """Build three times and give what the cheapest took: a machine that others use too makes the rest."""
    tries = []
    for _ in range(BUILDS):
        shutil.rmtree(folder, ignore_errors=True)
        tries.append(_apart(name, source, folder))
    return min(tries, key=lambda told: float(told["cpu_seconds"]))


def _peak_mb() -> int:
    """Give the most memory that this process has held; getrusage would count what its parent held when it forked."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) // 1024


def asked_of(catalogue: Catalogue, number: int, split: str) -> list[Asked]:
    """Ask `number` questions of each kind and language that the catalogue has, and as many about no product."""
    kinds = [kind for place, kind in enumerate(KINDS) if (catalogue.kinds == place).any()]
    found = []
    for language in LANGUAGES:
        for kind in kinds:
            found += invented.questions(catalogue, kind, language, number, SEED, split)
        found += invented.absent(catalogue, language, number, SEED, split)
    return found


def _told(source: Path, asked: list[Asked], folder: Path) -> tuple[dict[str, Any], list[Told]]:
    write_jsonl(source.with_name("questions.jsonl"), map(asdict, asked))
    cost = _apart("ask_ours", source, folder)
    answers = [Answer(**answer) for answer in read_jsonl(source.with_name("answers.jsonl"))]
    return cost, list(zip(asked, answers, strict=True))


def _beside(source: Path, told: list[Told], folder: Path) -> dict[str, Any]:
    """Build and ask FTS5, and give its figures beside ours on the same questions."""
    built = _least("build_fts5", source, folder)
    _apart("ask_fts5", source, folder)
    answers = [Answer(**answer) for answer in read_jsonl(source.with_name("answers-fts5.jsonl"))]
    same = _spread(told)
    asked = [(one, theirs, ours) for (one, ours), theirs in zip(same, answers, strict=True) if one.uids]
    return {
        **{f"build_{name}": value for name, value in built.items()},
        **latency(answers),
        "questions": len(answers),
        "top1": {kind: share(right(one, theirs) for one, theirs, _ in asked if one.kind == kind) for kind in KINDS},
        "top1_of_ours": {kind: share(right(one, ours) for one, _, ours in asked if one.kind == kind) for kind in KINDS},
    }


def _figures(built: dict[str, Any], told: list[Told]) -> list[dict[str, Any]]:
    def of(kind: str, language: str = "") -> float:
        own = [pair for pair in told if pair[0].kind == kind and language in ("", pair[0].language)]
        return share(right(*pair) for pair in own) or 0.0

    real, absent = ([pair for pair in told if bool(pair[0].uids) == there] for there in (True, False))
    kinds = [kind for kind in KINDS if any(asked.kind == kind for asked, _ in told)]
    return [
        _figure("build, CPU seconds", built["cpu_seconds"], at_most=15),
        _figure("build, peak memory, MB", built["peak_mb"], at_most=500),
        _figure("p99, ms", latency(answer for _, answer in told)["p99_ms"], at_most=20),
        _figure("top-1, long titles", of("long"), at_least=0.99),
        _figure("top-1, hard titles", of("hard"), at_least=0.88),
        _figure("top-1, hard titles, better still", of("hard"), at_least=0.92),
        *(_figure(f"English less Portuguese, {k}", round(of(k, "en") - of(k, "pt"), 4), at_most=0.02) for k in kinds),
        _figure("absent that get a product", share(answer.kind == "found" for _, answer in absent) or 0, at_most=0.02),
        _figure("turned away", share(answer.kind == "absent" for _, answer in real) or 0, at_most=0.05),
    ]


def _figure(name: str, measured: float, at_most: float = inf, at_least: float = -inf) -> dict[str, Any]:
    bounds = {"at_least": at_least, "at_most": at_most}
    given = {side: bound for side, bound in bounds.items() if isfinite(bound)}
    return {"name": name, "measured": measured, **given, "ok": at_least <= measured <= at_most}


def run(rows: int, number: int, real: Path | None, folder: Path) -> dict[str, Any]:
    """Measure every side and give all figures."""
    source = folder / "products.parquet"
    catalogue = invented.write(source, rows, SEED, real)
    asked = {split: asked_of(catalogue, number, split) for split in invented.SPLITS}
    in_all = len(catalogue.titles)
    del catalogue
    built = _least("build_ours", source, folder / "ours")
    _, chosen_by = _told(source, asked["validation"], folder / "ours")
    cost, told = _told(source, asked["test"], folder / "ours")
    fts5 = _beside(source, told, folder / "fts5")
    figures, taken = _figures(built, told), latency(answer for _, answer in told)
    return {
        "benchmark": "retrieval",
        "rows": in_all,
        "questions": len(told),
        "seed": SEED,
        "ours": {"build": built, "ask": cost | taken, "table": table(told), "top1_by_noise": by_noise(told)},
        "fts5": fts5,
        "ratio": {
            "build CPU, FTS5 / ours": round(fts5["build_cpu_seconds"] / built["cpu_seconds"], 2),
            "p50, FTS5 / ours": round(fts5["p50_ms"] / taken["p50_ms"], 2),
        },
        "validation": curve(chosen_by),
        "peak_memory_mb": max(built["peak_mb"], cost["peak_mb"]),
        "figures": figures,
        "missed": [figure["name"] for figure in figures if not figure["ok"]],
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}},
    }


def thresholds(rows: int, number: int, real: Path | None, folder: Path) -> None:
    """Print what each acceptance threshold would give on the validation questions."""
    source = folder / "products.parquet"
    asked = asked_of(invented.write(source, rows, SEED, real), number, "validation")
    _apart("build_ours", source, folder / "ours")
    _, told = _told(source, asked, folder / "ours")
    for row in table(told):
        _say(json.dumps(row))
    points = curve(told)
    _say("  ".join(f"{name:>12}" for name in points[0]))
    for point in points:
        _say("  ".join(f"{'-' if value is None else f'{value:.4f}':>12}" for value in point.values()))


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, metavar="N")
    parser.add_argument("--questions", type=int, metavar="N", help="of each kind in each language")
    parser.add_argument("--real", type=Path, metavar="FILE")
    parser.add_argument("--thresholds", action="store_true")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)  # how a child process is told what to do
    asked = parser.parse_args()
    if asked.side:
        name, source, folder = asked.side
        told = SIDES[name](Path(source), Path(folder))
        print(json.dumps(told | {"peak_mb": _peak_mb()}))
        return
    rows = asked.rows or (QUICK_ROWS if asked.quick else ROWS)
    number = asked.questions or (QUICK_QUESTIONS if asked.quick else QUESTIONS)
    with tempfile.TemporaryDirectory() as folder:
        if asked.thresholds:
            thresholds(rows, number, asked.real, Path(folder))
            return
        result = run(rows, number, asked.real, Path(folder))
    if (rows, number) == (ROWS, QUESTIONS) and asked.real:
        write_json(RESULT, result)
    _say(json.dumps(result))


if __name__ == "__main__":
    main()
