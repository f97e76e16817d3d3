"""Keep training checkpoints where they survive, and find the newest one that is whole."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError, digest, replacing, stale, write_json
from amazon_ft.runs import differences

KEPT = 2  # whole checkpoints on a shelf
RECORD = "checkpoint.json"
STATE = "trainer_state.json"
MARGIN = 64_000_000  # bytes that stay free, for logs and answers
FINAL = re.compile(r"(?:checkpoint|step)-(\d+)")
TEMPORARY = re.compile(r"\.+(step-\d+)(?:\.\d+\.tmp)+")


@dataclass(frozen=True)
class Checkpoint:
    """Hold where a whole checkpoint lies and after which optimiser step it was made."""

    folder: Path
    step: int


@dataclass(frozen=True)
class _Record:
    step: int
    identity: dict[str, Any]
    files: dict[str, tuple[int, str]]  # size and SHA-256 by name


class _Broken(Exception):
    """Say why a folder is no whole checkpoint."""


def seal(folder: Path, identity: Mapping[str, Any]) -> Checkpoint:
    """Record what the Trainer has written to `folder`, once it is all there.

    `identity`, plain JSON values, says which training it belongs to: data, recipe, base model.
    Raises InputError if trainer_state.json, which knows the step, is missing or unreadable.
    """
    try:
        step = _global_step(folder)
    except (_Broken, OSError) as error:
        raise InputError(f"{folder} cannot be sealed ({error}): let the Trainer save a checkpoint there.") from error
    names = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("[!.]*")) if file.is_file()]
    files = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": digest(folder / name)}
        for name in names
        if name != RECORD
    }
    write_json(folder / RECORD, {"step": step, "identity": dict(identity), "files": files})
    return Checkpoint(folder, step)


def keep(checkpoint: Checkpoint, shelf: Path) -> Checkpoint | None:
    """Copy a sealed checkpoint to `shelf`, verify the copy, and only then remove all but the KEPT newest whole ones.

    The shelf belongs to one training, and its parent exists. Where the copy does not succeed (disk full, drive gone),
    the reason is printed, nothing is left under a final name, and the answer is None.
    """
    place = shelf / f"step-{checkpoint.step:08d}"
    try:
        shelf.mkdir(exist_ok=True)  # no parents: a drive that is gone would be made anew as a local folder
        _sweep(shelf)
        record = _record(checkpoint.folder)
        if not _holds(place, checkpoint.step, record):
            _need_room(shelf, record)
            _copy(checkpoint, place, record)
    except (_Broken, OSError) as error:
        print(f"Step {checkpoint.step} was not kept in {shelf} ({error}); training goes on, {checkpoint.folder} stays.")
        return None
    try:
        _rotate(place, checkpoint.step)
    except OSError as error:
        print(f"Step {checkpoint.step} was kept, but older checkpoints in {shelf} were not removed ({error}).")
    return Checkpoint(place, checkpoint.step)


def newest(shelves: Sequence[Path], identity: Mapping[str, Any]) -> Checkpoint | None:
    """Find the whole checkpoint of the highest step, on the first shelf that has it, and name the broken ones above it.

    None where there is none. Raises InputError if it belongs to a training of another identity, or if a shelf that
    is there cannot be read.
    """
    asked = json.loads(json.dumps(dict(identity)))
    found = [pair for shelf in {shelf.resolve(): shelf for shelf in shelves}.values() for pair in _on(shelf)]
    for number, folder in sorted(found, key=lambda pair: -pair[0]):
        try:
            record = _whole(folder, number)
        except (_Broken, OSError) as error:
            print(f"Skipped {folder}, which is no whole checkpoint ({error}).")
            continue
        if difference := "; ".join(differences(record.identity, asked)):
            raise InputError(
                f"the checkpoints in {folder.parent} belong to another training ({difference}): "
                f"choose another run folder, or delete {folder.parent} to start over."
            )
        return Checkpoint(folder, number)
    return None


def _on(shelf: Path) -> list[tuple[int, Path]]:
    try:
        return _numbered(shelf)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            f"{shelf} cannot be read ({error}): mount the drive again, or choose another run folder."
        ) from error


def _numbered(shelf: Path) -> list[tuple[int, Path]]:
    named = [(FINAL.fullmatch(path.name), path) for path in sorted(shelf.iterdir())]
    return [(int(match[1]), path) for match, path in named if match and path.is_dir()]


def _whole(folder: Path, number: int) -> _Record:
    """Read the record of a checkpoint that is whole; sizes come before hashes, which take long on a drive."""
    record, step = _record(folder), _global_step(folder)
    if not number == record.step == step:
        raise _Broken(f"its name says step {number}, its {RECORD} step {record.step}, its {STATE} step {step}")
    for name, (size, _) in record.files.items():
        if not (folder / name).is_file():
            raise _Broken(f"it has no {name}")
        if (there := (folder / name).stat().st_size) != size:
            raise _Broken(f"its {name} has {there:,} bytes and not {size:,}")
    for name, (_, expected) in record.files.items():
        if digest(folder / name) != expected:
            raise _Broken(f"its {name} is not what was written")
    _open_weights(folder)
    return record


def _open_weights(folder: Path) -> None:
    from safetensors import SafetensorError, safe_open

    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise _Broken("it has no safetensors file")
    for file in weights:
        try:
            with safe_open(file, framework="numpy") as opened:
                opened.keys()
        except SafetensorError as error:
            raise _Broken(f"its {file.name} does not open: {error}") from error


def _record(folder: Path) -> _Record:
    plain = _json(folder, RECORD)
    try:
        files = {name: (int(file["bytes"]), str(file["sha256"])) for name, file in plain["files"].items()}
        return _Record(plain["step"], dict(plain["identity"]), files)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _Broken(f"its {RECORD} is torn") from error


def _global_step(folder: Path) -> int:
    step = _json(folder, STATE).get("global_step")
    if not isinstance(step, int):
        raise _Broken(f"its {STATE} has no global_step")
    return step


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / name).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise _Broken(f"it has no {name}") from error
    except (TypeError, ValueError) as error:
        raise _Broken(f"its {name} is torn: {error}") from error


def _holds(place: Path, step: int, record: _Record) -> bool:
    try:
        return _whole(place, step).identity == record.identity
    except _Broken:
        return False


def _need_room(shelf: Path, record: _Record) -> None:
    free = shutil.disk_usage(shelf).free
    needed = sum(size for size, _ in record.files.values()) + MARGIN
    if free < needed:
        raise OSError(
            f"{free / 1e6:,.0f} MB are free there and {needed / 1e6:,.0f} MB are needed: "
            "delete old run folders and empty the drive's trash"
        )


def _copy(checkpoint: Checkpoint, place: Path, record: _Record) -> None:
    with replacing(place) as temporary:
        for name in [*record.files, RECORD]:
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checkpoint.folder / name, temporary / name)
        if _whole(temporary, checkpoint.step) != record:
            raise _Broken(f"its {RECORD} is not what was written")


def _rotate(kept: Path, step: int) -> None:
    """Remove the older whole checkpoints beyond KEPT, and broken ones; what cannot be read is not broken and stays."""
    others = [(number, path) for number, path in _numbered(kept.parent) if path.match("step-*") and path != kept]
    older = 0
    for number, folder in sorted(others, reverse=True):
        if (number < step and older == KEPT - 1) or _is_broken(folder, number):
            shutil.rmtree(folder)
        else:
            older += number < step


def _is_broken(folder: Path, number: int) -> bool:
    try:
        _whole(folder, number)
    except _Broken:
        return True
    return False


def _sweep(shelf: Path) -> None:
    """Remove what killed processes left half-written: on a full drive it would be in the way."""
    names = {match[1] for path in shelf.iterdir() if (match := TEMPORARY.fullmatch(path.name))}
    for left in [path for name in names for path in stale(shelf / name)]:
        shutil.rmtree(left)
