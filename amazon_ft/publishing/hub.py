"""Publish on the Hugging Face Hub what was shown first and nothing else: private by default, in one commit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amazon_ft.files import InputError
from amazon_ft.publishing.forms import check_whole, checked_name, form_of
from amazon_ft.publishing.refusals import TOKENS, told

if TYPE_CHECKING:
    from huggingface_hub import HfApi

DATASET = ("README.md", "data/*.jsonl")
PREFIX = {"dataset": "datasets/", "model": ""}  # of an address on the Hub, by kind


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
    return publish(Parcel("dataset", checked_name(repo_id), files, private), others, dry_run=dry_run)


def publish_model(
    folders: Sequence[Path], repo_id: str, form: str, *, private: bool = True, dry_run: bool = False
) -> str:
    """Publish one form of a model as `owner/name`, as publish_dataset does; return its address.

    Of what lies in its folders, such as that of the weights and that of the card, only the files of the form are sent:
    never a pickle, a checkpoint, or a manifest with this machine's paths. Where two have a file of one name, the later
    folder's is taken. A large file that has arrived is not sent again by a second call; one that broke off is.
    """
    known = form_of(form)
    files, others = dict[str, Path](), list[str]()
    for folder in folders:
        chosen, rest = _chosen(folder, known.patterns)
        files, others = files | chosen, others + rest
    check_whole(known, files, folders[0])
    return publish(Parcel("model", checked_name(repo_id), files, private), others, dry_run=dry_run)


def publish(parcel: Parcel, others: list[str], *, dry_run: bool = False) -> str:
    """Print a parcel's files, and the names of those that stay, then send it; return its address.

    Raises InputError if it cannot be sent.
    """
    print(_listing(parcel, others))
    if dry_run:
        print("Nothing was sent: this was a dry run.")
        return parcel.address
    token = _token()
    with told(parcel.kind, parcel.repo_id, token):
        return _send(parcel, token)


def _chosen(folder: Path, patterns: tuple[str, ...]) -> tuple[dict[str, Path], list[str]]:
    """Choose the files of a folder by patterns: those to publish, by name, and the names of all others."""
    inside = folder.resolve()
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    wanted = {path for pattern in patterns for path in folder.glob(pattern)}
    # A link to a file elsewhere could publish anything.
    files = {name: path for name, path in found.items() if path in wanted and inside in path.resolve().parents}
    return files, sorted(set(found) - set(files))


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
