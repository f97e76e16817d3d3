"""Write files whole, read rows, hash what lies on disk, and refuse bad input in one sentence."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

BLOCK = 2**16  # bytes read at a time


class InputError(ValueError):
    """Say in one sentence what was wrong with the input, where, and what to do."""

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook, where IPython asks for this."""
        return [str(self)]


def cache() -> Path:
    """Name the folder for what can be made again: AMAZON_FT_CACHE, else one under the user's cache."""
    return Path(os.environ.get("AMAZON_FT_CACHE") or Path.home() / ".cache" / "amazon-ft")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path`, synced, if the block succeeds and vanishes if it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    for left in stale(path):
        _remove(left)
    try:
        yield temporary
        for written in [*_files(temporary), temporary, path.parent]:
            _sync(written)
        if temporary.is_dir():
            _remove(path)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        _remove(temporary)


def write_text(path: Path, text: str) -> None:
    """Write `text` whole: a reader sees the old file or the new one, never a part."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, whole."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read one JSON object a line."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def append_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add one JSON object a line to a file, synced; a last line that a kill tore is cut off first.

    Processes that write at the same time wait for one another.
    """
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        _lock(file, wait=True)  # until it is closed
        file.truncate(_whole_lines(file))
        file.write(lines.encode("utf-8", "replace"))
        file.flush()
        os.fsync(file.fileno())


def read_appended(path: Path) -> list[dict[str, Any]]:
    """Read what append_jsonl wrote, but for a last line that a kill tore; nothing where there is no file.

    Raises InputError, with the line, if another one is no JSON object.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [_parsed(line, path, number) for number, line in enumerate(lines, 1)]


@contextmanager
def alone(path: Path, otherwise: str) -> Iterator[None]:
    """Keep other processes from the same work on `path` meanwhile, with a lock beside it that no kill leaves behind.

    Raises InputError with the sentence `otherwise` if one is at it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("ab") as file:
        if not _lock(file, wait=False):
            raise InputError(otherwise)
        yield


def digest(path: Path) -> str:
    """Hash a file's bytes, or a folder's names and bytes, with SHA-256."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    parts = [f"{file.relative_to(path)} {digest(file)}" for file in _files(path)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def stale(path: Path) -> list[Path]:
    """Find what processes that were killed left of `path`: on a full Drive it would be in the way."""
    ours = re.compile(rf"\.+{re.escape(path.name)}(?:\.(\d+)\.tmp)+")
    found = [(file, ours.fullmatch(file.name)) for file in path.parent.glob(".*.tmp")]
    return [file for file, match in found if match and (int(match[1]) == os.getpid() or not _lives(int(match[1])))]


def _lock(file: BinaryIO, *, wait: bool) -> bool:
    """Lock a file until it is closed, where that can be done; False if another process has it and nobody waits."""
    if os.name == "nt":
        return True  # its locks would keep readers off too
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True  # a network's folder, such as a Drive, may know no locks
    return True


def _whole_lines(file: BinaryIO) -> int:
    """Give the length of a file up to its last line end."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - BLOCK)
        file.seek(start)
        place = file.read(end - start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0


def _parsed(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError) as error:
        raise InputError(f"line {number} of {path} is no JSON object: mend it, or move the file away.") from error


def _lives(process: int) -> bool:
    if os.name == "nt":
        return True  # Windows knows no harmless signal
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sync(path: Path) -> None:
    windows = os.name == "nt"
    if windows and path.is_dir():
        return  # Windows cannot open a folder
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
