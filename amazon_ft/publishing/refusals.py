"""Say what a refusal of the Hub means and what to do, in one sentence in which no token stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from amazon_ft.files import InputError

TOKENS = "https://huggingface.co/settings/tokens"
AGAIN = "run this again: what has arrived is not sent twice"
LESS = {"dataset": "publish fewer rows", "model": "publish a smaller form of it"}
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
    413: "the Hub finds the files for {repo} too large (413): {less}",
    429: f"the Hub asks to wait before more is sent to {{repo}} (429): wait {{wait}}, then {AGAIN}",
}
ADVICE |= {408: ADVICE[429].replace("429", "408"), 412: ADVICE[409].replace("409", "412")}


@contextmanager
def told(kind: str, repo_id: str, token: str) -> Iterator[None]:
    """Turn what may fail between here and the Hub, about a "dataset" or a "model", into one sentence without the token.

    Raises InputError instead of it.
    """
    import httpx  # huggingface_hub lets its errors through

    try:
        yield
    except InputError:
        raise
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.filename:
            raise  # a file of ours cannot be read
        # The first error's text may hold the request, and with it the token.
        raise InputError(_sentence(error, kind, repo_id, token)) from None


def _sentence(error: BaseException, kind: str, repo_id: str, token: str) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled

    while isinstance(error, RuntimeError) and error.__cause__:
        error = error.__cause__  # a large file's
    response = getattr(error, "response", None)
    if response is not None:
        return _answered(response, _short(getattr(error, "server_message", None) or "", token), kind, repo_id)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing can be published: unset it, and run this again."
    if isinstance(error, json.JSONDecodeError):
        return f"what answers at {constants.ENDPOINT} is not the Hub: check the network and HF_ENDPOINT, then {AGAIN}."
    if isinstance(error, ValueError):
        return f"the Hub does not take {repo_id} ({_short(str(error), token)}): mend it, and run this again."
    fault = f"cannot be reached or broke off ({type(error).__name__})"
    return f"{constants.ENDPOINT} {fault}: check the network, then {AGAIN}."


def _answered(response: object, message: str, kind: str, repo_id: str) -> str:
    """Say what a refusal means and what to do."""
    status = int(getattr(response, "status_code", 0))
    asked = str(getattr(response, "headers", {}).get("Retry-After", ""))
    wait = f"{asked} seconds" if asked.isdigit() else "some minutes"
    unknown = f"the Hub fails with {{repo}} ({status}): wait some minutes, then {AGAIN}"
    said = f" (the Hub says: {message})" if message else ""
    owner = repo_id.split("/")[0]
    advice = ADVICE.get(status, unknown)
    return advice.format(repo=repo_id, owner=owner, wait=wait, less=LESS[kind]) + f"{said}."


def _short(text: str, token: str) -> str:
    line = " ".join(text.replace(token, "(the token)").split()).rstrip(".")  # before a cut leaves a part of it
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
