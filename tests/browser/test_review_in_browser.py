"""The review cell in a real JupyterLab, a real classic Notebook and Voila, driven by the keyboard of a Chromium."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from test_panel_in_browser import IN_CLASSIC, IN_LAB, PHONE, TESTS, WIDE, Hand, lacks, lines

from notebooks import chromium, restart, run_cell, served, shot

CODE = f"""import sys; sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
import drafting
from amazon_ft.panel import Review, Reviews
Review(drafting.rows(), Reviews(Path("run/reviews.jsonl")), drafting.faults, LANGUAGE)"""
ENGLISH, PORTUGUESE = (CODE.replace("LANGUAGE", repr(language)) for language in ("en", "pt"))
READING = 0.9  # seconds
COLOUR = "getComputedStyle(document.querySelector('.aft-panel {}')).color"


class Reviewer(Hand):
    """Read, and press keys."""

    def press_keys(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def after(self, number: int) -> None:
        """Wait until so many rows have a decision, and read the next one."""
        self.shows(re.compile(rf"^{number} (of|de) 20:"))
        time.sleep(READING)

    def come_back_to(self, name: str) -> None:
        """Go into the next cell and leave it again, since Tab indents there, for a button of the review."""
        self.press_keys("Enter", "Escape")
        self.tab_to(name, back=True)

    @property
    def command(self) -> Any:
        return self.panel.locator(".widget-text input")

    @property
    def areas(self) -> Any:
        return self.panel.locator("textarea")

    def tab_to_field(self, field: Any, back: bool = False) -> None:
        for _ in range(60):
            if field.evaluate("e => e === document.activeElement"):
                return
            self.press_keys("Shift+Tab" if back else "Tab")
        raise AssertionError("the keyboard does not come to the field")


def decided(folder: Path) -> list[str]:
    return [line["decision"] for line in lines(folder / "run" / "reviews.jsonl")]


def open_cell(page: Any, address: str, kind: str) -> Reviewer:
    page.goto(address)
    run_cell(page, kind)
    hand = Reviewer(page)
    hand.shows(re.compile("^0 (of|de) 20:"))
    return hand


def accept_three(hand: Reviewer, folder: Path, kind: str) -> None:
    hand.come_back_to("Accept")
    time.sleep(READING)
    for number in range(1, 4):
        hand.press_keys("Enter")
        hand.after(number)
        assert hand.focused() == "Accept"
    for _ in range(30):  # held down, it decides once
        hand.page.keyboard.down("Enter")
        time.sleep(0.033)
    hand.page.keyboard.up("Enter")
    hand.shows("That came too quickly")
    assert decided(folder) == ["accept"] * 4
    time.sleep(READING)


def edit_one(hand: Reviewer, folder: Path, kind: str) -> None:
    hand.tab_and("Enter", "Edit")
    response = hand.areas.nth(2)
    response.wait_for()
    shot(hand.page, f"review-{kind}-edit")
    hand.tab_to_field(response)
    hand.press_keys("Control+a")
    hand.page.keyboard.type("As the description says, <b>it</b> holds water.")
    time.sleep(READING)
    hand.tab_and("Enter", "Save")
    hand.shows("<Response> cites a context")
    shot(hand.page, f"review-{kind}-faults")
    assert decided(folder) == ["accept"] * 4
    hand.tab_to_field(response, back=True)
    hand.press_keys("Control+a")
    hand.page.keyboard.type("It holds <b>water</b>.")
    hand.press_keys("Tab")
    assert hand.focused() == "Save"
    time.sleep(READING)
    hand.press_keys("Space")
    hand.after(5)
    response.wait_for(state="hidden")
    assert hand.focused() == ("Accept" if kind == "lab" else "Save")
    assert lines(folder / "run" / "reviews.jsonl")[-1]["Response"] == "It holds <b>water</b>."


def reject_one_by_letter(hand: Reviewer, folder: Path) -> None:
    hand.tab_to_field(hand.command, back=hand.focused() == "Save")
    hand.press_keys("x", "Enter")
    hand.shows("is none of these")
    hand.press_keys("r", "Enter", "Enter", "Enter")
    hand.after(6)
    assert decided(folder) == [*["accept"] * 4, "edit", "reject"]
    hand.press_keys("b", "Enter")
    hand.shows("You rejected this row.")
    hand.press_keys("b", "Enter")
    hand.shows("You edited this row.")
    assert hand.panel.locator("b").count() == 0
    shot(hand.page, "review-again")
    hand.press_keys("s", "Enter")
    hand.shows("You rejected this row.")
    hand.press_keys("a", "Enter")
    hand.shows("6 of 20: 5 accepted, 1 edited, 0 rejected")


@pytest.mark.parametrize("kind", [IN_LAB, IN_CLASSIC])
def test_a_class_reviews_with_the_keyboard_alone(kind: str, tmp_path: Path) -> None:
    with served(kind, tmp_path, ENGLISH) as address, chromium() as page:
        hand = open_cell(page, address, kind)
        shot(page, f"review-{kind}")
        accept_three(hand, tmp_path, kind)
        edit_one(hand, tmp_path, kind)
        reject_one_by_letter(hand, tmp_path)
        restart(page)
        run_cell(page, kind)
        hand = Reviewer(page)
        hand.after(6)
        hand.come_back_to("Reject")
        hand.press_keys("Enter")
        hand.after(7)
        shot(page, f"review-{kind}-restarted")
        hand.shows("7 of 20: 5 accepted, 1 edited, 1 rejected")
        assert decided(tmp_path)[6:] == ["accept", "reject"]


@lacks("lab")
def test_voila_shows_the_review_on_a_phone(tmp_path: Path) -> None:
    with served("voila", tmp_path, PORTUGUESE) as address, chromium(PHONE, 1500) as page:
        page.goto(address)
        hand = Reviewer(page)
        hand.after(0)
        assert page.evaluate(WIDE) == []
        shot(page, "review-phone")
        hand.command.fill("e")
        hand.press_keys("Enter")
        hand.areas.first.wait_for()
        assert hand.areas.first.evaluate("e => e === document.activeElement")
        assert page.evaluate(WIDE) == []
        shot(page, "review-phone-edit")


@lacks("lab")
def test_a_review_in_a_dark_notebook_can_be_read(tmp_path: Path) -> None:
    with served("lab", tmp_path, ENGLISH, "Dark") as address, chromium() as page:
        hand = open_cell(page, address, "lab")
        shot(page, "review-dark")
        hand.press("Edit")
        hand.areas.first.wait_for()
        shot(page, "review-dark-edit")
        for place in (".aft-said", ".aft-draft h5", ".aft-source h5", ".aft-soft", ".aft-area .widget-label"):
            colour = page.evaluate(COLOUR.format(place))
            assert min(int(part) for part in re.findall(r"\d+", colour)[:3]) > 180, place
