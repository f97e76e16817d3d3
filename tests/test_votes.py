"""Votes are blind, are on disk before the next one, and outlive a kill in the middle of a write."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import comparing
import pytest

from amazon_ft.files import InputError
from amazon_ft.panel.votes import FIELDS, Tally, Votes, key, votable

KEYS = [f"unseen B{number:03d} abc" for number in range(400)]


@pytest.fixture
def votes(tmp_path: Path) -> Votes:
    return Votes(tmp_path / "run" / "votes.jsonl")


def side_of(votes: Votes, key: str, system: str) -> str:
    return ("left", "right")[votes.sides(key).index(system)]


def test_sides_are_drawn_for_each_key_and_stay(votes: Votes) -> None:
    sides = [votes.sides(one) for one in KEYS]
    assert {frozenset(pair) for pair in sides} == {frozenset({"base", "tuned"})}
    assert 150 < sum(left == "base" for left, _ in sides) < 250
    assert [Votes(votes.path).sides(one) for one in KEYS] == sides
    assert [replace(votes, seed=1).sides(one) for one in KEYS] != sides


def test_the_order_tells_nothing_and_stays(votes: Votes) -> None:
    order = votes.shuffled(KEYS)
    assert sorted(order) == KEYS != order
    assert votes.shuffled(reversed(KEYS)) == order
    places = [order.index(key) for key in KEYS[:200]]
    assert 150 < sum(places) / len(places) < 250


def test_the_side_does_not_follow_from_the_order(votes: Votes) -> None:
    first = [votes.sides(key)[0] for key in votes.shuffled(KEYS)[:200]]
    assert 70 < first.count("base") < 130


def test_a_vote_is_one_line_with_the_names_behind_the_sides(votes: Votes) -> None:
    given = votes.cast(KEYS[0], side_of(votes, KEYS[0], "tuned"))
    votes.cast(KEYS[1], "tie")
    lines = [json.loads(line) for line in votes.path.read_text().splitlines()]
    assert lines[0] == given
    assert [tuple(line) for line in lines] == [FIELDS, FIELDS]
    assert [line["choice"] for line in lines] == ["tuned", "tie"]
    assert (given["left"], given["right"]) == votes.sides(KEYS[0])


def test_each_side_is_counted_for_the_system_that_stood_there(votes: Votes) -> None:
    for one in KEYS[:9]:
        votes.cast(one, side_of(votes, one, "tuned"))
    votes.cast(KEYS[9], side_of(votes, KEYS[9], "base"))
    votes.cast(KEYS[10], "tie")
    assert votes.tally() == Tally(base=1, tuned=9, tie=1, p=pytest.approx(22 / 1024))
    assert votes.tally().cast == 11


def test_only_the_votes_on_what_is_votable_now_are_counted(votes: Votes) -> None:
    rows = comparing.rows(20)
    known = votable(rows)
    for one in known:
        votes.cast(one, side_of(votes, one, "tuned"))
    again = [row | {"tuned": row["tuned"] | {"text": f"{row['tuned']['text']} again"}} for row in rows[:5]]
    left = votable([*again, *rows[5:]])
    assert votes.tally(left).tuned == len(known.keys() & left.keys()) < votes.tally().tuned == len(known)
    assert votes.tally([]).cast == 0


def test_the_name_of_a_pair_tells_nothing_and_stays(votes: Votes) -> None:
    names = [votes.name(one) for one in KEYS]
    assert len(set(names)) == len(KEYS)
    assert [Votes(votes.path).name(one) for one in KEYS] == names


def test_what_the_user_asked_is_not_voted_on() -> None:
    rows = comparing.rows(20)
    known = votable(rows)
    assert known
    assert all(row["set"] != "own" for row in known.values())
    assert votable([row | {"set": "own", "ended": True} for row in rows]) == {}


def test_no_votes_are_no_evidence(votes: Votes) -> None:
    assert votes.tally() == Tally(0, 0, 0, 1.0)


def test_the_last_vote_for_a_key_wins(votes: Votes) -> None:
    votes.cast(KEYS[0], side_of(votes, KEYS[0], "base"))
    votes.cast(KEYS[0], side_of(votes, KEYS[0], "tuned"))
    assert (votes.tally().base, votes.tally().tuned) == (0, 1)


def test_what_was_voted_on_does_not_come_again(votes: Votes) -> None:
    first = votes.left(KEYS)[0]
    votes.cast(first, "tie")
    assert Votes(votes.path).left(KEYS) == [key for key in votes.shuffled(KEYS) if key != first]


@pytest.mark.parametrize("torn", range(1, 90, 8))
def test_a_vote_torn_by_a_kill_is_as_if_it_had_not_been(votes: Votes, torn: int) -> None:
    votes.cast(KEYS[0], "left")
    whole = votes.path.read_bytes()
    votes.cast(KEYS[1], "right")
    votes.path.write_bytes(votes.path.read_bytes()[: len(whole) + torn])
    assert list(votes.read()) == [KEYS[0]]
    votes.cast(KEYS[2], "tie")
    assert list(votes.read()) == [KEYS[0], KEYS[2]]
    assert votes.path.read_bytes().startswith(whole)


def test_a_file_with_something_else_in_it_is_refused_in_a_sentence(votes: Votes) -> None:
    votes.cast(KEYS[0], "left")
    with votes.path.open("a") as file:
        file.write('{"key": 7}\n')
    with pytest.raises(InputError, match=r"line 2 of .*votes\.jsonl is no vote: mend it, or move the file away\."):
        votes.tally()


def test_another_side_is_refused(votes: Votes) -> None:
    with pytest.raises(InputError, match="a vote is left, right or tie, not 'base'"):
        votes.cast(KEYS[0], "base")
    assert not votes.path.exists()


def test_votes_on_other_systems_are_counted_apart(votes: Votes) -> None:
    reading = replace(votes, systems=("base_with_source", "tuned_with_source"))
    votes.cast(KEYS[0], side_of(votes, KEYS[0], "base"))
    reading.cast(KEYS[0], side_of(reading, KEYS[0], "tuned_with_source"))
    assert (votes.tally().base, votes.tally().tuned) == (1, 0)
    assert (reading.tally().base, reading.tally().tuned) == (0, 1)


def test_a_vote_belongs_to_the_texts_that_were_read() -> None:
    row = comparing.rows(1)[0]
    other = row | {"tuned": row["tuned"] | {"text": "Another answer."}}
    faster = row | {"tuned": row["tuned"] | {"seconds": 0.001}}
    assert key(row) == key(faster) != key(other)
    assert key(row).startswith(f"{row['set']} {row['source']} ")


def test_only_pairs_of_different_answers_are_voted_on() -> None:
    rows = comparing.rows(20)
    same = rows[0] | {"tuned": rows[0]["tuned"] | {"text": f" {rows[0]['base']['text']}\n"}}
    alone = {name: value for name, value in rows[1].items() if name != "base"}
    assert set(votable([same, alone, *rows[2:]])) <= {key(row) for row in rows[2:]}
    assert len(votable(rows[2:])) > 10
