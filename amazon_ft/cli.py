"""The same road without a notebook: `amazon-ft <verb>`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.recipes import RECIPES, Recipe, named
from amazon_ft.runs import Run, manifest

MOST_WORKERS = 4  # beyond that, one process cannot feed them


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, or 1 after one sentence that says what was wrong."""
    try:
        asked = _parser().parse_args(arguments)
        asked.verb(asked)
    except InputError as error:
        return _refuse(str(error))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return _refuse(f"{error.strerror or error}{where}: nothing already written is lost; mend it and run again.")
    except KeyboardInterrupt as stop:
        return _refuse(f"stopped{f', {stop}' if str(stop) else ''}: run the same command again to go on.")
    return 0


def _refuse(sentence: str) -> int:
    print(f"amazon-ft: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    from amazon_ft.hardware.memory import ENGINES

    parser = argparse.ArgumentParser(prog="amazon-ft", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    demo = _verb(verbs, "demo", _demo, "walk the whole road; the last line is the path of the page")
    demo.add_argument("--products", metavar="FILE", default="bundled", help="a catalogue (default: the bundled one)")
    clean = _verb(verbs, "clean", _clean, "clean a catalogue into products.parquet, with a count for every row")
    _choices(clean)
    reasoning = _verb(
        verbs, "reasoning", _reasoning, "have a local model write the rows of a reasoning recipe, or go on"
    )
    _reasoning_choices(reasoning)
    _verb(verbs, "format", _format, "write the recipe's training, validation and test rows")
    train = _verb(verbs, "train", _train, "train the recipe's adapter, or go on where an earlier session stopped")
    train.add_argument("--checkpoint-minutes", metavar="N", type=float, default=10, help="default: %(default)s")
    train.add_argument("--wandb", action="store_true", help="log to Weights & Biases, offline without a key")
    train.add_argument("--backend", choices=ENGINES, help="default: the faster one that can")
    compare = _verb(verbs, "compare", _compare, "ask base and tuned, score both, write comparison.html")
    compare.add_argument("--questions", type=int, metavar="N", help="questions for each set (default: 64)")
    compare.add_argument("--similarity", metavar="DIR", default="", help="a sentence-embedding model to score with")
    compare.add_argument("--wandb", action="store_true", help="send the answers to Weights & Biases as a table")
    ask = _verb(verbs, "ask", _ask, "find the product of a question, answer from its description, name the source")
    ask.add_argument("question", metavar="QUESTION", nargs="?", help="without one: ask as long as you like")
    ask.add_argument("--uid", metavar="UID", default="", help="the product that is meant, where several may be")
    how = ask.add_mutually_exclusive_group()
    how.add_argument("--cells", action="store_true", help="base and tuned, closed book and with the source")
    how.add_argument("--extractive", action="store_true", help="the catalogue's own words alone: needs no model")
    ask.add_argument("--json", action="store_true", help="one JSON object for each question")
    _verb(verbs, "doctor", _doctor, "tell what this machine has, what a training needs, and what to do about it")
    return parser


def _choices(clean: argparse.ArgumentParser) -> None:
    from amazon_ft.cleaning.policies import POLICIES
    from amazon_ft.cleaning.whole import DEFAULT, REPEATED_TITLES

    clean.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help="JSON lines, CSV or Parquet, packed with gzip or zip or not; a folder of such shards; 'drive' for the "
        "AmazonTitles-1.3MM zip, or drive:ID; hf:OWNER/NAME for a data set of the Hub; 'bundled'",
    )
    columns = clean.add_argument_group("columns of a catalogue of your own")
    columns.add_argument("--uid-column", metavar="NAME", default=DEFAULT.columns.uid)
    columns.add_argument("--title-column", metavar="NAME", default=DEFAULT.columns.title)
    columns.add_argument("--description-column", metavar="NAME", default=DEFAULT.columns.content)
    clean.add_argument("--policy", choices=POLICIES, default=DEFAULT.policy, help="the rules (default: %(default)s)")
    clean.add_argument("--sample", metavar="N", type=int, help="clean N rows of the whole source, by hash of uid")
    clean.add_argument(
        "--repeated-titles", choices=REPEATED_TITLES, default=DEFAULT.repeated_titles, help="which of them to keep"
    )
    clean.add_argument("--no-near-duplicates", action="store_true", help="do not look for near duplicates")
    clean.add_argument("--strict", action="store_true", help="stop at the first row that holds no product")
    clean.add_argument("--shards", metavar="N", type=int, help="also write the products in files of N rows")
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    clean.add_argument("--workers", metavar="N", type=int, default=workers, help="processes (default: %(default)s)")


def _reasoning_choices(reasoning: argparse.ArgumentParser) -> None:
    reasoning.add_argument("--products", metavar="N", type=int, help="to write about (default: the recipe's rows)")
    reasoning.add_argument(
        "--server",
        metavar="ADDRESS",
        default="",
        help="'ollama', the address of an OpenAI-compatible server, or 'rules' (default: the recipe's)",
    )
    reasoning.add_argument("--model", metavar="NAME", default="", help="default: the recipe's teacher")
    how = reasoning.add_argument_group("how it is asked")
    how.add_argument("--calls", choices=("one", "two"), help="two: the model's own thinking becomes the reasoning")
    how.add_argument("--temperature", metavar="T", type=float)
    how.add_argument("--max-tokens", metavar="N", type=int, help="of a reply")
    how.add_argument("--timeout", metavar="SECONDS", type=float, help="for a whole reply")
    pace = reasoning.add_argument_group("how far, and how fast")
    pace.add_argument("--workers", metavar="N", type=int, help="requests at once")
    pace.add_argument("--rows", metavar="N", type=int, help="stop at so many rows")
    pace.add_argument("--tokens", metavar="N", type=int, help="stop at so many tokens")
    pace.add_argument("--minutes", metavar="N", type=float, help="stop after so many minutes")
    pace.add_argument("--retry-failed", action="store_true", help="ask again for products that failed")
    data = reasoning.add_argument_group("the data set")
    data.add_argument("--dataset", action="store_true", help="write it with its card, from the rows there are")
    data.add_argument("--push", metavar="OWNER/NAME", help="publish it on the Hugging Face Hub, private by default")
    data.add_argument("--public", action="store_true", help="publish it for everybody")
    data.add_argument("--dry-run", action="store_true", help="show what would be published, and stop")


def _verb(verbs: argparse._SubParsersAction, name: str, run: object, help_: str) -> argparse.ArgumentParser:  # type: ignore[type-arg]
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=help_, description=help_)
    verb.set_defaults(verb=run)
    verb.add_argument("--run", metavar="DIR", type=Path, help="the run folder (default: runs/RECIPE)")
    verb.add_argument("--recipe", metavar="NAME", help=f"one of {', '.join(RECIPES)} (default: the run's, else demo)")
    return verb


def _chosen(asked: argparse.Namespace) -> tuple[Run, Recipe]:
    if asked.run is None:
        recipe = named(asked.recipe or "demo")
        return Run(Path("runs") / recipe.name), recipe
    run = Run(asked.run)
    recorded = manifest(run)["recipe"] or {"name": "demo"}
    return run, named(asked.recipe or recorded["name"])


def _demo(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    print(steps.demo(*_chosen(asked), asked.products).resolve())


def _clean(asked: argparse.Namespace) -> None:
    from amazon_ft import products, steps
    from amazon_ft.cleaning.whole import Choices
    from amazon_ft.sources.chunks import Columns

    run, _ = _chosen(asked)
    if asked.shards is not None:
        products.check_shards(asked.shards)
    choices = Choices(
        Columns(asked.uid_column, asked.title_column, asked.description_column),
        policy=asked.policy,
        sample=asked.sample,
        repeated_titles=asked.repeated_titles,
        near_duplicates=not asked.no_near_duplicates,
        strict=asked.strict,
    )
    counts = steps.clean(run, asked.sources, choices, asked.workers)
    for reason, number in counts["rejected"].items():
        print(f"  rejected {number:>9,}  {reason}")
    for bad in counts["bad_rows"]:
        print(f"  {bad}")
    if counts["near_duplicates"]:
        found = "{products:,} near duplicates in {clusters:,} clusters, {withheld:,} of them withheld"
        print(f"  {found.format_map(counts['near_duplicates'])}")
    if asked.shards is not None:
        paths = products.write_shards(run.shards, products.load(run.products), asked.shards)
        print(f"  {len(paths)} shards in {run.shards}")
    print(f"  page: {run.cleaning_page}")


def _reasoning(asked: argparse.Namespace) -> None:
    from amazon_ft import steps
    from amazon_ft.reasoning.asking import Pace
    from amazon_ft.reasoning.dialects import Options

    run, recipe = _chosen(asked)
    if not asked.push and (asked.public or asked.dry_run):
        raise InputError("--public and --dry-run tell how a data set is published: name it with --push OWNER/NAME.")
    if asked.dataset or asked.push:
        paths = steps.reasoning_data(run, recipe)
        print("\n".join(f"  {path}" for path in paths))
        if asked.push:
            from amazon_ft.publishing import publish_dataset

            print(publish_dataset(run.dataset, asked.push, private=not asked.public, dry_run=asked.dry_run))
        return
    options = Options(**_given(asked, "calls", "temperature", "max_tokens", "timeout"))
    pace = Pace(**_given(asked, "workers", "rows", "tokens", "minutes"))
    wanted = steps.Wanted(asked.products, asked.server, asked.model, options, pace, asked.retry_failed)
    counts = steps.write_reasoning(run, recipe, wanted)
    for outcome in ("rejected", "failed"):
        for reason, number in counts[outcome].items():
            print(f"  {outcome} {number:>6,}  {reason}")


def _given(asked: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}


def _format(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.format_rows(*_chosen(asked))


def _train(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.train(*_chosen(asked), steps.Options(asked.checkpoint_minutes, asked.wandb, asked.backend))


def _compare(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.compare(*_chosen(asked), asked.questions or steps.QUESTIONS, asked.similarity, asked.wandb)


def _ask(asked: argparse.Namespace) -> None:
    from amazon_ft import conversation

    run, recipe = _chosen(asked)
    ways = "cells" if asked.cells else "extractive" if asked.extractive else "answer"
    conversation.hold(run, recipe, asked.question, asked.uid, ways, as_json=asked.json)


def _doctor(asked: argparse.Namespace) -> None:
    from amazon_ft.hardware import doctor, driver

    run, recipe = _chosen(asked)
    gpu = driver.seen_gpu()
    findings = doctor.examine(run.folder, gpu)
    print(doctor.plain(doctor.table(findings), below="what to do"))
    amiss = sum(finding.ok is False for finding in findings)
    print(f"\nMarked NO: {amiss}; what to do stands below each." if amiss else "\nNothing is amiss.")
    if asked.recipe:
        from amazon_ft.hardware import estimates

        rows = estimates.estimates(recipe, gpu.machine if gpu.machine.free else None)
        print(f"\nWhat {recipe.name} takes:\n\n{doctor.plain(rows)}" if rows else f"\nNo estimate for {recipe.name}.")
