"""Remember what made each file of a run, so that no step works on the wrong one."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError, digest, write_json
from amazon_ft.runs.layout import Run

FEW = 6  # differences that a sentence can hold
RECORDED_PACKAGES = ("amazon-ft", "torch", "transformers", "trl", "peft", "datasets", "unsloth")


def manifest(run: Run) -> dict[str, Any]:
    """Read what made each file of `run`; an empty record where there is none yet."""
    if not run.manifest.exists():
        return {"recipe": None, "steps": {}}
    try:
        return {"recipe": None, "steps": {}} | dict(json.loads(run.manifest.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{run.manifest} is not JSON ({error}): choose another run folder.") from error


def claim(run: Run, recipe: Mapping[str, Any]) -> None:
    """Bind `run` to a recipe, given as plain values.

    Raises InputError if the folder belongs to another recipe or to other values of it.
    """
    record = manifest(run)
    plain = json.loads(json.dumps(recipe))
    if record["recipe"] is None:
        write_json(run.manifest, {**record, "recipe": plain})
    elif record["recipe"] != plain:
        first, *more = differences(record["recipe"], plain)
        shown = [first, *more] if len(more) < FEW else [first, f"and {len(more)} more"]
        difference = "; ".join(shown)
        raise InputError(
            f"run folder {run.folder} belongs to another recipe ({difference}): choose another run folder."
        )


def once(
    run: Run,
    step: str,
    *,
    inputs: Sequence[Path],
    settings: Mapping[str, Any],
    outputs: Sequence[Path],
    work: Callable[[], object],
) -> bool:
    """Do a step that is not done yet and record it; return whether it was done now.

    A step is done when the manifest holds it with the same inputs and settings and its outputs are unchanged.
    Raises InputError if an input is missing or not what its own step wrote, or if the step was done otherwise.
    """
    record = manifest(run)
    asked = {"inputs": hashed(run, inputs), "settings": json.loads(json.dumps(settings))}
    if step in record["steps"] and _is_done(run, step, record["steps"][step], asked, outputs):
        return False
    started = time.monotonic()
    work()
    record_step(run, step, asked | {"seconds": round(time.monotonic() - started, 1)}, outputs)
    return True


def record_step(run: Run, step: str, about: Mapping[str, Any], outputs: Sequence[Path]) -> None:
    """Record a step that was done: what is to be known about it, its outputs, versions, commit."""
    hashes = {_within(run, path): digest(path) for path in outputs}
    done = {**about, "outputs": hashes, "versions": _versions(), "commit": _commit()}
    record = manifest(run)
    write_json(run.manifest, {**record, "steps": {**record["steps"], step: done}})


def hashed(run: Run, inputs: Sequence[Path]) -> dict[str, str]:
    """Hash what a step reads, by name.

    Raises InputError if a file is missing, or is not what its own step wrote.
    """
    steps = manifest(run)["steps"].items()
    written = {name: (step, hash_) for step, done in steps for name, hash_ in done["outputs"].items()}
    hashes = {}
    for path in inputs:
        if not path.exists():
            raise InputError(f"{path} is missing: do the step that makes it first, or check the path.")
        name = str(path) if path.name in hashes else path.name
        hashes[name] = digest(path)
        step, expected = written.get(_within(run, path), ("", ""))
        is_alive = run.hosted in path.parents  # a provider's jobs go on changing
        if step and expected != hashes[name] and not is_alive:
            raise InputError(
                f"{path} is not the file that step '{step}' wrote: delete it and do that step again, "
                "or choose another run folder."
            )
    return hashes


def _is_done(run: Run, step: str, done: Mapping[str, Any], asked: Mapping[str, Any], outputs: Sequence[Path]) -> bool:
    changes = [change for key in ("inputs", "settings") for change in differences(done[key], asked[key])]
    if changes:
        raise InputError(
            f"step '{step}' of run folder {run.folder} was done otherwise ({'; '.join(changes)}): "
            "choose another run folder, so that nothing already made is lost."
        )
    for path in outputs:
        if path.exists() and digest(path) != done["outputs"].get(_within(run, path)):
            raise InputError(f"{path} has changed since step '{step}' wrote it: move it away to have it made again.")
    return all(path.exists() for path in outputs)


def _within(run: Run, path: Path) -> str:
    """Name a file by its place in the run folder: there are two adapters, one of them to be published."""
    return path.relative_to(run.folder).as_posix() if path.is_relative_to(run.folder) else str(path)


def differences(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Name each place where two nested records differ, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key), new.get(key), f"{at}.{key}".lstrip("."))
    elif old != new:
        yield f"{at} was {_short(old)}, now {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 48 else f"{text[:45]}..."


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _commit() -> str | None:
    """Give this package's commit; None where it is installed, even inside somebody else's repository."""
    package = Path(__file__).resolve().parents[1]
    asked = ["git", "-C", str(package), "rev-parse", "HEAD", "--show-toplevel"]
    try:
        commit, top = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit if Path(top) == package.parent else None


def say(step: str, done: bool, what: str) -> None:
    """Say what a step has left, and whether it was there already."""
    print(f"{step}: {what}{'' if done else ' (already done)'}")
