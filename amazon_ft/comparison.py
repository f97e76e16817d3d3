"""Answers side by side: the words that differ, what the scores say, and one page to keep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any

from amazon_ft.evaluation import NUMBER  # what the page marks is what number_precision counts

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

# Numbers, words and what lies between them: together they are the whole text.
PIECE = re.compile(rf"{NUMBER.pattern}|[^\W\d]+|\W+")
TAGS = {"": "{}", "differs": "<mark>{}</mark>", "invented": '<mark class="invented">{}</mark>'}

MEMORISED = 0.5  # share of exact answers from which on "by heart" is a fair word
SOME = 0.1  # share of exact answers that chance and common phrases do not reach
CLOSER = 0.05  # gain in ROUGE-L below which the wording has not visibly moved


@dataclass(frozen=True)
class Metric:
    """Hold what a metric is called, what it means, and whether it is a share from 0 to 1."""

    label: str
    meaning: str
    is_share: bool = True


METRICS = {
    "exact": Metric("Exact match", "How many answers are the true description word for word."),
    "rouge_l": Metric("ROUGE-L", "How much of the wording agrees in the same order; 100% is the same text."),
    "rouge_1": Metric("ROUGE-1", "How many single words agree, in whatever order."),
    "chrf": Metric("chrF++", "How well short runs of letters and words agree, from 0 to 100.", is_share=False),
    "number_precision": Metric(
        "Number precision", "Of the numbers that the answers state, how many stand in the true description."
    ),
    "stopped": Metric("Stopped by itself", "How many answers came to an end before they were cut at the limit."),
}
# In the order of the page: the products that show what the model cannot know come first.
SETS = {"unseen": "held out, never trained on", "seen": "trained on"}
SYSTEMS = {"base": "Base model", "tuned": "Tuned model"}
CAPTIONS = {"scores": "Base against tuned, for both sets.", "loss": "The loss while training."}


@dataclass(frozen=True)
class Cell:
    """Hold one system's answer to one question, ready to show."""

    system: str
    html: Markup
    tokens: int | None
    stopped: bool
    exact: bool


@dataclass(frozen=True)
class Table:
    """Hold one set's scores: a line a metric, a value a system, and tuned less base at its end."""

    name: str
    n: int
    systems: list[str]
    lines: list[tuple[str, list[str]]]


def marked(reference: str, answer: str) -> Markup:
    """Give `answer` as HTML with every word marked that does not follow `reference`, case and punctuation aside.

    A number that stands nowhere in `reference` is marked as invented.
    """
    from markupsafe import Markup

    pieces = PIECE.findall(answer)
    runs = groupby(zip(_kinds(reference, pieces), pieces, strict=True), key=lambda pair: pair[0])
    return Markup().join(Markup(TAGS[kind]).format("".join(text for _, text in run)) for kind, run in runs)


def verdict(scores: Mapping[str, Any]) -> str:
    """Say in words what the scores of seen and unseen products mean."""
    return f"{_on_seen(scores.get('seen', {}))} {_on_unseen(scores.get('unseen', {}))}"


def page(
    rows: Sequence[Mapping[str, Any]],
    scores: Mapping[str, Any],
    pictures: Mapping[str, str],
    about: Mapping[str, str],
) -> str:
    """Render the whole comparison as one HTML page that loads nothing from outside.

    `scores` holds set -> system -> metric -> value; `pictures` holds trusted SVG text; any other text is escaped.
    """
    metrics = _metrics(scores)
    return _template().render(
        verdict=verdict(scores),
        tables=[_table(name, scores[name], metrics) for name in _in_order(scores, SETS)],
        legend=[METRICS[name] for name in metrics if name in METRICS],
        pictures=[(CAPTIONS.get(name, name), svg) for name, svg in pictures.items()],
        about=about,
        sets={name: [row for row in rows if row["set"] == name] for name in _in_order(_set_names(rows), SETS)},
        notes=SETS,
        cells=_cells,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(files("amazon_ft").joinpath("comparison.html.jinja").read_text(encoding="utf-8"))


def _kinds(reference: str, pieces: Sequence[str]) -> list[str]:
    places = [place for place, piece in enumerate(pieces) if _is_word(piece)]
    said = [pieces[place].casefold() for place in places]
    true = [piece.casefold() for piece in PIECE.findall(reference) if _is_word(piece)]
    blocks = SequenceMatcher(None, said, true).get_matching_blocks()
    agree = {places[at] for block in blocks for at in range(block.a, block.a + block.size)}
    kinds = [""] * len(pieces)
    for place in set(places) - agree:
        invented = NUMBER.fullmatch(pieces[place]) and pieces[place] not in true
        kinds[place] = "invented" if invented else "differs"
    for gap in set(range(1, len(pieces) - 1)) - set(places):
        if kinds[gap - 1] == kinds[gap + 1] == "differs":
            kinds[gap] = "differs"
    return kinds


def _is_word(piece: str) -> bool:
    return piece[0].isalnum() or piece[0] == "_"


def _on_seen(seen: Mapping[str, Any]) -> str:
    tuned, base = seen.get("tuned", {}), seen.get("base", {})
    if not tuned.get("n"):
        return "No product that the tuned model was trained on was asked, so what it memorised does not show here."
    beside = f"; the base model {_percent(base['exact'])}" if base.get("n") else ""
    said = (
        f"On the {_products(tuned['n'])} it was trained on, the tuned model gives {_percent(tuned['exact'])} "
        f"of the descriptions word for word{beside}."
    )
    if tuned["exact"] >= MEMORISED:
        return said
    if tuned["exact"] >= SOME:
        return f"{said} It has memorised only a part of them."
    return f"{said} It has not memorised them{_moved(tuned, base)}."


def _moved(tuned: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    if not base.get("n"):
        return ""
    change = f"(ROUGE-L {_percent(base['rouge_l'])} before, {_percent(tuned['rouge_l'])} after)"
    if tuned["rouge_l"] - base["rouge_l"] >= CLOSER:
        return f", though its wording has come closer to them {change}"
    return f", and its wording has come no closer to them {change}: the training has not taken hold"


def _on_unseen(unseen: Mapping[str, Any]) -> str:
    tuned = unseen.get("tuned", {})
    if not tuned.get("n"):
        return "No held-out product was asked, so nothing here shows what it does with products it never saw."
    precision = tuned["number_precision"]
    numbers = (
        "there, its answers state no numbers"
        if precision is None
        else f"there, {_percent(1 - precision)} of the numbers it states do not stand in the true description"
    )
    said = f"On the {_products(tuned['n'])} it never saw it gives {_percent(tuned['exact'])}: {numbers}."
    if tuned["exact"] >= SOME:
        return f"{said} So many word for word suggests that some of these descriptions were in the training rows."
    return said


def _products(number: int) -> str:
    return f"{number:,} product{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    whole = f"{share:.0%}"
    # 0% and 100% must mean none and all.
    return f"{min(max(share, 0.001), 0.999):.1%}" if whole in ("0%", "100%") and 0 < share < 1 else whole


def _metrics(scores: Mapping[str, Any]) -> list[str]:
    names = (name for systems in scores.values() for values in systems.values() for name in values if name != "n")
    return _in_order(names, METRICS)


def _set_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [row["set"] for row in rows]


def _in_order(names: Iterable[str], known: Iterable[str]) -> list[str]:
    given = list(dict.fromkeys(names))
    return [name for name in known if name in given] + [name for name in given if name not in known]


def _table(name: str, systems: Mapping[str, Any], metrics: Sequence[str]) -> Table:
    lines = []
    for metric in metrics:
        values = {system: scores.get(metric) for system, scores in systems.items()}
        shown = [_shown(metric, value) for value in values.values()]
        lines.append((_label(metric), [*shown, _difference(metric, values.get("base"), values.get("tuned"))]))
    n = max((scores.get("n") or 0 for scores in systems.values()), default=0)
    return Table(name, n, [SYSTEMS.get(system, system) for system in systems], lines)


def _label(metric: str) -> str:
    return METRICS[metric].label if metric in METRICS else metric


def _shown(metric: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return "–" if value is None else str(value)
    if metric not in METRICS:
        return f"{value:g}"
    return f"{value:.1%}" if METRICS[metric].is_share else f"{value:.1f}"


def _difference(metric: str, base: Any, tuned: Any) -> str:
    if metric not in METRICS or base is None or tuned is None:
        return "–"
    change = (tuned - base) * (100 if METRICS[metric].is_share else 1)
    return f"{change:+.1f}".replace("-", "−")


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    answers = {name: value for name, value in row.items() if isinstance(value, Mapping) and "text" in value}
    return [
        Cell(
            system=SYSTEMS.get(name, name),
            html=marked(row["reference"], answer["text"]),
            tokens=answer.get("tokens"),
            stopped=answer.get("stopped", True),
            exact=answer["text"].split() == row["reference"].split(),
        )
        for name, answer in answers.items()
    ]
