"""Say what an error of a server, or on the way to it, means for the row that was asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from json import JSONDecodeError

from amazon_ft.reasoning.authors import Trouble
from amazon_ft.reasoning.dialects import FORMATS, LIMITS, Manner
from amazon_ft.remote.errors import wait, words

LATER = {
    408: "timed out",
    409: "the server is busy",
    425: "the server is busy",
    429: "the server is busy",
    503: "the server is busy",
    504: "timed out",
    529: "the server is busy",
}
NEVER = {
    401: "the key was refused",
    403: "the key was refused",
    404: "the server has no such model",
    413: "the prompt is too long",
    501: "the server cannot do that",
}
TOO_LONG = re.compile(r"context[ _](?:length|size|window)|prompt is too long|input length", re.IGNORECASE)
SCHEMA = re.compile(r"response_format|json_schema|json_object|structured", re.IGNORECASE)
FEATURES = ("top_p", "temperature", "seed")  # that some models lack; where both are named, top_p matters less
# A value that is out of range is a mistake of whoever chose it, and says none of this.
LACKING = re.compile(
    r"unsupported|(?:not|n't|cannot) (?:be )?(?:support|allow|permit|specif|both)|only the default|unknown|"
    r"unrecognized|unexpected|deprecated|instead|extra (?:input|field)",
    re.IGNORECASE,
)
AWAY = ("ConnectError", "ConnectTimeout")  # of httpx and httpx2, of which openai brings one or the other


def trouble(error: BaseException) -> Trouble:
    """Turn an error into what it means: to be asked again later, or never."""
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return _on_the_way(error)
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    # What is said about a key may hold a part of it.
    detail = f"status {status}" + ("" if status in (401, 403) else f": {words(error)}")
    if status in LATER or (status >= 500 and status not in NEVER):
        reason = LATER.get(status, "the server failed")
        return Trouble(reason, detail, again="later", wait=wait(headers))
    if status == 400 and TOO_LONG.search(detail):
        return Trouble(NEVER[413], detail)
    return Trouble(NEVER.get(status, "the server refused the request"), detail)


def other(manner: Manner, error: BaseException) -> Manner | None:
    """Give the manner that is left where a server refuses one, and names what it refuses; None where it is not that.

    Of statuses of 500 only those that name the format count: llama-cpp-python's server refuses so.
    """
    status, said, named = getattr(error, "status_code", None), words(error), getattr(error, "param", None) or ""
    if status in (400, 422, 500) and SCHEMA.search(f"{named} {said}"):
        more = FORMATS[FORMATS.index(manner.format) + 1 :]
        return replace(manner, format=more[0]) if more and (status != 500 or "response_format" in said) else None
    if status not in (400, 422) or not LACKING.search(f"{said} {getattr(error, 'code', '')}"):
        return None
    if LIMITS[1] in said and manner.limit == LIMITS[0] and "too large" not in said:
        return replace(manner, limit=LIMITS[1])
    left = (name for name in FEATURES if name not in manner.without and re.search(rf"\b{name}\b", named or said))
    found = next(left, None)
    return replace(manner, without=manner.without | {found}) if found else None


def _on_the_way(error: BaseException) -> Trouble:
    cause = error.__cause__ or error  # the client wraps what its transport says
    if type(cause).__name__ in AWAY or isinstance(cause, ConnectionRefusedError):
        return Trouble("the server is away", words(cause), again="later")
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return Trouble("timed out", again="later")
    if isinstance(error, JSONDecodeError | UnicodeDecodeError):
        return Trouble("garbage from the server", words(error), again="later")
    return Trouble("the server broke off", words(cause), again="later")
