"""The whole comparison as one HTML page: a static head of scores, and a script that lists the products."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from amazon_ft.comparison.boards import board, contrasts, p
from amazon_ft.comparison.embedded import as_json, counted_as, embedded, encodable, identifiers, marked_answer
from amazon_ft.comparison.marking import html
from amazon_ft.comparison.metrics import METRICS, metric
from amazon_ft.comparison.names import SETS, SYSTEMS, in_order, named
from amazon_ft.comparison.verdict import findings

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

CAPTIONS = {
    "scores": "Base against tuned, set by set; a difference marked ≈ may be chance.",
    "seen_unseen": "What climbs from unseen to seen was memorised.",
    "loss": "The loss while training, step by step.",
    "lengths": "How long the answers are beside the true descriptions.",
    "copied": "How much of the answers stands verbatim in the true descriptions.",
}


@dataclass(frozen=True)
class Failure:
    """Hold an answer that failed, and why."""

    id: str
    title: str
    set: str
    system: str
    why: Sequence[str]
    reference: str
    answer: Markup


def page(
    rows: Sequence[Mapping[str, Any]],
    scores: Mapping[str, Any],
    intervals: Mapping[str, Any] | None,
    failures: Sequence[Mapping[str, Any]],
    pictures: Mapping[str, str],
    about: Mapping[str, str],
    votes: Mapping[str, Any] | None = None,
) -> str:
    """Render the whole comparison as one HTML page that loads nothing from outside.

    `scores` holds set -> system -> metric -> value, `failures` the place of a row, its system and why it failed,
    `votes` base, tuned, tie and p; `pictures` is trusted SVG text, and all other text is escaped.
    """
    from markupsafe import Markup

    known = intervals or {}
    script = _part("page.js")
    made = _template().render(
        findings=findings(scores, known),
        boards=[board(name, scores[name], known) for name in in_order(scores, SETS)],
        contrasts=contrasts(known),
        intervals=known,
        pictures={_caption(name): Markup(svg) for name, svg in pictures.items()},
        failures=[_failure(failure, rows, name) for failure, name in _with_names(failures, rows)],
        meanings=_meanings(scores),
        systems=_systems(rows, scores),
        about=about,
        votes=votes,
        p=p(votes["p"]) if votes else "",
        number=len(rows),
        noun=counted_as(rows),
        data=Markup(as_json(embedded(rows))),
        style=Markup(_part("page.css")),
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )
    return encodable(made)


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    house = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return house.from_string(_part("page.html.jinja"))


@lru_cache
def _part(name: str) -> str:
    return files("amazon_ft.comparison").joinpath(name).read_text(encoding="utf-8")


def _with_names(
    failures: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], str]]:
    names = identifiers(rows)
    return [(failure, names[failure["row"]]) for failure in failures]


def _failure(failure: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], identifier: str) -> Failure:
    row = rows[failure["row"]]
    return Failure(
        id=identifier,
        title=row["title"] or row["question"],
        set=named(row["set"], SETS).label.en,
        system=named(failure["system"], SYSTEMS).label.en,
        why=failure["why"],
        reference=row["reference"],
        answer=html(marked_answer(row, row[failure["system"]])),
    )


def _meanings(scores: Mapping[str, Any]) -> dict[str, str]:
    keys = {key for systems in scores.values() for values in systems.values() for key in values if key != "n"}
    return {metric(key).label.en: metric(key).meaning.en for key in METRICS if key in keys}


def _systems(rows: Sequence[Mapping[str, Any]], scores: Mapping[str, Any]) -> dict[str, str]:
    used = {name for systems in scores.values() for name in systems} | {name for row in rows for name in row}
    return {name.label.en: name.meaning.en for key, name in SYSTEMS.items() if key in used}


def _caption(name: str) -> str:
    return CAPTIONS.get(name, name.replace("_", " ").capitalize())
