"""Measure the cleaning of a whole catalogue beside a floor and two plain ways to do the same job, on Linux.

    python benchmarks/cleaning.py [--quick] [--rows N]

Each side runs in a fresh process. CPU seconds are user and system time of the process and all that it started and
waited for; the peaks are of the whole tree, looked at every 50 ms: the sum of resident sizes, which counts shared pages
for each process, and every half second that of proportional sizes, which shares them out. The last line is JSON; a full
run writes it to benchmarks/results/cleaning.json. --quick takes 60,000 rows, too few to measure anything by.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import reference

from amazon_ft.files import cache, digest, write_json

if TYPE_CHECKING:
    import pandas as pd

ROWS, QUICK_ROWS, SAMPLE = 2_248_619, 60_000, 100_000
RESULT = Path(__file__).with_name("results") / "cleaning.json"
EVERY = 0.05  # seconds between two looks at the memory
PSS_EVERY = 10  # looks: the system walks every page to answer
PACKAGES = ("amazon-ft", "isal", "msgspec", "numpy", "pandas", "pyarrow", "xxhash")
FIELDS = ["uid", "title", "content"]


@dataclass(frozen=True)
class Cost:
    """Hold what a process and all that it started took."""

    cpu_seconds: float
    wall_seconds: float
    peak_rss_mb: int
    peak_pss_mb: int | None


def measure(command: Sequence[str]) -> tuple[Cost, str]:
    """Run a command and give its cost and what it printed; raises CalledProcessError if it fails."""
    started, rss, pss, looks = time.monotonic(), 0, 0, 0
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        child = subprocess.Popen(command, stdout=said, stderr=complained)
        while not (ended := os.wait4(child.pid, os.WNOHANG))[0]:
            tree = _tree(child.pid)
            rss = max(rss, sum(map(_rss, tree)))
            pss = max(pss, sum(map(_pss, tree))) if looks % PSS_EVERY == 0 else pss
            looks += 1
            time.sleep(EVERY)
        wall, usage = time.monotonic() - started, ended[2]
        child.returncode = os.waitstatus_to_exitcode(ended[1])
        if child.returncode:
            complained.seek(0)
            raise subprocess.CalledProcessError(child.returncode, command, stderr=complained.read()[-2_000:])
        said.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        return Cost(round(cpu, 2), round(wall, 2), rss >> 20, pss >> 20 or None), said.read()


def _tree(process: int) -> list[int]:
    tree = [process]
    for each in tree:  # it grows on the way
        with suppress(FileNotFoundError):
            for task in os.listdir(f"/proc/{each}/task"):
                tree += map(int, _proc(f"{each}/task/{task}/children").split())
    return tree


def _rss(process: int) -> int:
    sizes = _proc(f"{process}/statm").split()
    return int(sizes[1]) * os.sysconf("SC_PAGE_SIZE") if sizes else 0


def _pss(process: int) -> int:
    lines = dict(line.split(":", 1) for line in _proc(f"{process}/smaps_rollup").splitlines() if ":" in line)
    return int(lines["Pss"].split()[0]) << 10 if "Pss" in lines else 0


def _proc(name: str) -> str:
    try:
        return Path("/proc", name).read_text()
    except OSError:
        return ""  # the process has ended meanwhile, or the system does not tell


def parse(source: Path, folder: Path) -> dict[str, Any]:
    """Decode every line and nothing else: no cleaning in Python can take less."""
    import msgspec
    from isal import igzip

    decode = msgspec.json.Decoder(msgspec.defstruct("Row", [(name, str) for name in FIELDS], gc=False)).decode
    with igzip.open(source, "rb") as lines:
        return {"rows": sum(1 for _ in map(decode, lines))}


def pandas_in_chunks(source: Path, folder: Path) -> dict[str, Any]:
    """Do the same job as one does it with pandas, and write one Parquet file a chunk."""
    import pandas as pd

    pairs: set[int] = set()
    descriptions: Counter[int] = Counter()
    read = kept = 0
    folder.mkdir()
    for number, rows in enumerate(pd.read_json(source, lines=True, chunksize=50_000, dtype=False, convert_dates=False)):
        read += len(rows)
        rows = rows.loc[rows.title.str.strip().ne("") & rows.content.str.strip().ne(""), FIELDS]
        rows = rows.assign(title=_cleaned(rows.title), content=_cleaned(rows.content))
        rows = rows[_usable(rows.title, rows.content)]
        key = pd.util.hash_pandas_object(rows[["title", "content"]], index=False)
        rows = rows[~key.map(pairs.__contains__).astype(bool) & ~key.duplicated()]
        pairs.update(key)
        key = pd.util.hash_pandas_object(rows.content, index=False)
        rows = rows[key.map(descriptions) + key.groupby(key).cumcount() < reference.SAME_DESCRIPTION]
        descriptions.update(key)
        rows.to_parquet(folder / f"{number:05}.parquet", index=False)
        kept += len(rows)
    return {"read": read, "kept": kept}


def _cleaned(texts: pd.Series[str]) -> pd.Series[str]:
    texts = rest = texts.copy()
    while len(rest):
        after = rest.map(reference.unescape).map(reference.drop_tags).str.translate(reference.WINDOWS)
        after = after.str.replace(reference.NOTHING, "", regex=True)
        after = after.str.replace(reference.SPACE, " ", regex=True).str.strip()
        after = after.str.replace(reference.EDITION, "", regex=True).str.replace(reference.COPYRIGHT, "", regex=True)
        rest = after[after != rest]
        texts.loc[rest.index] = rest
    return texts


def _usable(title: pd.Series[str], content: pd.Series[str]) -> pd.Series[bool]:
    short = content.str.len() <= reference.LONGEST_PLACEHOLDER
    return (
        title.ne("")
        & ~title.str.contains(reference.RESIDUE)
        & content.str.casefold().ne(title.str.casefold())
        & ~(short & content.str.fullmatch(reference.PLACEHOLDER))
        & content.str.len().ge(reference.SHORTEST)
    )


def sample(source: Path, folder: Path) -> dict[str, Any]:
    """Take the source's sample and nothing else."""
    from amazon_ft.sources import chunks, reading

    taken = chunks.sample(reading.chunks(reading.find([source]), chunks.COLUMNS), chunks.COLUMNS, SAMPLE)
    return {"rows": sum(not isinstance(row, chunks.BadRow) for table in taken for row in table.rows)}


def near_duplicates(source: Path, folder: Path) -> dict[str, Any]:
    """Look for near duplicates in a products.parquet and nothing else."""
    from amazon_ft.cleaning import twins

    found = twins.near_duplicates(source, folder)
    return {name: found[name] for name in ("clusters", "products", "withheld")}


SIDES: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    side.__name__: side for side in (parse, pandas_in_chunks, sample, near_duplicates)
}


def _commands(source: Path, folder: Path) -> dict[str, list[str]]:
    """Give the command of each side, in an order in which none needs what a later one writes."""

    def side(name: str, reads: Path) -> list[str]:
        return [sys.executable, __file__, "--side", name, str(reads), str(folder / name)]

    def ours(run: str, *more: str) -> list[str]:
        return [sys.executable, "-m", "amazon_ft", "clean", str(source), "--run", str(folder / run), *more]

    return {
        "parse": side("parse", source),
        "ours": ours("one", "--no-near-duplicates", "--workers", "1"),
        "ours, 2 workers": ours("two", "--no-near-duplicates", "--workers", "2"),
        "ours with near duplicates": ours("near", "--workers", "1"),
        "near duplicates alone": side("near_duplicates", folder / "one" / "products.parquet"),
        "sample": side("sample", source),
        "standard library": [
            *(sys.executable, str(Path(reference.__file__)), str(source), "--write", str(folder / "kept.jsonl"))
        ],
        "pandas in chunks": side("pandas_in_chunks", source),
    }


def _source(rows: int) -> Path:
    """Make the invented catalogue, once."""
    import synthetic

    path = cache() / "benchmarks" / f"synthetic-{rows}.json.gz"
    if not path.is_file():
        _say(f"inventing {rows:,} rows in {path}")
        synthetic.write(path, rows)
    return path


def _say(line: str) -> None:
    print(line, flush=True)


def _same(folder: Path, truth: dict[str, Any], pandas: dict[str, Any]) -> dict[str, bool]:
    """Compare what the sides have kept; a run's second one is that which also looked for near duplicates."""
    fingerprint = reference.fingerprint_of
    one, two, near = (folder / run for run in ("one", "two", "near"))
    counts, *others = (json.loads((run / "cleaning.json").read_text()) for run in (one, two, near))
    of_one = fingerprint(one / "products.parquet")
    add_up = counts["read"] == counts["kept"] + sum(counts["rejected"].values())
    return {
        "products of 2 workers": fingerprint(two / "products.parquet") == of_one,
        "products of a second run": fingerprint(near / "products.parquet") == of_one,
        "products of the standard library": truth["sha256"] == of_one,
        "products of pandas": fingerprint(*sorted((folder / "pandas_in_chunks").iterdir())) == of_one,
        "bytes of every file of 2 workers": _bytes(one) == _bytes(two),
        "counts of 2 workers and of a second run": all(other["rejected"] == counts["rejected"] for other in others),
        "counts of the standard library": all(truth[name] == counts[name] for name in ("read", "kept", "rejected")),
        "counts of pandas": all(pandas[name] == counts[name] for name in ("read", "kept")),
        "read is kept and rejected": add_up,
    }


def _bytes(run: Path) -> dict[str, str]:
    return {path.name: digest(path) for path in run.iterdir() if path.name != "manifest.json"}


def _figures(costs: dict[str, Cost], sampled: int, rows: int) -> list[dict[str, Any]]:
    cpu = {name: cost.cpu_seconds for name, cost in costs.items()}
    peak = {name: cost.peak_rss_mb for name, cost in costs.items()}
    ours, near = "ours", "ours with near duplicates"
    return [
        _figure("ours / parse, CPU", round(cpu[ours] / cpu["parse"], 2), at_most=5.5),
        _figure("ours / parse, CPU, better still", round(cpu[ours] / cpu["parse"], 2), at_most=4),
        _figure("pandas in chunks / ours, CPU", round(cpu["pandas in chunks"] / cpu[ours], 2), at_least=3),
        _figure("standard library / ours, CPU", round(cpu["standard library"] / cpu[ours], 2), at_least=2),
        _figure("near duplicates as a difference, CPU seconds", round(cpu[near] - cpu[ours], 2), at_most=30),
        _figure("near duplicates alone, CPU seconds", cpu["near duplicates alone"], at_most=30),
        _figure("peak of ours, MB", peak[ours], at_most=800),
        _figure("peak of ours, 2 workers, MB", peak["ours, 2 workers"], at_most=800),
        _figure("peak of ours with near duplicates, MB", peak[near], at_most=2_200),
        _figure("sample, CPU seconds", cpu["sample"], at_most=10),
        _figure("peak of sample, MB", peak["sample"], at_most=300),
        _figure("rows of the sample", sampled, at_most=min(SAMPLE, rows), at_least=min(SAMPLE, rows)),
    ]


def _figure(name: str, measured: float, at_most: float = inf, at_least: float = -inf) -> dict[str, Any]:
    bounds = {"at_least": at_least, "at_most": at_most}
    given = {side: bound for side, bound in bounds.items() if isfinite(bound)}
    return {"name": name, "measured": measured, **given, "ok": at_least <= measured <= at_most}


def run(rows: int, size: str, folder: Path) -> dict[str, Any]:
    """Measure every side, compare their products, and give all figures."""
    source, costs, said = _source(rows), dict[str, Cost](), dict[str, str]()
    for name, command in _commands(source, folder).items():
        costs[name], said[name] = measure(command)
        _say(f"{name}: {json.dumps(asdict(costs[name]))}")
    last = {name: json.loads(said[name].splitlines()[-1]) for name in said if not name.startswith("ours")}
    figures = _figures(costs, last["sample"]["rows"], rows)
    return {
        "benchmark": "cleaning",
        "size": size,
        "rows": rows,
        "kept": last["standard library"]["kept"],
        "source": json.loads((folder / "one" / "manifest.json").read_text())["steps"]["clean"]["inputs"],
        "sides": {name: asdict(cost) for name, cost in costs.items()},
        "near_duplicates": last["near duplicates alone"],
        "same_as_ours": _same(folder, last["standard library"], last["pandas in chunks"]),
        "figures": figures,
        "missed": [figure["name"] for figure in figures if not figure["ok"]],
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, metavar="N")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)  # how a child process is told what to do
    asked = parser.parse_args()
    if asked.side:
        name, source, folder = asked.side
        print(json.dumps(SIDES[name](Path(source), Path(folder))))
        return
    rows = asked.rows or (QUICK_ROWS if asked.quick else ROWS)
    with tempfile.TemporaryDirectory() as folder:
        result = run(rows, "full" if rows == ROWS else "part", Path(folder))
    if rows == ROWS:
        write_json(RESULT, result)
    _say(json.dumps(result))


if __name__ == "__main__":
    main()
