"""The same road without a notebook: `amazon-ft <verb>`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from amazon_ft.files import InputError
from amazon_ft.recipes import RECIPES, Recipe, named
from amazon_ft.runs import Run, manifest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, or 1 after one sentence that says what was wrong."""
    asked = _parser().parse_args(arguments)
    try:
        asked.verb(asked)
    except InputError as error:
        return _refuse(str(error))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return _refuse(f"{error.strerror or error}{where}: nothing already written is lost; mend it and run again.")
    except KeyboardInterrupt:
        return _refuse("stopped: run the same command again to go on.")
    return 0


def _refuse(sentence: str) -> int:
    print(f"amazon-ft: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="amazon-ft", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    demo = _verb(verbs, "demo", _demo, "walk the whole road; the last line is the path of the page")
    demo.add_argument("--products", metavar="FILE", default="bundled", help="a catalogue (default: the bundled one)")
    clean = _verb(verbs, "clean", _clean, "clean a catalogue into products.parquet, with a count for every row")
    clean.add_argument("source", metavar="SOURCE", help="trn.json, .jsonl or .json.gz, or 'bundled'")
    _verb(verbs, "format", _format, "write the recipe's training, validation and test rows")
    _verb(verbs, "train", _train, "train the recipe's adapter")
    compare = _verb(verbs, "compare", _compare, "ask base and tuned, score both, write comparison.html")
    compare.add_argument("--questions", type=int, metavar="N", help="questions for each set (default: 64)")
    ask = _verb(verbs, "ask", _ask, "ask base and tuned a question of yours")
    ask.add_argument("question", metavar="QUESTION")
    return parser


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
    from amazon_ft import steps

    run, _ = _chosen(asked)
    counts = steps.clean(run, asked.source)
    for reason, number in counts["rejected"].items():
        print(f"  rejected {number:>9,}  {reason}")
    for bad in counts["bad_rows"]:
        print(f"  {bad}")


def _format(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.format_rows(*_chosen(asked))


def _train(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.train(*_chosen(asked))


def _compare(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.compare(*_chosen(asked), asked.questions or steps.QUESTIONS)


def _ask(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    for system, answer in steps.ask(*_chosen(asked), asked.question).items():
        print(f"{system}: {answer.text}{'' if answer.stopped else ' [cut]'}")
