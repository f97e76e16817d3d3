"""Write the rows that were kept as a data set with its card, which says how they came to be and what they are not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amazon_ft.files import InputError, replacing, write_jsonl
from amazon_ft.reasoning.authors import FIELDS
from amazon_ft.recipes.values import LANGUAGES

if TYPE_CHECKING:
    from jinja2 import Template

COLUMNS = ("uid", *FIELDS)
SPLITS = ("train", "validation", "test")
OURS = frozenset({"README.md", "data", *(f"data/{split}.jsonl" for split in SPLITS)})
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))  # the Hub's words
LICENSE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")

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
    _check(folder, splits, kept)
    card = _card({split: rows for split, rows in kept.items() if rows}, about)
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / "README.md").write_text(card, encoding="utf-8")
        for split, rows in kept.items():
            if rows:
                write_jsonl(temporary / "data" / f"{split}.jsonl", rows)
    return [folder / "README.md", *(folder / "data" / f"{split}.jsonl" for split, rows in kept.items() if rows)]


def _row(row: Mapping[str, Any], split: str) -> dict[str, str]:
    missing = [column for column in COLUMNS if not isinstance(row.get(column), str)]
    if missing:
        raise InputError(f"a row of {split} (uid {row.get('uid')!r}) has no text in {', '.join(missing)}: mend it.")
    return {column: row[column] for column in COLUMNS}


def _check(folder: Path, splits: Mapping[str, Any], kept: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    if unknown := sorted(set(splits) - set(SPLITS)):
        raise InputError(f"there is no split {unknown[0]!r}: name them {', '.join(SPLITS)}.")
    uids = [row["uid"] for rows in kept.values() for row in rows]
    if not uids:
        raise InputError("no row was kept, so there is nothing to publish: look at what the gate rejected and why.")
    if twice := next((uid for uid in uids if uids.count(uid) > 1), None) if len(set(uids)) < len(uids) else None:
        raise InputError(f"product {twice} stands in the rows twice: give each product once, in one split.")
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
    return _template().render(
        front=_front(rows, told), about=told, rows=rows, total=sum(rows.values()), first=first, columns=COLUMNS
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
    """Give the card's metadata; each value is JSON, which is YAML too, so that no text can break it."""
    values = {
        "pretty_name": _shown(about["name"]),
        "language": [about["language"]],
        **_license(about["license_name"], about["license_link"]),
        "task_categories": ["text-generation"],
        "size_categories": [next((name for size, name in SIZES if sum(rows.values()) < size), "1M<n<10M")],
        "tags": ["reasoning", "chain-of-thought", "products", "rule-made" if about["by_rules"] else "synthetic"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}.jsonl"} for split in rows],
            }
        ],
        "dataset_info": {"features": [{"name": column, "dtype": "string"} for column in COLUMNS]},
    }
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())


def _license(name: str, link: str) -> dict[str, str]:
    """Name the licence in the Hub's words: "other" needs a name, and may have a link."""
    if not name:
        if link:
            raise InputError("license_link needs license_name: say what the licence is called.")
        return {"license": "unknown"}
    if not LICENSE_NAME.fullmatch(name):
        raise InputError(f"license_name {name!r} is no name on the Hub: use lower-case letters, digits, '-' and '.'.")
    if link and not re.fullmatch(r"https?://[!-~]+|LICENSE(\.md)?", link):
        raise InputError(f"license_link {link!r} is neither an address that begins with https:// nor LICENSE.")
    return {"license": "other", "license_name": name} | ({"license_link": link} if link else {})


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    source = files("amazon_ft.reasoning").joinpath("dataset_card.md.jinja").read_text(encoding="utf-8")
    house = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    house.filters |= {"code": _code, "fenced": _fenced, "words": _words, "readable": _readable}
    return house.from_string(source, {"languages": LANGUAGES})


def _readable(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _shown(text: object) -> str:
    """Take out of a text what cannot be seen, and what would begin a new line."""
    return "".join(char for char in " ".join(str(text).split()) if char.isprintable())


def _words(text: object) -> str:
    """Show a text from outside among words: Markdown's signs and addresses lose their meaning."""
    return re.sub(r"""([\\`*_{}\[\]<>#|~&$!+=:@^"])""", r"\\\1", _shown(text))


def _code(text: object) -> str:
    """Show a text from outside as code in a line."""
    shown = _shown(text)
    fence = "`" * (_longest(shown) + 1)
    room = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{room}{shown}{room}{fence}" if shown else "(not known)"


def _fenced(text: object, language: str = "text") -> str:
    """Show a text from outside as lines of code."""
    seen = ("".join(filter(str.isprintable, line.expandtabs())) for line in str(text).splitlines())
    lines = "\n".join(seen)
    fence = "`" * max(3, _longest(lines) + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def _longest(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
