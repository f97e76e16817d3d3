"""A row of question, reasoning and answer beside its product, and what was decided, as HTML and in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from amazon_ft.comparison.marking import segments
from amazon_ft.evaluation.claims import STEPS, unknown
from amazon_ft.panel.language import Labels
from amazon_ft.panel.pieces import badge, box, folded, grid, mark, note, soft, text, whole
from amazon_ft.reasoning.authors import FIELDS, Decision
from amazon_ft.reasoning.reviews import Tally, as_it_stands, name
from amazon_ft.retrieval.quoting import facts

Row = Mapping[str, Any]

KINDS = {"accept": "good", "edit": "set", "reject": "warn"}
LETTERS = ("accept", "edit", "reject", "back", "skip")
EDIT_LETTERS = ("save", "cancel")


def draft(row: Row, decision: Decision | None, words: Labels) -> Markup:
    """Show a row as it stands, its numbers and codes checked against the product's entry, which stands beside it."""
    said = badge(words.decisions[decision.decision], KINDS[decision.decision]) if decision else Markup()
    row_name = Markup('<p class="aft-head">{}{}</p>').format(soft(words.row.format(name=name(row["key"]))), said)
    texts, entry = as_it_stands(row, decision), _entry(row)
    parts = [Markup("<h5>{}</h5>{}").format(field(each, words), _marked(texts[each], entry)) for each in FIELDS]
    before = _original(row, words) if any(texts[each] != row[each] for each in FIELDS) else Markup()
    boxes = grid([box("draft", *parts, before), _product(row, words)])
    return whole(words.lang, row_name, boxes, _legend(words))


def lines(row: Row, decision: Decision | None, words: Labels) -> list[str]:
    """Say a row as it stands in lines of text."""
    texts = as_it_stands(row, decision)
    said = [f"{field(each, words)}: {texts[each]}" for each in FIELDS]
    product = f"{words.product}: {row['title']} [{row['uid']}] {row['content']}"
    return [words.row.format(name=name(row["key"])), *said, product]


def field(of_row: str, words: Labels) -> str:
    """Say what a text of a row is called."""
    return dict(zip(FIELDS, (words.question, words.reasoning, words.response), strict=True))[of_row]


def progress(tally: Tally, words: Labels) -> str:
    """Say how many rows have a decision, and which."""
    return words.reviewed.format(
        decided=tally.decided,
        number=tally.number,
        accepted=tally.accepted,
        edited=tally.edited,
        rejected=tally.rejected,
    )


def refused(faults: Sequence[str], words: Labels) -> Markup:
    """Show why an edit was not saved: the rules speak English."""
    items = Markup().join(Markup("<li>{}</li>").format(fault) for fault in faults)
    shown = Markup('<div role="status" class="aft-note aft-warn"><p>{}</p><ul lang="en">{}</ul></div>')
    return whole(words.lang, shown.format(words.not_saved, items))


def closed(is_any: bool, words: Labels) -> Markup:
    """Say why there is no row to decide about."""
    return note(words.all_reviewed if is_any else words.nothing_to_review, "good" if is_any else "")


def letters(editing: bool, words: Labels) -> str:
    """Say which letters there are."""
    return words.edit_letters if editing else words.letters


def meant(said: str, editing: bool, words: Labels) -> str:
    """Tell what a letter, or the word on a button, means: "" if nothing; while one edits, those of an edit first."""
    orders = (EDIT_LETTERS, LETTERS) if editing else (LETTERS, EDIT_LETTERS)
    named = [(getattr(words, each), each) for order in orders for each in order]
    return next((each for label, each in named if said.casefold() in (label[0].casefold(), label.casefold())), "")


def _entry(row: Row) -> str:
    return "\n".join([row["title"], row["content"], row["uid"]])


def _marked(said: str, entry: str) -> Markup:
    invented = {fact.casefold() for fact in unknown(said, entry)}
    checked = {fact.text: fact.text.casefold() not in invented for fact in facts(STEPS.sub(" ", said), entry)}
    return text(Markup().join(mark(kind, part) for kind, part in segments("", said, checked)))


def _original(row: Row, words: Labels) -> Markup:
    parts = [Markup("<h5>{}</h5>{}").format(field(each, words), text(row[each])) for each in FIELDS]
    return folded(Markup().join(parts), words.original)


def _product(row: Row, words: Labels) -> Markup:
    head = Markup('<h5>{}: <span lang="">{}</span> {}</h5>')
    return box("source", head.format(words.product, row["title"], soft(f"[{row['uid']}]")), text(row["content"]))


def _legend(words: Labels) -> Markup:
    said = {"found": words.legend_found, "invented": words.legend_invented}
    each = Markup(" ").join(mark(kind, what) for kind, what in said.items())
    return Markup('<p class="aft-legend aft-soft">{}</p>').format(each)
