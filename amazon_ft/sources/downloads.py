"""Fetch a catalogue from Google Drive: with progress, resumed after a break, checked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from amazon_ft.files import InputError, cache, digest, write_json

DRIVE_URL = "https://drive.google.com/uc?id={file_id}"  # from here gdown follows Drive's confirmation page
BROWSER_URL = "https://drive.google.com/file/d/{file_id}/view"
TIMEOUT = 60  # seconds without a byte after which the connection counts as broken
RETRIES = 3  # in one call, each resumed; the next call resumes too
# gdown says so when the answer to a Range request is not the rest of the partial file.
RANGE_REFUSED = "byte range"

ID = re.compile(r"[\w-]{25,100}", re.ASCII)
LINK = re.compile(
    r"(?:https?://)?(?:drive|docs|drive\.usercontent)\.google\.com/(?:a/[\w.-]+/)?(?:u/\d+/)?"
    r"(?:file/(?:u/\d+/)?d/|(?:open|uc|download)/?\?(?:[^\s#]*&)?id=)([\w-]{25,100})(?:[/?&#]\S*)?",
    re.ASCII,
)


@dataclass(frozen=True)
class DriveFile:
    """Name a file on Google Drive, and its bytes and SHA-256 where they are known."""

    file_id: str
    size: int | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.file_id):  # it becomes a file name
            raise InputError(f"{self.file_id!r} is no Google Drive file id: take it from a link with file_id().")


CATALOGUE = DriveFile("12zH4mL2RX8iSvH0VCNnd3QxO4DzuHWnK", size=889_969_656)


def file_id(text: str) -> str:
    """Take the file id from a Google Drive link, or from itself; raise InputError if `text` is neither."""
    found = LINK.fullmatch(text.strip())
    plain = found[1] if found else text.strip()
    if not ID.fullmatch(plain):
        example = BROWSER_URL.format(file_id="FILE_ID")
        raise InputError(f"{text!r} is no link to a file on Google Drive: give one like {example}, or the bare id.")
    return plain


def drive(file: DriveFile) -> Path:
    """Return the path of the complete, checked file under `cache()`, downloading it if it is not there.

    A download that breaks or is stopped leaves a part from which the next call goes on. Raises InputError if the file
    cannot be had or is not what `file` says, and OSError if it cannot be written.
    """
    path = cache() / "downloads" / file.file_id
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if not path.is_file():
                _download(file, path)
    _check_kept(file, path)
    return path


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    import filelock

    try:
        # Two processes would append to the same part.
        with filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=0):
            yield
    except filelock.Timeout as error:
        raise InputError(f"another process is downloading {path.name} now: wait until it has finished.") from error


def _download(file: DriveFile, path: Path) -> None:
    whole = path.with_name(f"{path.name}.unchecked")
    if not whole.is_file():
        _settle(file, whole)
    if not whole.is_file():
        _fetch(file, whole)
    try:
        found = _checked(file, whole)
    except InputError:
        whole.unlink()  # else each later call would meet it again
        raise
    with whole.open("rb+") as written:
        os.fsync(written.fileno())
    _keep_record(path, found)
    os.replace(whole, path)


def _checked(file: DriveFile, whole: Path) -> DriveFile:
    if _is_page(whole):
        raise InputError(_no_file(file))
    found = _measured(file.file_id, whole)
    if fault := _difference(found, file):
        raise InputError(
            f"what Google Drive gave for file {file.file_id} is not the file expected ({fault}) and is not kept: "
            f"try again, or {_by_browser(file)}"
        )
    return found


def _check_kept(file: DriveFile, path: Path) -> None:
    if not _record(path).is_file():
        _keep_record(path, _measured(file.file_id, path))
    recorded = DriveFile(**json.loads(_record(path).read_text(encoding="utf-8")))
    fault = _difference(DriveFile(file.file_id, path.stat().st_size, recorded.sha256), recorded)
    if fault := fault or _difference(recorded, file):
        raise InputError(f"{path} is not, or is no longer, the file downloaded ({fault}): delete it and try again.")


def _measured(file_id: str, path: Path) -> DriveFile:
    return DriveFile(file_id, path.stat().st_size, digest(path))


def _difference(found: DriveFile, expected: DriveFile) -> str | None:
    if expected.size not in (None, found.size):
        return f"{found.size:,} bytes instead of {expected.size:,}"
    if expected.sha256 is not None and expected.sha256.lower() != found.sha256:
        return f"SHA-256 {found.sha256} instead of {expected.sha256}"
    return None


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _keep_record(path: Path, found: DriveFile) -> None:
    write_json(_record(path), asdict(found))


def _is_page(path: Path) -> bool:
    """Say whether a file begins as a web page does; no catalogue and no archive begins with '<'."""
    with path.open("rb") as file:
        return file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _parts(whole: Path) -> list[Path]:
    # gdown puts eight random characters between the name and the suffix.
    return sorted(whole.parent.glob(f"{whole.name}????????.part"), key=lambda part: part.stat().st_size)


def _settle(file: DriveFile, whole: Path) -> None:
    """Leave at most one part, one that can be gone on from; make a full one `whole`."""
    useless = _parts(whole)
    if useless and not _is_page(useless[-1]):
        size = useless[-1].stat().st_size
        if size == file.size:
            os.replace(useless.pop(), whole)
        elif file.size is None or size < file.size:
            useless.pop()
    _discard(useless)


def _discard(parts: list[Path]) -> None:
    for part in parts:
        part.unlink(missing_ok=True)


def _fetch(file: DriveFile, whole: Path) -> None:
    import gdown
    from requests import HTTPError, RequestException

    try:
        _ask(file, whole)
    except gdown.FileURLRetrievalError as error:
        raise InputError(_no_file(file)) from error
    except HTTPError as error:
        raise InputError(_refused(file, str(error))) from error
    except (gdown.DownloadError, RequestException) as error:
        raise InputError(_broken(file, whole)) from error


def _ask(file: DriveFile, whole: Path) -> None:
    import gdown

    get = partial(
        gdown.download,
        DRIVE_URL.format(file_id=file.file_id),
        str(whole),
        use_cookies=False,  # gdown would read and write them in the home folder
        timeout=TIMEOUT,
        retries=RETRIES,
        log_messages={"output": f"To: {whole.with_suffix('')}\n"},
    )
    try:
        get(resume=True)
    except gdown.DownloadError as error:
        if RANGE_REFUSED not in str(error):
            raise
        # Begin anew, but give up the old part only once new bytes come: the refusal may be a passing one.
        old = _parts(whole)
        get(resume=False, progress=lambda *_: _discard(old))


def _no_file(file: DriveFile) -> str:
    return (
        f"Google Drive gave a web page instead of file {file.file_id} (too many downloads today, not shared with "
        f"everyone, or gone): try again tomorrow, or {_by_browser(file)}"
    )


def _refused(file: DriveFile, answer: str) -> str:
    status = answer.partition(" for url")[0]
    return f"Google Drive refused file {file.file_id} ({status}): try again later, or {_by_browser(file)}"


def _broken(file: DriveFile, whole: Path) -> str:
    kept = sum(part.stat().st_size for part in _parts(whole)[-1:])
    if not kept:
        return f"Google Drive cannot be reached for file {file.file_id}: mend the network, or {_by_browser(file)}"
    return (
        f"the download of file {file.file_id} from Google Drive broke off and its first {kept:,} bytes are kept: "
        f"try again to go on from there, or {_by_browser(file)}"
    )


def _by_browser(file: DriveFile) -> str:
    return f"download {BROWSER_URL.format(file_id=file.file_id)} in a browser and give that file's path instead."
