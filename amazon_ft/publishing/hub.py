"""Publish on the Hugging Face Hub what was shown first and nothing else: private by default, in one commit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amazon_ft.files import InputError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

DATASET = ("README.md", "data/*.jsonl")
PREFIX = {"dataset": "datasets/", "model": ""}  # of an address on the Hub, by kind
TOKENS = "https://huggingface.co/settings/tokens"
AGAIN = "run this again: what has arrived is not sent twice"
WORD = r"(?:[A-Za-z0-9_]|[.-](?![.-]))+"
NAME = re.compile(rf"(?![.-]){WORD}(?<![.-])/(?![.-]){WORD}(?<![.-])(?<!\.git)", re.ASCII)
LONGEST_NAME = 96
LONGEST = 200  # characters of what the Hub said that are told

# What to do, by status; no name of a token or its text ever stands here.
ADVICE = {
    400: "the Hub refuses what was sent for {repo} (400): mend it, and run this again",
    401: f"the Hub does not take the token (401): set HF_TOKEN to one that may write, from {TOKENS}, or log in with it "
    "by `hf auth login`",
    403: "the token may not write to {repo} (403): take one that may write for {owner}, or name another owner",
    404: "there is no {repo}, or the token may not see it (404): check the name, and that {owner} is you or an "
    "organisation of yours",
    409: "{repo} is being changed by somebody else, or is there but hidden from the token (409): wait a minute and "
    "run this again, or take another name",
    413: "the Hub finds the files for {repo} too large (413): publish fewer rows",
    429: f"the Hub asks to wait before more is sent to {{repo}} (429): wait {{wait}}, then {AGAIN}",
}
ADVICE |= {408: ADVICE[429].replace("429", "408"), 412: ADVICE[409].replace("409", "412")}


@dataclass(frozen=True)
class Parcel:
    """Hold what is to be published: "dataset" or "model", owner/name, and the files by their names there."""

    kind: str
    repo_id: str
    files: Mapping[str, Path]
    private: bool = True

    @property
    def address(self) -> str:
        """Give the page where it is to be found."""
        from huggingface_hub import constants

        return f"{constants.ENDPOINT}/{PREFIX[self.kind]}{self.repo_id}"


def publish_dataset(folder: Path, repo_id: str, *, private: bool = True, dry_run: bool = False) -> str:
    """Publish what reasoning.card wrote into `folder` as `owner/name`; return its address.

    Prints the files first and sends no others; `dry_run` stops there, without a network. Raises InputError, which
    says what to do and never holds the token, if it cannot be published; a second call goes on where that left it.
    """
    files, others = _chosen(folder, DATASET)
    if "README.md" not in files or len(files) < 2:
        raise InputError(f"{folder} holds no data set with its card: write one there with card.write_dataset.")
    return publish(Parcel("dataset", _checked(repo_id), files, private), others, dry_run=dry_run)


def publish(parcel: Parcel, others: list[str], *, dry_run: bool = False) -> str:
    """Print a parcel's files, and the names of those that stay, then send it; return its address.

    Raises InputError if it cannot be sent.
    """
    print(_listing(parcel, others))
    if dry_run:
        print("Nothing was sent: this was a dry run.")
        return parcel.address
    token = _token()
    with _told(parcel, token):
        return _send(parcel, token)


def _chosen(folder: Path, patterns: tuple[str, ...]) -> tuple[dict[str, Path], list[str]]:
    """Choose the files of a folder by patterns: those to publish, by name, and the names of all others."""
    inside = folder.resolve()
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    wanted = {path for pattern in patterns for path in folder.glob(pattern)}
    # A link to a file elsewhere could publish anything.
    files = {name: path for name, path in found.items() if path in wanted and inside in path.resolve().parents}
    return files, sorted(set(found) - set(files))


def _checked(repo_id: str) -> str:
    if len(repo_id) > LONGEST_NAME or not NAME.fullmatch(repo_id):
        raise InputError(
            f"{repo_id!r} is no name on the Hub: give owner/name, of letters, digits, '-', '_' and '.', as in "
            "ana/kettle-reasoning."
        )
    return repo_id


def _listing(parcel: Parcel, others: list[str]) -> str:
    sizes = {name: f"{path.stat().st_size:,}" for name, path in parcel.files.items()}
    name, size = (max(map(len, texts)) for texts in (sizes.keys(), sizes.values()))
    lines = [f"To {parcel.address}, {_side(parcel.private)}:"]
    lines += [f"  {file:<{name}}  {length:>{size}} bytes" for file, length in sizes.items()]
    lines += [f"Not sent: {', '.join(others)}"] if others else []
    return "\n".join(lines)


def _side(private: bool) -> str:
    return "private" if private else "public"


def _token() -> str:
    """Take the token from where huggingface_hub looks: HF_TOKEN, its login's file, Colab's secrets."""
    from huggingface_hub import get_token

    token = get_token()
    if not token:
        raise InputError(
            f"there is no token for the Hub: make one that may write at {TOKENS}, then set HF_TOKEN to it (in Colab as "
            "a secret), or run `hf auth login`."
        )
    if not re.fullmatch("[!-~]+", token):
        raise InputError(f"the token for the Hub holds a character that no token has: copy it anew from {TOKENS}.")
    return token


def _send(parcel: Parcel, token: str) -> str:
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(token=token, library_name="amazon-ft")
    before = _room(api, parcel)
    commit = api.create_commit(
        parcel.repo_id,
        [CommitOperationAdd(name, str(path)) for name, path in parcel.files.items()],
        commit_message=f"Publish {len(parcel.files)} files",
        repo_type=parcel.kind,
    )
    print("Nothing has changed there." if commit.oid == before else f"Published in commit {commit.oid[:8]}.")
    return parcel.address


def _room(api: HfApi, parcel: Parcel) -> str | None:
    """Make the repository if there is none; give its last commit.

    Raises InputError if it is public and private was asked for.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.repo_info(parcel.repo_id, repo_type=parcel.kind)
    except RepositoryNotFoundError:
        api.create_repo(parcel.repo_id, repo_type=parcel.kind, private=parcel.private)
        return None
    if parcel.private and not info.private:
        raise InputError(
            f"{parcel.repo_id} is there already and public, and private was asked for: say private=False if everybody "
            f"may read it, make it private at {parcel.address}/settings, or take another name."
        )
    if info.private and not parcel.private:
        print(f"{parcel.repo_id} is there already and stays private: make it public at {parcel.address}/settings.")
    left = {file.rfilename for file in getattr(info, "siblings", None) or []} - {*parcel.files, ".gitattributes"}
    if left:
        print(f"There already, and left as they are: {', '.join(sorted(left))}")
    return info.sha


@contextmanager
def _told(parcel: Parcel, token: str) -> Iterator[None]:
    """Turn what may fail between here and the Hub into one sentence without the token."""
    import httpx  # huggingface_hub lets its errors through

    try:
        yield
    except InputError:
        raise
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.filename:
            raise  # a file of ours cannot be read
        # The first error's text may hold the request, and with it the token.
        raise InputError(_sentence(error, parcel, token)) from None


def _sentence(error: BaseException, parcel: Parcel, token: str) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled

    while isinstance(error, RuntimeError) and error.__cause__:
        error = error.__cause__  # a large file's
    response = getattr(error, "response", None)
    if response is not None:
        return _answered(response, _short(getattr(error, "server_message", None) or "", token), parcel)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing can be published: unset it, and run this again."
    if isinstance(error, json.JSONDecodeError):
        return f"what answers at {constants.ENDPOINT} is not the Hub: check the network and HF_ENDPOINT, then {AGAIN}."
    if isinstance(error, ValueError):
        return f"the Hub does not take {parcel.repo_id} ({_short(str(error), token)}): mend it, and run this again."
    fault = f"cannot be reached or broke off ({type(error).__name__})"
    return f"{constants.ENDPOINT} {fault}: check the network, then {AGAIN}."


def _answered(response: object, message: str, parcel: Parcel) -> str:
    """Say what a refusal means and what to do."""
    status = int(getattr(response, "status_code", 0))
    asked = str(getattr(response, "headers", {}).get("Retry-After", ""))
    wait = f"{asked} seconds" if asked.isdigit() else "some minutes"
    unknown = f"the Hub fails with {{repo}} ({status}): wait some minutes, then {AGAIN}"
    said = f" (the Hub says: {message})" if message else ""
    owner = parcel.repo_id.split("/")[0]
    return ADVICE.get(status, unknown).format(repo=parcel.repo_id, owner=owner, wait=wait) + f"{said}."


def _short(text: str, token: str) -> str:
    line = " ".join(text.replace(token, "(the token)").split()).rstrip(".")  # before a cut leaves a part of it
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
