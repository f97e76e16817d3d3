"""Count the tokens of a chat by OpenAI's own table where it lies on disk, else by a stated approximation."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from amazon_ft.files import InputError

# What tiktoken downloads and how it tells that the file is whole (tiktoken_ext/openai_public.py of tiktoken 0.14).
TABLES = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
PREFIXES = {"gpt-4o": "o200k_base", "gpt-4.1": "o200k_base", "gpt-4": "cl100k_base", "gpt-3.5": "cl100k_base"}

# Around a row and each message stand 3 tokens that frame it, and a name takes 1 more: the openai-cookbook counts so
# (examples/Chat_finetuning_data_prep.ipynb) and says itself that it is not exact. Roles are one token each.
FRAME, NAME, ROLE = 3, 1, 1
BYTES_A_TOKEN = 4  # help.openai.com, "What are tokens and how to count them?": about 4 characters of English


def _kind(byte: int) -> str:
    if byte >= 128 or byte == ord("'"):
        return "~"  # a word or a number may go on after it
    return "a" if chr(byte).isalpha() else "0" if chr(byte).isdigit() else " "


KINDS = "".join(map(_kind, range(256))).encode()


class Count(NamedTuple):
    """Hold how many tokens a text has, and how many at the least and at the most; all the same if it is exact."""

    tokens: int
    least: int
    most: int


@dataclass(frozen=True)
class Counter:
    """Hold a way to count the tokens of a text, its name, and what is to be said about it."""

    name: str
    exact: bool
    count: Callable[[str], Count]
    said: str


def counter(model: str, *, download: bool = False) -> Counter:
    """Give the way to count for a model: its table if tiktoken has it on disk or may download it, else approximate.

    Raises InputError if the table was to be downloaded and could not be.
    """
    name = table_of(model)
    if name is None:
        return approximation(f"no table of tokens is known for {model}")
    if find_spec("tiktoken") is None:
        return approximation("tiktoken is not installed")
    if not download and not _on_disk(name):
        return approximation(f"the table {name} is not in tiktoken's cache, and nothing is downloaded unasked")
    try:
        table = import_module("tiktoken").get_encoding(name)
    except (OSError, ValueError) as error:
        raise InputError(f"the table {name} could not be downloaded ({str(error)[:80]}): count without it.") from error
    return Counter(name, True, lambda text: _exact(table, text), f"tokens are counted by OpenAI's table {name}")


def approximation(why: str) -> Counter:
    """Count a token for every four bytes of UTF-8, but no fewer than there are words and groups of three digits."""
    said = (
        f"tokens are approximate, because {why}: a token for every {BYTES_A_TOKEN} bytes, OpenAI's rule of thumb for "
        "English, and no fewer than words and groups of digits; what they surely lie between is given beside them"
    )
    return Counter("approximation", False, approximate, said)


def approximate(text: str) -> Count:
    """Estimate a text's tokens; there are surely not fewer than `least`, nor more than `most`, which is its bytes."""
    data = text.encode("utf-8", "replace")
    least = max(_pieces(data), min(len(data), 1))
    return Count(max(least, -(-len(data) // BYTES_A_TOKEN)), least, len(data))


def of_chat(messages: Sequence[Mapping[str, Any]], counter: Counter) -> Count:
    """Count the tokens of a row's messages with those that frame them; what is no text counts as its JSON."""
    texts = [text for message in messages for text in _texts(message)]
    around = sum(FRAME + ROLE + (NAME if "name" in message else 0) for message in messages)
    tokens = least = most = around + FRAME if messages else 0
    for one in map(counter.count, texts):
        tokens, least, most = tokens + one[0], least + one[1], most + one[2]
    return Count(tokens, least, most)


def table_of(model: str) -> str | None:
    """Name the table of a model, a fine-tuned one too; None where it is not known."""
    base = model.removeprefix("ft:")
    return next((name for prefix, name in PREFIXES.items() if base.startswith(prefix)), None)


def _pieces(data: bytes) -> int:
    """Count words and groups of up to three digits: a table first cuts a text into these, and no token spans two.

    A word or group after another script's letter, an accent or an apostrophe may be a part of the one before.
    """
    kinds = (b" " + data.translate(KINDS)).replace(b"000", b"3")
    words = kinds.count(b" a") + kinds.count(b"0a") + kinds.count(b"3a")
    groups = kinds.count(b"3") + kinds.count(b"0") - kinds.count(b"00")
    return words + groups - kinds.count(b"~0") - kinds.count(b"~3")


def _texts(message: Mapping[str, Any]) -> list[str]:
    values = [value for key, value in message.items() if key not in ("role", "weight") and value is not None]
    return [value if isinstance(value, str) else json.dumps(value) for value in values]


@lru_cache(maxsize=1024)  # every row has the same system message
def _exact(table: Any, text: str) -> Count:
    number = len(table.encode_ordinary(text))
    return Count(number, number, number)


def _on_disk(name: str) -> bool:
    """Tell whether tiktoken would find the table whole; it deletes one that is not, and downloads it again."""
    folder = _folder()
    if folder is None:
        return False
    file = folder / hashlib.sha1(ADDRESS.format(name=name).encode()).hexdigest()
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == TABLES[name]


def _folder() -> Path | None:
    """Find where tiktoken keeps its tables, by its own rules; None if it was told to keep none."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            return Path(os.environ[variable]) if os.environ[variable] else None
    return Path(tempfile.gettempdir()) / "data-gym-cache"
