"""A pair of answers before the vote and after it, and the votes so far, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from amazon_ft.panel import cards, labels
from amazon_ft.panel.language import Labels
from amazon_ft.panel.pieces import box, folded, grid, note, soft, text, whole
from amazon_ft.panel.votes import TIE, Tally

Row = Mapping[str, Any]

SIDES = {"left": "A", "right": "B"}
RARE = 0.05  # p of the sign test below which a split is called rare
SMALLEST = 0.001  # p below which only that is said


def blind(row: Row, sides: Sequence[str], language: str = "en") -> Markup:
    """Show the answers of two systems as A and B, and nothing that tells which is which or how the row was chosen."""
    words = labels.of(language)
    boxes = [
        box("", Markup("<h5>{}</h5>").format(name), cards.answer_text(row[system]["text"], words, "big"))
        for name, system in zip(SIDES.values(), sides, strict=True)
    ]
    truth = folded(text(row["reference"]), cards.truth_name(row, words)) if row["reference"] else Markup()
    asked = cards.asked(row["question"], row["title"], words)
    return whole(words.lang, asked, note(words.blind_help), grid(boxes), truth)


def outcome(vote: Mapping[str, str], words: Labels) -> str:
    """Say which side was which system, and what was chosen."""
    was = [words.was.format(side=name, system=words.system(vote[side])) for side, name in SIDES.items()]
    tie = vote["choice"] == TIE
    return " ".join([*was, words.chose_tie if tie else words.chose.format(system=words.system(vote["choice"]))])


def revealed(row: Row, vote: Mapping[str, str], tally: Tally, language: str = "en") -> Markup:
    """Show a row that was voted on: the outcome, the votes so far, and all that was hidden."""
    words = labels.of(language)
    said = note(outcome(vote, words), "good")
    return whole(words.lang, said, tallied(tally, language), cards.card(row, language))


def tallied(tally: Tally, language: str = "en") -> Markup:
    """Show the votes so far as a bar and in words, with the sign test."""
    words = labels.of(language)
    if not tally.cast:
        return whole(words.lang, Markup("<p>{}</p>").format(soft(words.no_votes)))
    parts = {"tuned": tally.tuned, "tie": tally.tie, "base": tally.base}
    each = (Markup('<span class="aft-{}" style="flex:{}"></span>').format(*part) for part in parts.items() if part[1])
    bar = Markup('<div class="aft-votes" aria-hidden="true">{}</div>').format(Markup().join(each))
    shown = Markup("<p><strong>{}</strong></p>{}<p>{}</p>").format(counts(tally, words), bar, tested(tally, words))
    return whole(words.lang, shown)


def counts(tally: Tally, words: Labels) -> str:
    """Say how many votes each side has."""
    return words.tally.format(tuned=tally.tuned, base=tally.base, tie=tally.tie)


def tested(tally: Tally, words: Labels) -> str:
    """Say what the sign test makes of the votes."""
    said = words.beyond_chance if tally.p < RARE else words.chance
    digits = "= {p:.3f}" if tally.p < RARE else "= {p:.2f}"
    return said.format(p=words.fill("< {p}" if tally.p < SMALLEST else digits, p=max(tally.p, SMALLEST)))
