"""The verbs of the main road: demo, clean, format, train, compare, ask, doctor."""

from __future__ import annotations

import argparse
import os

from amazon_ft.cli.verbs import Verbs, chosen, verb

MOST_WORKERS = 4  # beyond that, one process cannot feed them


def before(verbs: Verbs) -> None:
    """Add the verbs that come before reasoning rows are written."""
    demo = verb(verbs, "demo", _demo, "walk the whole road; the last line is the path of the page")
    demo.add_argument("--products", metavar="FILE", default="bundled", help="a catalogue (default: the bundled one)")
    clean = verb(verbs, "clean", _clean, "clean a catalogue into products.parquet, with a count for every row")
    _choices(clean)


def after(verbs: Verbs) -> None:
    """Add the verbs that come after them."""
    from amazon_ft.hardware.memory import ENGINES

    verb(verbs, "format", _format, "write the recipe's training, validation and test rows")
    train = verb(verbs, "train", _train, "train the recipe's adapter, or go on where an earlier session stopped")
    train.add_argument("--checkpoint-minutes", metavar="N", type=float, default=10, help="default: %(default)s")
    train.add_argument("--wandb", action="store_true", help="log to Weights & Biases, offline without a key")
    train.add_argument("--backend", choices=ENGINES, help="default: the faster one that can")
    compare = verb(verbs, "compare", _compare, "ask base and tuned, score both, write comparison.html")
    compare.add_argument("--questions", type=int, metavar="N", help="questions for each set (default: 64)")
    compare.add_argument("--similarity", metavar="DIR", default="", help="a sentence-embedding model to score with")
    compare.add_argument("--wandb", action="store_true", help="send the answers to Weights & Biases as a table")
    ask = verb(verbs, "ask", _ask, "find the product of a question, answer from its description, name the source")
    ask.add_argument("question", metavar="QUESTION", nargs="?", help="without one: ask as long as you like")
    ask.add_argument("--uid", metavar="UID", default="", help="the product that is meant, where several may be")
    how = ask.add_mutually_exclusive_group()
    how.add_argument("--cells", action="store_true", help="base and tuned, closed book and with the source")
    how.add_argument("--extractive", action="store_true", help="the catalogue's own words alone: needs no model")
    ask.add_argument("--json", action="store_true", help="one JSON object for each question")
    verb(verbs, "doctor", _doctor, "tell what this machine has, what a training needs, and what to do about it")


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


def _demo(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    print(steps.demo(*chosen(asked), asked.products).resolve())


def _clean(asked: argparse.Namespace) -> None:
    from amazon_ft import products, steps
    from amazon_ft.cleaning.whole import Choices
    from amazon_ft.sources.chunks import Columns

    run, _ = chosen(asked)
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


def _format(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.format_rows(*chosen(asked))


def _train(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.train(*chosen(asked), steps.Options(asked.checkpoint_minutes, asked.wandb, asked.backend))


def _compare(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.compare(*chosen(asked), asked.questions or steps.QUESTIONS, asked.similarity, asked.wandb)


def _ask(asked: argparse.Namespace) -> None:
    from amazon_ft import conversation

    run, recipe = chosen(asked)
    ways = "cells" if asked.cells else "extractive" if asked.extractive else "answer"
    conversation.hold(run, recipe, asked.question, asked.uid, ways, as_json=asked.json)


def _doctor(asked: argparse.Namespace) -> None:
    from amazon_ft.hardware import doctor, driver

    run, recipe = chosen(asked)
    gpu = driver.seen_gpu()
    findings = doctor.examine(run.folder, gpu)
    print(doctor.plain(doctor.table(findings), below="what to do"))
    amiss = sum(finding.ok is False for finding in findings)
    print(f"\nMarked NO: {amiss}; what to do stands below each." if amiss else "\nNothing is amiss.")
    if asked.recipe:
        from amazon_ft.hardware import estimates

        rows = estimates.estimates(recipe, gpu.machine if gpu.machine.free else None)
        print(f"\nWhat {recipe.name} takes:\n\n{doctor.plain(rows)}" if rows else f"\nNo estimate for {recipe.name}.")
