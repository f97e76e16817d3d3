"""The panel without widgets: look, find, vote blindly, review, each by a call whose result a notebook shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from amazon_ft.comparison.embedded import systems
from amazon_ft.display import Shown
from amazon_ft.files import InputError
from amazon_ft.panel import ballots, cards, drafts, labels
from amazon_ft.panel.choosing import find
from amazon_ft.panel.pieces import note, said, soft, style, whole
from amazon_ft.panel.votes import TIE, Votes, votable
from amazon_ft.reasoning import reviews as kept
from amazon_ft.reasoning.authors import FIELDS
from amazon_ft.reasoning.reviews import EDIT, NUMBER, Reviews

__all__ = ["cast", "decide", "find", "next_pair", "next_row", "show"]

Row = Mapping[str, Any]


def show(row: Row, language: str = "en") -> Shown:
    """Show a row: all answers side by side, the source, the true description."""
    words = labels.of(language)
    answers = [f"{words.system(name)}: {row[name]['text']}" for name in systems(row)]
    truth = f"{words.true}: {row['reference']}"
    return _shown(cards.card(row, language), [f"{words.asked} {row['question']}", truth, *answers])


def next_pair(rows: Sequence[Row], votes: Votes, language: str = "en") -> Shown:
    """Show the next pair without a vote as A and B, with its name; `cast` votes on the pair of that name."""
    words = labels.of(language)
    keys = votable(rows, votes.systems)
    left = votes.left(keys)
    if not left:
        none = words.all_voted if keys else words.nothing_to_vote
        return _shown(said(words.lang, none) + ballots.tallied(votes.tally(keys), language), [none])
    row, sides = keys[left[0]], votes.sides(left[0])
    texts = [f"{name}: {row[system]['text']}" for name, system in zip(ballots.SIDES.values(), sides, strict=True)]
    name = words.pair.format(name=votes.name(left[0]))
    html = ballots.blind(row, sides, language) + whole(words.lang, soft(name))
    return _shown(html, [name, f"{words.asked} {row['question']}", *texts])


def cast(rows: Sequence[Row], votes: Votes, pair: str, choice: str, language: str = "en") -> Shown:
    """Vote "A", "B" or "tie" on the pair that `next_pair` showed by this name; show which was which and the tally.

    Raises InputError for another choice, and for a pair that does not exist or has a vote.
    """
    sides = {name.casefold(): side for side, name in ballots.SIDES.items()} | {TIE: TIE}
    known = votable(rows, votes.systems)
    keys = {votes.name(key): key for key in known}
    if pair not in keys:
        raise InputError(f"there is no pair {pair!r} to vote on: take the name that next_pair shows.")
    if keys[pair] in votes.read():
        raise InputError(f"pair {pair} has a vote: take the one that next_pair shows now.")
    if choice.casefold() not in sides:
        raise InputError(f"a vote is A, B or tie, not {choice!r}: vote again.")
    vote = votes.cast(keys[pair], sides[choice.casefold()])
    words, tally = labels.of(language), votes.tally(known)
    lines = [ballots.outcome(vote, words), ballots.counts(tally, words), ballots.tested(tally, words)]
    return _shown(ballots.revealed(known[keys[pair]], vote, tally, language), lines)


def next_row(rows: Sequence[Row], reviews: Reviews, number: int = NUMBER, language: str = "en") -> Shown:
    """Show the next of so many rows drawn for review, with its name; `decide` decides about the row of that name."""
    words, chosen = labels.of(language), reviews.chosen(rows, number)
    so_far, left = drafts.progress(reviews.tally(chosen), words), reviews.left(chosen)
    if not left:
        none = words.all_decided if chosen else words.nothing_to_review
        return _shown(said(words.lang, none) + whole(words.lang, soft(so_far)), [none, so_far])
    html = drafts.draft(left[0], None, words) + whole(words.lang, soft(so_far))
    return _shown(html, [*drafts.lines(left[0], None, words), so_far])


def decide(
    rows: Sequence[Row],
    reviews: Reviews,
    row: str,
    decision: str = "",
    *,
    edit: Mapping[str, str] | None = None,
    faults: Callable[[Mapping[str, str], Row], list[str]] | None = None,
    done: Callable[[], object] | None = None,
    language: str = "en",
) -> Shown:
    """Decide "accept" or "reject", or `edit` texts by name, about the row that `next_row` showed by this name.

    It may have a decision: the last one counts. `done` is called afterwards.
    Raises InputError for another decision, for no such row, and for an edit in which `faults` finds some.
    """
    words, found = labels.of(language), kept.find(rows, row)
    if (edit is None) == (not decision or decision == EDIT):
        raise InputError(f'decide "accept" or "reject", or give edit={{"{FIELDS[-1]}": ...}}: one of the three.')
    if edit is not None and faults is not None:
        _refuse(faults(reviews.edited(found, edit), found))
    decided = reviews.judge(found, decision or EDIT, edit)
    if done is not None:
        done()
    what = words.decisions[decided.decision]
    html = whole(words.lang, note(what, drafts.KINDS[decided.decision])) + drafts.draft(found, decided, words)
    return _shown(html, [what, *drafts.lines(found, decided, words)])


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise InputError(f"this edit is not saved, as the rules would turn it down ({'; '.join(faults)}): edit again.")


def _shown(html: Markup, lines: Sequence[str]) -> Shown:
    return Shown(str(style("cards") + html), "\n".join(lines))
