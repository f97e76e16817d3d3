"""Fetch from the Hub what somebody published, only files of the kinds that are asked for, all of one commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from amazon_ft.files import InputError

MOST = 16 * 2**30  # bytes that are fetched


def fetch(repo_id: str, patterns: Sequence[str], most: int = MOST) -> Path:
    """Fetch the files of a model on the Hub whose names fit `patterns` into the Hub's cache, and give their folder.

    Raises InputError if they cannot be had, or are more than `most` bytes; the token stands in no message.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    with told(repo_id):
        if constants.HF_HUB_OFFLINE:
            return Path(snapshot_download(repo_id, allow_patterns=list(patterns), local_files_only=True))
        info = HfApi(library_name="amazon-ft").model_info(repo_id, files_metadata=True)
        wanted = [file for file in info.siblings or () if any(fnmatch(file.rfilename, one) for one in patterns)]
        size = sum(file.size or 0 for file in wanted)
        if size > most:
            raise InputError(f"{repo_id} holds {size:,} bytes, and at most {most:,} are fetched: take a smaller model.")
        # By name and not by commit, which the cache would not find again without a network.
        return Path(snapshot_download(repo_id, allow_patterns=list(patterns)))


@contextmanager
def told(repo_id: str) -> Iterator[None]:
    """Turn what may fail while a model is fetched from the Hub into one sentence without the token.

    Raises InputError instead of it.
    """
    import httpx  # huggingface_hub lets its errors through

    try:
        yield
    except InputError:
        raise
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        raise InputError(_sentence(error, repo_id)) from None  # the error's text may hold the token


def _sentence(error: Exception, repo_id: str) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return f"{repo_id} is gated: accept its terms at {constants.ENDPOINT}/{repo_id}, set HF_TOKEN, and try again."
    if isinstance(error, RepositoryNotFoundError):
        return f"the Hub has no model {repo_id} that you may read: check the name, and HF_TOKEN if it is private."
    if isinstance(error, HFValidationError):
        return f"{repo_id!r} is neither a folder here nor a name on the Hub: give one of the two."
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401:
        return f"the Hub lets nobody without a good token read {repo_id} (401): set HF_TOKEN to one that may."
    if constants.HF_HUB_OFFLINE:
        cached = constants.HF_HUB_CACHE
        return f"HF_HUB_OFFLINE is set, and {repo_id} is not whole in {cached}: unset it, or give a folder."
    return (
        f"{repo_id} could not be fetched from {constants.ENDPOINT} ({status or type(error).__name__}): check the "
        "network and the disk, then try again; what has come is kept."
    )
