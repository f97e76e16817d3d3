"""Tell before anything is sent how many tokens hosted jobs would train, and what that costs at a given price. Pure."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.openai_jobs.checks import Checked, Report
from amazon_ft.recipes import HostedTraining

MILLION = 1_000_000
MARGIN = 1.5  # an approximate sum must fit a budget with half as much again; chosen, not measured
STALE = 30  # days after which a price should be read again


@dataclass(frozen=True)
class Budget:
    """Hold the most that all jobs may cost, the price of a million training tokens, its currency and its date."""

    limit: float
    price: float
    currency: str
    read_on: date

    def __post_init__(self) -> None:
        for name in ("limit", "price"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"the {name} of a budget is an amount of money, 0 or more, not {value}.")
        if not self.currency.strip():
            raise InputError("a budget needs a currency, such as USD: an amount without one says nothing.")

    def doubts(self, today: date) -> list[str]:
        """Say what speaks against the price: that it was read long ago.

        Raises InputError if it was read after `today`.
        """
        days = (today - self.read_on).days
        if days < 0:
            raise InputError(f"the price was read on {self.read_on}, but today is {today}: check the date.")
        return [f"the price was read {days} days ago, on {self.read_on}: read it again"] if days > STALE else []


@dataclass(frozen=True)
class Job:
    """Hold what one job would train: its file, rows, tokens of one epoch, tokens in all, and its cost."""

    name: str
    rows: int
    tokens: int
    trained: int
    cost: float | None


@dataclass(frozen=True)
class Estimate:
    """Hold what a chain of jobs would train, and the price at which it has a cost."""

    jobs: tuple[Job, ...]
    epochs: int
    trained: int
    least: int
    most: int
    exact: bool
    said: str
    price: float | None = None
    currency: str = ""
    read_on: date | None = None

    @property
    def cost(self) -> float:
        """Give what the jobs would cost in all.

        Raises InputError without a price.
        """
        if self.price is None:
            raise InputError("there is no cost without a price: give that of a million training tokens and its date.")
        return self.trained * self.price / MILLION

    @property
    def cautious(self) -> float:
        """Give the cost that must fit a budget: more than is expected where tokens are approximate."""
        most = 0.0 if self.exact else self.most * (self.price or 0.0) / MILLION
        return self.cost if self.exact else min(self.cost * MARGIN, most)

    def lines(self) -> list[str]:
        """Say what the jobs would train and cost."""
        about = "" if self.exact else "about "
        times = f" x {self.epochs} epoch{'s' if self.epochs > 1 else ''}"
        said = [f"{job.name}: {job.rows:,} rows, {about}{job.tokens:,} tokens{times}" for job in self.jobs]
        between = "" if self.exact else f" (surely between {self.least:,} and {self.most:,})"
        said += [f"in all: {about}{self.trained:,} trained tokens{between}", self.said]
        if self.price is None:
            return [*said, "no cost: give the price of a million training tokens, its currency and when you read it"]
        at = f"{self.price:g} {self.currency} for a million training tokens, read on {self.read_on}"
        return [*said, f"cost: {about}{self.cost:,.2f} {self.currency}, at {at}"]

    def as_dict(self) -> dict[str, Any]:
        """Give the estimate as plain data."""
        read_on = self.read_on and self.read_on.isoformat()
        cost = None if self.price is None else self.cost
        return asdict(self) | {"jobs": list(map(asdict, self.jobs)), "cost": cost, "read_on": read_on}


def estimate(report: Report, training: HostedTraining, budget: Budget | None = None) -> Estimate:
    """Estimate the jobs for checked files; what a job validates by is not in the sum: it is not trained on."""
    files, epochs = report.training, training.n_epochs
    jobs = tuple(_job(file, epochs, budget) for file in files)
    sums = {name: epochs * sum(getattr(file, name) for file in files) for name in ("tokens", "least", "most")}
    priced = (budget.price, budget.currency, budget.read_on) if budget else ()
    counted = (sums["tokens"], sums["least"], sums["most"])
    return Estimate(jobs, epochs, *counted, report.counter.exact, report.counter.said, *priced)


def within(estimate: Estimate, budget: Budget) -> None:
    """Refuse jobs that would cost more than the budget, with a margin where tokens are approximate.

    Raises InputError with the sum, the limit and what to do.
    """
    if estimate.price != budget.price or estimate.currency != budget.currency:
        raise InputError("the estimate was made at another price than the budget's: estimate again.")
    most = estimate.cautious
    if not most <= budget.limit:
        why = "" if estimate.exact else f" ({estimate.cost:,.2f} and a margin, as tokens are approximate)"
        raise InputError(
            f"the jobs may cost {most:,.2f} {budget.currency}{why}, which is more than the limit of "
            f"{budget.limit:,.2f}: raise the limit, or train fewer rows or epochs."
        )


def _job(file: Checked, epochs: int, budget: Budget | None) -> Job:
    trained = epochs * file.tokens
    cost = None if budget is None else trained * budget.price / MILLION
    return Job(file.path.name, file.rows, file.tokens, trained, cost)
