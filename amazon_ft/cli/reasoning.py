"""The verb that has a local model write reasoning rows."""

from __future__ import annotations

import argparse

from amazon_ft.cli.verbs import Verbs, chosen, given, verb
from amazon_ft.files import InputError


def add(verbs: Verbs) -> None:
    """Add the verb `reasoning`."""
    reasoning = verb(
        verbs, "reasoning", _reasoning, "have a local model write the rows of a reasoning recipe, or go on"
    )
    _reasoning_choices(reasoning)


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


def _reasoning(asked: argparse.Namespace) -> None:
    from amazon_ft import steps
    from amazon_ft.reasoning.asking import Pace
    from amazon_ft.reasoning.dialects import Options

    run, recipe = chosen(asked)
    if not asked.push and (asked.public or asked.dry_run):
        raise InputError("--public and --dry-run tell how a data set is published: name it with --push OWNER/NAME.")
    if asked.dataset or asked.push:
        paths = steps.reasoning_data(run, recipe)
        print("\n".join(f"  {path}" for path in paths))
        if asked.push:
            from amazon_ft.publishing.hub import publish_dataset

            print(publish_dataset(run.dataset, asked.push, private=not asked.public, dry_run=asked.dry_run))
        return
    options = Options(**given(asked, "calls", "temperature", "max_tokens", "timeout"))
    pace = Pace(**given(asked, "workers", "rows", "tokens", "minutes"))
    wanted = steps.Wanted(asked.products, asked.server, asked.model, options, pace, asked.retry_failed)
    counts = steps.write_reasoning(run, recipe, wanted)
    for outcome in ("rejected", "failed"):
        for reason, number in counts[outcome].items():
            print(f"  {outcome} {number:>6,}  {reason}")
