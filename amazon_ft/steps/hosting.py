"""The steps of a hosted fine-tuning: rows exported, checked and priced, jobs made and followed to their models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from amazon_ft.files import InputError, write_json, write_jsonl
from amazon_ft.openai_jobs import calendar, checks, estimates, export, following, jobs, lineage, orders, tokens, wire
from amazon_ft.openai_jobs.estimates import Budget, Estimate
from amazon_ft.openai_jobs.lineage import Lineage
from amazon_ft.openai_jobs.orders import Order, Terms
from amazon_ft.openai_jobs.wire import Door, Patience, Provider
from amazon_ft.recipes import Recipe
from amazon_ft.runs import SPLITS, Run, claim, hashed, manifest, once, record_step, say
from amazon_ft.steps import rehearsal
from amazon_ft.steps.preparing import rows

if TYPE_CHECKING:
    from amazon_ft.generation import Speaker

ADDRESS = "OPENAI_BASE_URL"  # as OpenAI's own client names it
# What the manifest tells of a job.
TOLD = ("shard", "id", "status", "fine_tuned_model", "trained_tokens", "hyperparameters", "seed")


@dataclass(frozen=True)
class Hosting:
    """Hold where jobs are made, what they may cost, and the day; none of it is part of the recipe."""

    provider: Provider = field(default_factory=Provider)
    budget: Budget | None = None
    today: date = field(default_factory=date.today)
    again: bool = False  # a new job in the place of one that failed
    suffix: str | None = None
    patience: Patience = field(default_factory=Patience)


def provider(address: str = "", key: str = "") -> Provider:
    """Name a provider by its address, else by OPENAI_BASE_URL, else OpenAI, and the variable that holds its key."""
    url = address or os.environ.get(ADDRESS, "")
    known = Provider()
    if not url or url.rstrip("/") == known.url:
        return Provider(key=key or known.key)
    return Provider("other", url, key or known.key, calendar.UNKNOWN)


def hosted_export(run: Run, recipe: Recipe) -> export.Exported:
    """Write the recipe's training rows as chat JSONL in shards, and the validation rows beside them."""
    claim(run, recipe.as_dict())
    if not run.rows("train").exists():
        raise InputError(f"{run.rows('train')} is missing: do the step 'format' first.")
    training, validation = rows(run, "train"), rows(run, "validation")
    number = export.shards(len(training), export.hosted(recipe).rows_per_job)
    outputs = [*(run.hosted_shard(place, number) for place in range(1, number + 1)), run.hosted_validation]
    done = once(
        run,
        "hosted export",
        inputs=[run.rows("train"), run.rows("validation")],
        settings={},
        outputs=outputs,
        work=lambda: export.export(run, recipe, training, validation),
    )
    say("hosted export", done, f"{len(training):,} rows, jobs: {number}, {len(validation):,} to validate by")
    return export.exported(run)


def hosted_check(run: Run, recipe: Recipe, most_tokens: int | None = None, *, download: bool = False) -> checks.Report:
    """Check the exported rows by every rule, and print what was found; `download` lets tiktoken fetch its table."""
    claim(run, recipe.as_dict())
    made, counter = export.exported(run), tokens.counter(recipe.base_model, download=download)
    held_out = [held for split in SPLITS[1:] for held in export.held_out(rows(run, split), recipe)]
    limits = checks.limits(recipe.base_model, most_tokens)
    report = checks.check(made.training, made.validation, counter, limits, held_out)
    write_json(run.hosted_checks, report.as_dict())
    print("\n".join(report.lines()))
    return report


def hosted_estimate(run: Run, recipe: Recipe, budget: Budget | None = None, today: date | None = None) -> Estimate:
    """Estimate what the jobs would train and cost at the user's own price, and print it."""
    claim(run, recipe.as_dict())
    made = _estimate(run, recipe, budget)
    write_json(run.hosted_estimate, made.as_dict())
    print("\n".join([*made.lines(), *(budget.doubts(today or date.today()) if budget else [])]))
    return made


def hosted_plan(run: Run, recipe: Recipe, hosting: Hosting) -> dict[str, Any]:
    """Give, and print, what would be sent, without sending anything: files, and the body of the first request."""
    order = _order(run, recipe, hosting)
    told = calendar.sentence(hosting.provider.closing, recipe.base_model, hosting.today)
    names = [path.name for path in order.of(1)]
    files = {path.name: path.stat().st_size for path in order.files}
    body = orders.body(order, 1, order.model, [f"the id of {name}" for name in names])
    plan = {"closing": told, "files": files, "jobs": len(order.shards), "first job": body}
    sizes = [f"  {name}: {size:,} bytes" for name, size in files.items()]
    chain = f"{len(order.shards)} jobs, each on the model of the one before" if len(order.shards) > 1 else "1 job"
    print("\n".join([*([told] if told else []), *sizes, f"{chain}; nothing was sent"]))
    return plan


def hosted_submit(run: Run, recipe: Recipe, hosting: Hosting) -> Lineage:
    """Upload the files and create the next job of the chain, unless that was done before; give the record.

    Raises InputError, before anything is sent, if the rows have errors, no budget is named or it is too small, or new
    jobs are closed.
    """
    order, terms = _order(run, recipe, hosting), _terms(run, recipe, hosting)  # before anybody is asked for a key
    made = jobs.submit(_door(hosting), order, run.hosted_jobs, terms)
    for job in made.jobs:
        print(f"job {job.id} for shard {job.shard} is {job.status}")
    return made


def hosted_follow(run: Run, recipe: Recipe, hosting: Hosting) -> Lineage:
    """Follow the chain of jobs to its model, submitting each next one; print each event once, and record the model.

    Raises InputError if a job fails or is cancelled; a later call goes on.
    """
    order = _order(run, recipe, hosting)
    made = following.follow(_door(hosting), order, run.hosted_jobs, lambda: _terms(run, recipe, hosting))
    _record(run)
    print(f"the tuned model is {made.model}")
    return made


def hosted_train(run: Run, recipe: Recipe, hosting: Hosting, *, really: bool) -> Lineage:
    """Follow the jobs to their model if they shall `really` be made, else take what was recorded of a stand-in.

    Raises InputError rather than put what was recorded in the place of real jobs that are under way.
    """
    if really:
        return hosted_follow(run, recipe, hosting)
    known, ended = lineage.read(run.hosted_jobs), "train" in manifest(run)["steps"]
    if known.model and ended:
        return known
    if known.provider not in ("", rehearsal.PROVIDER):
        raise InputError(f"{run.folder} has real jobs: follow them to their end, or choose another run folder.")
    rehearsal.lay_down(run)
    _record(run)
    return lineage.read(run.hosted_jobs)


def hosted_cancel(run: Run, recipe: Recipe, hosting: Hosting) -> None:
    """Cancel the job that is under way."""
    order = _order(run, recipe, hosting)
    job = following.cancel(_door(hosting), order, run.hosted_jobs)
    print(f"job {job.id} for shard {job.shard} is {job.status}")


def speaker(run: Run, recipe: Recipe, hosting: Hosting | None = None) -> Speaker:
    """Give what answers as the recipe's hosted model, and as the one that the jobs of this run have left.

    Answers that were kept need neither key nor model. Raises InputError before the last job has succeeded.
    """
    from amazon_ft.openai_jobs.speaking import Hosted

    claim(run, recipe.as_dict())
    hosting, tuned = hosting or Hosting(provider()), check_tuned(run, recipe)
    made_at = lineage.read(run.hosted_jobs).provider
    return Hosted(lambda: _asking(run, hosting, made_at, tuned), recipe.base_model, tuned, made_at)


def check_tuned(run: Run, recipe: Recipe) -> str:
    """Name the model that the jobs of this run have left.

    Raises InputError if they have not ended well yet.
    """
    export.hosted(recipe)
    model = lineage.read(run.hosted_jobs).model
    if model is None or "train" not in manifest(run)["steps"]:
        raise InputError(f"{run.folder} has no tuned model yet: submit its jobs, and follow them to their end.")
    return model


def _asking(run: Run, hosting: Hosting, made_at: str, tuned: str) -> Door:
    """Open the door to the provider where a tuned model is, unless that model is gone."""
    if made_at == rehearsal.PROVIDER != hosting.provider.name:
        raise InputError(f"the jobs of {run.folder} were recorded, not made: there is no model to ask anything else.")
    if made_at != hosting.provider.name:
        raise InputError(
            f"the jobs of {run.folder} were made at {made_at!r}, not {hosting.provider.name!r}: set {ADDRESS} as it "
            "was then."
        )
    calendar.refuse_asking(hosting.provider.closing, tuned, hosting.today)
    return _door(hosting)


def _record(run: Run) -> None:
    """Write the loss curve of the jobs as the run's training log, and record them as its training."""
    made, log, before = lineage.read(run.hosted_jobs), list[dict[str, Any]](), 0
    for job in made.jobs:
        curve = following.losses(run.hosted_jobs, job) if job.status == lineage.SUCCEEDED else ()
        log += [_logged(asdict(point), before) for point in curve]
        before += max((point.step for point in curve), default=0)
    write_jsonl(run.training_log, log)
    about = {
        "inputs": hashed(run, [run.rows("train"), run.rows("validation")]),
        "settings": {"weights": made.jobs[0].request["model"]},
        "jobs": [{name: getattr(job, name) for name in TOLD} for job in made.jobs],
    }
    record_step(run, "train", about, [run.hosted_jobs, run.training_log])


def _logged(point: Mapping[str, Any], before: int) -> dict[str, Any]:
    held_out = point["full_valid_loss"] if point["full_valid_loss"] is not None else point["valid_loss"]
    return {"step": before + point["step"], "loss": point["train_loss"], "eval_loss": held_out}


def _estimate(run: Run, recipe: Recipe, budget: Budget | None) -> Estimate:
    made, counter = export.exported(run), tokens.counter(recipe.base_model)
    report = checks.check(made.training, made.validation, counter, checks.limits(recipe.base_model))
    if not report.ok:
        raise InputError(f"the rows in {run.hosted} have errors: check them, and mend what is found.")
    return estimates.estimate(report, export.hosted(recipe), budget)


def _order(run: Run, recipe: Recipe, hosting: Hosting) -> Order:
    claim(run, recipe.as_dict())
    files = export.exported(run)
    name = lineage.read(run.hosted_jobs).run or sha256(str(run.folder.resolve()).encode()).hexdigest()[:16]
    seed = recipe.generation.seed
    training = export.hosted(recipe)
    return Order(name, recipe.base_model, files.training, files.validation, training, seed, hosting.suffix)


def _terms(run: Run, recipe: Recipe, hosting: Hosting) -> Terms:
    """Give the terms for whatever is still to be made."""
    known, order = lineage.read(run.hosted_jobs), _order(run, recipe, hosting)
    made = all((job := known.job(shard)) and job.id for shard in range(1, len(order.shards) + 1))
    if made and not hosting.again:
        return Terms(hosting.today)
    if hosting.budget is None:
        raise InputError("say what the jobs may cost: a budget, and the price of a million training tokens.")
    if not hosting.budget.price:
        raise InputError("a price of 0 holds no job back: give that of a million training tokens (a free one: 1e-9).")
    hosting.budget.doubts(hosting.today)
    estimate = _estimate(run, recipe, hosting.budget)
    estimates.within(estimate, hosting.budget)
    return Terms(hosting.today, estimate, hosting.budget, hosting.again)


def _door(hosting: Hosting) -> Door:
    return wire.opened(hosting.provider, hosting.patience)
