"""The panel in a real JupyterLab, a real classic Notebook and Voila, driven by a headless Chromium."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from amazon_ft.runs import Run
from notebooks import chromium, missing, restart, run_cell, served, shot

TESTS = Path(__file__).parents[1]
CODE = f"""import sys; sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from desks import FakeDesk
from amazon_ft.panel import Panel
desk = FakeDesk(Path("run"), pause=0.005)
def export():
    desk.run.page.write_text("the page")
    return [desk.run.page, desk.run.answers_csv]
Panel(desk, export=export)"""
ANSWERS = ("Base model", "Tuned model", "Base, reading the source", "Tuned, reading the source")
MOST_TABS = 60  # from one control to the next one that a person looks for
PHONE = 360  # px
WIDE = """[...document.querySelectorAll('.aft-panel *')].filter(one => one.getBoundingClientRect().right > innerWidth)
    .map(one => one.outerHTML.slice(0, 99))"""


def lacks(environment: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(bool(missing(environment)), reason=missing(environment) or "-")


IN_LAB, IN_CLASSIC = (pytest.param(kind, marks=lacks(kind), id=kind) for kind in ("lab", "classic"))


class Hand:
    """Use the panel as a person does: by what its controls say."""

    def __init__(self, page: Any) -> None:
        self.page, self.panel = page, page.locator(".aft-panel").last

    def button(self, name: str) -> Any:
        return self.panel.get_by_role("button", name=re.compile(rf"^\W*{re.escape(name)}\W*$"))

    def press(self, name: str) -> None:
        self.button(name).click()

    def shows(self, text: str | re.Pattern[str]) -> None:
        self.panel.get_by_text(text).first.wait_for()

    def field(self, says: str = "Ask about a product") -> Any:
        return self.panel.get_by_placeholder(says)

    def focused(self) -> str:
        return str(
            self.page.evaluate(
                "(e => e.closest('.aft-panel') ? (e.innerText || e.placeholder || e.value || '') : '')"
                "(document.activeElement)"
            )
        ).strip(" ◀▶▸▾\n")

    def tab_to(self, name: str, back: bool = False) -> None:
        """Press Tab, or Shift and Tab, until a control of the panel has the keyboard."""
        for _ in range(MOST_TABS):
            if self.focused().startswith(name):
                return
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"the keyboard does not come to {name!r}")

    def tab_and(self, key: str, name: str, back: bool = False) -> None:
        self.tab_to(name, back)
        self.page.keyboard.press(key)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ask_and_read(hand: Hand) -> None:
    hand.press("Ask a question")
    hand.panel.get_by_label("Question", exact=True).click()
    hand.page.keyboard.type("What of the kettle?")
    hand.page.keyboard.press("Enter")
    hand.shows("Answered in")
    for name in ANSWERS:
        assert hand.panel.locator("section.aft-box", has_text=name).first.inner_text().count(" ") > 20


def stop_a_long_one(hand: Hand) -> None:
    hand.field().fill("A long one")
    hand.press("Ask")
    hand.panel.get_by_text("▍").first.wait_for()
    hand.press("Stop")
    hand.shows("Stopped.")


def choose_a_product(hand: Hand) -> None:
    hand.field().fill("What of the Odell rake?")
    hand.page.keyboard.press("Enter")
    hand.shows("Which one?")
    hand.panel.get_by_role("button", name="<b>16</b>").click()
    hand.panel.get_by_text("Which one?").wait_for(state="hidden")
    hand.shows("Answered in")
    assert hand.panel.locator("b").count() == 0


def vote_and_export(hand: Hand, run: Path) -> None:
    hand.press("Blind vote")
    hand.shows("Which one is better?")
    assert not re.search("Base model|Tuned model", hand.panel.inner_text())
    hand.press("A is better")
    hand.shows("A was:")
    time.sleep(1)  # as who reads
    hand.press("Tie")
    hand.shows("You have voted on this pair")
    [vote] = lines(run / "votes.jsonl")
    assert vote["choice"] == vote["left"]
    hand.press("Export")
    hand.shows("run/comparison.html")
    assert (run / "comparison.html").read_text() == "the page"


def speak_portuguese(hand: Hand) -> None:
    hand.press("Português")
    hand.shows("Você escolheu")
    assert not re.search(r"\b(Ask|Tie|Skip|Export|Next|You|Tuned)\b", hand.panel.inner_text())
    hand.press("English")
    hand.shows("You chose")


def with_the_keyboard_alone(hand: Hand, run: Path) -> None:
    """Ask, look and vote once more without a mouse, from the title of the panel on."""
    hand.tab_to("Next pair")
    for _ in range(40):  # held down
        hand.page.keyboard.down("Enter")
        time.sleep(0.033)
    hand.page.keyboard.up("Enter")
    hand.shows("Which one is better?")
    assert len(lines(run / "votes.jsonl")) == 1
    time.sleep(1)
    hand.tab_and("Space", "Tie", back=hand.focused() == "Next pair")  # version 8 has moved on to "A is better"
    hand.shows("You called it a tie.")
    assert [vote["choice"] for vote in lines(run / "votes.jsonl")][1:] == ["tie"]
    hand.tab_to("English", back=True)
    hand.tab_and("Enter", "Ask a question")
    hand.tab_to("Ask about a product")
    hand.page.keyboard.type("What of the lamp?")
    hand.tab_and("Space", "Decoding")
    hand.shows("temperature")
    hand.page.keyboard.press("Tab")
    assert hand.focused() == "0"
    hand.tab_and("Space", "Ask", back=True)
    hand.shows("What of the lamp?")
    hand.shows("Answered in")
    assert lines(run / "own_answers.jsonl")[-1]["question"] == "What of the lamp?"


@pytest.mark.parametrize("kind", [IN_LAB, IN_CLASSIC])
def test_a_class_uses_the_panel(kind: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with served(kind, tmp_path, CODE) as address, chromium() as page:
        page.goto(address)
        run_cell(page, kind)
        hand = Hand(page)
        hand.shows("1 of 12")
        shot(page, f"{kind}-look")
        ask_and_read(hand)
        shot(page, f"{kind}-ask")
        stop_a_long_one(hand)
        choose_a_product(hand)
        vote_and_export(hand, run)
        shot(page, f"{kind}-voted")
        speak_portuguese(hand)
        with_the_keyboard_alone(hand, run)
        restart(page)
        run_cell(page, kind)
        hand.shows(re.compile(r"1 of 1[5-7]"))
        hand.press("Blind vote")
        hand.shows("Which one is better?")
        assert hand.panel.get_by_text("Sign test").count() == 0
        time.sleep(1)
        hand.press("Tie")
        hand.shows("Tie 2")
        assert len(lines(run / "votes.jsonl")) == 3


@lacks("lab")
def test_the_demo_is_asked_in_lab(copied: Run, tmp_path: Path) -> None:
    """Ask the tiny model itself, of the walked demo's run."""
    code = f"""from pathlib import Path
from amazon_ft import panel, steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run
panel.Panel(steps.Desk(Run(Path({str(copied.folder)!r})), named("demo")), "pt")"""
    before = copied.page.read_bytes()
    with served("lab", tmp_path / "lab", code) as address, chromium() as page:
        page.goto(address)
        run_cell(page, "lab")
        hand = Hand(page)
        hand.press("Piores primeiro")
        hand.press("Fazer uma pergunta")
        hand.field("Pergunte sobre um produto").fill("quanto custa o Woolhythe 70% hemp 3/4 sleeve shirt, red")
        hand.page.keyboard.press("Enter")
        hand.shows("Respondido em")
        shot(page, "demo-ask")
        [row] = lines(copied.own_answers)
        for system in ("base", "tuned", "base_with_source", "tuned_with_source"):
            assert hand.panel.get_by_text(row[system]["text"][:12]).count()
        hand.press("Exportar")
        hand.shows("comparison.html")
    assert copied.page.read_bytes() != before
    assert row["question"].encode() in copied.page.read_bytes()


@lacks("lab")
def test_voila_shows_the_panel_on_a_phone(tmp_path: Path) -> None:
    with served("voila", tmp_path, CODE) as address, chromium(PHONE, 800) as page:
        page.goto(address)
        hand = Hand(page)
        hand.shows("1 of 12")
        hand.press("Next")
        hand.shows("2 of 12")
        shot(page, "voila-look")
        assert page.evaluate(WIDE) == []
        ask_and_read(hand)
        shot(page, "voila-ask")


@lacks("lab")
def test_a_dark_notebook_can_be_read(tmp_path: Path) -> None:
    with served("lab", tmp_path, CODE, "Dark") as address, chromium() as page:
        page.goto(address)
        run_cell(page, "lab")
        hand = Hand(page)
        hand.shows("1 of 12")
        shot(page, "dark-look")
        for place in (".aft-said", "mark.aft-invented", ".aft-badge", ".aft-soft"):
            colour = page.evaluate(f"getComputedStyle(document.querySelector('.aft-panel {place}')).color")
            assert min(int(part) for part in re.findall(r"\d+", colour)[:3]) > 180, place
