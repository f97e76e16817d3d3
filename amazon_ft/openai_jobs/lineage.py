"""Record which files, jobs and models came from which, so that a killed process knows what it has begun."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from amazon_ft import files
from amazon_ft.files import InputError, write_json

SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
ENDED = (SUCCEEDED, FAILED, CANCELLED)
DEAD = (FAILED, CANCELLED)
MANY = ("result_files", "checkpoints")  # of a job


@dataclass(frozen=True)
class Upload:
    """Hold a file and what it is called at the provider; `id` is empty until it is known to be there."""

    path: str  # its name in the run
    name: str  # its name there, which holds a piece of its hash
    sha256: str
    bytes: int
    id: str = ""


@dataclass(frozen=True)
class Job:
    """Hold a job: what was asked, and what became of it; `id` is empty until it is known to be there."""

    shard: int  # from 1
    hash: str
    request: Mapping[str, Any]  # its body
    id: str = ""
    status: str = ""
    fine_tuned_model: str | None = None
    trained_tokens: int | None = None
    created_at: int | None = None  # seconds since 1970, as all times here
    finished_at: int | None = None
    hyperparameters: Mapping[str, Any] | None = None  # as the provider says that it used them
    seed: int | None = None
    error: str | None = None
    result_files: tuple[str, ...] = ()
    checkpoints: tuple[Mapping[str, Any], ...] = ()
    collected: bool = False  # it has ended, and all its events, checkpoints and results are here


@dataclass(frozen=True)
class Lineage:
    """Hold all that was sent for a run and what came of it; a shard's last job counts."""

    provider: str = ""
    run: str = ""
    files: tuple[Upload, ...] = ()
    jobs: tuple[Job, ...] = ()

    def job(self, shard: int) -> Job | None:
        """Give the job of a shard that counts."""
        return next((job for job in reversed(self.jobs) if job.shard == shard), None)

    def file(self, sha256: str) -> Upload | None:
        """Give the upload of a content."""
        return next((each for each in self.files if each.sha256 == sha256), None)

    def with_job(self, job: Job) -> Lineage:
        """Put a job in the place of the one that it is, else behind the others of its shard."""
        others = [old for old in self.jobs if old.shard != job.shard or old.id not in ("", job.id)]
        return replace(self, jobs=tuple(sorted([*others, job], key=lambda each: each.shard)))

    def with_file(self, upload: Upload) -> Lineage:
        """Put an upload in the place of the one of the same content, else behind all others."""
        others = tuple(each for each in self.files if each.sha256 != upload.sha256)
        return replace(self, files=(*others, upload))

    @property
    def model(self) -> str | None:
        """Give the model that the last job left; None until one has succeeded."""
        return next((job.fine_tuned_model for job in reversed(self.jobs) if job.status == SUCCEEDED), None)


def read(path: Path) -> Lineage:
    """Read the record; an empty one where there is none yet.

    Raises InputError if the file is no such record.
    """
    if not path.exists():
        return Lineage()
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        jobs = (Job(**{**job, **{name: tuple(job[name]) for name in MANY}}) for job in plain["jobs"])
        uploads = (Upload(**each) for each in plain["files"])
        return Lineage(plain["provider"], plain["run"], tuple(uploads), tuple(jobs))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            f"{path} is no record of hosted jobs: move it away; jobs that were made are found again at the provider."
        ) from None


def write(path: Path, lineage: Lineage) -> None:
    """Write the record whole."""
    write_json(path, asdict(lineage))


def alone(path: Path, what: str) -> AbstractContextManager[None]:
    """Keep a second process of this machine from doing the same for this record meanwhile.

    Raises InputError if one does.
    """
    at_it = f"another process does `{what}` for {path.parent}: wait for it, or end it first."
    return files.alone(path.with_name(what), at_it)
