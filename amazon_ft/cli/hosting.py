"""The verb for hosted fine-tuning jobs: export, check, estimate, submit, follow, cancel, ask."""

from __future__ import annotations

import argparse
from datetime import date
from typing import TYPE_CHECKING

from amazon_ft.cli.verbs import Verbs, chosen, verb
from amazon_ft.files import InputError

if TYPE_CHECKING:
    from amazon_ft.openai_jobs.estimates import Budget
    from amazon_ft.steps import Hosting

RECIPE = "gpt-4o-mini-chat"


def add(verbs: Verbs) -> None:
    """Add the verb `openai` with its own verbs."""
    help_ = "fine-tune a hosted model: rows exported, checked, priced, jobs submitted and followed"
    inner = verbs.add_parser("openai", help=help_, description=help_).add_subparsers(required=True, metavar="VERB")
    verb(inner, "export", _export, "write the recipe's rows as chat JSONL, in a file for each job")
    check = verb(inner, "check", _check, "check the exported rows by every rule, with line numbers")
    check.add_argument("--most-tokens", metavar="N", type=int, help="of a row (default: the model's, where known)")
    check.add_argument("--download", action="store_true", help="let tiktoken download its table, to count exactly")
    _money(verb(inner, "estimate", _estimate, "tokens times epochs, and the cost at a price of yours"))
    submit = _there(_money(verb(inner, "submit", _submit, "upload the files and make the next job, once")))
    submit.add_argument("--dry-run", action="store_true", help="show what would be sent, and stop")
    _there(_money(verb(inner, "follow", _follow, "follow the jobs to the tuned model, making each next one")))
    _there(verb(inner, "cancel", _cancel, "cancel the job that is under way"))
    ask = verb(inner, "ask", _ask, "ask the base model and the tuned one")
    ask.add_argument("question", metavar="QUESTION", nargs="?", help="without one: ask as long as you like")


def _money(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
    made.add_argument("--price", metavar="X", type=float, help="of a million training tokens, from the provider's page")
    made.add_argument("--currency", metavar="CUR", default="USD", help="default: %(default)s")
    made.add_argument("--price-date", metavar="DATE", default="", help="when you read it (default: today)")
    made.add_argument("--budget", metavar="X", type=float, default=0.0, help="the most that all jobs may cost")
    return made


def _there(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
    made.add_argument("--base-url", metavar="URL", default="", help="another provider (default: OPENAI_BASE_URL)")
    made.add_argument("--key-variable", metavar="NAME", default="", help="where its key stands (OPENAI_API_KEY)")
    made.add_argument("--suffix", metavar="TEXT", help="of the tuned model's name")
    made.add_argument("--again", action="store_true", help="make a new job in the place of one that failed")
    return made


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()
    except ValueError as error:
        raise InputError(f"{text!r} is no day: write it as 2026-11-21.") from error


def _budget(asked: argparse.Namespace) -> Budget | None:
    from amazon_ft.openai_jobs.estimates import Budget

    if asked.price is None:
        return None
    return Budget(asked.budget, asked.price, asked.currency, _day(asked.price_date))


def _limited(asked: argparse.Namespace) -> Budget | None:
    if asked.price is not None and not asked.budget:
        raise InputError("name the most that all jobs may cost, in the currency of the price: --budget.")
    return _budget(asked)


def _hosting(asked: argparse.Namespace, budget: Budget | None = None) -> Hosting:
    from amazon_ft import steps

    there = steps.provider(asked.base_url, asked.key_variable)
    return steps.Hosting(there, budget, again=asked.again, suffix=asked.suffix)


def _export(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.hosted_export(*chosen(asked, RECIPE))


def _check(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    if not steps.hosted_check(*chosen(asked, RECIPE), asked.most_tokens, download=asked.download).ok:
        raise InputError("the rows have errors: mend them before anything is sent.")


def _estimate(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.hosted_estimate(*chosen(asked, RECIPE), _budget(asked))


def _submit(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    if asked.dry_run:
        steps.hosted_plan(*chosen(asked, RECIPE), _hosting(asked))
    else:
        steps.hosted_submit(*chosen(asked, RECIPE), _hosting(asked, _limited(asked)))


def _follow(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.hosted_follow(*chosen(asked, RECIPE), _hosting(asked, _limited(asked)))


def _cancel(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.hosted_cancel(*chosen(asked, RECIPE), _hosting(asked))


def _ask(asked: argparse.Namespace) -> None:
    from amazon_ft import conversation

    conversation.hold(*chosen(asked, RECIPE), asked.question, "", "cells", as_json=False)
