"""Asking from a terminal: what is printed where, and how a conversation goes on and ends."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from amazon_ft import conversation, products
from amazon_ft.cli import main
from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.recipes import named
from amazon_ft.retrieval.answers import CELLS, EXTRACTIVE
from amazon_ft.runs import Run
from amazon_ft.steps import Desk

DEMO = named("demo")
TWINS = 'Moltrik Claw Hammer TL-400, 12"'
ABSENT = "Tell me about the Silver Zinc Rain Barrel of Orlando"


class Terminal(io.StringIO):
    """Pretend to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def catalogue(walked: Run) -> list[Product]:
    return list(products.load(walked.products))


@pytest.fixture
def twins(catalogue: list[Product]) -> list[Product]:
    return [product for product in catalogue if product.title == TWINS]


@pytest.fixture
def tell(walked: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Type lines into a conversation; give what it said to the standard output and to the other one, by lines."""

    def told(*lines: str, uid: str = "", as_json: bool = True, end: str = "\n") -> tuple[list[Any], list[str]]:
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + end))
        conversation.hold(walked, DEMO, None, uid, "extractive", as_json=as_json)
        out, err = capsys.readouterr()
        hint, *errors = err.splitlines()
        assert hint == conversation.HINT
        return [json.loads(line) if as_json else line for line in out.splitlines()], errors

    return told


def test_a_single_question_prints_answer_and_source_and_nothing_else(
    walked: Run, catalogue: list[Product], capsys: pytest.CaptureFixture[str]
) -> None:
    product = catalogue[1]
    conversation.hold(walked, DEMO, f"Tell me about {product.title}", "", "extractive", as_json=False)
    out, err = capsys.readouterr()
    answer, source = out.splitlines()
    assert answer == f"According to the catalogue: “{product.content}” [{product.uid}]"
    assert source.startswith(f"  source: {product.title} [{product.uid}], score ")
    assert source.endswith(f" (characters 0 to {len(product.content)})")
    assert err == ""


def test_what_loading_a_model_says_is_no_answer(
    walked: Run, catalogue: list[Product], capsys: pytest.CaptureFixture[str]
) -> None:
    question = f"Tell me about {catalogue[1].title}"
    assert main(["ask", question, "--run", str(walked.folder), "--json"]) == 0
    out, err = capsys.readouterr()
    [reply] = [json.loads(line) for line in out.splitlines()]
    assert (reply["question"], reply["kind"]) == (question, "found")
    assert set(reply["answers"]) == {"tuned_with_source", EXTRACTIVE}
    assert "backend transformers" in err


def test_all_cells_are_printed_when_asked_for(
    walked: Run, catalogue: list[Product], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", f"Tell me about {catalogue[1].title}", "--run", str(walked.folder), "--cells"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("who: ")] == [
        f"who: {cell.replace('_', ' ')}" for cell in CELLS
    ]
    assert f"answer: According to the catalogue: “{catalogue[1].content}”" in out
    assert "backend" not in out


def test_questions_are_answered_one_after_the_other(tell: Any, catalogue: list[Product]) -> None:
    asked = [f"Tell me about {catalogue[place].title}" for place in (0, 1, 2)]
    replies, errors = tell(*asked, ABSENT)
    assert [reply["question"] for reply in replies] == [*asked, ABSENT]
    assert [reply["answers"].get(EXTRACTIVE, {}).get("uid") for reply in replies] == [
        *(product.uid for product in catalogue[:3]),
        None,
    ]
    assert errors == []


@pytest.mark.parametrize("end", ["\n", ""])
def test_an_empty_line_or_the_end_of_the_input_ends_it(tell: Any, end: str) -> None:
    assert len(tell(ABSENT, "", ABSENT, end=end)[0]) == 1
    assert len(tell(ABSENT, "  \t", ABSENT, end=end)[0]) == 1
    assert len(tell(ABSENT, ABSENT, end=end)[0]) == 2
    assert tell(end="")[0] == []


@pytest.mark.parametrize("typed", ["2", " 2 "])
def test_a_number_chooses_among_those_just_listed(tell: Any, twins: list[Product], typed: str) -> None:
    question = f"Tell me about {TWINS}"
    (first, second), errors = tell(question, typed)
    assert (first["kind"], first["answers"]) == ("ambiguous", {})
    assert [candidate["uid"] for candidate in first["candidates"]][:2] == [product.uid for product in twins]
    assert (second["question"], second["kind"], second["answer"]) == (question, "found", EXTRACTIVE)
    assert second["answers"][EXTRACTIVE]["uid"] == twins[1].uid
    assert errors == []


def test_what_is_listed_is_numbered_as_it_is_chosen(tell: Any, twins: list[Product]) -> None:
    lines, _ = tell(f"Tell me about {TWINS}", "1", as_json=False)
    assert lines[:3] == [
        "More than one product may be meant:",
        f"  1. {TWINS} [{twins[0].uid}]",
        f"  2. {TWINS} [{twins[1].uid}]",
    ]
    assert lines[-2].endswith(f"“{twins[0].content}” [{twins[0].uid}]")


def test_one_of_the_nearest_titles_can_be_chosen_too(tell: Any) -> None:
    first, second = tell(ABSENT, "1")[0]
    assert (first["kind"], first["answer"]) == ("absent", None)
    assert second["question"] == ABSENT
    assert second["answers"][EXTRACTIVE]["uid"] == first["candidates"][0]["uid"]


@pytest.mark.parametrize("typed", ["0", "99", "-1", "1.", "²", "1 2"])
def test_another_number_is_a_question(tell: Any, typed: str) -> None:
    assert tell(f"Tell me about {TWINS}", typed)[0][1]["question"] == typed


def test_a_number_is_a_question_at_first(tell: Any) -> None:
    assert tell("1")[0][0]["question"] == "1"


def test_a_number_is_a_question_where_nothing_is_listed(tell: Any, catalogue: list[Product]) -> None:
    assert tell(f"Tell me about {catalogue[0].title}", "2")[0][1]["question"] == "2"


def test_a_number_of_any_length_is_a_question(tell: Any) -> None:
    assert tell(ABSENT, "9" * 5_000)[0][1]["question"] == "9" * 5_000


def test_an_uid_holds_for_every_question_but_a_choice(tell: Any, twins: list[Product]) -> None:
    replies, _ = tell("quanto custa?", "how heavy is it?", uid=twins[0].uid)
    assert [reply["answers"][EXTRACTIVE]["uid"] for reply in replies] == [twins[0].uid] * 2


def test_an_error_in_one_question_does_not_end_it(
    tell: Any, monkeypatch: pytest.MonkeyPatch, catalogue: list[Product]
) -> None:
    ask = Desk.ask

    def moody(desk: Desk, question: str, **how: Any) -> Any:
        if question == "bad":
            raise InputError("the question is bad: ask a good one.")
        return ask(desk, question, **how)

    monkeypatch.setattr(Desk, "ask", moody)
    replies, errors = tell("bad", f"Tell me about {TWINS}", "bad", "2")
    assert errors == ["amazon-ft: the question is bad: ask a good one."] * 2
    assert [reply["kind"] for reply in replies] == ["ambiguous", "found"]
    assert tell("one", "two", uid="nope")[1] == [
        error for error in tell("one", "two", uid="nope")[1] if "holds no product 'nope'" in error
    ]


def test_an_error_in_a_single_question_is_raised(walked: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="holds no product 'nope'"):
        conversation.hold(walked, DEMO, "How much is it?", "nope", "extractive", as_json=True)
    with pytest.raises(InputError, match="the question is empty"):
        conversation.hold(walked, DEMO, "", "", "extractive", as_json=True)
    assert capsys.readouterr().out == ""


def test_questions_share_one_desk(tell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desks = list[Run]()
    monkeypatch.setattr(conversation, "Desk", lambda run, recipe: desks.append(run) or Desk(run, recipe))
    tell(ABSENT, ABSENT, ABSENT)
    assert len(desks) == 1


def test_a_terminal_is_prompted_beside_the_answers(
    walked: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"{ABSENT}\n\n"))
    assert main(["ask", "--run", str(walked.folder), "--extractive", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["kind"] for line in out.splitlines()] == ["absent"]
    assert "> " in err


def test_ctrl_c_ends_it_with_one_sentence(
    walked: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Leaving(io.StringIO):
        def readline(self, *rest: Any) -> str:
            line = super().readline(*rest)
            if not line:
                raise KeyboardInterrupt
            return line

    monkeypatch.setattr("sys.stdin", Leaving(f"{ABSENT}\n"))
    assert main(["ask", "--run", str(walked.folder), "--extractive", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["kind"] == "absent"
    assert err.splitlines()[-1] == "amazon-ft: stopped: run the same command again to go on."
