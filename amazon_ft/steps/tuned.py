"""Where the tuned model of a run is, whether it is what the run trained, and what answers as it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from amazon_ft.files import InputError
from amazon_ft.openai_jobs import lineage
from amazon_ft.recipes import HostedTraining, Recipe
from amazon_ft.runs import Run, manifest
from amazon_ft.steps import hosting

if TYPE_CHECKING:
    from amazon_ft.generation import Speaker
    from amazon_ft.models import Loaded


class Tuned(Protocol):
    """Name what a comparison asks of a run's tuned model, wherever that is."""

    @property
    def weights(self) -> Path:
        """Name the file or folder that says what the model is."""

    def check(self) -> None:
        """Refuse a model that is not there, or not what the run trained."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep a second process from asking the same meanwhile, where answers are paid."""

    def speaker(self, loaded: Callable[[], Loaded]) -> Speaker:
        """Give what answers as base and as tuned; `loaded` gives a model in this machine's memory."""


@dataclass(frozen=True)
class Adapter:
    """Hold a model of this machine: the base model with the run's adapter."""

    run: Run
    recipe: Recipe

    @property
    def weights(self) -> Path:
        """Name the adapter's folder."""
        return self.run.adapter

    def check(self) -> None:
        """Refuse an adapter that is not there, or was trained on other weights than the base model has now."""
        from amazon_ft.models import fingerprint

        trained = manifest(self.run)["steps"].get("train")
        if trained is None or not self.run.adapter.exists():
            raise InputError(f"{self.run.adapter} is missing: do the step 'train' first.")
        if trained["settings"]["weights"] != fingerprint(self.recipe.base_model):
            raise InputError(
                f"{self.recipe.base_model} is not the base model that {self.run.adapter} was trained on: "
                "bring that model back, or train again in another run folder."
            )

    def alone(self) -> AbstractContextManager[None]:
        """Let others ask, too: it costs nothing."""
        return nullcontext()

    def speaker(self, loaded: Callable[[], Loaded]) -> Speaker:
        """Answer with the model in memory."""
        from amazon_ft.generation import Local

        return Local(loaded())


@dataclass(frozen=True)
class Jobs:
    """Hold a provider's model: the one that the run's jobs have left."""

    run: Run
    recipe: Recipe

    @property
    def weights(self) -> Path:
        """Name the record of the jobs."""
        return self.run.hosted_jobs

    def check(self) -> None:
        """Refuse jobs that have not ended well yet."""
        hosting.check_tuned(self.run, self.recipe)

    def alone(self) -> AbstractContextManager[None]:
        """Keep others from paying for the same answers; raises InputError if somebody asks already."""
        return lineage.alone(self.run.hosted_jobs, "compare")

    def speaker(self, loaded: Callable[[], Loaded]) -> Speaker:
        """Answer with the provider's models."""
        return hosting.speaker(self.run, self.recipe)


def tuned(run: Run, recipe: Recipe) -> Tuned:
    """Give the tuned model of a run, as its recipe trains it."""
    return Jobs(run, recipe) if isinstance(recipe.training, HostedTraining) else Adapter(run, recipe)
