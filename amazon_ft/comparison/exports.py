"""The answers as tables and in LLM Comparator's format, for whoever wants to go on with them elsewhere."""

from __future__ import annotations

import csv as comma_separated
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from amazon_ft.comparison.embedded import encodable, invented, systems, value
from amazon_ft.comparison.metrics import METRICS
from amazon_ft.comparison.names import in_order
from amazon_ft.files import replacing

TEXTS = ("set", "source", "title", "question", "reference", "system", "text", "reasoning", "quote", "invented")
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # a spreadsheet may run a cell that begins so; OWASP's list
FURTHEST = 1.5  # LLM Comparator's scores run from -1.5 (B is better) to 1.5 (A is better)
FIELDS = {"set": "category", "source": "string", "reference": "text", "invented numbers": "per_model_number"}


def table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give one plain record an answer, all with the same columns: texts, pace, and its own value of each metric."""
    names = in_order((name for row in rows for answer in systems(row).values() for name in _measured(answer)), METRICS)
    return [_record(row, system, answer, names) for row in rows for system, answer in systems(row).items()]


def write_tables(rows: Sequence[Mapping[str, Any]], parquet: Path, csv: Path) -> None:
    """Write the answers as Parquet, and as CSV that a spreadsheet opens with its accents and without running a cell."""
    records = table(rows)
    _write_parquet(records, parquet)
    with replacing(csv) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as file:
        writer = comma_separated.writer(file, quoting=comma_separated.QUOTE_NONNUMERIC)
        writer.writerow([_harmless(name) for name in _columns(records)])
        writer.writerows([_harmless(cell) for cell in record.values()] for record in records)


def llm_comparator(rows: Sequence[Mapping[str, Any]], about: Mapping[str, str]) -> dict[str, Any]:
    """Give base (A) and tuned (B) as LLM Comparator reads them; rows that one of them did not answer are left out.

    An example's score is 1.5 times base's ROUGE-L less tuned's, or their right answers where those are counted: above
    0 base is better, below 0 tuned.
    """
    return {
        "metadata": {
            "source_path": about.get("Recipe", "amazon-ft"),
            "about": dict(about),
            "custom_fields_schema": [{"name": name, "type": type_} for name, type_ in FIELDS.items()],
        },
        "models": [{"name": "base"}, {"name": "tuned"}],
        "examples": [_example(row) for row in rows if "base" in row and "tuned" in row],
    }


def _measured(answer: Mapping[str, Any]) -> Iterator[str]:
    yield from answer.get("measures", {})


def _record(row: Mapping[str, Any], system: str, answer: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    quote = answer.get("quote")
    record = {
        **{name: row[name] for name in ("set", "source", "title", "question", "reference")},
        "system": system,
        "text": answer["text"],
        "reasoning": answer.get("reasoning", ""),
        "quote": quote["text"] if quote else "",
        "invented": ", ".join(invented(row, answer)),
        "tokens": int(answer.get("tokens", 0)),
        "seconds": float(answer.get("seconds", 0)),
        **{name: value(answer, name) for name in names if name != "stopped"},
        "stopped": bool(answer["stopped"]),
    }
    return {name: encodable(cell) if isinstance(cell, str) else cell for name, cell in record.items()}


def _columns(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(records[0]) if records else [*TEXTS, "tokens", "seconds", "stopped"]


def _write_parquet(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    types = dict.fromkeys(TEXTS, pa.string()) | {"tokens": pa.int64(), "stopped": pa.bool_()}
    schema = pa.schema([(name, types.get(name, pa.float64())) for name in _columns(records)])
    with replacing(path) as temporary:
        parquet.write_table(pa.Table.from_pylist(list(records), schema=schema), temporary, compression="zstd")


def _harmless(cell: Any) -> Any:
    runs = isinstance(cell, str) and (cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA))
    return f"'{cell}" if runs else cell


def _example(row: Mapping[str, Any]) -> dict[str, Any]:
    base, tuned = row["base"], row["tuned"]
    return {
        "input_text": encodable(row["question"]),
        "tags": [row["set"]],
        "output_text_a": encodable(base["text"]),
        "output_text_b": encodable(tuned["text"]),
        "score": _score(base, tuned),
        "individual_rater_scores": [],
        "rationale_list": [],
        "custom_fields": {
            "set": row["set"],
            "source": encodable(row["source"]),
            "reference": encodable(row["reference"]),
            "invented numbers": [len(invented(row, answer)) for answer in (base, tuned)],
        },
    }


def _score(base: Mapping[str, Any], tuned: Mapping[str, Any]) -> float | None:
    for name in ("right", "rouge_l"):
        sides = value(base, name), value(tuned, name)
        if sides[0] is not None and sides[1] is not None:
            return round(FURTHEST * (sides[0] - sides[1]), 4)
    return None
