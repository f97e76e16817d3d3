"""The door to openai for files and jobs: connect, ask, make something exactly once, and say what went wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from amazon_ft.files import InputError
from amazon_ft.openai_jobs import calendar
from amazon_ft.remote import addresses, errors, keys, transport

if TYPE_CHECKING:
    from openai import OpenAI

T = TypeVar("T")
AGAIN = "then run this again: nothing is sent or paid twice"
LATER = (408, 409, 425, 429)  # and all from 500
BROKE = "insufficient_quota"  # a 429 that no wait mends
ADVICE = {
    400: "mend what it says, and run this again",
    401: "set {key} to a key that it takes",
    403: "use a key that may do this, or another provider",
    404: "check the name and the address; a job or file of another organisation cannot be seen",
    413: "put fewer rows into one job",
    429: f"add credit or wait, {AGAIN}",
}
TOKEN = re.compile(r"\b(?:sk|pk|key)-\S+")  # what looks like a key, even cut or starred


@dataclass(frozen=True)
class Provider:
    """Hold where jobs are made, which environment variable holds its key, and when it closes."""

    name: str = "openai"
    url: str = field(default="https://api.openai.com/v1", repr=False)  # may hold a password
    key: str = "OPENAI_API_KEY"
    closing: calendar.Calendar = field(default=calendar.OPENAI, repr=False)


@dataclass(frozen=True)
class Patience:
    """Hold how patiently a provider is asked; waits are seconds."""

    retries: int = 4  # of the client, for what may be asked twice without harm
    tries: int = 6  # each with the client's retries
    wait: float = 5.0  # before the second try; twice as many before each further one
    longest: float = 120.0
    looks: int = 3  # for what may have been made although its reply was lost
    poll: float = 20.0  # between two looks at a job
    timeout: float = 60.0
    upload: float = 600.0  # until a file that has arrived is taken
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False, compare=False)
    now: Callable[[], float] = field(default=time.time, repr=False, compare=False)


@dataclass(frozen=True)
class Door:
    """Ask a provider; neither the key nor anything that holds it shows in what this says of itself."""

    provider: Provider
    patience: Patience
    shown: str  # the address without user, password and query
    client: OpenAI = field(repr=False)

    def ask(self, what: str, call: Callable[[OpenAI], T]) -> T:
        """Ask for what may be asked twice without harm; `what` ends the sentence "... could not".

        Raises InputError if it is refused, or fails more often than patience allows.
        """
        for attempt in range(self.patience.tries):
            problem, result = self._tried(what, lambda: call(self.client))
            if problem is None:
                return result[0]
            self._wait(problem, attempt)
        raise _given_up(self, what)

    def make(self, what: str, look: Callable[[], T | None], call: Callable[[OpenAI], T], *, unsure: bool) -> T:
        """Give what a look finds, else make it; whenever the fate of a request is unknown it is looked for again.

        `unsure` tells that an earlier process may have made it. The client's own retries are off: it would repeat a
        request that was carried out. Raises InputError as ask does.
        """
        single = self.client.with_options(max_retries=0)
        for attempt in range(self.patience.tries):
            found = self.look(look, unsure=unsure)
            if found is not None:
                return found
            problem, result = self._tried(what, lambda: call(single))
            if problem is None:
                return result[0]
            unsure = unsure or problem.unknown
            self._wait(problem, attempt)
        found = self.look(look, unsure=unsure)
        if found is not None:
            return found
        raise _given_up(self, what)

    def look(self, call: Callable[[], T | None], *, unsure: bool) -> T | None:
        """Look for something; some times where it may just have been made, for a list may lag behind."""
        for number in range(self.patience.looks if unsure else 1):
            if number:
                self.patience.sleep(self.patience.wait)
            if (found := call()) is not None:
                return found
        return None

    def _tried(self, what: str, call: Callable[[], T]) -> tuple[Problem | None, list[T]]:
        """Call once; give a problem that may pass, or the result.

        Raises InputError for one that will not, without the first error, which may hold the key.
        """
        try:
            return None, [_whole(call())]
        except InputError:
            raise
        except Exception as error:
            if not (errors.foreign(error) or isinstance(error, NoAnswer) or _inside(error)):
                raise
            problem = self._problem(error, what)
        if problem.final:
            raise InputError(problem.text)
        return problem, []

    def _problem(self, error: Exception, what: str) -> Problem:
        status = getattr(error, "status_code", None)
        if not isinstance(status, int):
            return Problem(type(error).__name__, unknown=True)
        said = "" if status == 401 else self.clean(errors.words(error))
        final = getattr(error, "code", None) == BROKE or not (status in LATER or status >= 500)
        advice = ADVICE.get(status, ADVICE[400]).format(key=self.provider.key)
        words = f" (it says: {said.rstrip('.')})" if said else ""
        text = f"{self.shown} refused to {what}, status {status}{words}: {advice}."
        wait = errors.wait(getattr(getattr(error, "response", None), "headers", {}))
        return Problem(text, final=final, unknown=status != 429, wait=wait or 0.0)

    def _wait(self, problem: Problem, attempt: int) -> None:
        if attempt + 1 < self.patience.tries:
            longest = min(self.patience.longest, self.patience.wait * 2.0**attempt)
            self.patience.sleep(max(longest, min(problem.wait, self.patience.longest)))

    def clean(self, text: str) -> str:
        """Make a server's words short, of one line, and without anything that looks like a key."""
        where = addresses.Address(self.provider.url)
        return TOKEN.sub("***", errors.shown(text, (*where.secrets, self.client.api_key)))


@dataclass(frozen=True)
class Problem:
    """Hold what went wrong: whether another try is in vain, whether the request may have been carried out."""

    text: str
    final: bool = False
    unknown: bool = False
    wait: float = 0.0


class NoAnswer(Exception):
    """Say that what came is no answer of this API."""


def opened(provider: Provider, patience: Patience | None = None) -> Door:
    """Make the door; nothing is sent yet.

    Raises InputError if nothing by the name of the provider's key holds one.
    """
    from openai import DefaultHttpxClient, OpenAI

    patience = patience or Patience()
    where = addresses.address(provider.url)
    key = keys.key(provider.key, ask=True)
    if not key:
        raise InputError(
            f"{provider.key} is not set: put the key for {where.shown} into that environment variable, or into Colab's "
            "secrets under that name."
        )
    client = OpenAI(
        base_url=where.compatible,
        api_key=key,
        max_retries=patience.retries,
        timeout=patience.timeout,
        default_query=where.query or None,
        http_client=transport.direct(where, DefaultHttpxClient),
    )
    return Door(provider, patience, where.shown, client)


def shutdown_day(door: Door, model: str) -> date | None:
    """Ask the provider's list of models for the day on which one shuts down; None where it tells none."""
    listed = door.ask("list its models", lambda client: list(client.models.list()))
    days = {each.id: getattr(each, "shutdown_date", None) for each in listed}
    return calendar.told_day(days.get(model) or days.get(calendar.base(model)))


def upload(client: OpenAI, path: Path, name: str, seconds: float) -> Any:
    """Send a file for fine-tuning under a name."""
    with path.open("rb") as file:
        sent = (name, file, "application/jsonl")
        return client.files.create(file=sent, purpose="fine-tune", timeout=seconds)


def _whole(result: T) -> T:
    """Let a result pass; what answers with a page of its own, such as a proxy, gives bare text, or an empty object."""
    named = "id" in getattr(type(result), "model_fields", ())
    if result is None or isinstance(result, str) or (named and not getattr(result, "id", None)):
        raise NoAnswer
    return result


def _inside(error: BaseException) -> bool:
    """Tell whether the client itself stumbled, as it does over a list that is bare text."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    name = str(trace.tb_frame.f_globals.get("__name__", "")) if trace else ""
    return name.partition(".")[0] in errors.LIBRARIES


def _given_up(door: Door, what: str) -> InputError:
    return InputError(
        f"{door.shown} did not answer well in {door.patience.tries} tries to {what}: check the network and the "
        f"address, {AGAIN}."
    )
