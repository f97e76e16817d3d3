"""What all verbs share: a run folder, a recipe, and options that were given."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from amazon_ft.recipes import RECIPES, Recipe, named
from amazon_ft.runs import Run, manifest

Verbs = Any  # what argparse calls _SubParsersAction


def verb(verbs: Verbs, name: str, run: object, help_: str) -> argparse.ArgumentParser:
    """Add a verb that works on a run folder by a recipe; `run` is called with what was asked."""
    made: argparse.ArgumentParser = verbs.add_parser(name, help=help_, description=help_)
    made.set_defaults(verb=run)
    made.add_argument("--run", metavar="DIR", type=Path, help="the run folder (default: runs/RECIPE)")
    made.add_argument("--recipe", metavar="NAME", help=f"one of {', '.join(RECIPES)} (default: the run's, else demo)")
    return made


def chosen(asked: argparse.Namespace, usual: str = "demo") -> tuple[Run, Recipe]:
    """Give the run folder and the recipe that are meant; raises InputError for a recipe that does not exist."""
    if asked.run is None:
        recipe = named(asked.recipe or usual)
        return Run(Path("runs") / recipe.name), recipe
    run = Run(asked.run)
    recorded = manifest(run)["recipe"] or {"name": usual}
    return run, named(asked.recipe or recorded["name"])


def given(asked: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Give the options of these names that were given."""
    return {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}
