"""What cleaning did, as one page: rows kept and refused, each rule's changes, and what a policy costs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from importlib.resources import files
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

# Entities, tags and words come and go whole; together the pieces are the whole text.
PIECE = re.compile(r"&#?\w{1,32};|<[^<>]{1,200}>|\w+|.", re.DOTALL)
SIGNS = {"\n": "↵", "\r": "↵", "\t": "⇥"}

SECTIONS = {
    "funnel": "From read to kept",
    "rules": "What each rule changed",
    "lengths": "Lengths before and after",
    "heads": "First rows and all rows",
    "near": "Near duplicates",
    "losses": "What each policy destroys",
    "bad": "Lines that hold no product",
}
RULES = {
    "unescape entities": "HTML entities become the characters they stand for, however often they were escaped.",
    "drop tags and comments": "HTML tags and comments become a space; every other angle bracket stays.",
    "collapse white space": "Runs of white space become one space, stray controls what they were meant to be.",
    "drop edition note": "A closing note that the text belongs to another edition goes.",
    "drop copyright tail": "A closing copyright line goes.",
}
FIELDS = {"title": "title", "content": "description"}
OPTIONAL: dict[str, Any] = {"sources": [], "policy": "", "examples": {}}
OURS = "ours"
PREFIXES_SHOWN = 8
FAR = 0.05  # difference in shares that a random sample of 1,000 would hardly show


@dataclass(frozen=True)
class Step:
    """Hold one bar of the funnel: how many rows, and how many stand before the bar begins."""

    label: str
    rows: int
    start: int = 0


@dataclass(frozen=True)
class Histogram:
    """Hold the rows read and kept in each range of lengths, and a sentence on the middle of those kept."""

    noun: str
    bins: Sequence[tuple[str, int, int]]
    middle: str

    @property
    def highest(self) -> int:
        """Give the most rows of any bin, at least 1."""
        return max(1, *(count for _, *counts in self.bins for count in counts))


@dataclass(frozen=True)
class Heads:
    """Hold how often each prefix begins a uid in each head of the file: prefix -> one count a head."""

    title: str
    sentence: str
    totals: Mapping[str, int]
    rows: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Loss:
    """Hold how many of something there were, how many are lost, and whether no policy loses more."""

    lost: int
    had: int
    worst: bool = False


@dataclass(frozen=True)
class Losses:
    """Hold one loss a policy for each kind of detail, and for the rows in which markup is left."""

    rows: int
    policies: Sequence[str]
    kinds: Mapping[str, Sequence[Loss | None]]
    left: Sequence[Loss | None]


def page(counts: Mapping[str, Any]) -> str:
    """Render the counts of a cleaning as one HTML page that loads nothing from outside.

    `counts` is the value of cleaning.json; all its texts are escaped, and sections without data are left out.
    """
    rooms = {
        "funnel": _funnel(counts),
        "rules": counts.get("changed"),
        "lengths": _histograms(counts.get("lengths") or {}),
        "heads": _heads(counts.get("prefixes") or {}),
        "near": counts.get("near_duplicates"),
        "losses": _losses(counts.get("destroyed") or {}),
        "bad": counts.get("bad_rows"),
    }
    sections = {name: title for name, title in SECTIONS.items() if rooms[name]}
    counts = OPTIONAL | {name: value for name, value in counts.items() if value is not None}
    text = _template().render(counts=counts, warning=_warning(counts), sections=sections, rules=RULES, given=rooms)
    return text.encode("utf-8", "replace").decode()  # a lone surrogate cannot be written to a file


def changed(before: str, after: str) -> tuple[Markup, Markup]:
    """Give both texts as HTML, with what disappeared in <del> and what appeared in <ins>, blanks made visible.

    Text of `after` that only goes on where `before` ends is not marked: a cut hid it there, as no rule adds alone.
    """
    from markupsafe import Markup, escape

    old, new = PIECE.findall(before), PIECE.findall(after)
    gone, came = Markup(), Markup()
    # White space alone is no landmark: it would tie unrelated words together.
    for kind, a, b, c, d in SequenceMatcher(str.isspace, old, new).get_opcodes():
        was, now = "".join(old[a:b]), "".join(new[c:d])
        if kind == "equal" or (b == len(old) and now.startswith(was)):
            gone, came = gone + escape(was), came + escape(now)
        else:
            gone += Markup("<del>{}</del>").format(_visible(was)) if was else ""
            came += Markup("<ins>{}</ins>").format(_visible(now)) if now else ""
    return gone, came


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    source = files("amazon_ft.cleaning").joinpath("cleaning.html.jinja").read_text(encoding="utf-8")
    house = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return house.from_string(source, {"changed": changed, "share": _share, "width": _width, "fields": FIELDS})


def _visible(run: str) -> str:
    shown = run.replace(" ", "␣") if run.isspace() else run
    return "".join(SIGNS.get(char) or (char if char.isprintable() else f"[U+{ord(char):04X}]") for char in shown)


def _share(part: int, whole: int) -> str:
    """Write a share in percent, where 0% and 100% mean none and all."""
    if part in (0, whole) or not whole:
        return "100%" if part else "0%"
    percent = f"{part / whole:.1%}"
    return {"0.0%": "<0.1%", "100.0%": ">99.9%"}.get(percent, percent)


def _width(part: int, whole: int) -> str:
    return f"{100 * min(max(part / whole, 0), 1):.2f}%" if whole else "0%"


def _warning(counts: Mapping[str, Any]) -> str:
    read, kept, rejected = counts["read"], counts["kept"], sum(counts.get("rejected", {}).values())
    if read == kept + rejected:
        return ""
    return (
        f"These counts do not add up: {read:,} rows were read, but {kept:,} kept and {rejected:,} rejected "
        f"make {kept + rejected:,}."
    )


def _funnel(counts: Mapping[str, Any]) -> list[Step]:
    rejected = counts.get("rejected", {})
    if not counts["read"] and not rejected:
        return []
    left = accumulate(rejected.values(), int.__sub__, initial=counts["read"])
    next(left)
    refused = [Step(reason, rows, start) for (reason, rows), start in zip(rejected.items(), left, strict=True)]
    return [Step("read", counts["read"]), *refused, Step("kept", counts["kept"])]


def _histograms(lengths: Mapping[str, Any]) -> list[Histogram]:
    return [drawn for name, values in lengths.items() if (drawn := _histogram(FIELDS.get(name, name), **values)).bins]


def _histogram(noun: str, edges: Sequence[int], read: Sequence[int], kept: Sequence[int]) -> Histogram:
    ranges = [f"{low:,}" if high - low == 1 else f"{low:,}–{high - 1:,}" for low, high in pairwise(edges)]
    filled = [number for number, counts in enumerate(zip(read, kept, strict=True)) if any(counts)]
    bins = list(zip(ranges, read, kept, strict=True))[filled[0] : filled[-1] + 1] if filled else []
    reached = zip(edges[1:], accumulate(kept), strict=True)
    middle = next((edge for edge, number in reached if 0 < sum(kept) <= 2 * number), None)
    sentence = f"At least half of the {noun}s kept have fewer than {middle:,} characters." if middle else ""
    return Histogram(noun, bins, sentence)


def _heads(prefixes: Mapping[str, Mapping[str, int]]) -> Heads | None:
    totals = {name: sum(head.values()) for name, head in prefixes.items()}
    if not any(totals.values()):
        return None

    def most(prefix: str) -> float:
        return max(head.get(prefix, 0) / (totals[name] or 1) for name, head in prefixes.items())

    # The key breaks ties: a set of texts has another order in every process.
    ranked = sorted({prefix for head in prefixes.values() for prefix in head}, key=lambda text: (-most(text), text))
    rows = {prefix: [head.get(prefix, 0) for head in prefixes.values()] for prefix in ranked[:PREFIXES_SHOWN]}
    if ranked[PREFIXES_SHOWN:]:
        shown = [sum(column) for column in zip(*rows.values(), strict=True)]
        rows["other"] = [total - part for total, part in zip(totals.values(), shown, strict=True)]
    title, sentence = _distance(prefixes, totals)
    return Heads(title, sentence, totals, rows)


def _distance(prefixes: Mapping[str, Mapping[str, int]], totals: Mapping[str, int]) -> tuple[str, str]:
    head, every = next(iter(prefixes)), list(prefixes)[-1]
    if head == every or not totals[head]:
        return "How the uids begin", ""
    digits = {name: sum(rows for key, rows in prefixes[name].items() if key[:1].isdigit()) for name in (head, every)}
    sentence = (
        f"Of the {head} products kept, {_share(digits[head], totals[head])} have a uid that begins with a digit, "
        f"as the numbers of books do; of all {totals[every]:,}, {_share(digits[every], totals[every])}"
    )
    if abs(digits[head] / totals[head] - digits[every] / totals[every]) < FAR:
        return "The head of the file and the whole", f"{sentence}."
    return "The head of the file is not the file", f"{sentence}: a head taken for a sample misleads."


def _losses(destroyed: Mapping[str, Any]) -> Losses | None:
    given, left = destroyed.get("policies") or {}, destroyed.get("left") or {}
    policies = sorted(given, key=lambda name: name != OURS)
    if not policies:
        return None
    kinds = dict.fromkeys(kind for policy in policies for kind in given[policy])
    rows = destroyed["rows"]
    return Losses(
        rows,
        policies,
        {kind: _compared([given[policy].get(kind) for policy in policies]) for kind in kinds},
        _compared([{"lost": left[policy], "had": rows} if policy in left else None for policy in policies]),
    )


def _compared(cells: Sequence[Mapping[str, int] | None]) -> list[Loss | None]:
    shares = [cell["lost"] / cell["had"] if cell and cell["had"] else 0.0 for cell in cells]
    most = max(shares)
    return [
        Loss(cell["lost"], cell["had"], worst=0 < most == share) if cell else None
        for cell, share in zip(cells, shares, strict=True)
    ]
