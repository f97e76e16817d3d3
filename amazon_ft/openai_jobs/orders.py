"""Say what is to be trained and under which terms, as values that refuse what a provider would refuse. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError, digest
from amazon_ft.openai_jobs import calendar, estimates
from amazon_ft.openai_jobs.estimates import Budget, Estimate
from amazon_ft.recipes.values import HostedTraining

MARK = "amazon_ft_job"  # the key of the metadata that holds a job's hash
BIG, LONGEST_SUFFIX, LONGEST_SEED, LONGEST_VALUE = 512 * 2**20, 64, 2**31 - 1, 512
NAMES = ("n_epochs", "batch_size", "learning_rate_multiplier")


@dataclass(frozen=True)
class Order:
    """Hold what is to be trained: shards in their order, each job on the model that the one before it left."""

    run: str  # a name that this run keeps
    model: str
    shards: tuple[Path, ...]
    validation: Path | None
    training: HostedTraining
    seed: int = 3407
    suffix: str | None = None

    def __post_init__(self) -> None:
        if not self.shards or not self.model:
            raise InputError("an order needs a model and at least one file to train on.")
        if not self.run:
            raise InputError("an order needs the name of its run: by it jobs are found again.")
        if self.suffix is not None and not 1 <= len(self.suffix) <= LONGEST_SUFFIX:
            raise InputError(f"the suffix has 1 to {LONGEST_SUFFIX} characters, not {len(self.suffix)}.")
        if not 0 <= self.seed <= LONGEST_SEED:
            raise InputError(f"the seed is 0 to {LONGEST_SEED}, not {self.seed}.")

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Give what a supervised job takes."""
        return {name: getattr(self.training, name) for name in NAMES}

    @property
    def files(self) -> tuple[Path, ...]:
        """Give all that is uploaded."""
        return (*self.shards, *([self.validation] if self.validation else []))

    def of(self, shard: int) -> tuple[Path, ...]:
        """Give the files of one job: what it trains on, and what it is validated on."""
        return (self.shards[shard - 1], *self.files[len(self.shards) :])


@dataclass(frozen=True)
class Terms:
    """Hold under which terms something new may be sent: the day, what it costs, and what it may cost.

    `again` makes a new job in the place of one that failed or was cancelled.
    """

    today: date
    estimate: Estimate | None = None
    budget: Budget | None = None
    again: bool = False


def identity(order: Order, shard: int, model: str) -> str:
    """Hash what decides a job: run, shard, content of its files, model, hyperparameters, seed and suffix."""
    contents = [digest(path) for path in order.of(shard)]
    about = [order.run, shard, len(order.shards), contents, model, asdict(order.training), order.seed, order.suffix]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def body(order: Order, shard: int, model: str, files: Sequence[str]) -> dict[str, Any]:
    """Give the request that creates a job from the ids of its files."""
    marks = {
        MARK: identity(order, shard, model),
        "amazon_ft_run": order.run[:LONGEST_VALUE],
        "amazon_ft_shard": f"{shard} of {len(order.shards)}",
    }
    return {
        "model": model,
        **dict(zip(("training_file", "validation_file"), files, strict=False)),
        "method": {"type": "supervised", "supervised": {"hyperparameters": order.hyperparameters}},
        "seed": order.seed,
        **({"suffix": order.suffix} if order.suffix else {}),
        "metadata": marks,
    }


def check_files(order: Order) -> None:
    """Let an order pass whose files are there.

    Raises InputError if one is missing, empty or too large.
    """
    for path in order.files:
        if not path.is_file() or not 0 < path.stat().st_size <= BIG:
            raise InputError(f"{path} is missing, empty or above 512 MB: export the rows again, in smaller shards.")


def check_terms(order: Order, terms: Terms, closing: calendar.Calendar, told: date | None = None) -> None:
    """Let something new be sent; `told` is the day on which the provider says that the model shuts down.

    Raises InputError if new jobs are closed, the model is gone, or the budget is too small.
    """
    calendar.refuse_jobs(closing, order.model, terms.today, told)
    if terms.budget is None:
        return
    if terms.estimate is None:
        raise InputError("a budget needs an estimate to be held against: give the price on which it rests.")
    estimates.within(terms.estimate, terms.budget)
