"""Create chained jobs, each once: what an earlier process made is looked for before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.openai_jobs import lineage, orders, uploads, wire
from amazon_ft.openai_jobs.lineage import DEAD, SUCCEEDED, Job, Lineage
from amazon_ft.openai_jobs.orders import MARK, Order, Terms
from amazon_ft.openai_jobs.wire import Door

PAGE = 100  # jobs a page


def submit(door: Door, order: Order, record: Path, terms: Terms) -> Lineage:
    """Upload the files and create the next job of the chain, unless that was done before; give the record.

    What a killed process has begun is found again: nothing is uploaded or created twice. Raises InputError, before
    anything is sent, if new jobs are closed, the model is gone or the budget is too small; later if the provider
    refuses, or if a job of the chain has failed and `again` is not said.
    """
    with lineage.alone(record, "submit"):
        known = _own(record, door, order)
        orders.check_files(order)
        model: str | None = order.model
        for shard in range(1, len(order.shards) + 1):
            if not model:
                break  # the job before this one is under way
            known, model = _next(door, order, record, terms, shard, model)
        return known


def current(order: Order, known: Lineage) -> Job | None:
    """Give the job that the chain is at: the first that has not succeeded; None if there is none yet, or none left."""
    found = (known.job(shard) for shard in range(1, len(order.shards) + 1))
    return next((job for job in found if job and job.id and job.status != SUCCEEDED), None)


def done(order: Order, known: Lineage) -> bool:
    """Tell whether every job of the chain has succeeded."""
    found = [known.job(shard) for shard in range(1, len(order.shards) + 1)]
    return all(job is not None and job.status == SUCCEEDED for job in found)


def retrieved(door: Door, job: Job) -> Job:
    """Look at a job."""
    return filled(job, door.ask(f"tell of job {job.id}", lambda client: client.fine_tuning.jobs.retrieve(job.id)))


def filled(job: Job, told: Any) -> Job:
    """Fill in what a provider tells of a job; some leave out a part."""

    def part(name: str) -> Any:
        return getattr(told, name, None)

    used = getattr(getattr(part("method"), "supervised", None), "hyperparameters", None) or part("hyperparameters")
    names = ("fine_tuned_model", "trained_tokens", "created_at", "finished_at", "seed")
    return replace(
        job,
        id=told.id,
        status=str(part("status")),
        hyperparameters=used.model_dump(exclude_none=True) if used else None,
        error=getattr(part("error"), "message", None),  # an empty error stands for none, too
        result_files=tuple(part("result_files") or ()),
        **{name: part(name) for name in names},
    )


def ended(job: Job) -> InputError:
    """Say how a job ended badly, and what to do."""
    why = f" ({' '.join(job.error.split()).rstrip('.')})" if job.error else ""
    return InputError(
        f"job {job.id} for shard {job.shard} is {job.status}{why}: mend that, then submit with `again` to have a new "
        "job made in its place; the jobs before it stay as they are."
    )


def lost(door: Door, known: Lineage) -> Job | None:
    """Find a job that a killed process had begun to create, and that the record has not heard of."""
    begun = next((job for job in known.jobs if not job.id), None)
    return _sought(door, known, begun) if begun else None


def _own(record: Path, door: Door, order: Order) -> Lineage:
    """Read the record, or begin it.

    Raises InputError if it is that of another run or provider.
    """
    known = lineage.read(record)
    for name, old, new in (("run", known.run, order.run), ("provider", known.provider, door.provider.name)):
        if old and old != new:
            raise InputError(f"{record} is of {name} {old}, not {new}: choose another run folder.")
    return replace(known, run=order.run, provider=door.provider.name)


def _next(door: Door, order: Order, record: Path, terms: Terms, shard: int, model: str) -> tuple[Lineage, str | None]:
    """See to it that the job of a shard is there; give the record and the model that it left."""
    known, fresh = _own(record, door, order), Job(shard, orders.identity(order, shard, model), {"model": model})
    old = known.job(shard)
    if old and old.hash != fresh.hash:
        raise InputError(
            f"job {shard} in {record} was made from other rows, hyperparameters, model, suffix or seed: "
            "choose another run folder, so that what was paid for is not lost."
        )
    if old and old.status == SUCCEEDED:
        return known, old.fine_tuned_model
    job = retrieved(door, old) if old and old.id and old.status not in DEAD else _sought(door, known, old or fresh)
    if job is not None:
        known = known.with_job(job)
        lineage.write(record, known)
    if job is None or (job.status in DEAD and terms.again):
        job = _created(door, order, record, terms, replace(fresh, request=old.request if old else fresh.request))
        known = lineage.read(record)
    if job.status in DEAD:
        raise ended(job)
    if job.status == SUCCEEDED and not job.fine_tuned_model:
        raise InputError(f"job {job.id} has succeeded but names no model: look at it on the provider's own page.")
    return known, job.fine_tuned_model if job.status == SUCCEEDED else None


def _sought(door: Door, known: Lineage, job: Job) -> Job | None:
    """Find the job of this hash: one that lives or has succeeded before one that has ended badly."""
    recorded = {each.id for each in known.jobs}
    begun = job.shard in {each.shard for each in known.jobs if not each.id}
    unknown = _unlike(door, job.hash, recorded)
    told = door.look(unknown, unsure=begun) or _best(_marked(door, job.hash))
    if told is None:
        return None
    same = next((each for each in known.jobs if each.id == told.id), None)
    return filled(same or replace(job, id=""), told)


def _created(door: Door, order: Order, record: Path, terms: Terms, job: Job) -> Job:
    """Upload what the job needs, write down that it is begun, and create it."""
    model = str(job.request["model"])
    orders.check_terms(order, terms, door.provider.closing)
    orders.check_terms(order, terms, door.provider.closing, wire.shutdown_day(door, model))
    lineage.write(record, _own(record, door, order))
    there = {path: uploads.uploaded(door, record, path) for path in order.files}
    request = orders.body(order, job.shard, model, [there[path].id for path in order.of(job.shard)])
    job = replace(job, request=request, id="", status="")
    lineage.write(record, lineage.read(record).with_job(job))
    before = {each.id for each in _marked(door, job.hash) if each.status in DEAD}
    told = door.make(
        "create the job",
        _unlike(door, job.hash, before),
        lambda client: client.fine_tuning.jobs.create(**request),
        unsure=False,  # sought just now
    )
    job = filled(job, told)
    lineage.write(record, lineage.read(record).with_job(job))
    return job


def _unlike(door: Door, hash_: str, seen: set[str]) -> Callable[[], Any | None]:
    """Give a look for a job of this hash that has not been seen."""
    return lambda: _best([each for each in _marked(door, hash_) if each.id not in seen])


def _best(jobs: list[Any]) -> Any | None:
    """Choose the job that counts: the first that succeeded, else the first that lives, else the last."""
    living = [each for each in jobs if each.status not in DEAD]
    good = [each for each in living if each.status == SUCCEEDED]
    return next(iter([*good, *living, *jobs[-1:]]), None)


def _marked(door: Door, hash_: str) -> list[Any]:
    """List the jobs that carry this hash, the oldest first; what a server does not filter is filtered here."""
    listed = door.ask(
        "list its jobs",
        lambda client: list(client.fine_tuning.jobs.list(metadata={MARK: hash_}, limit=PAGE)),
    )
    own = [each for each in listed if (getattr(each, "metadata", None) or {}).get(MARK) == hash_]
    return sorted(own, key=lambda each: (getattr(each, "created_at", 0), each.id))
