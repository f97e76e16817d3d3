"""A card shows what is there, escaped, in two languages; a ballot gives nothing away."""

from __future__ import annotations

import re
from dataclasses import fields
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import comparing
import pytest
from markupsafe import Markup

from amazon_ft.comparison.names import SYSTEMS
from amazon_ft.files import InputError
from amazon_ft.panel import ballots, cards, choosing, labels, pieces, plain
from amazon_ft.panel.hearing import EVERY, Hearing, OneAtATime
from amazon_ft.panel.votes import Tally, Votes, votable

ROWS = comparing.rows(60, seed=3)
TAGS = {"div", "p", "span", "section", "h4", "h5", "mark", "details", "summary", "strong"}


class Read(HTMLParser):
    """Read HTML: its tags, its text, the text in marks by kind; complain where tags do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.words, self.marks, self._open = set[str](), list[str](), list[tuple[str, str]](), list[str]()
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._open.append(tag)
        assert all(name in ("class", "role", "style", "aria-hidden", "lang") for name, _ in attrs)
        if tag == "mark":
            self.marks.append((str(dict(attrs)["class"]), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._open and self._open[-1] == "mark":
            self.marks[-1] = (self.marks[-1][0], data)

    @property
    def text(self) -> str:
        return "".join(self.words)


def row(**changes: Any) -> dict[str, Any]:
    """Give a plain row of the unseen set."""
    answer = {"uid": "B1", "title": "Mug, 12 oz", "score": 0.9, "quote": None, "facts": [], "whole": True}
    answer |= {"tokens": 34, "seconds": 2.0, "stopped": True, "reasoning": "", "measures": {}}
    base = {
        "set": "unseen",
        "source": "B1",
        "title": "Mug, 12 oz",
        "question": "What is it?",
        "reference": "A mug of 12 oz. Blue.",
        "content": "A mug of 12 oz. Blue.",
        "retrieval": {"kind": "found", "score": 0.9},
    }
    systems = {name: {**answer, "cell": name, "text": f"Said by {name}"} for name in comparing.SYSTEMS}
    return base | systems | changes


def with_answer(system: str, **changes: Any) -> dict[str, Any]:
    return row(**{system: row()[system] | changes})


@pytest.mark.parametrize("language", ["en", "pt"])
def test_every_text_of_every_row_is_there_and_nothing_but_text(language: str) -> None:
    for one in ROWS:
        read = Read(str(cards.card(one, language)))
        assert read.tags <= TAGS
        for system in comparing.answers(one):
            assert one[system]["text"] in read.text
            assert one[system]["reasoning"] in read.text
        assert one["title"] in read.text
        assert one["question"] in read.text
        assert one["reference"] in read.text


@pytest.mark.parametrize("nasty", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt; $x^2$"])
def test_what_would_like_to_be_code_stays_text(nasty: str) -> None:
    one = row(title=nasty, question=nasty, reference=nasty, content=nasty, source=nasty, set=nasty)
    for system in comparing.SYSTEMS:
        one[system] = one[system] | {"text": nasty, "reasoning": nasty, "title": nasty, "uid": nasty}
        one[system] |= {"facts": [{"text": nasty, "in_source": False}], "quote": {"text": nasty, "start": 0, "end": 5}}
    vote = {"left": "base", "right": "tuned", "choice": "tie"}
    for html in (
        cards.card(one, why=[nasty]),
        cards.coming(nasty, {"base": nasty, "tuned": None}),
        ballots.blind(one, ("tuned", "base")),
        ballots.revealed(one, vote, Tally(1, 2, 3, 1.0)),
        pieces.said("en", nasty),
        pieces.listed("en", nasty, [nasty]),
    ):
        read = Read(str(html))
        assert read.tags <= TAGS | {"ul", "li", "code"}
        assert nasty in read.text


def test_words_are_marked_by_truth_and_numbers_by_source() -> None:
    facts = [{"text": "12", "in_source": True}, {"text": "99", "in_source": False}]
    one = with_answer("tuned", text="A mug of 12 oz and 99 parts. Green.", facts=facts)
    html = str(cards.card(one))
    assert '<mark class="aft-found">12</mark>' in html
    assert '<mark class="aft-invented">99</mark>' in html
    assert re.search(r'<mark class="aft-differs">[^<]*Green', html)
    assert "mug</mark>" not in html


def test_a_number_is_marked_as_it_was_checked_and_not_by_the_title_of_another_product() -> None:
    facts = [{"text": "77", "in_source": False}]
    one = with_answer("wrong_product", text="It has 77 parts.", title="Rake of 77 parts", facts=facts)
    assert '<mark class="aft-invented">77</mark>' in str(cards.card(one))


def test_a_quote_of_another_text_is_not_marked_in_the_entry() -> None:
    quote = {"text": "an oar", "start": 2, "end": 8}
    shown = str(cards.card(with_answer("tuned_with_source", quote=quote))).split('<p class="aft-legend')[0]
    assert "aft-quote" not in shown
    assert "“an oar”" in shown


def test_without_a_source_no_number_is_called_invented() -> None:
    facts = [{"text": "99", "in_source": False}]
    one = with_answer("tuned", text="It has 99 parts.", facts=facts) | {"content": "", "reference": "", "source": ""}
    shown = str(cards.card(one)).split('<p class="aft-legend')[0]
    assert "<mark" not in shown
    assert "not in the source" not in shown


def test_a_general_question_is_right_or_wrong_and_not_compared_word_by_word() -> None:
    one = with_answer("tuned", text="It is Paris, 75.", measures={"right": [1, 1]})
    one |= {"set": "general", "reference": "Paris", "content": "", "title": "", "source": ""}
    one["base"] |= {"measures": {"right": [0, 1]}}
    shown = str(cards.card(one)).split('<p class="aft-legend')[0]
    assert "<mark" not in shown
    assert labels.EN.right in shown
    assert labels.EN.wrong in shown
    assert labels.EN.accepted in shown
    assert labels.EN.absent not in str(cards.card(one | {"retrieval": {"kind": "absent", "score": 0.0}}))


@pytest.mark.parametrize(
    ("change", "badge"),
    [
        ({"text": "A mug of 12 oz.\n Blue."}, "✓ word for word"),
        ({"stopped": False}, "cut: did not stop by itself"),
        ({"stopped": True}, "stopped by itself"),
        ({"tokens": 1000}, "1000 tokens, 500 tokens/s"),
        ({"measures": {"copied": [0.5, 1]}}, "50% copied"),
        ({"facts": [{"text": "7", "in_source": False}, {"text": "12", "in_source": True}]}, "not in the source: 7<"),
    ],
)
def test_badges(change: dict[str, Any], badge: str) -> None:
    assert badge in str(cards.card(with_answer("tuned", **change)))
    if change != {"stopped": True}:
        assert badge not in str(cards.card(row()))


@pytest.mark.parametrize(("language", "said"), [("en", "ended by the user"), ("pt", "encerrada pelo usuário")])
def test_an_answer_that_the_user_ended_is_not_called_cut(language: str, said: str) -> None:
    words, cut = labels.of(language), with_answer("tuned", stopped=False)
    assert said not in str(cards.card(cut, language))
    shown = str(cards.card(cut | {"ended": True}, language))
    assert shown.count(said) == 1
    assert words.cut not in shown


def test_portuguese_writes_numbers_with_a_comma() -> None:
    assert "34 tokens, 17,0 tokens/s" in str(cards.card(row(), "pt"))
    assert "compatibilidade do título: 90%" in str(cards.card(row(), "pt"))
    assert "p = 0,73. Uma" in str(ballots.tallied(Tally(3, 5, 1, 0.7266), "pt"))
    assert "p &lt; 0,001. Uma" in str(ballots.tallied(Tally(0, 20, 0, 1.9e-6), "pt"))
    assert labels.PT.fill(labels.PT.done, seconds=1.25) == "Respondido em 1,2 s."
    assert labels.EN.fill(labels.EN.done, seconds=1.25) == "Answered in 1.2 s."


def test_what_the_panel_says_has_its_language_and_what_models_say_has_none() -> None:
    for language, lang in (("en", "en"), ("pt", "pt-BR")):
        html = str(cards.card(row(), language))
        assert html.startswith(f'<div class="aft tex2jax_ignore mathjax_ignore" lang="{lang}">')
        assert '<div class="aft-said" lang="">Said by' in re.sub("</?mark[^>]*>", "", html)


def test_speed_source_quote_and_reasoning_are_shown() -> None:
    quote = {"text": "12 oz", "start": 9, "end": 14}
    one = with_answer("tuned_with_source", quote=quote, reasoning="I recall.", whole=False)
    html = str(cards.card(one))
    assert "34 tokens, 17.0 tokens/s" in html
    assert 'A mug of <mark class="aft-quote">12 oz</mark>. Blue.' in html
    assert "Mug, 12 oz [B1]" in html
    assert "title match 90%" in html
    assert '<summary>Reasoning</summary><div class="aft-said aft-long" lang="">I recall.</div></details>' in html
    assert labels.EN.passages in html
    assert labels.EN.passages not in str(cards.card(row()))


def test_the_truth_stands_apart_where_it_is_not_the_entry() -> None:
    assert labels.EN.entry_true in str(cards.card(row()))
    other = str(cards.card(row(content="Quite another entry.")))
    assert labels.EN.entry_true not in other
    assert f"<h5>{labels.EN.true}</h5>" in other


def test_baselines_are_folded_away() -> None:
    before, folded = str(cards.card(row())).split(f"<summary>{labels.EN.others}</summary>")
    before, folded = (re.sub("</?mark[^>]*>", "", half) for half in (before, folded))
    assert [name for name in comparing.SYSTEMS if f"Said by {name}<" in before] == list(comparing.MODELS)
    assert [name for name in comparing.SYSTEMS if f"Said by {name}<" in folded] == list(comparing.SYSTEMS[4:])


@pytest.mark.parametrize(("kind", "said"), [("absent", labels.EN.absent), ("ambiguous", labels.EN.ambiguous)])
def test_a_product_that_was_not_found_is_said(kind: str, said: str) -> None:
    assert said in Read(str(cards.card(row(set="own", retrieval={"kind": kind, "score": 0.2})))).text
    assert said not in Read(str(cards.card(row()))).text


def test_a_stopped_row_without_all_systems_is_shown() -> None:
    one = {name: value for name, value in row().items() if name not in comparing.SYSTEMS[1:]}
    assert "Said by base" in Read(str(cards.card(one))).text


def test_answers_that_come_are_shown_as_far_as_they_are() -> None:
    html = str(cards.coming("Why?", {"base": "Because", "tuned": None}, "pt"))
    assert "Because▍" in html
    assert "aguardando" in html
    assert "Modelo ajustado" in html


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_ballot_gives_nothing_away(language: str) -> None:
    words = labels.of(language)
    for one in ROWS:
        if "tuned" not in one:
            continue
        quiet = one | {side: one[side] | {"text": f"answer {n}"} for n, side in enumerate(("tuned", "base"))}
        quiet |= {"title": "T", "question": "Q", "reference": "R"}
        html = str(ballots.blind(quiet, ("tuned", "base"), language))
        shown = html.replace(words.blind_help, "").casefold()
        hidden = [*SYSTEMS, *(words.system(name) for name in SYSTEMS), words.set_(one["set"])]
        assert not [name for name in hidden if name.casefold() in shown]
        swapped = str(ballots.blind(quiet, ("base", "tuned"), language))
        assert swapped == html.replace("answer 0", "∎").replace("answer 1", "answer 0").replace("∎", "answer 1")
        assert "aft-badge" not in html
        assert "token" not in shown


def test_the_sides_of_a_ballot_are_kept() -> None:
    read = Read(str(ballots.blind(row(), ("tuned", "base")))).text
    assert read.index("A") < read.index("Said by tuned") < read.index("Said by base")


def test_the_outcome_names_both_sides_and_the_choice() -> None:
    vote = {"left": "tuned", "right": "base", "choice": "base"}
    assert "Tuned 1 · Base 0" in str(ballots.revealed(row(), vote, Tally(0, 1, 0, 1.0)))
    read = Read(str(ballots.revealed(row(), vote, Tally(0, 1, 0, 1.0)))).text
    assert "A was: Tuned model. B was: Base model. You chose: Base model." in read
    assert (
        "Você declarou empate."
        in Read(str(ballots.revealed(row(), vote | {"choice": "tie"}, Tally(0, 0, 1, 1.0), "pt"))).text
    )


@pytest.mark.parametrize(
    ("tally", "said"),
    [
        (Tally(0, 0, 0, 1.0), "No votes yet."),
        (Tally(3, 5, 1, 0.7266), "Tuned 5 · Base 3 · Tie 1Sign test: p = 0.73. So uneven a split would not be unusual"),
        (Tally(1, 9, 0, 0.0215), "p = 0.021. So uneven a split would be rare"),
        (Tally(0, 20, 0, 1.9e-6), "p < 0.001."),
    ],
)
def test_the_tally_is_worded(tally: Tally, said: str) -> None:
    assert said in Read(str(ballots.tallied(tally))).text


def test_both_languages_say_everything() -> None:
    same = {"speed", "tokens"}
    for field in fields(labels.Labels):
        en, pt = getattr(labels.EN, field.name), getattr(labels.PT, field.name)
        assert type(en) is type(pt)
        assert pt
        if isinstance(en, str):
            assert re.findall(r"{\w+", en) == re.findall(r"{\w+", pt) or field.name == "tally", field.name
            assert en != pt or field.name in same, field.name
        else:
            assert list(en) == list(pt)
    with pytest.raises(InputError, match="speaks en and pt, not 'de'"):
        labels.of("de")


def test_every_class_of_a_card_has_its_style() -> None:
    styled = set(re.findall(r"\.(aft[\w-]*)", str(pieces.style("cards"))))
    vote = {"left": "tuned", "right": "base", "choice": "base"}
    shown = "".join(str(cards.card(one, why=["x"])) for one in ROWS) + ballots.tallied(Tally(1, 1, 1, 1.0))
    shown += ballots.revealed(row(), vote, Tally(0, 1, 0, 1.0)) + ballots.blind(row(), ("base", "tuned"))
    used = {name for classes in re.findall(r'class="([^"]*)"', shown) for name in classes.split()}
    plain_kinds = {"aft-base", "aft-extractive", "aft-nearest_title", "aft-wrong_product"}
    assert {name for name in used if name.startswith("aft")} - styled <= plain_kinds


def test_without_widgets_one_looks_and_finds() -> None:
    one = plain.find(ROWS, 3)
    assert one is ROWS[2]
    shown = plain.show(one, "pt")
    assert one["tuned"]["text"] in repr(shown)
    assert "Modelo ajustado: " in repr(shown)
    assert "<style>" in shown._repr_html_()
    words = ROWS[20]["title"].split()
    assert plain.find(ROWS, f"{words[1]} {words[0]}".upper())["title"].split()[:2] == words[:2]
    accented = row(title="Crème brûlée dish", source="B77")
    assert plain.find([*ROWS, accented], "CREME brulee") is accented
    assert plain.find([*ROWS, row(title="Creme dish")], "crème DISH")["title"] == "Creme dish"
    for wanted in (0, len(ROWS) + 1, "no such thing at all", "", " "):
        with pytest.raises(InputError, match=r"there is no row|no row holds"):
            plain.find(ROWS, wanted)


def test_without_widgets_one_votes(tmp_path: Any) -> None:
    votes = Votes(tmp_path / "votes.jsonl")
    some = [dict(one) for one in votable(ROWS).values()][:3]
    for number, choice in enumerate(("A", "b", "Tie"), 1):
        shown, pair = repr(plain.next_pair(some, votes)), next_name(some, votes)
        assert not re.search("tuned|base|seen", shown, re.IGNORECASE)
        first = votes.left(votable(some))[0]
        after = repr(plain.cast(some, votes, pair, choice))
        assert votes.read()[first]["choice"] == [*votes.sides(first), "tie"][number - 1]
        assert "A was: " in after
        assert votes.tally().cast == number
    assert labels.EN.all_voted in repr(plain.next_pair(some, votes))
    assert labels.PT.nothing_to_vote in repr(plain.next_pair([], votes, "pt"))
    with pytest.raises(InputError, match=f"pair {pair} has a vote: take the one that next_pair shows now"):
        plain.cast(some, votes, pair, "A")
    with pytest.raises(InputError, match="there is no pair 'A' to vote on"):
        plain.cast(some, votes, "A", "A")
    with pytest.raises(InputError, match="a vote is A, B or tie, not 'base'"):
        plain.cast(ROWS, votes, next_name(ROWS, votes), "base")


def next_name(rows: list[dict[str, Any]], votes: Votes) -> str:
    shown = plain.next_pair(rows, votes)
    [name] = re.findall(r"Pair ([0-9a-f]{8})\b", repr(shown))
    assert f"Pair {name}" in shown.html
    return str(name)


def test_without_widgets_one_votes_on_the_pair_that_was_seen(tmp_path: Any) -> None:
    here, there = Votes(tmp_path / "votes.jsonl"), Votes(tmp_path / "votes.jsonl")
    pair, seen = next_name(ROWS, here), here.left(votable(ROWS))[0]
    plain.cast(ROWS, there, next_name(ROWS, there), "A")
    with pytest.raises(InputError, match="has a vote"):
        plain.cast(ROWS, here, pair, "B")
    assert list(here.read()) == [seen]


def test_rows_are_counted_ordered_and_named() -> None:
    found = choosing.sets(ROWS)
    assert list(found) == ["unseen", "variant", "seen", "general", "own"]
    assert sum(found.values()) == len(ROWS)
    assert [ROWS[place]["set"] for place in choosing.of_set(ROWS, "seen")] == ["seen"] * found["seen"]
    assert choosing.of_set(ROWS) == list(range(len(ROWS)))
    failed = choosing.worst(ROWS, "en")
    assert failed
    assert all(failed.values())
    places = choosing.worst_first(choosing.of_set(ROWS, "unseen"), failed)
    assert sorted(places) == choosing.of_set(ROWS, "unseen")
    worst = [place for place in failed if place in places]
    assert places[: len(worst)] == worst
    assert choosing.name(row(title="x" * 200)).endswith("…")
    assert choosing.name(row(title="", question="Why?\nNow")) == "Why? Now"


def test_what_is_heard_is_shown_ten_times_a_second_at_most() -> None:
    now, shown = [0.0], list[float]()
    hearing = Hearing(lambda: shown.append(now[0]), lambda: now[0])
    for tick in range(1000):
        now[0] = tick * 0.004
        assert hearing.heard("tuned", "word " * tick, tick + 1) is False
    assert 38 <= len(shown) <= 41
    assert min(later - sooner for sooner, later in pairwise(shown)) >= EVERY - 1e-9
    assert hearing.so_far["tuned"].tokens == 1000
    assert hearing.so_far["tuned"].rate == pytest.approx(250)
    hearing.stop()
    assert hearing.heard("tuned", "word", 1) is True


def test_an_answer_that_comes_at_once_has_no_speed_yet() -> None:
    hearing = Hearing(lambda: None, lambda: 1.0)
    hearing.heard("base", "all of it", 30)
    assert hearing.so_far["base"].rate == 0


def test_work_is_done_one_at_a_time() -> None:
    from threading import Event

    work, gate = OneAtATime(), Event()
    assert work.wait(0)
    assert work.start(gate.wait)
    assert work.busy
    assert not work.start(lambda: None)
    assert not work.wait(0.01)
    gate.set()
    assert work.wait(5)
    assert work.start(lambda: None)


def test_markup_is_never_escaped_twice() -> None:
    assert "&lt;h5" not in str(cards.card(row()))
    assert isinstance(cards.card(row()), Markup)
