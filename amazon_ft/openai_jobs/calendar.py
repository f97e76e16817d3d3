"""Hold until when a hosted model can be fine-tuned and asked, as values with their source. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from amazon_ft.files import InputError

SOON = 14  # days before a closing in which the sentence counts them


@dataclass(frozen=True)
class Closing:
    """Hold a day from which something is over, for whom, and where that was read, and when."""

    what: str
    day: date
    source: str
    read_on: date


PAGE, READ_ON = "https://developers.openai.com/api/docs/deprecations", date(2026, 11, 21)
NEVER_USED = Closing("organisations that never fine-tuned", date(2026, 5, 7), PAGE, READ_ON)
UNUSED = Closing("organisations that have asked no fine-tuned model for 60 days", date(2026, 7, 2), PAGE, READ_ON)
NEW_JOBS = Closing("everybody", date(2027, 1, 6), PAGE, READ_ON)
SHUTDOWNS = {
    "gpt-4o-mini-2024-07-18": Closing("gpt-4o-mini-2024-07-18 and its fine-tunes", date(2027, 1, 14), PAGE, READ_ON),
}
ELSEWHERE = "exporting and checking rows still work, and other recipes train on a machine of your own"


@dataclass(frozen=True)
class Calendar:
    """Hold a provider's closing dates: new jobs for everybody, for some before that, and models by their name."""

    new_jobs: Closing | None = None
    some: tuple[Closing, ...] = ()
    shutdowns: tuple[tuple[str, Closing], ...] = ()

    def shutdown(self, model: str, told: date | None = None) -> date | None:
        """Give the day from which a model, or one tuned from it, is gone; the day that the server tells counts."""
        known = dict(self.shutdowns).get(base(model))
        return told or (known.day if known else None)


OPENAI = Calendar(NEW_JOBS, (NEVER_USED, UNUSED), tuple(SHUTDOWNS.items()))
UNKNOWN = Calendar()  # a provider whose dates are not known


def base(model: str) -> str:
    """Give the model that a fine-tuned one, `ft:base:organisation:suffix:id`, was made from; else the model itself."""
    return model.split(":")[1] if model.startswith("ft:") and model.count(":") > 1 else model


def sentence(calendar: Calendar, model: str, today: date, told: date | None = None) -> str:
    """Say until when this model can be fine-tuned and asked; empty where no date is known."""
    parts = []
    if calendar.new_jobs:
        day = calendar.new_jobs.day
        word = f"closed on {_day(day)}" if today >= day else f"close on {_day(day)}{_left(day, today)}"
        parts.append(f"new fine-tuning jobs {word} for everybody")
        parts += [
            f"they are closed to {each.what} since {_day(each.day)}" for each in calendar.some if today >= each.day
        ]
    if gone := calendar.shutdown(model, told):
        verb = "shut down" if today >= gone else "shuts down"
        parts.append(f"{base(model)}, with all that was fine-tuned from it, {verb} on {_day(gone)}{_left(gone, today)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]} ({_source(calendar)})." if text else ""


def refuse_jobs(calendar: Calendar, model: str, today: date, told: date | None = None) -> None:
    """Let a new job pass.

    Raises InputError if new jobs are closed or the model is gone; whether the organisation is one of those to which
    they closed earlier only the server knows.
    """
    if calendar.new_jobs and today >= calendar.new_jobs.day:
        raise InputError(
            f"new fine-tuning jobs are closed to everybody since {_day(calendar.new_jobs.day)} "
            f"({calendar.new_jobs.source}), so nothing was sent: {ELSEWHERE}."
        )
    refuse_asking(calendar, model, today, told)


def refuse_asking(calendar: Calendar, model: str, today: date, told: date | None = None) -> None:
    """Let a request to a model pass.

    Raises InputError if the model is gone.
    """
    gone = calendar.shutdown(model, told)
    if gone and today >= gone:
        raise InputError(f"{base(model)} is shut down since {_day(gone)}, so nothing was sent: take another model.")


def told_day(text: object) -> date | None:
    """Read the `shutdown_date` of a model that a server lists, YYYY-MM-DD; None for anything else."""
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _left(day: date, today: date) -> str:
    left = (day - today).days
    return f" (in {left} day{'s' if left > 1 else ''})" if 0 < left <= SOON else ""


def _source(calendar: Calendar) -> str:
    """Name where the dates come from."""
    known = [calendar.new_jobs, *calendar.some, *(closing for _, closing in calendar.shutdowns)]
    each = next((closing for closing in known if closing), None)
    return f"{each.source}, read on {_day(each.read_on)}" if each else "as the server tells"
