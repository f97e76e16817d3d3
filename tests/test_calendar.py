from __future__ import annotations

from datetime import date

import pytest

from amazon_ft.files import InputError
from amazon_ft.openai_jobs.calendar import (
    NEW_JOBS,
    OPENAI,
    UNKNOWN,
    base,
    refuse_asking,
    refuse_jobs,
    sentence,
    told_day,
)

MODEL = "gpt-4o-mini-2024-07-18"
TUNED = f"ft:{MODEL}:shop:suffix:abc"


def test_the_sentence_says_every_date_and_where_it_was_read() -> None:
    said = sentence(OPENAI, MODEL, date(2026, 11, 21))
    assert said.startswith("New fine-tuning jobs close on 6 January 2027 for everybody; ")
    assert "closed to organisations that never fine-tuned since 7 May 2026" in said
    assert "asked no fine-tuned model for 60 days since 2 July 2026" in said
    assert f"{MODEL}, with all that was fine-tuned from it, shuts down on 14 January 2027" in said
    assert said.endswith("(https://developers.openai.com/api/docs/deprecations, read on 21 November 2026).")
    assert said.count(". ") == 0


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 5, 6), "close on 6 January 2027 for everybody; gpt"),
        (date(2026, 12, 23), "close on 6 January 2027 (in 14 days) for everybody"),
        (date(2027, 1, 5), "close on 6 January 2027 (in 1 day) for everybody"),
        (date(2027, 1, 6), "closed on 6 January 2027 for everybody"),
        (date(2027, 1, 13), "shuts down on 14 January 2027 (in 1 day)"),
        (date(2027, 1, 14), "shut down on 14 January 2027"),
    ],
)
def test_the_sentence_changes_with_the_day(today: date, words: str) -> None:
    assert words in sentence(OPENAI, TUNED, today)


def test_jobs_pass_until_the_day_before_they_close() -> None:
    refuse_jobs(OPENAI, MODEL, date(2027, 1, 5))
    with pytest.raises(InputError, match=r"closed to everybody since 6 January 2027 .*nothing was sent"):
        refuse_jobs(OPENAI, MODEL, NEW_JOBS.day)


def test_asking_passes_until_the_day_before_the_model_shuts_down() -> None:
    refuse_asking(OPENAI, TUNED, date(2027, 1, 13))
    for model in (MODEL, TUNED, f"{TUNED}:ckpt-step-3"):
        with pytest.raises(InputError, match=f"{MODEL} is shut down since 14 January 2027"):
            refuse_asking(OPENAI, model, date(2027, 1, 14))


def test_the_day_that_the_server_tells_counts_before_ours() -> None:
    with pytest.raises(InputError, match="since 1 December 2026"):
        refuse_jobs(OPENAI, MODEL, date(2026, 12, 2), told_day("2026-12-01"))
    refuse_asking(OPENAI, MODEL, date(2027, 1, 20), told_day("2027-02-01"))
    assert "shuts down on 1 February 2027" in sentence(OPENAI, MODEL, date(2027, 1, 3), date(2027, 2, 1))


def test_nothing_is_said_or_refused_where_no_date_is_known() -> None:
    assert sentence(UNKNOWN, "some-model", date(2040, 1, 1)) == ""
    refuse_jobs(UNKNOWN, "some-model", date(2040, 1, 1))
    assert "shuts down on 1 May 2040 (as the server tells)" in sentence(
        UNKNOWN, "some-model", date(2040, 1, 1), date(2040, 5, 1)
    )
    refuse_asking(OPENAI, "another-model", date(2027, 5, 1))


def test_dates_and_names_are_read_from_what_servers_give() -> None:
    assert told_day("2027-01-14") == told_day("2027-01-14T00:00:00Z") == date(2027, 1, 14)
    assert [told_day(each) for each in (None, "", "soon", 7)] == [None] * 4
    assert base(TUNED) == base(MODEL) == MODEL
    assert base("ft:") == "ft:"
