"""Where the tuned model of a run is, and whether it is what the run trained."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from amazon_ft.files import InputError
from amazon_ft.openai_jobs import lineage
from amazon_ft.recipes import HostedTraining, Recipe
from amazon_ft.runs import Run, manifest
from amazon_ft.steps import hosting


def weights(run: Run, recipe: Recipe) -> Path:
    """Name the file or folder that says what the tuned model of a run is."""
    return run.hosted_jobs if isinstance(recipe.training, HostedTraining) else run.adapter


def alone(run: Run, recipe: Recipe) -> AbstractContextManager[None]:
    """Keep a second process from asking a hosted model the same meanwhile: each answer is paid.

    Raises InputError if one does.
    """
    return lineage.alone(run.hosted_jobs, "compare") if isinstance(recipe.training, HostedTraining) else nullcontext()


def check_weights(run: Run, recipe: Recipe) -> None:
    """Refuse an adapter that is not there, or was trained on other weights than the recipe's base model has now."""
    if isinstance(recipe.training, HostedTraining):
        hosting.check_tuned(run, recipe)
        return
    from amazon_ft.models import fingerprint

    trained = manifest(run)["steps"].get("train")
    if trained is None or not run.adapter.exists():
        raise InputError(f"{run.adapter} is missing: do the step 'train' first.")
    if trained["settings"]["weights"] != fingerprint(recipe.base_model):
        raise InputError(
            f"{recipe.base_model} is not the base model that {run.adapter} was trained on: "
            "bring that model back, or train again in another run folder."
        )
