"""Ask from a terminal: one question, or one after the other until the user leaves."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout

from amazon_ft.display import table
from amazon_ft.files import InputError
from amazon_ft.recipes import Recipe
from amazon_ft.retrieval.answers import CELLS, EXTRACTIVE, Reply
from amazon_ft.runs import Run
from amazon_ft.steps import Desk

WAYS = {"answer": ("tuned_with_source", EXTRACTIVE), "cells": CELLS, "extractive": (EXTRACTIVE,)}
HINT = "Ask about a product; a number chooses among those just listed; an empty line ends."


def hold(run: Run, recipe: Recipe, question: str | None, uid: str, ways: str, *, as_json: bool) -> None:
    """Answer one question, or those that are typed until an empty line or the end of the input.

    Only the answers go to standard output. Raises InputError for a single question that cannot be asked.
    """
    desk = Desk(run, recipe)
    if question is not None:
        _show(_ask(desk, question, uid, ways), ways, as_json)
        return
    print(HINT, file=sys.stderr)
    last: Reply | None = None
    for typed in _typed():
        chosen = _chosen(typed, last)
        try:
            last = _ask(desk, *(chosen or (typed, uid)), ways)
        except InputError as error:
            print(f"amazon-ft: {error}", file=sys.stderr)
            continue
        _show(last, ways, as_json)


def _ask(desk: Desk, question: str, uid: str, ways: str) -> Reply:
    with redirect_stdout(sys.stderr):  # what loading a model says is no answer
        return desk.ask(question, uid=uid, cells=WAYS[ways])


def _show(reply: Reply, ways: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps(reply.as_dict(), ensure_ascii=False), flush=True)
        return
    print(reply, flush=True)
    if ways == "cells":
        print(f"\n{table(reply.table()).text}", flush=True)


def _typed() -> Iterator[str]:
    while True:
        try:
            if sys.stdin.isatty():
                print("> ", end="", file=sys.stderr, flush=True)
            line = input()
        except EOFError:
            return
        if not line.strip():
            return
        yield line


def _chosen(typed: str, last: Reply | None) -> tuple[str, str] | None:
    """Read a number as the choice of a candidate of the last reply: its question again, with that uid."""
    listed = {str(number): each for number, each in enumerate(last.match.candidates, 1)} if last else {}
    if last is None or last.source or typed.strip() not in listed:
        return None
    return last.question, listed[typed.strip()].entry.uid
