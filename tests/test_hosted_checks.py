from __future__ import annotations

import json
import random
import string
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amazon_ft import products, prompts
from amazon_ft.openai_jobs import chats, checks, export, leaks, tokens
from amazon_ft.openai_jobs.checks import Limits, Report, check
from amazon_ft.openai_jobs.findings import RULES, SHOWN
from amazon_ft.openai_jobs.leaks import Held, HeldOut
from amazon_ft.recipes import HostedTraining, named
from amazon_ft.runs import Run
from amazon_ft.sample import catalogue

ABOUT = tokens.approximation("of a test")
LIMITS = Limits(1_000, "of a test")
RECIPE = named("gpt-4o-mini-chat")


def _row(number: int = 0, **changed: Any) -> dict[str, Any]:
    messages = [
        {"role": "system", "content": "Act"},
        {"role": "user", "content": f"Lamp number {number}"},
        {"role": "assistant", "content": f"A lamp that is called {number} by everybody who has one."},
    ]
    return {"messages": messages} | changed


def _file(path: Path, *lines: object, pad: bool = True) -> Path:
    """Write lines, JSON where they are no text or bytes, and good rows after them, so that there are enough."""
    rows = [*lines, *(_row(100 + number) for number in range(10 if pad else 0))]
    path.write_bytes(b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows) + b"\n")
    return path


def _check(training: Sequence[Path], validation: Path | None = None, held: Sequence[HeldOut] = ()) -> Report:
    return check(training, validation, ABOUT, LIMITS, held)


def _found(report: Report) -> list[tuple[int, str]]:
    return [(finding.line, finding.rule) for finding in report.findings]


def test_good_rows_pass(tmp_path: Path) -> None:
    report = _check([_file(tmp_path / "train.jsonl")])
    assert (report.ok, report.findings, report.counts) == (True, (), {})
    assert report.training[0].rows == 10
    assert report.lines()[-1] == "no errors: the files can be sent"


def _message(**changed: Any) -> dict[str, Any]:
    """Give a row whose answer is changed; None takes a key away."""
    row = _row()
    answer = row["messages"][2] | changed
    row["messages"][2] = {key: value for key, value in answer.items() if value is not ...}
    return row


def _weighed(role: int, weight: object) -> dict[str, Any]:
    row = _row()
    row["messages"][role]["weight"] = weight
    return row


def _only(*places: int) -> dict[str, Any]:
    return {"messages": [_row()["messages"][place] for place in places]}


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        (b"", ["blank line"]),
        (b" \t", ["blank line"]),
        (b"{", ["not JSON"]),
        (b'{"messages": NaN}', ["not JSON"]),
        (b'{"messages": ' + b"[" * 100_000, ["not JSON"]),
        (b'{"messages": ' + b"9" * 5_000 + b"}", ["not JSON"]),
        (b'{"messages": [{"role": "user", "content": "\xe9"}]}', ["not UTF-8"]),
        ([_row()], ["not an object"]),
        ("text", ["not an object"]),
        (None, ["not an object"]),
        ({}, ["no messages"]),
        ({"prompt": "a", "completion": "b"}, ["unknown key", "unknown key", "no messages"]),
        ({"messages": []}, ["no messages"]),
        ({"messages": {"role": "user"}}, ["no messages"]),
        ({"messages": "hello"}, ["no messages"]),
        ({"messages": ["hello", *_row()["messages"]]}, ["no messages"]),
        (_row(message=1), ["unknown key"]),
        (_row(tools=[]), []),
        (_message(rating=5), ["unknown key"]),
        (_message(name="Ann"), []),
        (_message(role="bot"), ["unknown role", "no assistant"]),
        (_message(role=["assistant"]), ["unknown role", "no assistant"]),
        (_message(role=...), ["unknown role", "no assistant"]),
        (_message(content=...), ["no content"]),
        (_message(content=None), ["no content"]),
        (_message(content=" \n"), ["no content"]),
        (_message(content=7), ["no content"]),
        (_message(content=[{"type": "text", "text": "a"}]), ["no content"]),
        (_message(content=None, tool_calls=[{"id": "1"}]), []),
        (_message(content="half \ud800"), ["lone surrogate"]),
        (_message(content="whole \U0001f600 é"), []),
        (_weighed(2, 1), []),
        (_weighed(2, 0), ["nothing trained"]),
        (_weighed(2, True), ["weight"]),
        (_weighed(2, "1"), ["weight"]),
        (_weighed(2, 0.5), ["weight"]),
        (_weighed(2, 1.0), ["weight"]),
        (_weighed(1, 1), ["weight"]),
        (_only(0, 1), ["no assistant"]),
        (_only(0, 2, 1), ["last message"]),
        (_only(0, 2), ["no question"]),
        (_only(1, 2, 1, 2), []),
        (_message(content="long " * 2_000), ["too many tokens"]),
    ],
)
def test_each_rule_finds_its_line(tmp_path: Path, line: object, rules: list[str]) -> None:
    report = _check([_file(tmp_path / "train.jsonl", _row(1), line)])
    assert _found(report) == [(2, rule) for rule in rules]
    assert report.ok == (not any(RULES[rule].error for rule in rules))
    assert sum(report.counts.values()) == len(rules)


def test_a_finding_says_where_what_and_what_to_do(tmp_path: Path) -> None:
    report = _check([_file(tmp_path / "train.jsonl", _message(role="bot"))])
    assert str(report.findings[0]) == (
        "train.jsonl, line 1: the role of message 3 is 'bot': use system, user or assistant"
    )
    assert report.findings[0].as_dict()["error"] is True
    json.dumps(report.as_dict())


def test_every_finding_is_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    report = _check([_file(tmp_path / "train.jsonl", *[b"{"] * 40)])
    assert report.counts == {"not JSON": 40}
    assert [finding.line for finding in report.findings] == list(range(1, SHOWN + 1))
    assert f"  and {40 - SHOWN} more" in report.lines()
    assert report.lines()[-1].startswith("errors:")


@pytest.mark.parametrize(
    ("start", "rule", "rows"), [(b"\xef\xbb\xbf", "byte order mark", 10), (b"\xff\xfe", "not UTF-8", 0)]
)
def test_a_byte_order_mark_is_found(tmp_path: Path, start: bytes, rule: str, rows: int) -> None:
    path = _file(tmp_path / "train.jsonl")
    path.write_bytes(start + path.read_bytes())
    report = _check([path])
    assert (1, rule) in _found(report)
    assert report.training[0].rows == rows
    assert report.counts == {rule: 1} | ({} if rows else {"too few rows": 1})


def test_line_ends_of_windows_and_a_torn_last_line_end_do_no_harm(tmp_path: Path) -> None:
    path = _file(tmp_path / "train.jsonl")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").rstrip())
    assert _check([path]).counts == {}


def test_a_line_without_end_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LONGEST_LINE", 1_000)
    path = _file(tmp_path / "train.jsonl", b"x" * 4_500, b"y" * 999, _row(1))
    report = _check([path])
    assert _found(report) == [(1, "line too long"), (2, "not JSON")]
    assert report.training[0].rows == 13


def test_rules_of_the_whole_file(tmp_path: Path) -> None:
    short = _file(tmp_path / "short.json", *map(_row, range(9)), pad=False)
    report = check([short, tmp_path / "away.jsonl"], None, ABOUT, replace(LIMITS, size=100))
    rules = {(finding.path.name, finding.rule) for finding in report.findings}
    assert rules == {
        ("short.json", "not .jsonl"),
        ("short.json", "too large"),
        ("short.json", "too few rows"),
        ("away.jsonl", "no file"),
    }
    assert not report.ok
    assert _check([]).counts == {"no file": 1}


def test_ten_rows_are_enough_and_one_to_validate_by(tmp_path: Path) -> None:
    training = _file(tmp_path / "train.jsonl", *map(_row, range(10)), pad=False)
    assert _check([training], _file(tmp_path / "held.jsonl", _row(77), pad=False)).counts == {}
    none = _check([training], _file(tmp_path / "none.jsonl", pad=False))
    assert none.counts == {"blank line": 1, "too few rows": 1}
    assert "has 0 rows, and needs 1" in none.findings[1].what


def test_duplicates_are_found_within_a_file_and_across_shards(tmp_path: Path) -> None:
    turned = {"messages": [dict(reversed(message.items())) for message in _row(1)["messages"]]}
    one = _file(tmp_path / "one.jsonl", _row(1), _row(2), turned)
    two = _file(tmp_path / "two.jsonl", *(_row(number) for number in range(200, 210)), _row(2), pad=False)
    report = _check([one, two])
    assert [(finding.path.name, finding.line, finding.what) for finding in report.findings] == [
        ("one.jsonl", 3, "the row is that of one.jsonl, line 1"),
        ("two.jsonl", 11, "the row is that of one.jsonl, line 2"),
    ]
    assert report.ok


def test_a_validation_row_in_the_training_file_is_an_error(tmp_path: Path) -> None:
    held = _row(5)
    held["messages"][1]["content"] = "LAMP, number: 100!"
    report = _check([_file(tmp_path / "train.jsonl")], _file(tmp_path / "held.jsonl", held, pad=False))
    assert _found(report) == [(1, "leaked question")]
    assert "held.jsonl, line 1" in report.findings[0].what
    assert not report.ok


def test_a_system_message_alone_is_no_leak(tmp_path: Path) -> None:
    one, other = _only(0, 2), _only(0, 2)
    other["messages"][1] = {"role": "assistant", "content": "Something else."}
    report = _check([_file(tmp_path / "train.jsonl", one)], _file(tmp_path / "held.jsonl", other, pad=False))
    assert set(report.counts) == {"no question"}


HELD = HeldOut(
    "B00X",
    ("Blue Café Lamp", "Tell me about Blue Café Lamp"),
    "A lamp, blue, for cafés & other places.",
    "Blue Café Lamp",
)


@pytest.mark.parametrize(
    ("question", "answer", "rules"),
    [
        ("blue cafe lamp", "x", ["leaked question"]),
        ("Tell me about: Blue Cafe\u0301 Lamp.", "x", ["leaked question"]),
        ("Blue Café Lamp, large", "x", ["title of a held-out product"]),
        ("Blue Café Lamps", "x", []),
        ("Lamp", "A LAMP - blue, for cafes - other places", ["leaked answer"]),
        ("Lamp", "New! A lamp, blue, for cafés & other places. Buy it.", ["part of a held-out answer"]),
        ("Lamp", "A lamp, blue, for cafés & other", []),
        ("Lamp", "Ha lamp, blue, for cafés & other places.", []),
        ("", "", []),
    ],
)
def test_leaks_are_found_whatever_case_accents_and_punctuation(question: str, answer: str, rules: list[str]) -> None:
    assert [rule for rule, _ in Held([HELD]).leaks(question, [answer])] == rules


def test_short_phrases_inside_others_are_chance() -> None:
    held = Held([HeldOut("a", ("Home",), "Brand new, in box", "Home")])
    assert list(held.leaks("Home Alone", ["Brand new, in box, with a lid"])) == []
    assert [rule for rule, _ in held.leaks("home", ["Brand new in box"])] == ["leaked question", "leaked answer"]


def test_words_are_those_of_the_splits() -> None:
    rng = random.Random(7)
    alphabet = string.printable + "éÉßİ½²ﬁ’—日本ा\u0301\xa0\u2028\ud800Ω_"
    for _ in range(2_000):
        text = "".join(rng.choices(alphabet, k=rng.randrange(20)))
        assert leaks.normalised(text) == products.normalised(text), ascii(text)


def test_phrases_are_found_as_a_plain_search_finds_them() -> None:
    rng = random.Random(11)
    some = [" ".join(rng.choices("abcdef", k=rng.randrange(1, 7))) for _ in range(40)]
    phrases = leaks.Phrases([(text, text) for text in some], 3)
    for _ in range(2_000):
        text = " ".join(rng.choices("abcdefgh", k=rng.randrange(12)))
        right = {phrase for phrase in some if phrase.count(" ") >= 2 and f" {phrase} " in f" {text} "}
        found = phrases.inside(text)
        assert (found in right) if right else (found is None)


def test_an_export_of_ours_passes_and_a_slipped_row_does_not(tmp_path: Path) -> None:
    recipe = replace(RECIPE, training=HostedTraining(rows_per_job=100))
    made = [prompts.example(product, recipe.asked) for product in catalogue.products(480)]
    by_split = {split: [row for row in made if products.split_of(row.input) == split] for split in ("train", "test")}
    validation = [row for row in made if products.split_of(row.input) == "validation"]
    train, test = by_split["train"], by_split["test"]
    limits = checks.limits(recipe.base_model)
    for slipped, rule in (([], ""), ([test[3]], "leaked question"), ([validation[2]], "leaked question")):
        done = export.export(Run(tmp_path), recipe, [*train, *slipped], validation)
        held = list(export.held_out([*validation, *test], recipe))
        report = check(done.training, done.validation, ABOUT, limits, held)
        assert report.ok == (not slipped)
        assert (rule in report.counts) == bool(slipped)


def test_tokens_of_a_row_that_is_cut_count_up_to_the_cut(tmp_path: Path) -> None:
    long = _file(tmp_path / "train.jsonl", _message(content="long " * 2_000))
    report = _check([long])
    assert report.training[0].longest > LIMITS.tokens > 0  # type: ignore[operator]
    rest = _check([_file(tmp_path / "rest.jsonl")]).training[0].tokens
    assert report.training[0].tokens == rest + 1_000
    whole = check([long], None, ABOUT, Limits(None, "none"))
    assert whole.training[0].tokens == rest + report.training[0].longest
    assert whole.counts == {}


def test_the_cap_of_a_row_has_its_source_or_is_the_users() -> None:
    assert checks.limits("gpt-4o-mini-2024-07-18").tokens == 65_536
    assert checks.limits("ft:gpt-4o-mini-2024-07-18:me:lamps:1").tokens == 65_536
    assert "2025-03-05" in checks.limits("gpt-4o-mini-2024-07-18").source
    assert checks.limits("open-mistral-7b") == Limits(None, "none is known for open-mistral-7b")
    assert checks.limits("gpt-4o-mini-2024-07-18", 4_096) == Limits(4_096, "given by the user")


def test_random_bytes_and_random_rows_never_raise(tmp_path: Path) -> None:
    rng = random.Random(3)

    def value(depth: int) -> Any:
        kinds = [None, True, 0, 1, -1.5, "", "text", "assistant", "user", "\ud800", [], {}]
        if depth == 0 or rng.random() < 0.4:
            return rng.choice(kinds)
        if rng.random() < 0.4:
            return [value(depth - 1) for _ in range(rng.randrange(3))]
        keys = ["messages", "role", "content", "weight", "name", "x"]
        return {rng.choice(keys): value(depth - 1) for _ in range(rng.randrange(5))}

    lines = [rng.randbytes(rng.randrange(60)) for _ in range(300)]
    lines += [json.dumps({"messages": [value(3) for _ in range(3)]}).encode() for _ in range(1_500)]
    deep = [b'{"messages": [{"role": "user", "content": %s1%s}]}' % (b"[" * n, b"]" * n) for n in range(850, 1000, 3)]
    report = _check([_file(tmp_path / "train.jsonl", *lines, *deep)], _file(tmp_path / "held.jsonl", *lines))
    assert not report.ok
    json.dumps(report.as_dict())
    "\n".join(report.lines()).encode()
    assert set(report.counts) <= set(RULES)


def test_what_is_asked_is_what_the_user_says_else_the_system() -> None:
    some = chats.messages({"messages": [{"role": "system", "content": "What is it?"}, 3, {"role": "user"}]})
    assert chats.asked(some) == "What is it?"
    assert chats.asked(_row(4)["messages"]) == "Lamp number 4"
