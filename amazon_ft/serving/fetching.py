"""Fetch llama.cpp's converter once: it lies, checked by its hash, in the source package of llama-cpp-python."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from amazon_ft.files import BLOCK, InputError, alone, cache, replacing

VERSION = "0.3.36"  # of llama-cpp-python
PLACE = "https://files.pythonhosted.org/packages/ec/e9/e7de2b0463ea3ffbf0ede6cb21b58c1258a8f6521aae45ca773a59fe7cf3/"
NAME = f"llama_cpp_python-{VERSION}.tar.gz"
SIZE = 76_589_250  # bytes
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
INSIDE = PurePosixPath(f"llama_cpp_python-{VERSION}", "vendor", "llama.cpp")
WANTED = ("convert_hf_to_gguf.py", "LICENSE", "conversion", "gguf-py/gguf", "gguf-py/LICENSE")
TIMEOUT = 60  # seconds without a byte after which the connection counts as broken
OTHERWISE = "set LLAMA_CPP to the folder of a llama.cpp checkout"


def fetch(folder: Path) -> None:
    """Write llama.cpp's converter into `folder`; a download that broke off is gone on with.

    Raises InputError if it cannot be had or is not what it should be, and OSError if it cannot be written.
    """
    part = cache() / "downloads" / f"{NAME}.part"
    with alone(part, f"another process is fetching {NAME} now: wait until it has finished."):
        if (folder / WANTED[0]).is_file():
            return  # another process has done it
        _download(part)
        if (found := _digest(part)) != SHA256:
            part.unlink()
            raise InputError(f"what came for {NAME} has SHA-256 {found} and is not kept: try again, or {OTHERWISE}.")
        with replacing(folder) as temporary:
            unpack(part, temporary)
        part.unlink()


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive that the converter needs into `folder`, and nothing outside it."""
    with tarfile.open(archive) as packed:
        for member in packed:
            inside = _wanted(member)
            if inside and (file := packed.extractfile(member)):
                path = folder / inside
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.read())


def _wanted(member: tarfile.TarInfo) -> PurePosixPath | None:
    path = PurePosixPath(member.name)
    if not member.isfile() or ".." in path.parts or not path.is_relative_to(INSIDE):
        return None
    inside = path.relative_to(INSIDE)
    return inside if any(inside.is_relative_to(wanted) for wanted in WANTED) else None


def _download(part: Path) -> None:
    """Add to `part` what is missing of the archive."""
    from requests import RequestException
    from tqdm.auto import tqdm

    there = part.stat().st_size if part.exists() else 0
    if there > SIZE:
        part.unlink()
        there = 0
    if there == SIZE:
        return
    print(f"llama.cpp's converter is fetched once, from {PLACE.split('/')[2]}")
    try:
        with part.open("ab") as file, tqdm(total=SIZE, initial=there, unit="B", unit_scale=True, desc=NAME) as bar:
            for block in _rest(there):
                bar.update(file.write(block))
    except RequestException as error:
        raise InputError(
            f"{NAME} cannot be fetched ({type(error).__name__}), and its first {part.stat().st_size:,} bytes are kept: "
            f"mend the network and try again, or {OTHERWISE}."
        ) from error


def _rest(start: int) -> Iterator[bytes]:
    import requests

    asked = {"Range": f"bytes={start}-"} if start else {}
    with requests.get(PLACE + NAME, headers=asked, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        blocks = answer.iter_content(BLOCK)
        skip = start if answer.status_code == requests.codes.ok else 0  # a server that knows no ranges begins anew
        for block in blocks:
            kept, skip = block[skip:], max(0, skip - len(block))
            if kept:
                yield kept


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
