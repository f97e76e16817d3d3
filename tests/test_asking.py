"""Questions asked at the desk of a run: with stubs where a promise needs no model, and for real on the demo's."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amazon_ft import generation, products, prompts, steps
from amazon_ft.files import InputError, read_jsonl
from amazon_ft.generation import Answer, Manner, answering
from amazon_ft.products import Product
from amazon_ft.prompts import Example
from amazon_ft.recipes import TINY_LLAMA, Generation, Recipe, named
from amazon_ft.retrieval import index
from amazon_ft.retrieval.answers import CELLS, CLOSED_BOOK, EXTRACTIVE, WITH_SOURCE
from amazon_ft.retrieval.quoting import ANSWERS, bare, cites
from amazon_ft.runs import SPLITS, Run
from amazon_ft.steps import Desk

DEMO = named("demo")
WINDOW = 1_024  # tokens that the tiny model reads
UNKNOWN = "Tell me about the Silver Zinc Rain Barrel of Orlando"
TWINS = 'Moltrik Claw Hammer TL-400, 12"'
PADDING = " ".join(f"Chapter {number} of this tale is set in Perth." for number in range(1_200))
LONG = Product("B00LONG001", "Endless Ferry of Tromsø", f"{PADDING} It weighs 77 g. {PADDING}")
SHORT = Product("B00SHORT01", "Brass Sundial Kit", "A kit of 12 parts.")
SOURCED = (*WITH_SOURCE, EXTRACTIVE)


class Asked(list[tuple[str, Example]]):
    """Record what models are asked instead of asking them."""

    def answers(
        self, loaded: object, recipe: Recipe, asked: Mapping[str, Sequence[Example]], manner: Manner
    ) -> dict[str, list[Answer]]:
        self.extend((system, example) for system, some in asked.items() for example in some)
        return {
            system: [Answer(f"{system} on {len(one.context)}", 3, True, 0.1) for one in some]
            for system, some in asked.items()
        }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    recorded = Asked()
    monkeypatch.setattr(answering, "answers", recorded.answers)
    monkeypatch.setattr(answering, "room", lambda loaded, recipe, example: 200)
    monkeypatch.setattr(answering, "tokens", lambda loaded, text: len(text.split()))
    return recorded


@pytest.fixture
def stubbed(walked: Run) -> Desk:
    """Open the desk of the demo with something in place of its model."""
    desk = Desk(walked, DEMO)
    vars(desk)["loaded"] = object()
    return desk


@pytest.fixture(scope="module")
def real(walked: Run) -> Desk:
    desk = Desk(walked, DEMO)
    assert desk.loaded
    return desk


@pytest.fixture
def own(tmp_path: Path) -> Run:
    """Make a run folder with a catalogue and nothing else."""
    run = Run(tmp_path / "run")
    products.write(run.products, [SHORT, LONG])
    return run


@pytest.fixture(scope="module")
def catalogue(walked: Run) -> list[Product]:
    return list(products.load(walked.products))


def grounded_on_the_tiny_model() -> Recipe:
    return replace(
        named("grounded"),
        base_model=TINY_LLAMA,
        lora=DEMO.lora,
        load_in_4bit=False,
        rows=24,
        held_out_rows=8,
        training=replace(DEMO.training, max_steps=2, num_train_epochs=None, max_length=640),
        generation=Generation(max_new_tokens=24),
    )


def test_a_known_product_is_answered_in_every_cell(real: Desk, catalogue: list[Product]) -> None:
    product = catalogue[0]
    reply = real.ask(f"Tell me about {product.title}")
    assert (reply.match.kind, list(reply.answers)) == ("found", list(CELLS))
    assert reply.source and reply.source.product == product
    for cell, answer in reply.answers.items():
        assert (answer.cell, answer.uid, answer.title) == (cell, product.uid, product.title)
        assert answer.score == reply.match.candidates[0].score > 0.9
        assert (answer.tokens > 0, answer.seconds > 0) == (cell != EXTRACTIVE,) * 2
    assert reply.answers[EXTRACTIVE].quote == reply.source.quote
    assert bare(reply.answers[EXTRACTIVE].text) == product.content
    assert reply.answers["base"].text != reply.answers["tuned"].text


def test_closed_book_answers_are_those_of_the_models_alone(real: Desk, catalogue: list[Product]) -> None:
    question = f"Tell me about {catalogue[5].title}."
    reply = real.ask(question)
    example = prompts.free_question(question, DEMO.asked)
    alone = generation.answers(real.loaded, DEMO, {"base": [example], "tuned": [example]})
    assert {cell: reply.answers[cell].text for cell in CLOSED_BOOK} == {cell: alone[cell][0].text for cell in alone}


def test_only_the_cells_with_a_source_are_asked_with_it(stubbed: Desk, asked: Asked, catalogue: list[Product]) -> None:
    product = catalogue[3]
    question = f"Tell me about {product.title}"
    reply = stubbed.ask(question)
    assert [(system, bool(example.context)) for system, example in asked] == [
        *(("base", False), ("base", True), ("tuned", False), ("tuned", True))
    ]
    assert {example.input for _, example in asked} == {question}
    context = f"Catalogue entry {product.uid}: {product.title}\n{product.content}"
    assert {example.context for _, example in asked} == {"", context}
    texts = {cell: reply.answers[cell].text for cell in CELLS if cell != EXTRACTIVE}
    assert texts == {
        "base": "base on 0",
        "tuned": "tuned on 0",
        "base_with_source": f"base on {len(context)}",
        "tuned_with_source": f"tuned on {len(context)}",
    }


@pytest.mark.parametrize("cells", [SOURCED, (EXTRACTIVE,), ("tuned_with_source", EXTRACTIVE)])
def test_an_unknown_product_loads_no_model_and_has_no_answer(walked: Run, cells: Collection[str]) -> None:
    desk = Desk(walked, DEMO)
    reply = desk.ask(UNKNOWN, cells=cells)
    assert (reply.match.kind, reply.source, reply.answers, reply.answer) == ("absent", None, {}, None)
    assert "loaded" not in vars(desk)
    assert str(reply).startswith(ANSWERS["en"].absent)


def test_an_unknown_product_is_still_asked_closed_book(stubbed: Desk, asked: Asked) -> None:
    reply = stubbed.ask(UNKNOWN)
    assert {cell: answer.text for cell, answer in reply.answers.items()} == {"base": "base on 0", "tuned": "tuned on 0"}
    assert all(not answer.uid and not answer.holds for answer in reply.answers.values())
    assert reply.answer is None
    assert [example.context for _, example in asked] == ["", ""]


def test_what_may_be_one_of_several_has_no_answer_until_it_is_named(walked: Run, catalogue: list[Product]) -> None:
    desk = Desk(walked, DEMO)
    twins = [product for product in catalogue if product.title == TWINS]
    reply = desk.ask(f"Tell me about {TWINS}", cells=SOURCED)
    assert (len(twins), reply.match.kind, reply.answers) == (2, "ambiguous", {})
    assert [candidate.entry.uid for candidate in reply.match.candidates[:2]] == [product.uid for product in twins]
    assert str(reply).startswith(ANSWERS["en"].several)
    for twin in twins:
        chosen = desk.ask(f"Tell me about {TWINS}", uid=twin.uid, cells=(EXTRACTIVE,))
        assert chosen.match.kind == "found"
        assert chosen.answer and (chosen.answer.uid, bare(chosen.answer.text)) == (twin.uid, twin.content)
    assert "loaded" not in vars(desk)


def test_a_uid_needs_no_title_in_the_question(own: Run) -> None:
    reply = Desk(own, DEMO).ask("quanto pesa?", uid=LONG.uid, cells=(EXTRACTIVE,))
    assert reply.answer and reply.answer.text == f"{ANSWERS['pt'].lead} “It weighs 77 g.” [{LONG.uid}]"


@pytest.mark.parametrize("uid", ["nope", "B00LONG00", " ", "b00long001"])
def test_an_unknown_uid_is_one_sentence(own: Run, uid: str) -> None:
    with pytest.raises(InputError, match=r"products\.parquet holds no product '.*': leave the uid out .*\.$"):
        Desk(own, DEMO).ask("Tell me about it", uid=uid, cells=(EXTRACTIVE,))


@pytest.mark.parametrize("question", ["", "   ", "\n\t"])
@pytest.mark.parametrize("uid", ["", LONG.uid])
def test_an_empty_question_is_one_sentence(own: Run, question: str, uid: str) -> None:
    with pytest.raises(InputError, match=r"^the question is empty: write what you want to know about a product\.$"):
        Desk(own, DEMO).ask(question, uid=uid)


@pytest.mark.parametrize(
    "uid",
    ["", "B000000001"],
)
def test_without_a_catalogue_there_is_one_sentence(tmp_path: Path, uid: str) -> None:
    with pytest.raises(InputError, match=r"products\.parquet is missing: do the step 'clean' first\.$"):
        Desk(Run(tmp_path), DEMO).ask("Tell me about it", uid=uid, cells=(EXTRACTIVE,))


@pytest.mark.parametrize("cells", [CELLS, ("base",), ("tuned_with_source", EXTRACTIVE)])
def test_without_an_adapter_models_cannot_be_asked(own: Run, cells: Collection[str]) -> None:
    with pytest.raises(InputError, match=r"adapter is missing: do the step 'train' first\.$"):
        Desk(own, DEMO).ask(f"Tell me about {SHORT.title}", cells=cells)


def test_without_an_adapter_the_catalogue_still_answers(own: Run) -> None:
    reply = Desk(own, DEMO).ask(f"Tell me about {SHORT.title}", cells=(EXTRACTIVE,))
    assert reply.answer and bare(reply.answer.text) == SHORT.content


@pytest.fixture
def prompted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the length of every prompt that a model is given."""
    lengths, generate = list[int](), answering.generate

    def recorded(loaded: Any, ids: Sequence[list[int]], *rest: Any) -> Iterator[dict[int, Answer]]:
        lengths.extend(map(len, ids))
        return generate(loaded, ids, *rest)

    monkeypatch.setattr(answering, "generate", recorded)
    return lengths


def test_a_long_description_is_read_in_passages_that_fit(own: Run, real: Desk, prompted: list[int]) -> None:
    desk = Desk(own, DEMO)
    vars(desk)["loaded"] = real.loaded
    reply = desk.ask(f"How much does {LONG.title} weigh?")
    assert len(LONG.content) > 100_000
    assert len(prompted) == 4
    assert WINDOW / 2 < max(prompted) <= WINDOW - DEMO.generation.max_new_tokens
    assert reply.source and "It weighs 77 g." in reply.source.context
    assert not reply.source.passages.whole
    assert {cell for cell, answer in reply.answers.items() if not answer.whole} == set(WITH_SOURCE)
    assert bare(reply.answers[EXTRACTIVE].text) == "It weighs 77 g."
    assert {answer.uid for answer in reply.answers.values()} == {LONG.uid}


def test_without_a_model_a_long_description_is_read_too(own: Run) -> None:
    reply = Desk(own, DEMO).ask(f"How much does {LONG.title} weigh?", cells=(EXTRACTIVE,))
    assert reply.source and 3_000 < len(reply.source.passages.text) <= 4_000
    assert reply.answer and bare(reply.answer.text) == "It weighs 77 g."


@pytest.mark.parametrize("question", [f"Tell me about {SHORT.title} {'really ' * 2_000}", "xyz " * 2_000])
@pytest.mark.parametrize(
    "uid",
    ["", SHORT.uid],
)
def test_a_question_longer_than_the_window_is_one_sentence(
    own: Run, real: Desk, monkeypatch: pytest.MonkeyPatch, question: str, uid: str
) -> None:
    desk = Desk(own, DEMO)
    vars(desk)["loaded"] = real.loaded
    monkeypatch.setattr(answering, "_generate", lambda prompts_, *rest: [Answer("x", 1, True, 0.0)] * len(prompts_))
    with pytest.raises(InputError, match=r"^the question is [\d,]+ tokens too long for .*: ask a shorter one\.$"):
        desk.ask(question, uid=uid)


def test_the_extractive_answer_names_its_own_product_and_no_other(walked: Run, catalogue: list[Product]) -> None:
    desk, uids = Desk(walked, DEMO), {product.uid for product in catalogue}
    for product in catalogue[::11]:
        reply = desk.ask(f"Quanto custa {product.title}?", uid=product.uid, cells=(EXTRACTIVE,))
        text = reply.answers[EXTRACTIVE].text
        assert {uid for uid in uids if cites(text, uid)} == {product.uid}


def test_the_demos_scores_show_what_quoting_is_worth(walked: Run) -> None:
    for systems in json.loads(walked.scores.read_text()).values():
        own = systems.get(EXTRACTIVE)
        assert own is None or (own["invented_numbers"], own["cites"], own["exact"]) == (0, 1, 1)
    for row in (row for row in read_jsonl(walked.answers) if row["set"] != "general"):
        assert row["retrieval"]["kind"] in ("found", "ambiguous")
        assert {row[cell]["uid"] for cell in CELLS} == {row["source"]}
        assert bare(row[EXTRACTIVE]["text"]) == row["reference"]
        assert all(row[cell]["whole"] for cell in CELLS)


def test_retrieval_changes_no_closed_book_answer_of_a_comparison(walked: Run, real: Desk) -> None:
    rows = [*steps.rows(walked, "train")[:10], *steps.rows(walked, "test")[:10]]
    alone = generation.answers(real.loaded, DEMO, {"base": rows, "tuned": rows})
    compared = {row["source"]: row for row in read_jsonl(walked.answers)}
    for system, answers in alone.items():
        assert [answer.text for answer in answers] == [compared[row.source][system]["text"] for row in rows]


def test_a_grounded_run_walks_from_rows_to_scores(tmp_path: Path) -> None:
    run, recipe = Run(tmp_path / "run"), grounded_on_the_tiny_model()
    steps.clean(run)
    assert steps.format_rows(run, recipe)["train"] == 24
    known = {product.uid: product for product in products.load(run.products)}
    fixed = {line for wording in ANSWERS.values() for line in (wording.unsaid, wording.other)}
    quoting = 0
    for row in (row for split in SPLITS for row in steps.rows(run, split)):
        assert known[row.source].title in row.input
        said = bare(row.output)
        assert said in fixed or (said in row.context and said in known[row.source].content)
        quoting += said not in fixed
    assert quoting > 20
    steps.train(run, recipe)
    scores = steps.compare(run, recipe, 6)
    assert all(set(CELLS) < set(scores[set_]) for set_ in ("seen", "unseen"))
    assert all(scores[set_]["extractive"]["invented_numbers"] == 0 for set_ in ("seen", "unseen"))
    assert all(scores[set_][cell]["n"] == 6 for set_ in ("seen", "unseen") for cell in CELLS)
    assert all(row["base_with_source"]["uid"] for row in read_jsonl(run.answers) if row["set"] != "general")
    reply = Desk(run, recipe).ask(f"Tell me about {next(iter(known.values())).title}", cells=("tuned_with_source",))
    assert reply.answers["tuned_with_source"].tokens <= 24


def test_titles_are_opened_once_for_many_questions(own: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, open_ = list[Path](), index.opened
    monkeypatch.setattr(index, "opened", lambda *paths: opened.append(paths[1]) or open_(*paths))
    desk = Desk(own, DEMO)
    for _ in range(3):
        desk.ask(UNKNOWN, cells=(EXTRACTIVE,))
    assert opened == [own.titles]
