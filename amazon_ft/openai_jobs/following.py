"""Follow a chain of jobs to its end across restarts: events, states, checkpoints, losses; or cancel it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError, append_jsonl, read_appended, write_text
from amazon_ft.openai_jobs import curves, jobs, lineage
from amazon_ft.openai_jobs.lineage import DEAD, ENDED, SUCCEEDED, Job, Lineage
from amazon_ft.openai_jobs.orders import Order, Terms
from amazon_ft.openai_jobs.wire import Door

PAGE = 100  # events a page
EVENTS = "events.jsonl"  # beside the record


def follow(
    door: Door,
    order: Order,
    record: Path,
    terms: Callable[[], Terms],
    say: Callable[[str], None] = print,
) -> Lineage:
    """Follow the chain to its end, submitting each next job; say each event once, and give the record.

    `terms` is asked before anything new is sent. Every event is written beside the record before it is said, so that
    none is said twice, and none lost, however often this is killed. Raises InputError, which names the job, if one
    fails or is cancelled, or the provider stays away; a later call goes on.
    """
    with lineage.alone(record, "follow"):
        while True:
            for job in lineage.read(record).jobs:
                if job.id and not job.collected:
                    _to_its_end(door, record, job, say)
            known = jobs.submit(door, order, record, terms())
            if all(job.collected for job in known.jobs):
                return known


def cancel(door: Door, order: Order, record: Path) -> Job:
    """Cancel the job that the chain is at; give it as it then is, which may be another end that came first.

    Raises InputError if no job is under way.
    """
    known = lineage.read(record)
    job = jobs.current(order, known) or jobs.lost(door, known)
    if job is None:
        raise InputError(f"no job of {record.parent} is under way: there is nothing to cancel.")
    given = job

    def look() -> Job | None:
        now = jobs.retrieved(door, given)
        return now if now.status in ENDED else None

    job = door.make(
        f"cancel job {job.id}",
        look,
        lambda client: jobs.filled(given, client.fine_tuning.jobs.cancel(given.id)),
        unsure=False,
    )
    lineage.write(record, lineage.read(record).with_job(job))
    return job


def losses(record: Path, job: Job) -> tuple[curves.Point, ...]:
    """Give the loss curve of a job that has succeeded, from the result file beside the record; empty before."""
    path = results(record, job)
    return curves.points(path.read_text(encoding="utf-8")) if path.exists() else ()


def results(record: Path, job: Job) -> Path:
    """Name the result file of a job, as CSV."""
    return record.with_name(f"results-{job.shard}-{job.id}.csv")


def _to_its_end(door: Door, record: Path, job: Job, say: Callable[[str], None]) -> None:
    """Look at a job until it has ended, then fetch what it left.

    Its state is looked at before its events are, so that the last ones are heard. Raises InputError if it fails or is
    cancelled meanwhile.
    """
    was = job
    while True:
        now = jobs.retrieved(door, job)
        _tell(door, record, now, say)
        if now != job:
            lineage.write(record, lineage.read(record).with_job(now))
        if now.status != job.status:
            say(f"job {now.id} for shard {now.shard} is {now.status}")
        if now.status in ENDED:
            break
        job = now
        door.patience.sleep(door.patience.poll)
    _collect(door, record, now, say)
    if now.status in DEAD and was.status not in DEAD:
        raise jobs.ended(now)


def _tell(door: Door, record: Path, job: Job, say: Callable[[str], None]) -> None:
    """Write down and say what happened since the last look."""
    path = record.with_name(EVENTS)
    seen = {line["id"] for line in read_appended(path)}
    fresh = door.ask(f"tell the events of job {job.id}", lambda client: _unseen(client, job.id, seen))
    lines = [_line(door, job, each) for each in reversed(fresh)]
    if lines:
        append_jsonl(path, lines)
    for line in lines:
        say(f"{line['level']}: {line['message']}")


def _unseen(client: Any, job_id: str, seen: set[str]) -> list[Any]:
    """List events, the latest first as they come, back to the first one that was seen."""
    fresh: list[Any] = []
    for event in client.fine_tuning.jobs.list_events(job_id, limit=PAGE):
        if event.id in seen:
            break
        fresh.append(event)
    return fresh


def _line(door: Door, job: Job, event: Any) -> dict[str, Any]:
    return {
        "id": event.id,
        "job": job.id,
        "shard": job.shard,
        "created_at": event.created_at,
        "level": event.level,
        "type": getattr(event, "type", None),
        "message": door.clean(str(event.message)),
        "data": getattr(event, "data", None) or {},
    }


def _collect(door: Door, record: Path, job: Job, say: Callable[[str], None]) -> None:
    """Fetch what a job has left; a chain goes on where its losses cannot be read."""
    if job.result_files and not results(record, job).exists():
        try:
            write_text(results(record, job), _table(door, job.result_files[0]))
        except InputError as error:
            say(f"warn: the losses of job {job.id} are missing: {error}")
    found = _checkpoints(door, job) if job.status == SUCCEEDED else ()
    lineage.write(record, lineage.read(record).with_job(replace(job, checkpoints=found, collected=True)))


def _checkpoints(door: Door, job: Job) -> tuple[dict[str, Any], ...]:
    """List a job's checkpoints, the earliest first."""
    listed = door.ask(
        f"list the checkpoints of job {job.id}",
        lambda client: list(client.fine_tuning.jobs.checkpoints.list(job.id, limit=PAGE)),
    )
    plain = [
        {
            "model": each.fine_tuned_model_checkpoint,
            "step": each.step_number,
            "metrics": each.metrics.model_dump(exclude_none=True),
        }
        for each in listed
    ]
    return tuple(sorted(plain, key=lambda each: int(str(each["step"]))))


def _table(door: Door, file_id: str) -> str:
    """Fetch a result file as CSV."""

    def read(client: Any) -> str:
        return curves.decoded(client.files.content(file_id).content)

    return door.ask(f"give the result file {file_id}", lambda client: (read(client),))[0]
