"""The rows of a comparison as data for the page's script: short, ordered, and safe inside HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from amazon_ft.comparison.marking import segments
from amazon_ft.comparison.metrics import HEADLINES, Metric, metric
from amazon_ft.comparison.names import BASELINES, SETS, SYSTEMS, in_order, named
from amazon_ft.retrieval.quoting import bare

KINDS = ("", "differs", "found", "invented")  # a kind's place is its number in the data
QUOTING = ("tuned_with_source", "base_with_source", "extractive")
PLAIN = re.compile(r"[a-z_]+")
ESCAPED = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


def systems(row: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the answers of a row by system: a system's value says whether it stopped."""
    return {name: value for name, value in row.items() if isinstance(value, Mapping) and "stopped" in value}


def identifiers(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name each row by its set and its place in that, as unseen-12."""
    sets = in_order((row["set"] for row in rows), SETS)
    short = {name: name if PLAIN.fullmatch(name) else f"set{place}" for place, name in enumerate(sets)}
    count = dict.fromkeys(sets, 0)
    names = []
    for row in rows:
        count[row["set"]] += 1
        names.append(f"{short[row['set']]}-{count[row['set']]}")
    return names


def marked_answer(row: Mapping[str, Any], answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Cut an answer into its marked runs; without a catalogue entry to check them against, no fact is marked."""
    known = {fact["text"]: fact["in_source"] for fact in answer.get("facts", ())} if row.get("content") else {}
    return segments(row["reference"], answer["text"], known)


def invented(row: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """List the facts of an answer that stand nowhere in the catalogue entry; without one nothing could be checked."""
    checked = answer.get("facts", ()) if row.get("content") else ()
    return list(dict.fromkeys(fact["text"] for fact in checked if not fact["in_source"]))


def same(one: str, other: str) -> bool:
    """Tell whether two texts say the same word for word, quotation and citation aside."""
    return bare(one).split() == bare(other).split()


def ended(row: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Tell whether the user ended an answer."""
    return not answer["stopped"] and bool(row.get("ended"))


def quotes(row: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Give where the answers' quotes stand in the catalogue entry; those of another text are left out."""
    content = row.get("content", "")
    given = [quote for name in QUOTING if (quote := row.get(name, {}).get("quote"))]
    return [(one["start"], one["end"]) for one in given if content[one["start"] : one["end"]] == one["text"]]


def value(answer: Mapping[str, Any], name: str) -> float | None:
    """Give an answer's own value of a metric; None where nothing was counted."""
    over, under = answer.get("measures", {}).get(name, (0, 0))
    return over / under if under else None


def counted_as(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say what rows are: products, or questions where some are about no product for sure."""
    return "question" if any(row["set"] in ("general", "own") for row in rows) else "product"


def encodable(text: str) -> str:
    """Replace what no file can hold: halves of a pair of surrogates, as JSON may bring them."""
    return text.encode("utf-8", "replace").decode()


def as_json(data: Mapping[str, Any]) -> str:
    """Write data so that no text in it can end the element that holds it."""
    return json.dumps(data, separators=(",", ":")).translate(ESCAPED)


def embedded(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give what the page's script draws: the rows by set as readers want them, and the names that they refer to."""
    sets = in_order((row["set"] for row in rows), SETS)
    names = in_order((name for row in rows for name in systems(row)), SYSTEMS)
    headlines = _headlines(rows)
    pairs = sorted(zip(rows, identifiers(rows), strict=True), key=lambda pair: sets.index(pair[0]["set"]))
    return {
        "sets": [named(name, SETS).label.en for name in sets],
        "systems": [
            {"name": name, "label": named(name, SYSTEMS).label.en, "folded": name in BASELINES} for name in names
        ],
        "metrics": [_written(metric(name)) for name in headlines],
        "noun": counted_as(rows),
        "worst": [headlines.index(name) if name in headlines else -1 for name in ("invented_numbers", "rouge_l")],
        "rows": [
            _row(row, identifier, sets, headlines) | {"answers": list(_answers(row, names))}
            for row, identifier in pairs
        ],
    }


def _headlines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    counted = {name for row in rows for name in HEADLINES if value(row.get("tuned", {}), name) is not None}
    return [name for name in HEADLINES if name in counted]


def _written(known: Metric) -> dict[str, Any]:
    digits = re.search(r"\.(\d)", known.format)
    return {"label": known.label.en, "percent": "%" in known.format, "digits": int(digits[1]) if digits else 2}


def _row(row: Mapping[str, Any], identifier: str, sets: Sequence[str], headlines: Sequence[str]) -> dict[str, Any]:
    found = row.get("retrieval")
    return {
        "id": identifier,
        "set": sets.index(row["set"]),
        "title": row["title"] or row["question"],
        "source": row["source"],
        "question": row["question"],
        "reference": row["reference"],
        "accepted": row.get("accepted", []),
        "retrieval": f"{found['kind']}, score {found['score']:.2f}" if found else "",
        "content": _quoted(row),
        "values": [[_rounded(value(row.get(name, {}), key)) for name in ("tuned", "base")] for key in headlines],
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def _answers(row: Mapping[str, Any], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give a row's answers, each with what there is to say of it: what is empty, 0 or false is left out."""
    for name, answer in systems(row).items():
        seconds = answer.get("seconds") or 0
        said = {
            "text": _flat((KINDS.index(kind), text) for kind, text in marked_answer(row, answer)),
            "reasoning": answer.get("reasoning", ""),
            "tokens": answer.get("tokens", 0),
            "speed": round(answer.get("tokens", 0) / seconds, 1) if seconds else 0,
            "cut": not answer["stopped"] and not ended(row, answer),
            "ended": ended(row, answer),
            "exact": bool(row["reference"]) and same(answer["text"], row["reference"]),
            "copied": _rounded(value(answer, "copied")),
            "invented": invented(row, answer),
        }
        yield {"system": names.index(name)} | {key: held for key, held in said.items() if held}


def _quoted(row: Mapping[str, Any]) -> list[int | str]:
    """Cut the entry's description into what an answer quoted (1) and what none did (0).

    A run that is the whole true description is written as 0: most are, and the page is that much smaller.
    """
    content = row.get("content", "")
    inside = {at for start, end in quotes(row) for at in range(start, end)}
    runs = groupby(enumerate(content), key=lambda pair: int(pair[0] in inside))
    texts = ((kind, "".join(sign for _, sign in run)) for kind, run in runs)
    return _flat((kind, 0 if text == row["reference"] else text) for kind, text in texts)


def _flat(runs: Iterable[tuple[int, int | str]]) -> list[int | str]:
    return [part for run in runs for part in run]
