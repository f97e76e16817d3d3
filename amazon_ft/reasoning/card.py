"""Write the rows that were kept as a data set with its card, which says how they came to be and what they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amazon_ft import markdown
from amazon_ft.files import InputError, replacing, write_jsonl
from amazon_ft.reasoning.authors import FIELDS
from amazon_ft.recipes.values import LANGUAGES

COLUMNS = ("uid", *FIELDS)
SPLITS = ("train", "validation", "test")
OURS = frozenset({"README.md", "data", *(f"data/{split}.jsonl" for split in SPLITS)})
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))  # the Hub's words

# What the card cannot do without (what may be left out has a value below it), and the parts of it that are needed too.
NEEDED = ("model", "server", "options", "style", "prompts", "language", "counts", "cost", "source", "version")
PARTS = (
    *(("counts", part) for part in ("kept", "rejected", "failed")),
    *(("cost", part) for part in ("prompt_tokens", "completion_tokens")),
)
STYLES = ("closed", "grounded")
LEFT_OUT: Mapping[str, Any] = {
    "name": "Reasoning rows about products",
    "digest": "",
    "reviewed": {},  # number of rows by decision
    "catalogue": {},  # number of products by what was done with them
    "by_rules": False,  # no model wrote the rows
    "invented": False,  # the catalogue is no real one
    "repo_id": "OWNER/NAME",  # where the rows will be loaded from
    "license_name": "",
    "license_link": "",
}


def write_dataset(
    folder: Path, splits: Mapping[str, Sequence[Mapping[str, Any]]], about: Mapping[str, Any]
) -> list[Path]:
    """Write README.md and data/SPLIT.jsonl for each split that has rows; return their paths, the card first.

    The folder appears whole. A row keeps its uid, Question, Complex_CoT and Response. `about` holds what NEEDED and
    LEFT_OUT name. Raises InputError if there are no rows, a product stands in them twice, `about` lacks something,
    or the folder holds files of somebody else.
    """
    kept = {split: [_row(row, split) for row in splits.get(split, ())] for split in SPLITS}
    _check(splits, kept)
    with_rows = {split: rows for split, rows in kept.items() if rows}
    return write_folder(folder, _card(with_rows, about), with_rows)


def write_folder(folder: Path, card: str, splits: Mapping[str, Sequence[Mapping[str, str]]]) -> list[Path]:
    """Write a data set's card and data/SPLIT.jsonl for each split; return their paths, the card first.

    The folder appears whole. Raises InputError if it holds files of somebody else.
    """
    _check_ours(folder)
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / "README.md").write_text(card, encoding="utf-8")
        for split, rows in splits.items():
            write_jsonl(temporary / "data" / f"{split}.jsonl", rows)
    return [folder / "README.md", *(folder / "data" / f"{split}.jsonl" for split in splits)]


def described(splits: Mapping[str, int], columns: Sequence[str]) -> dict[str, Any]:
    """Tell the Hub how many rows there are, in which file each split stands, and that each column is a text."""
    files = [{"split": split, "path": f"data/{split}.jsonl"} for split in splits]
    return {
        "size_categories": [next((name for size, name in SIZES if sum(splits.values()) < size), "1M<n<10M")],
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {"features": [{"name": column, "dtype": "string"} for column in columns]},
    }


def _row(row: Mapping[str, Any], split: str) -> dict[str, str]:
    missing = [column for column in COLUMNS if not isinstance(row.get(column), str)]
    if missing:
        raise InputError(f"a row of {split} (uid {row.get('uid')!r}) has no text in {', '.join(missing)}: mend it.")
    return {column: row[column] for column in COLUMNS}


def _check(splits: Mapping[str, Any], kept: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    if unknown := sorted(set(splits) - set(SPLITS)):
        raise InputError(f"there is no split {unknown[0]!r}: name them {', '.join(SPLITS)}.")
    uids = [row["uid"] for rows in kept.values() for row in rows]
    if not uids:
        raise InputError("no row was kept, so there is nothing to publish: look at what the gate rejected and why.")
    if twice := next((uid for uid in uids if uids.count(uid) > 1), None) if len(set(uids)) < len(uids) else None:
        raise InputError(f"product {twice} stands in the rows twice: give each product once, in one split.")


def _check_ours(folder: Path) -> None:
    if folder.is_dir():
        others = sorted({path.relative_to(folder).as_posix() for path in folder.rglob("*")} - OURS)
        if others:  # the folder is replaced as a whole
            raise InputError(
                f"{folder} holds other files, such as {others[0]}: move them away, or name a folder of its own."
            )
    elif folder.exists():
        raise InputError(f"{folder} is a file: name a folder.")


def _card(splits: Mapping[str, Sequence[Mapping[str, str]]], about: Mapping[str, Any]) -> str:
    told = _told(about)
    rows = {split: len(found) for split, found in splits.items()}
    first = next(found[0] for found in splits.values())
    return markdown.template("amazon_ft.reasoning", "dataset_card.md.jinja").render(
        front=_front(rows, told), about=told, rows=rows, total=sum(rows.values()), first=first, languages=LANGUAGES
    )


def _told(about: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name in NEEDED if name not in about]
    missing += [f"{name}[{part!r}]" for name, part in PARTS if part not in about.get(name, [part])]
    if missing:
        raise InputError(f"the data set's card cannot be written without {', '.join(missing)}: say what it was.")
    for name, words in (("style", STYLES), ("language", LANGUAGES)):
        if about[name] not in words:
            raise InputError(f"{name} {about[name]!r} is not one of {', '.join(words)}.")
    return {**LEFT_OUT, **about}


def _front(rows: Mapping[str, int], about: Mapping[str, Any]) -> str:
    values = {
        "pretty_name": markdown.shown(about["name"]),
        "language": [about["language"]],
        **markdown.license_of(about["license_name"], about["license_link"]),
        "task_categories": ["text-generation"],
        "tags": ["reasoning", "chain-of-thought", "products", "rule-made" if about["by_rules"] else "synthetic"],
        **described(rows, COLUMNS),
    }
    return markdown.front(values)
