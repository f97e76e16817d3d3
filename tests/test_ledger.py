"""A ledger keeps one line a product, counts its cost once, and outlives a kill in the middle of a write."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.reasoning.authors import Cost, Trouble, Written
from amazon_ft.reasoning.ledger import FAILED, WRITTEN, Ledger, cost, key, line

LAMP = Product("B1", "Lamp", "A lamp of 40 W.")
IDENTITY = {"model": "teacher:8b", "digest": "ab", "options": {"temperature": 0.6}, "prompts": ["{title}"]}
WROTE = Written("What is it?", "A lamp is known.", "A lamp.", Cost(10, 5), "teacher:8b")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "run" / "reasoning_ledger.jsonl")


def a_line(name: str, outcome: Written | Trouble = WROTE, spent: Cost | None = None) -> dict[str, object]:
    return line(name, f"uid of {name}", outcome, 7, 2, spent or Cost(10, 5), 1.23456)


def test_a_key_is_the_same_whatever_the_order_of_what_decides() -> None:
    name = key(LAMP, IDENTITY)
    assert name == key(Product("B1", "Lamp", "A lamp of 40 W."), dict(reversed(IDENTITY.items())))
    assert len(name) == 32 and int(name, 16) >= 0


@pytest.mark.parametrize(
    ("product", "identity"),
    [
        (Product("B2", "Lamp", "A lamp of 40 W."), IDENTITY),
        (Product("B1", "Lamps", "A lamp of 40 W."), IDENTITY),
        (Product("B1", "Lamp", "A lamp of 41 W."), IDENTITY),
        (LAMP, IDENTITY | {"model": "teacher:70b"}),
        (LAMP, IDENTITY | {"digest": ""}),
        (LAMP, IDENTITY | {"options": {"temperature": 0.7}}),
        (LAMP, IDENTITY | {"prompts": ["{title}."]}),
    ],
    ids=["uid", "title", "content", "model", "digest", "options", "prompts"],
)
def test_a_key_changes_with_all_that_decides_a_row(product: Product, identity: dict[str, object]) -> None:
    assert key(product, identity) != key(LAMP, IDENTITY)


def test_a_product_with_half_a_character_has_a_key() -> None:
    assert key(Product("B1", "Lamp \ud800", ""), {}) != key(Product("B1", "Lamp", ""), {})


def test_a_written_line_tells_all_that_came() -> None:
    assert a_line("a") == {
        "key": "a",
        "uid": "uid of a",
        "outcome": "written",
        "reason": "",
        "detail": "",
        "Question": "What is it?",
        "Complex_CoT": "A lamp is known.",
        "Response": "A lamp.",
        "model": "teacher:8b",
        "seed": 7,
        "tries": 2,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "seconds": 1.235,
    }


def test_a_failed_line_has_a_reason_and_no_texts() -> None:
    failed = a_line("a", Trouble("timed out", "after 600 s"))
    assert failed.keys() == a_line("a").keys()
    assert (failed["outcome"], failed["reason"], failed["detail"]) == (FAILED, "timed out", "after 600 s")
    assert {failed[name] for name in ("Question", "Complex_CoT", "Response", "model")} == {""}


def test_what_is_added_is_read(ledger: Ledger) -> None:
    assert ledger.read() == {} and ledger.spent() == Cost()
    ledger.add([a_line("a"), a_line("b")])
    ledger.add([a_line("c", Trouble("timed out"))])
    assert list(ledger.read()) == ["a", "b", "c"]
    assert [one["outcome"] for one in ledger.read().values()] == [WRITTEN, WRITTEN, FAILED]
    assert len(ledger.path.read_text().splitlines()) == 3


def test_the_last_line_of_a_key_counts_and_its_cost_alone(ledger: Ledger) -> None:
    ledger.add([a_line("a", Trouble("timed out"), Cost(10, 100)), a_line("b")])
    ledger.add([a_line("a", WROTE, Cost(20, 150))])
    assert ledger.read()["a"]["outcome"] == WRITTEN
    assert ledger.spent() == Cost(30, 155)
    assert cost(ledger.read()["a"]) == Cost(20, 150)


def test_a_torn_last_line_is_not_read_and_is_cut_off(ledger: Ledger) -> None:
    ledger.add([a_line("a"), a_line("b", replace(WROTE, question="É feita de quê?"))])
    whole = ledger.path.read_bytes()
    for length in [*range(1, len(whole), 9), len(whole) - 1, len(whole)]:
        ledger.path.write_bytes(whole[:length])
        names = [*ledger.read(), "c"]
        ledger.add([a_line("c")])
        assert list(ledger.read()) == names
        assert [json.loads(one)["key"] for one in ledger.path.read_text("utf-8").splitlines()] == names


def test_a_broken_line_is_named(ledger: Ledger) -> None:
    ledger.add([a_line("a")])
    ledger.path.write_bytes(b"{no\n" + ledger.path.read_bytes())
    with pytest.raises(InputError, match=r"line 1 of .*reasoning_ledger\.jsonl is no JSON object"):
        ledger.read()


@pytest.mark.parametrize(
    "changed",
    [
        {"key": None},
        {"outcome": "maybe"},
        {"prompt_tokens": "many"},
        {"Question": 7},
        {"Complex_CoT": "half \ud800"},
    ],
    ids=["no key", "outcome", "tokens", "question", "surrogate"],
)
def test_a_line_of_something_else_is_named(ledger: Ledger, changed: dict[str, object]) -> None:
    ledger.add([a_line("a")])
    with ledger.path.open("a") as file:
        file.write(json.dumps(a_line("b") | changed) + "\n")
    with pytest.raises(InputError, match=r"line 2 of .*reasoning_ledger\.jsonl is none of a ledger: mend it, or take"):
        ledger.read()


def test_lines_with_the_line_ends_of_windows_are_read(ledger: Ledger) -> None:
    ledger.add([a_line("a"), a_line("b")])
    before = ledger.read()
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"\n", b"\r\n"))
    assert ledger.read() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has other locks")
def test_one_session_at_a_time_writes_into_a_ledger(ledger: Ledger) -> None:
    with ledger.alone():
        ledger.add([a_line("a")])
        with pytest.raises(InputError, match="another session writes rows into"), Ledger(ledger.path).alone():
            pass
    with ledger.alone():
        assert list(ledger.read()) == ["a"]
