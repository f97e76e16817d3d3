"""Read what an error of a server, or on the way to it, says: whose it is, its words, how long to wait. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from json import JSONDecodeError
from typing import Any

SHOWN = 200  # characters of a server's own words
LIBRARIES = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")


def foreign(error: BaseException) -> bool:
    """Tell whether an error comes from the server or the way to it, and not from a mistake in the program."""
    kinds = (ConnectionError, TimeoutError, JSONDecodeError, UnicodeDecodeError)
    return isinstance(error, kinds) or type(error).__module__.partition(".")[0] in LIBRARIES


def wait(headers: Mapping[str, str]) -> float | None:
    """Read for how many seconds a server wants to be left alone; None where it does not say.

    A time of day is reckoned from the server's own clock, where it shows it: this machine's may be wrong.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        if re.fullmatch(r"\d+(\.\d+)?", text := headers.get(name, "").strip()):
            return float(text) / unit
    try:
        until = parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        now = time.time()
    return max(0.0, until - now)


def words(error: BaseException) -> str:
    """Give what a server said."""
    body: Any = getattr(error, "body", None)
    said = body.get("message") if isinstance(body, Mapping) else body
    return str(said or error) or type(error).__name__


def shown(text: str, secrets: Iterable[str]) -> str:
    """Make a text short, of one line, and without secrets."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return " ".join(text.split())[:SHOWN]
