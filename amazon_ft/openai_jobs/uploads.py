"""Send each file once: under a name that holds a piece of its hash, by which it is found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from amazon_ft.files import digest
from amazon_ft.openai_jobs import lineage, wire
from amazon_ft.openai_jobs.lineage import Upload

PIECE = 16  # characters of the hash in the name there


def uploaded(door: wire.Door, record: Path, path: Path) -> Upload:
    """Give the upload of a file, sending it if it is not there; the record is written before and after.

    Raises InputError if the provider refuses it.
    """
    known, upload = lineage.read(record), _planned(path)
    old = known.file(upload.sha256)
    if old and old.id and any(each.id == old.id for each in _same(door, upload)):
        return old
    lineage.write(record, known.with_file(upload))
    told = door.make(
        f"take {path.name}",
        lambda: next(iter(_same(door, upload)), None),
        lambda client: wire.upload(client, path, upload.name, door.patience.upload),
        unsure=old is not None and not old.id,
    )
    there = replace(upload, id=told.id)
    lineage.write(record, known.with_file(there))
    return there


def _planned(path: Path) -> Upload:
    sha256 = digest(path)
    return Upload(path.name, f"{path.stem}-{sha256[:PIECE]}{path.suffix}", sha256, path.stat().st_size)


def _same(door: wire.Door, upload: Upload) -> list[Any]:
    """Find files there with this name and size that were not refused, the oldest first."""
    listed = door.ask("list its files", lambda client: list(client.files.list(purpose="fine-tune")))
    same = [each for each in listed if (each.filename, each.bytes) == (upload.name, upload.bytes)]
    return sorted((each for each in same if each.status != "error"), key=lambda each: (each.created_at, each.id))
