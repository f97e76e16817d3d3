"""The step that a user repeats: a question in any words, the product it is about, and answers that can be checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from amazon_ft import products, prompts
from amazon_ft.files import InputError, append_jsonl, read_jsonl
from amazon_ft.products import Product
from amazon_ft.prompts import Example
from amazon_ft.recipes import Generation, Recipe
from amazon_ft.retrieval import answers, index, matching
from amazon_ft.retrieval.answers import CELLS, CLOSED_BOOK, EXTRACTIVE, WITH_SOURCE, Reply, Source, Sourced
from amazon_ft.retrieval.grounding import entry
from amazon_ft.retrieval.index import Entry, Titles
from amazon_ft.retrieval.matching import Match
from amazon_ft.retrieval.quoting import ANSWERS
from amazon_ft.runs import Run, claim
from amazon_ft.steps import recording
from amazon_ft.steps.tuned import tuned

if TYPE_CHECKING:
    from amazon_ft.generation import Listener, Speaker, Store
    from amazon_ft.models import Loaded

MOST_READ = 4_000  # characters of a description where no model says what it can read

Heard = Callable[[str, str, int], bool | None]


@dataclass(frozen=True)
class Desk:
    """Answer questions about the catalogue of a run; index and model are opened when a question needs them."""

    run: Run
    recipe: Recipe

    @cached_property
    def titles(self) -> Titles:
        """Open the title index, built first if need be."""
        return index.opened(self.run.products, self.run.titles)

    @cached_property
    def loaded(self) -> Loaded:
        """Load the model with the run's adapter.

        Raises InputError if there is no adapter, another base model, or the run belongs to another recipe.
        """
        claim(self.run, self.recipe.as_dict())
        tuned(self.run, self.recipe).check()
        from amazon_ft import models

        return models.load(self.recipe, adapter=self.run.adapter)

    @cached_property
    def speaker(self) -> Speaker:
        """Give what answers as base and as tuned.

        Raises InputError as `loaded` does.
        """
        return tuned(self.run, self.recipe).speaker(lambda: self.loaded)

    @cached_property
    def store(self) -> Store:
        """Give what this run's models have answered so far."""
        from amazon_ft.generation import Store

        return Store(self.run.answer_cache)

    def ask(
        self,
        question: str,
        *,
        uid: str = "",
        cells: Collection[str] = CELLS,
        generation: Generation | None = None,
        listener: Listener | None = None,
    ) -> Reply:
        """Find the product that a question is about, or take the one named by `uid`, and answer in these `cells`.

        `generation` stands in for the recipe's own, `listener` hears the cells as they are answered. A product that is
        not in the catalogue, or may be one of several, has no answer with a source.
        Raises InputError for an empty question and for a uid that is not there.
        """
        question, uid = (text.encode("utf-8", "replace").decode() for text in (question, uid))  # as bytes may come
        example = prompts.free_question(question, self.recipe.asked)
        match = self._match(question, uid)
        product = self.products([match])[0] if match.kind == "found" else None
        wanted = [cell for cell in cells if product or cell in CLOSED_BOOK]
        speaker = self.speaker if set(wanted) - {EXTRACTIVE} else None
        recipe = replace(self.recipe, generation=generation or self.recipe.generation)
        if speaker:
            _check_length(example, recipe, speaker)
        asked = look_up(example, match, product, recipe, speaker)
        [given] = answered([asked], recipe, speaker, wanted, self.store, listener)
        return Reply(question, match, asked.source, given)

    def rows(self) -> list[dict[str, Any]]:
        """Give the recorded answers, then those to questions that a user typed, in the shape of answers.jsonl."""
        recorded = read_jsonl(self.run.answers) if self.run.answers.exists() else []
        return [*recorded, *recording.own_rows(self.run)]

    def ask_row(
        self,
        question: str,
        uid: str = "",
        generation: Generation | None = None,
        heard: Heard | None = None,
    ) -> tuple[Reply, dict[str, Any]]:
        """Ask as `ask` does, keep the reply as a row of the set "own" beside the recorded ones, and give both.

        `heard` gets a cell, its text and its tokens so far; once it returns true, the answering ends there.
        """
        listener = heard and _listener(heard)
        reply = self.ask(question, uid=uid, generation=generation, listener=listener)
        own = recording.own(reply, self.run, ended=bool(listener and listener.enough.is_set()))
        append_jsonl(self.run.own_answers, [own])
        return reply, own

    def products(self, matches: Sequence[Match]) -> list[Product]:
        """Read the best candidate of each match."""
        return products.at(self.run.products, [match.candidates[0].entry.row for match in matches])

    def _match(self, question: str, uid: str) -> Match:
        titles = self.titles
        if not uid:
            return matching.find(titles, question)
        row = products.row_of(self.run.products, uid)
        if row is None:
            raise InputError(f"{self.run.products} holds no product {uid!r}: leave the uid out to look for its title.")
        [product] = products.at(self.run.products, [row])
        return matching.about(titles, question, Entry(uid, product.title, row))


@dataclass(frozen=True)
class Asked:
    """Hold a question as a model gets it, alone and with its source, the source itself, and the user's language."""

    closed: Example
    opened: Example | None
    source: Source | None
    language: str
    truth: Source | None = None  # what answers from memory are checked against, where that is known for sure


def look_up(example: Example, match: Match, product: Product | None, recipe: Recipe, speaker: Speaker | None) -> Asked:
    """Put what was read of a product beside a question: as much as a model can read, and what answers first."""
    reading = match.reading
    if product is None:
        return Asked(example, None, None, reading.language)
    score = match.candidates[0].score
    if speaker is None:
        source = answers.read(product, score, reading, MOST_READ)
    else:
        heading = replace(example, context=entry(product.uid, product.title, ""))
        limit = speaker.room(recipe, heading)
        source = answers.read(product, score, reading, limit, speaker.tokens)
    opened = replace(example, context=source.context, source=product.uid)
    return Asked(example, opened, source, reading.language)


def answered(
    some: Sequence[Asked],
    recipe: Recipe,
    speaker: Speaker | None,
    cells: Collection[str],
    store: Store | None = None,
    listener: Listener | None = None,
) -> list[dict[str, Sourced]]:
    """Answer each question in each of `cells`; where no product was found, those with a source say just that.

    A listener that had enough leaves cells without an answer.
    """
    models = [cell for cell in cells if cell != EXTRACTIVE]
    given = _generated(some, recipe, speaker, models, store, listener) if speaker else [{} for _ in some]
    silent = {
        cell
        for cell in models
        if speaker and listener and listener.enough.is_set() and not any(cell in own for own in given)
    }
    return [
        {cell: own.get(cell) or _unmodelled(cell, asked) for cell in cells if cell not in silent}
        for asked, own in zip(some, given, strict=True)
    ]


def _unmodelled(cell: str, asked: Asked) -> Sourced:
    if cell == EXTRACTIVE and asked.source:
        return answers.extractive(asked.source, asked.language)
    return answers.checked(cell, None, ANSWERS[asked.language].absent)


def _generated(
    some: Sequence[Asked],
    recipe: Recipe,
    speaker: Speaker,
    cells: Collection[str],
    store: Store | None,
    listener: Listener | None,
) -> list[dict[str, Sourced]]:
    """Ask each model all its questions at once, closed book and with the source."""
    from amazon_ft import generation

    tasks: dict[str, list[tuple[int, str, Example]]] = {}
    for cell in cells:
        for place, asked in enumerate(some):
            if example := asked.opened if cell in WITH_SOURCE else asked.closed:
                tasks.setdefault(WITH_SOURCE.get(cell, cell), []).append((place, cell, example))
    cell_of = {system: [cell for _, cell, _ in own] for system, own in tasks.items()}
    heard = listener and (lambda system, place, *so_far: listener.heard(cell_of[system][place], place, *so_far))
    manner = generation.Manner(store=store, listener=listener and heard and replace(listener, heard=heard))
    asked_for = {system: [task[-1] for task in own] for system, own in tasks.items()}
    texts = speaker.answers(recipe, asked_for, manner)
    given: list[dict[str, Sourced]] = [{} for _ in some]
    for system, said in texts.items():
        for (place, cell, _), answer in zip(tasks[system], said, strict=True):
            source = some[place].truth if cell in CLOSED_BOOK and some[place].truth else some[place].source
            own = answers.checked(cell, source, **asdict(answer), thinks=recipe.reasoning is not None)
            given[place][cell] = own
    return given


def _listener(heard: Heard) -> Listener:
    from amazon_ft.generation import Listener

    def hear(cell: str, place: int, text: str, tokens: int) -> None:
        if heard(cell, text, tokens):
            listener.enough.set()

    listener = Listener(hear)
    return listener


def _check_length(example: Example, recipe: Recipe, speaker: Speaker) -> None:
    over = -speaker.room(recipe, example)
    if over > 0:
        raise InputError(f"the question is {over:,} tokens too long for {recipe.base_model}: ask a shorter one.")
