"""The panel without a browser: its buttons pressed and its fields filled by hand, its HTML read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import desks
import ipywidgets
import pytest
from desks import FakeDesk

from amazon_ft import panel as house
from amazon_ft.evaluation import failures
from amazon_ft.files import InputError
from amazon_ft.panel import asking, labels, voting
from amazon_ft.panel.controls import OFF
from amazon_ft.panel.state import State
from amazon_ft.panel.votes import Votes
from amazon_ft.panel.voting import Vote
from amazon_ft.panel.widgets import Panel

PATIENCE = 20  # seconds
TOO_SOON = voting.TOO_SOON


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SETTLED", 0.01)
    monkeypatch.setattr(voting, "TOO_SOON", 0)


@pytest.fixture
def desk(tmp_path: Path) -> FakeDesk:
    return FakeDesk(tmp_path / "run")


@pytest.fixture
def panel(desk: FakeDesk) -> Panel:
    return Panel(desk, export=lambda: [desk.run.page, Path("<b>.csv")])


def is_off(button: Any) -> bool:
    return OFF in button._dom_classes


def read(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def asked(panel: Panel, question: str) -> None:
    panel.ask.question.value = question
    press_enter(panel)
    assert panel.wait(PATIENCE)


def press_enter(panel: Panel) -> None:
    data = {"method": "custom", "content": {"event": "submit"}}
    panel.ask.question._handle_msg({"content": {"data": data}, "buffers": []})


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def every(widget: Any) -> list[Any]:
    return [widget, *(one for child in getattr(widget, "children", ()) for one in every(child))]


def shown(panel: Panel) -> list[Any]:
    return every(panel.box)


# Look


def test_one_looks_first_where_answers_are_recorded(panel: Panel, desk: FakeDesk) -> None:
    assert panel.mode.value == "look"
    assert panel.look.box in shown(panel)
    assert panel.ask.box not in shown(panel)
    assert desk.rows()[0]["tuned"]["text"] in read(panel.look.answers.value)
    assert desk.asked == []


def test_without_answers_one_asks_first(tmp_path: Path) -> None:
    panel = Panel(FakeDesk(tmp_path / "run", number=0))
    assert panel.mode.value == "ask"
    assert labels.EN.no_rows in panel.look.answers.value
    assert is_off(panel.look.next)
    assert labels.EN.nothing_to_vote in panel.vote.pair.value
    assert is_off(panel.vote.left)
    panel.look.worst.value = True
    panel.look.next.click()
    assert labels.EN.no_other in panel.status
    asked(panel, "What of the kettle?")
    assert "1 of 1" in panel.look.place.value


def test_next_and_previous_go_round(panel: Panel, desk: FakeDesk) -> None:
    questions = [row["question"] for row in desk.rows()]
    assert "1 of 12" in panel.look.place.value
    panel.look.next.click()
    assert questions[1] in read(panel.look.answers.value)
    assert panel.look.questions.value == 1
    panel.look.previous.click()
    panel.look.previous.click()
    assert "12 of 12" in panel.look.place.value
    assert questions[-1] in read(panel.look.answers.value)
    panel.look.questions.control.value = 4
    assert questions[4] in read(panel.look.answers.value)
    assert "5 of 12" in panel.look.place.value


def test_a_set_is_looked_at_alone(panel: Panel, desk: FakeDesk) -> None:
    rows = [row for row in desk.rows() if row["set"] == "seen"]
    assert f"Seen {len(rows)}" in [label for label, _ in panel.look.sets.control.options]
    panel.look.sets.control.value = "seen"
    assert f"1 of {len(rows)}" in panel.look.place.value
    for row in rows:
        assert row["question"] in read(panel.look.answers.value)
        panel.look.next.click()


def test_the_worst_come_first_with_what_is_wrong(panel: Panel, desk: FakeDesk) -> None:
    worst = failures(desk.rows(), "tuned", 99)
    panel.look.worst.value = True
    for failure in worst[:3]:
        assert desk.rows()[failure.place]["question"] in read(panel.look.answers.value)
        assert "Tuned model: " in panel.look.answers.value
        panel.look.next.click()
    panel.look.worst.value = False
    assert "1 of 12" in panel.look.place.value
    assert desk.rows()[0]["question"] in read(panel.look.answers.value)


# Ask


def test_enter_asks_and_the_answers_are_kept(panel: Panel, desk: FakeDesk) -> None:
    asked(panel, "What of the kettle?")
    assert [question for question, _, _ in desk.asked] == ["What of the kettle?"]
    text = read(panel.ask.answers.value)
    assert all(desk.rows()[-1][system]["text"] in text for system in ("base", "tuned", "tuned_with_source"))
    assert "Answered in " in panel.ask.status.value
    assert is_off(panel.ask.stop)
    assert not is_off(panel.ask.ask_button)
    assert "13" in read(panel.look.place.value)
    assert "Own 1" in [label for label, _ in panel.look.sets.control.options]


def test_answers_stand_side_by_side_while_they_come(panel: Panel, desk: FakeDesk) -> None:
    desk.gate.clear()
    panel.ask.question.value = "What of the kettle?"
    panel.ask.ask_button.click()
    until(lambda: labels.EN.loading in panel.ask.status.value)
    assert is_off(panel.ask.ask_button)
    assert not is_off(panel.ask.stop)
    desk.pause = 0.03
    desk.gate.set()
    until(lambda: "▍" in panel.ask.answers.value)
    assert "Base model: " in panel.ask.progress.value
    until(lambda: "tokens/s" in panel.ask.progress.value)
    assert "status" not in panel.ask.progress.value
    assert "waiting" in panel.ask.answers.value
    assert labels.EN.loading not in panel.ask.status.value
    panel.language.control.value = "pt"
    assert "aguardando" in panel.ask.answers.value
    desk.pause = 0
    assert panel.wait(PATIENCE)
    assert "▍" not in panel.ask.answers.value
    assert panel.ask.progress.value == ""


def test_stop_ends_the_answering_and_keeps_what_there_is(panel: Panel, desk: FakeDesk) -> None:
    desk.pause = 0.005
    panel.ask.question.value = "A long one"
    panel.ask.ask_button.click()
    until(lambda: "▍" in panel.ask.answers.value)
    panel.ask.stop.click()
    assert panel.wait(2)
    assert labels.EN.ended in panel.ask.status.value
    assert labels.EN.user_ended in panel.ask.answers.value
    assert labels.EN.cut not in panel.ask.answers.value
    assert desk.rows()[-1]["base"]["stopped"] is False
    assert "tuned" not in desk.rows()[-1]
    desk.pause = 0
    asked(panel, "Another one")
    assert labels.EN.user_ended not in panel.ask.answers.value


def test_one_question_at_a_time(panel: Panel, desk: FakeDesk) -> None:
    desk.gate.clear()
    panel.ask.question.value = "First"
    press_enter(panel)
    until(lambda: desk.asked)
    panel.ask.question.value = "Second"
    press_enter(panel)
    panel.ask.ask_button.click()
    assert labels.EN.busy in panel.ask.status.value
    desk.gate.set()
    assert panel.wait(PATIENCE)
    assert "Answered in " in panel.ask.status.value
    assert [question for question, _, _ in desk.asked] == ["First"]
    panel.ask.stop.click()
    assert labels.EN.idle in panel.ask.status.value
    asked(panel, "Third")
    assert labels.EN.ended not in panel.ask.status.value


def test_letters_that_come_after_enter_are_asked_too(
    panel: Panel, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SETTLED", 0.3)
    panel.ask.question.value = "What of the ket"
    press_enter(panel)
    time.sleep(0.1)
    panel.ask.question.value = "What of the kettle?"
    assert panel.wait(PATIENCE)
    assert desk.asked[0][0] == "What of the kettle?"


def test_decoding_is_what_the_fields_say(panel: Panel, desk: FakeDesk) -> None:
    usual = desk.recipe.generation
    asked(panel, "One")
    for name, value in {"temperature": 0.7, "top_p": 0.9, "max_new_tokens": 33, "seed": 11}.items():
        panel.ask.decoding[name].value = value
    asked(panel, "Two")
    first, second = (generation for _, _, generation in desk.asked)
    assert first == usual
    assert second
    assert (second.temperature, second.top_p, second.max_new_tokens, second.seed) == (0.7, 0.9, 33, 11)


def test_decoding_is_folded_away(panel: Panel) -> None:
    fold, field = panel.ask.manner.button, panel.ask.decoding["seed"]
    [around] = [one for one in every(panel.ask.box) if field in getattr(one, "children", ())]
    assert around.layout.display == "none"
    fold.value = True
    assert around.layout.display is None
    assert fold.description == "▾ Decoding"


def test_where_several_are_meant_one_chooses(panel: Panel, desk: FakeDesk) -> None:
    asked(panel, "What of the Odell rake?")
    assert labels.EN.ambiguous in panel.ask.answers.value
    head, *buttons = panel.ask.candidates.children
    assert labels.EN.which in head.value
    assert [button.description for button in buttons] == [f"{entry.title} [{entry.uid}]" for entry in desks.TWINS]
    panel.ask.question.value = "something half typed"
    buttons[1].click()
    assert panel.wait(PATIENCE)
    assert desk.asked[-1][:2] == ("What of the Odell rake?", desks.TWINS[1].uid)
    assert panel.ask.candidates.children == ()
    assert labels.EN.ambiguous not in panel.ask.answers.value


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", labels.EN.empty_question),
        ("  \n", labels.EN.empty_question),
        ("a refused one", "the question is 7 tokens too long for the model: ask a shorter one."),
        ("a broken one", "That did not work: CUDA &lt;out&gt; of memory"),
    ],
)
def test_a_mistake_is_one_sentence_and_the_panel_lives_on(panel: Panel, question: str, said: str) -> None:
    asked(panel, question)
    assert said in panel.ask.status.value
    assert panel.ask.answers.value == ""
    assert is_off(panel.ask.stop)
    asked(panel, "What of the kettle?")
    assert "Answered in " in panel.ask.status.value


def test_what_was_said_and_shown_is_there_in_the_other_language(panel: Panel, desk: FakeDesk) -> None:
    asked(panel, "a broken one")
    panel.language.control.value = "pt"
    assert "Não deu certo: CUDA" in panel.ask.status.value
    asked(panel, "a refused one")
    panel.language.control.value = "en"
    assert 'lang="en"' in panel.ask.status.value
    assert "7 tokens too long" in panel.ask.status.value
    desk.gate.clear()
    panel.ask.question.value = "What of the kettle?"
    panel.ask.ask_button.click()
    until(lambda: labels.EN.loading in panel.ask.status.value)
    panel.language.control.value = "pt"
    assert labels.PT.loading in panel.ask.status.value
    desk.gate.set()
    assert panel.wait(PATIENCE)
    assert re.search(r"Respondido em \d+,\d s\.", panel.ask.status.value)
    panel.language.control.value = "en"
    assert re.search(r"Answered in \d+\.\d s\.", panel.ask.status.value)


def test_an_answer_is_called_done_only_once_the_next_question_can_be_asked(
    panel: Panel, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, gate, slow = panel.look.relabel, threading.Event(), threading.Event()

    def relabel() -> None:
        slow.set()
        gate.wait(PATIENCE)
        look()

    monkeypatch.setattr(panel.ask, "_answered", relabel)
    panel.ask.question.value = "What of the Odell rake?"
    press_enter(panel)
    assert slow.wait(PATIENCE)
    assert desk.rows()[-1]["tuned"]["text"] in read(panel.ask.answers.value)
    assert "Answered in " not in panel.ask.status.value
    assert panel.ask.candidates.children == ()
    panel.ask.relabel()
    panel._state.speak("pt")
    panel.ask.relabel()
    assert "Modelo ajustado" in panel.ask.answers.value
    off = list[bool]()
    panel.ask.status.observe(lambda _: off.append(is_off(panel.ask.ask_button)), "value")
    gate.set()
    assert panel.wait(PATIENCE)
    assert off == [False]
    assert labels.PT.which in panel.ask.candidates.children[0].value


def test_questions_and_languages_leave_no_widgets_behind(panel: Panel) -> None:
    alive = ipywidgets.widgets.widget._instances
    asked(panel, "What of the Odell rake?")
    before = len(alive)
    for language in ("pt", "en"):
        asked(panel, "What of the Odell rake?")
        panel.language.control.value = language
        asked(panel, "What of the kettle?")
    assert len(alive) == before


def test_the_field_has_a_name(panel: Panel) -> None:
    assert panel.ask.question.description == "Question"
    assert Panel(panel._state.desk, "pt").ask.question.description == "Pergunta"


def test_no_thread_is_left(panel: Panel) -> None:
    before = threading.active_count()
    asked(panel, "What of the kettle?")
    assert threading.active_count() <= before


# Blind vote


def test_a_vote_is_saved_at_once_then_revealed(panel: Panel, desk: FakeDesk) -> None:
    votes = Votes(desk.run.votes)
    assert not re.search("Tuned model|Base model", panel.vote.pair.value)
    assert is_off(panel.vote.next)
    pair = panel.vote.pair.value
    panel.vote.next.click()
    assert panel.vote.pair.value == pair
    assert labels.EN.vote_first in panel.status
    panel.vote.left.click()
    assert labels.EN.vote_first not in panel.status
    [vote] = votes.read().values()
    assert vote["choice"] == vote["left"]
    side = {"base": "Base model", "tuned": "Tuned model"}
    assert f"A was: {side[vote['left']]}. B was: {side[vote['right']]}." in panel.vote.pair.value
    assert "p = 1.00" in panel.vote.pair.value
    assert is_off(panel.vote.left)
    assert is_off(panel.vote.skip)
    panel.vote.right.click()
    assert labels.EN.voted in panel.status
    assert len(desk.run.votes.read_text().splitlines()) == 1
    panel.vote.next.click()
    assert "Sign test" not in panel.vote.pair.value
    assert not re.search("Tuned model|Base model", panel.vote.pair.value)


def test_all_pairs_are_voted_on_and_skipped_ones_come_last(panel: Panel, desk: FakeDesk) -> None:
    first = panel.vote.pair.value
    number = int(re.findall(r"Pairs left: (\d+)", panel.vote.remaining.value)[0])
    panel.vote.skip.click()
    assert panel.vote.pair.value != first
    for left in range(number, 0, -1):
        assert f"Pairs left: {left}" in panel.vote.remaining.value
        if left == 1:
            assert is_off(panel.vote.skip)
            panel.vote.skip.click()
            assert labels.EN.last_pair in panel.status
            assert panel.vote.pair.value == first
        (panel.vote.tie if left % 2 else panel.vote.right).click()
        panel.vote.next.click()
    tally = Votes(desk.run.votes).tally()
    assert tally.cast == number
    assert labels.EN.all_voted in panel.vote.pair.value
    assert is_off(panel.vote.next)
    panel.vote.next.click()
    assert labels.EN.all_voted in panel.status
    asked(panel, "What of the kettle?")
    assert "Pairs left: 0" in panel.vote.remaining.value
    assert "Sign test" in Panel(FakeDesk(desk.run.folder)).vote.pair.value


class Clock:
    """Tell the time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_held_down_votes_once(desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    vote, clock = _with_a_clock(desk, monkeypatch)
    clock.now += 1
    vote.left.click()
    for _ in range(100):  # what has the keyboard changes with each press that counts
        clock.now += 0.033
        vote.next.click()
        vote.left.click()
    assert Votes(desk.run.votes).tally().cast == 1
    for press in (vote.next, vote.right):
        clock.now += 0.71
        press.click()
    assert Votes(desk.run.votes).tally().cast == 2


def test_a_vote_before_anybody_can_have_read_is_none(desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    vote, clock = _with_a_clock(desk, monkeypatch)
    clock.now = 0.69
    vote.left.click()
    assert Votes(desk.run.votes).tally().cast == 0
    clock.now = 1.4
    vote.left.click()
    assert Votes(desk.run.votes).tally().cast == 1


def _with_a_clock(desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> tuple[Vote, Clock]:
    monkeypatch.setattr(voting, "TOO_SOON", TOO_SOON)
    clock = Clock()
    vote = Vote(State(desk, "en", ipywidgets.HTML()), Votes(desk.run.votes), clock)
    vote.relabel()
    return vote, clock


def test_two_windows_do_not_vote_on_the_same_pair(panel: Panel, desk: FakeDesk) -> None:
    other = Panel(FakeDesk(desk.run.folder))
    pair = panel.vote.pair.value
    assert other.vote.pair.value == pair
    panel.vote.left.click()
    other.vote.right.click()
    assert len(desk.run.votes.read_text().splitlines()) == 1
    assert labels.EN.taken in other.status
    assert other.vote.pair.value != pair
    assert not re.search("Tuned model|Base model", other.vote.pair.value)
    other.vote.right.click()
    assert Votes(desk.run.votes).tally().cast == 2


def test_votes_on_answers_of_an_earlier_model_are_not_counted(panel: Panel, desk: FakeDesk) -> None:
    Votes(desk.run.votes).cast("seen B1 of-another-model", "left")
    panel.vote.tie.click()
    assert "Tuned 0 · Base 0 · Tie 1" in panel.vote.pair.value


def test_a_vote_that_cannot_be_saved_is_said_and_not_revealed(panel: Panel, desk: FakeDesk) -> None:
    desk.run.votes.mkdir(parents=True)
    panel.vote.left.click()
    assert "That did not work" in panel.status
    assert not re.search("Tuned model|Base model", panel.vote.pair.value)
    desk.run.votes.rmdir()
    panel.vote.left.click()
    assert Votes(desk.run.votes).tally().cast == 1


def test_after_a_restart_everything_is_there(panel: Panel, desk: FakeDesk) -> None:
    asked(panel, "What of the kettle?")
    panel.vote.tie.click()
    panel.vote.next.click()
    after = Panel(FakeDesk(desk.run.folder))
    assert after.vote.pair.value == panel.vote.pair.value
    after.vote.tie.click()
    assert "Tie 2" in after.vote.pair.value
    after.look.sets.control.value = "own"
    assert "What of the kettle?" in read(after.look.answers.value)


def test_a_broken_file_of_votes_leaves_the_rest_alive(desk: FakeDesk) -> None:
    desk.run.folder.mkdir(parents=True)
    desk.run.votes.write_text("no vote\n")
    panel = Panel(desk)
    assert "votes.jsonl is no JSON object" in panel.status
    asked(panel, "What of the kettle?")
    assert desk.rows()[-1]["tuned"]["text"] in read(panel.ask.answers.value)


# Export, language, the notebook


def test_export_names_the_files(panel: Panel, desk: FakeDesk) -> None:
    panel.export.click()
    assert f"<code>{desk.run.page}</code>" in panel.status
    assert "<code>&lt;b&gt;.csv</code>" in panel.status
    assert not is_off(panel.export)


def test_an_export_that_fails_says_why(desk: FakeDesk) -> None:
    def fail() -> list[Path]:
        raise InputError("answers.jsonl is missing: do the step 'compare' first.")

    panel = Panel(desk, export=fail)
    panel.export.click()
    assert "answers.jsonl is missing: do the step &#39;compare&#39; first." in panel.status
    assert not is_off(panel.export)


def test_the_language_changes_every_label_at_once_and_nothing_else(panel: Panel, desk: FakeDesk) -> None:
    panel.look.questions.control.value = 4
    asked(panel, "What of the Odell rake?")
    panel.vote.left.click()
    said = {"description", "placeholder", "value", "tooltip"}
    english = [getattr(one, name) for one in everything(panel) for name in said if hasattr(one, name)]
    panel.mode.control.value = "vote"
    panel.language.control.value = "pt"
    assert panel.mode.value == "vote"
    assert "5 de 12" not in panel.look.place.value
    assert "5 de 13" in panel.look.place.value
    assert "Ajustado 0 · Base 1" in panel.vote.pair.value or "Ajustado 1 · Base 0" in panel.vote.pair.value
    assert "Qual deles?" in panel.ask.candidates.children[0].value
    assert panel.ask.question.placeholder == labels.PT.type_here
    words = {label for label in english if isinstance(label, str)}
    only_english = {labels.EN.ask, labels.EN.stop, labels.EN.tie, labels.EN.skip, labels.EN.export, labels.EN.worst}
    now = {getattr(one, name) for one in everything(panel) for name in said if isinstance(getattr(one, name, 0), str)}
    assert only_english <= words
    assert not only_english & now
    for text in (labels.EN.asked, labels.EN.true, labels.EN.which, labels.EN.stopped, "Tuned"):
        assert not [value for value in now if text in value], text
    panel.language.control.value = "en"
    assert panel.ask.ask_button.description == "Ask"
    assert len(desk.run.votes.read_text().splitlines()) == 1


def everything(panel: Panel) -> list[Any]:
    rooms = [one for room in (panel.look, panel.ask, panel.vote) for one in every(room.box)]
    return [*shown(panel), *rooms]


def test_another_language_is_refused(desk: FakeDesk) -> None:
    with pytest.raises(InputError, match="speaks en and pt, not 'fr'"):
        Panel(desk, language="fr")


def test_a_panel_begins_in_its_language(desk: FakeDesk) -> None:
    assert Panel(desk, language="pt").vote.tie.description == "Empate"


def test_every_button_has_text(panel: Panel) -> None:
    asked(panel, "What of the Odell rake?")
    buttons = [one for one in everything(panel) if isinstance(one, ipywidgets.Button | ipywidgets.ToggleButton)]
    assert len(buttons) > 12
    assert all(button.description.strip() for button in buttons)


def test_a_notebook_shows_the_widgets(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    displayed = list[object]()
    monkeypatch.setattr("IPython.display.display", displayed.append)
    panel._ipython_display_()
    assert displayed == [panel.box]


def test_without_ipywidgets_all_but_the_panel_works() -> None:
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "from amazon_ft import panel; print(panel.show, panel.Votes, panel.find)\n"
        "try: panel.Panel\n"
        "except ImportError: print('no panel')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("no panel\n")
    with pytest.raises(AttributeError, match="no attribute 'Pane'"):
        house.Pane  # noqa: B018


def test_own_questions_are_lines_of_json(panel: Panel, desk: FakeDesk) -> None:
    asked(panel, "What of the <kettle>?")
    [line] = desk.run.own_answers.read_text().splitlines()
    assert json.loads(line)["question"] == "What of the <kettle>?"
    assert "<kettle>" not in panel.ask.answers.value
