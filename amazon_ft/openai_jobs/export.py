"""Write the recipe's rows as chat JSONL for hosted jobs: one file for each job, and one to validate by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

from amazon_ft.files import InputError, replacing
from amazon_ft.openai_jobs import chats
from amazon_ft.openai_jobs.checks import FEWEST
from amazon_ft.openai_jobs.leaks import HeldOut
from amazon_ft.prompts import ChatTemplate, Example, Message, Question, fill, render
from amazon_ft.recipes import HostedTraining, Recipe
from amazon_ft.runs import Run


@dataclass(frozen=True)
class Exported:
    """Hold the files of a chain of jobs, in their order, and the one to validate by."""

    training: tuple[Path, ...]
    validation: Path


def hosted(recipe: Recipe) -> HostedTraining:
    """Give how a hosted job trains a recipe.

    Raises InputError for a recipe that is trained on this machine, or not in messages.
    """
    if not isinstance(recipe.training, HostedTraining):
        raise InputError(f"recipe {recipe.name!r} is trained on this machine, not hosted: choose a hosted recipe.")
    if not isinstance(recipe.template, ChatTemplate):
        raise InputError(f"recipe {recipe.name!r} is no chat: hosted jobs take messages; give it a chat template.")
    return recipe.training


def export(run: Run, recipe: Recipe, training: Sequence[Example], validation: Sequence[Example]) -> Exported:
    """Write training rows in shards of rows_per_job, in their order, and validation rows in one file, each whole.

    Fewer rows than a job takes join the shard before them. Raises InputError if there are too few in all.
    """
    size = hosted(recipe).rows_per_job
    number = shards(len(training), size)
    paths = tuple(run.hosted_shard(place, number) for place in range(1, number + 1))
    for place, path in enumerate(paths):
        end = len(training) if place == number - 1 else (place + 1) * size
        _write(path, (training[row] for row in range(place * size, end)), recipe)
    _write(run.hosted_validation, validation, recipe)
    for left in set(run.hosted.glob("train-*-of-*.jsonl")) - set(paths):  # of an export in other shards
        left.unlink()
    return Exported(paths, run.hosted_validation)


def exported(run: Run) -> Exported:
    """Find the files that `export` wrote.

    Raises InputError if one is missing.
    """
    found = list(run.hosted.glob("train-1-of-[0-9]*.jsonl"))
    number = int(found[0].stem.rpartition("-")[2]) if len(found) == 1 else 1
    paths = tuple(run.hosted_shard(place, number) for place in range(1, number + 1))
    for path in (*paths, run.hosted_validation):
        if not path.exists():
            raise InputError(f"{path} is missing: export the recipe's rows first.")
    return Exported(paths, run.hosted_validation)


def shards(rows: int, rows_per_job: int) -> int:
    """Count the jobs for some rows: a rest of fewer than a job takes joins the last one.

    Raises InputError if there are too few rows for one job.
    """
    if min(rows, rows_per_job) < FEWEST:
        raise InputError(f"a hosted job takes no fewer than {FEWEST} rows: here are {min(rows, rows_per_job)}.")
    number, rest = divmod(rows, rows_per_job)
    return max(1, number + (rest >= FEWEST))


def chat(example: Example, recipe: Recipe) -> list[Message]:
    """Render an example as the messages of a row: those that ask, and the assistant's answer."""
    row = render(example, recipe.template)
    if isinstance(row["prompt"], str) or isinstance(row["completion"], str):
        raise InputError(f"recipe {recipe.name!r} is no chat: hosted jobs take messages; give it a chat template.")
    return [*row["prompt"], *row["completion"]]


def line(messages: Sequence[Message]) -> str:
    """Write a row as one line of ASCII, so that no reader can break or mistake it; half characters become U+FFFD."""
    whole = [{name: mended(text) for name, text in message.items()} for message in messages]
    return json.dumps({"messages": whole}) + "\n"


def mended(text: str) -> str:
    """Join the halves of a character that stand side by side, and put U+FFFD for one that stands alone."""
    if chats.whole(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def held_out(examples: Iterable[Example], recipe: Recipe) -> Iterator[HeldOut]:
    """Tell of each held-out row in how many ways the recipe could ask for it, its answer, and its title if it shows."""
    for row in examples:
        title = _title(row, recipe.asked[crc32(row.source.encode("utf-8", "replace")) % len(recipe.asked)])
        ways = [_asked(row, question, title) for question in recipe.asked] if title else [row]
        questions = tuple(chats.asked(list(chat(way, recipe)[:-1])) for way in ways)
        yield HeldOut(row.source, questions, row.output, title)


def _write(path: Path, rows: Iterable[Example], recipe: Recipe) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(line(chat(row, recipe)) for row in rows)


def _title(row: Example, question: Question) -> str:
    """Find the title in a row that was asked for in this way."""
    for pattern, text in ((question.instruction, row.instruction), (question.input, row.input)):
        before, place, after = pattern.partition("{title}")
        if place and (found := re.fullmatch(f"{re.escape(before)}(.*){re.escape(after)}", text, re.DOTALL)):
            return found[1]
    return ""


def _asked(row: Example, question: Question, title: str) -> Example:
    values = {"title": title}
    return replace(row, instruction=fill(question.instruction, values), input=fill(question.input, values))
