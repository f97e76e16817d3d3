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

from amazon_ft.retrieval.quoting import NUMBER, bare  # what the page marks is what number_precision counts

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
    """Hold what a metric is called, what it means, and how its values are written."""

    label: str
    meaning: str = ""
    format: str = ".1%"


METRICS = {
    "exact": Metric("Exact match", "The share of answers that are the true description word for word."),
    "rouge_l": Metric("ROUGE-L", "How much of the wording agrees in the same order; 100% is the same text."),
    "rouge_1": Metric("ROUGE-1", "How many single words agree, in whatever order."),
    "chrf": Metric("chrF++", "How well short runs of letters and words agree, from 0 to 100.", ".1f"),
    "number_precision": Metric(
        "Number precision", "Of the numbers in the answers, the share that stands in the true description."
    ),
    "invented_numbers": Metric(
        "Invented numbers",
        "Numbers and codes of an answer that stand nowhere in the catalogue entry; 0 is best.",
        ".2f",
    ),
    "cites": Metric("Cites its source", "The share of answers that name the product's own uid."),
    "stopped": Metric("Stopped by itself", "The share of answers that ended before the length limit."),
}
# In the order of the page: the products that show what the model cannot know come first.
SETS = {"unseen": "held out, never trained on", "seen": "trained on"}
SYSTEMS = {
    "base": "Base model",
    "tuned": "Tuned model",
    "base_with_source": "Base, reading the source",
    "tuned_with_source": "Tuned, reading the source",
    "extractive": "The source's own words",
}
CAPTIONS = {"scores": "Base against tuned, set by set.", "loss": "The loss while training, step by step."}


def marked(reference: str, answer: str) -> Markup:
    """Give `answer` as HTML, marking each word that does not follow `reference`, case and punctuation aside.

    A number that stands nowhere in `reference` is marked as invented.
    """
    from markupsafe import Markup

    pieces = PIECE.findall(answer)
    runs = groupby(zip(_kinds(reference, pieces), pieces, strict=True), key=lambda pair: pair[0])
    return Markup().join(Markup(TAGS[kind]).format("".join(text for _, text in run)) for kind, run in runs)


def verdict(scores: Mapping[str, Any]) -> str:
    """Say in words what the scores of seen and unseen products mean."""
    unseen = scores.get("unseen", {})
    return " ".join(filter(None, [_on_seen(scores.get("seen", {})), _on_unseen(unseen), _on_source(unseen)]))


def page(
    rows: Sequence[Mapping[str, Any]],
    scores: Mapping[str, Any],
    pictures: Mapping[str, str],
    about: Mapping[str, str],
) -> str:
    """Render the whole comparison as one HTML page that loads nothing from outside.

    `scores` holds set -> system -> metric -> value, `pictures` trusted SVG text; all other text is escaped.
    """
    return _template().render(
        rows=rows,
        scores=scores,
        pictures=pictures,
        about=about,
        verdict=verdict(scores),
        metrics=_metrics(scores),
        sets=_in_order((row["set"] for row in rows), SETS),
        labels={**SYSTEMS, **CAPTIONS},
        notes=SETS,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    source = files("amazon_ft").joinpath("comparison.html.jinja").read_text(encoding="utf-8")
    house = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return house.from_string(source, {"marked": marked, "shown": _shown, "difference": _difference, "bare": bare})


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
        return "No product of the training rows was asked, so nothing here shows what the model memorised."
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
    precision = tuned.get("number_precision")
    numbers = (
        "there, its answers state no numbers"
        if precision is None
        else f"there, {_percent(1 - precision)} of the numbers it states do not stand in the true description"
    )
    said = f"On the {_products(tuned['n'])} it never saw it gives {_percent(tuned['exact'])}: {numbers}."
    if tuned["exact"] >= SOME:
        return f"{said} So many word for word suggests that some of them were in the training rows after all."
    return said


def _on_source(unseen: Mapping[str, Any]) -> str:
    reading, quoting = unseen.get("tuned_with_source", {}), unseen.get("extractive", {})
    if not reading.get("n") or not quoting.get("n"):
        return ""
    return (
        f"With the catalogue entry to read it gives {_percent(reading['exact'])} word for word and invents "
        f"{reading['invented_numbers']:.1f} numbers an answer; the entry's own words, without any model, "
        f"are right in {_percent(quoting['exact'])} and invent {quoting['invented_numbers']:.1f}."
    )


def _products(number: int) -> str:
    return f"{number:,} product{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    whole = f"{share:.0%}"
    # 0% and 100% must mean none and all.
    return f"{min(max(share, 0.001), 0.999):.1%}" if whole in ("0%", "100%") and 0 < share < 1 else whole


def _metrics(scores: Mapping[str, Any]) -> dict[str, Metric]:
    every = [values for systems in scores.values() for values in systems.values()]
    names = _in_order((name for values in every for name in values if name != "n"), METRICS)
    return {name: METRICS.get(name, Metric(name, format="g")) for name in names}


def _in_order(names: Iterable[str], known: Iterable[str]) -> list[str]:
    given = list(dict.fromkeys(names))
    return [name for name in known if name in given] + [name for name in given if name not in known]


def _shown(metric: Metric, value: Any) -> str:
    if not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return f"{value:{metric.format}}"


def _difference(metric: Metric, base: Any, tuned: Any) -> str:
    if not isinstance(base, int | float) or not isinstance(tuned, int | float):
        return "–"
    change = f"{100 * (tuned - base):+.1f}" if "%" in metric.format else f"{tuned - base:+{metric.format}}"
    return change.replace("-", "\N{MINUS SIGN}")
