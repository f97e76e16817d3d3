"""The proof before anything is published: every form asked the same, and its answers beside the trained model's."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amazon_ft import prompts
from amazon_ft.files import InputError, digest, write_json
from amazon_ft.prompts import Example
from amazon_ft.recipes import Recipe
from amazon_ft.runs import Run, hashed, manifest, record_step, say
from amazon_ft.serving import dressing, parity, readers
from amazon_ft.serving.parity import Parity, Trained
from amazon_ft.steps.asking import Desk
from amazon_ft.steps.forms import ADAPTER, FORMS, GGUF, MERGED, check_trained, command, gguf_files
from amazon_ft.steps.preparing import rows

if TYPE_CHECKING:
    from amazon_ft.generation import Manner

CHECK, TRAINED = "check", "trained"
QUESTIONS = 20
TOKENS = 128  # of an answer: what differs differs early, and thoughts are long


def check_answers(run: Run, recipe: Recipe, questions: int = QUESTIONS, ollama: str = "") -> Parity:
    """Ask the trained model and every form that is there the same questions, greedily, and keep how they compare.

    Half the questions are about products that were trained on. `ollama` names a model that Ollama has made of the
    GGUF. Raises InputError if nothing was trained, or no form is there yet.
    """
    check_trained(run, recipe)
    there, inputs = _readers(run, recipe, ollama), hashed(run, [path for form in FORMS for path in _weights(run, form)])
    if not inputs:
        raise InputError(f"{run.published} holds no form of the model yet: pack the adapter, merge it, or write GGUF.")
    able = sorted(name for name, reader in there.items() if not isinstance(reader, str))
    asked = {"inputs": inputs, "settings": {"questions": questions, "readers": able, TRAINED: digest(run.adapter)}}
    is_known = not ollama and _is_known(run, asked)  # what Ollama has by a name may be another model by now
    found = _read(run) if is_known else _compared(run, recipe, there, asked)
    least = min(found.readings, key=lambda reading: reading.equal)
    say(
        CHECK, not is_known, f"at least {least.equal} of {least.asked} answers are the trained model's, in {run.parity}"
    )
    return found


def check_proven(run: Run, form: str) -> None:
    """Raise InputError unless a form, as it lies there now, was checked and reads as the trained model."""
    again = f"do `{command(run, CHECK)}` first."
    checked, weights = manifest(run)["steps"].get(CHECK, {"inputs": {}, "settings": {}}), _weights(run, form)
    for path in weights:
        if digest(path) != checked["inputs"].get(path.name):
            raise InputError(f"{path} was not checked as it is now: {again}")
    if weights and digest(run.adapter) != checked["settings"].get(TRAINED):
        raise InputError(f"{run.adapter} is not what {weights[0]} was checked against: {again}")
    parity.check_published(_read(run), form, [path.name for path in weights])


def _weights(run: Run, form: str) -> list[Path]:
    """Name what holds a form: its folder, or its GGUF files; nothing where it was not made."""
    folder = run.publication(form)
    return gguf_files(run) if form == GGUF else [folder] if folder.exists() else []


def said(example: Example, recipe: Recipe) -> str:
    """Give what a user would say for a row of the recipe: the question, and after a blank line what is to be read."""
    asked = recipe.asked[0]
    question = example.input if "{title}" in asked.input else example.instruction
    return f"{question}\n\n{example.context}" if example.context else question


def _is_known(run: Run, asked: Mapping[str, Any]) -> bool:
    """Tell whether the same forms were asked the same by the same readers before."""
    done = manifest(run)["steps"].get(CHECK, {})
    return run.parity.exists() and all(done.get(part) == value for part, value in asked.items())


def _read(run: Run) -> Parity:
    hashed(run, [run.parity])
    return parity.read(json.loads(run.parity.read_text(encoding="utf-8")))


def _compared(run: Run, recipe: Recipe, there: Mapping[str, parity.Reader | str], asked: Mapping[str, Any]) -> Parity:
    found = parity.compare(_trained(run, recipe, asked["settings"]["questions"]), there)
    if not found.readings:
        raise InputError(f"nothing here can read what {run.published} holds: {'; '.join(found.absent.values())}.")
    write_json(run.parity, found.as_dict())
    record_step(run, CHECK, asked, [run.parity])
    return found


def _trained(run: Run, recipe: Recipe, questions: int) -> Trained:
    """Ask the trained model, one question at a time, as the readers do: a batch would round otherwise."""
    texts = list(islice(_texts(run, recipe), questions))
    desk = Desk(run, recipe)
    some = [prompts.free_question(text, recipe.asked) for text in texts]
    ids = [prompts.prompt_ids(one, recipe.template, desk.loaded.tokenizer) for one in some]
    tokens, manner = _greedy(recipe)
    answers = [desk.speaker.answers(recipe, {"tuned": [one]}, manner)["tuned"][0].text for one in some]
    del desk  # two models may not fit
    gc.collect()
    return Trained(texts, ids, answers, tokens)


def _greedy(recipe: Recipe) -> tuple[int, Manner]:
    from amazon_ft.generation import Manner

    tokens = min(TOKENS, recipe.generation.max_new_tokens)
    return tokens, Manner(replace(recipe.generation, temperature=0.0, max_new_tokens=tokens))


def _texts(run: Run, recipe: Recipe) -> Iterator[str]:
    """Give questions about products that were trained on and others in turn, each once.

    What training would have broken with a space, since it could pass for a control token, stands in no template.
    """
    pairs = zip_longest(*(rows(run, split) for split in ("train", "test")))
    texts = dict.fromkeys(said(row, recipe) for row in chain.from_iterable(pairs) if row)
    return (text for text in texts if prompts.neutral(text) == text)


def _readers(run: Run, recipe: Recipe, ollama: str) -> dict[str, parity.Reader | str]:
    merged, bos = run.publication(MERGED), dressing.tokenizer(run.adapter).bos_token_id
    found: dict[str, parity.Reader | str] = {
        form: readers.folder(run.publication(form), form) for form in (ADAPTER, MERGED)
    }
    for path in gguf_files(run):
        expected = dressing.gguf_template(merged, recipe) if merged.exists() else ""
        found[f"{path.name} by Transformers"] = readers.gguf(path, merged, expected)
        found[f"{path.name} by llama.cpp"] = readers.by_llama_cpp(path)
    return found | ({f"Ollama, {ollama}": readers.by_ollama(ollama, bos)} if ollama else {})
