"""Every product ends as one line, whatever its author does, and whoever stops the run."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from servers import FAULTS, MODEL, FaultServer
from writers import LOST, SPENT, FakeClock, Scripted, by_uid, catalogue, endless, later, never, otherwise

from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.reasoning import asking
from amazon_ft.reasoning.asking import Clock, Finished, Pace, write_rows
from amazon_ft.reasoning.authors import Cost, Heard, Written
from amazon_ft.reasoning.dialects import Options
from amazon_ft.reasoning.ledger import FAILED, WRITTEN, Ledger, Line
from amazon_ft.reasoning.servers import connected
from amazon_ft.recipes.reasoning import CLOSED

ONE = Pace(workers=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "reasoning_ledger.jsonl")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def lines(ledger: Ledger) -> list[Line]:
    """Read the file as it lies there, each line, so that one too many is seen."""
    return [json.loads(one) for one in ledger.path.read_text("utf-8").splitlines()] if ledger.path.exists() else []


def outcomes(ledger: Ledger) -> dict[str, str]:
    found = [(one["uid"], one["outcome"]) for one in lines(ledger)]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_each_product_is_asked_once_in_order(ledger: Ledger, clock: FakeClock) -> None:
    author, products = Scripted(), catalogue(50)
    finished = write_rows(author, products, ledger, clock=clock)
    assert author.uids == [product.uid for product in products] == list(outcomes(ledger))
    assert finished == Finished(50, 0, 0, "done", Cost(350, 150), finished.seconds)
    assert not finished.interrupted and ledger.spent() == finished.cost
    assert lines(ledger)[3]["Question"] == "What is Lamp 3?" and lines(ledger)[3]["tries"] == 1
    assert author.closed == 1


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_no_more_requests_are_under_way_than_there_are_workers(ledger: Ledger, clock: FakeClock, workers: int) -> None:
    author = Scripted()
    write_rows(author, catalogue(40), ledger, Pace(workers=workers), clock=clock)
    assert author.most == workers


def test_a_second_run_asks_only_for_what_is_missing(ledger: Ledger, clock: FakeClock) -> None:
    write_rows(Scripted(), catalogue(30)[::2], ledger, clock=clock)
    again = Scripted()
    finished = write_rows(again, catalogue(30), ledger, clock=clock)
    assert again.uids == [product.uid for product in catalogue(30)[1::2]]
    assert (finished.written, finished.known) == (15, 15) and len(outcomes(ledger)) == 30


def test_another_identity_asks_anew(ledger: Ledger, clock: FakeClock) -> None:
    write_rows(Scripted(), catalogue(5), ledger, clock=clock)
    other = Scripted()
    other.version = 2
    assert write_rows(other, catalogue(5), ledger, clock=clock).written == 5
    assert len(ledger.read()) == len(lines(ledger)) == 10


def test_a_product_that_comes_twice_is_asked_once(ledger: Ledger, clock: FakeClock) -> None:
    assert write_rows(Scripted(), [*catalogue(5), *catalogue(7)], ledger, clock=clock).written == 7
    assert len(outcomes(ledger)) == 7


def test_seeds_are_the_same_at_every_run_and_change_with_a_reply_that_is_no_row(tmp_path: Path) -> None:
    asked = []
    for name in ("one", "two"):
        author = Scripted(by_uid({"B00001": [otherwise, later, otherwise]}))
        write_rows(author, catalogue(4), Ledger(tmp_path / name), ONE, clock=FakeClock())
        asked.append(sorted(author.asked))
    assert asked[0] == asked[1]
    seeds = [seed for uid, seed in asked[0] if uid == "B00001"]
    assert Counter(Counter(seeds).values()) == {1: 2, 2: 1}  # after trouble that passes, the same seed
    assert len({seed for _, seed in asked[0]}) == 4 - 1 + 3 and all(0 <= seed < 2**31 for seed in seeds)


def test_another_seed_of_the_pace_gives_other_seeds(tmp_path: Path) -> None:
    authors = [Scripted(), Scripted()]
    for author, seed in zip(authors, (1, 2), strict=True):
        write_rows(author, catalogue(3), Ledger(tmp_path / str(seed)), Pace(seed=seed), clock=FakeClock())
    assert {seed for _, seed in authors[0].asked}.isdisjoint(seed for _, seed in authors[1].asked)


def test_no_row_after_all_tries_is_a_failure_with_what_it_took(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(by_uid({"B00001": otherwise}))
    finished = write_rows(author, catalogue(3), ledger, Pace(tries=4), clock=clock)
    failed = next(line for line in lines(ledger) if line["uid"] == "B00001")
    assert (failed["outcome"], failed["reason"], failed["detail"]) == (FAILED, "invalid JSON", "at character 7")
    assert failed["tries"] == 4 and failed["prompt_tokens"] == 4 * LOST.prompt_tokens
    assert (finished.written, finished.failed) == (2, 1) and finished.cost == ledger.spent()
    assert not clock.waits  # another seed needs no wait


def test_what_no_attempt_would_help_fails_at_once(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(by_uid({"B00001": never}))
    write_rows(author, catalogue(3), ledger, clock=clock)
    assert author.numbers["B00001"] == 1 and outcomes(ledger)["B00001"] == FAILED


def test_a_row_after_trouble_counts_all_that_it_took(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(by_uid({"B00000": [otherwise, otherwise]}))
    write_rows(author, catalogue(1), ledger, clock=clock)
    assert lines(ledger)[0]["outcome"] == WRITTEN and lines(ledger)[0]["tries"] == 3
    assert ledger.spent() == LOST + LOST + SPENT


def test_trouble_that_passes_is_waited_for_by_lot_and_longer_each_time(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(by_uid({"B00000": [later] * 4}))
    write_rows(author, catalogue(1), ledger, Pace(wait=2), clock=clock)
    assert clock.drawn == clock.waits == [2, 4, 8, 16]
    assert outcomes(ledger) == {"B00000": WRITTEN}


def test_no_wait_is_longer_than_the_longest(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(by_uid({"B00000": [later] * 6}))
    write_rows(author, catalogue(1), ledger, Pace(wait=2, longest_wait=5, troubles=9), clock=clock)
    assert clock.waits == [2, 4, 5, 5, 5, 5]


def test_the_real_clock_draws_within_bounds() -> None:
    drawn = [Clock().draw(3.0) for _ in range(300)]
    assert 0 <= min(drawn) < 0.5 and 2.5 < max(drawn) <= 3


def test_a_server_that_names_a_wait_gets_at_least_that(ledger: Ledger) -> None:
    clock = FakeClock(share=0)
    write_rows(Scripted(by_uid({"B00000": [lambda: later(20)]})), catalogue(1), ledger, clock=clock)
    assert clock.waits == [20]


def test_a_server_that_asks_for_an_hour_is_not_waited_for(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(by_uid({"B00006": lambda: later(3600)}))
    with pytest.raises(InputError, match=r"left alone for 60 minutes \(server away: connection refused\): all that"):
        write_rows(author, catalogue(50), ledger, clock=clock)
    assert set(outcomes(ledger).values()) == {WRITTEN} and 6 <= len(outcomes(ledger)) < 12
    assert not clock.waits


def test_others_are_asked_while_one_waits(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(by_uid({"B00000": [later]}))
    write_rows(author, catalogue(5), ledger, ONE, clock=clock)
    assert author.uids == ["B00000", "B00001", "B00002", "B00003", "B00004", "B00000"]


def test_a_product_that_the_server_never_answers_fails_if_others_are_answered(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(lambda uid, number: later() if uid == "B00002" else let_pass(clock))
    write_rows(author, catalogue(200), ledger, clock=clock)
    assert outcomes(ledger)["B00002"] == FAILED and Counter(outcomes(ledger).values()) == {WRITTEN: 199, FAILED: 1}
    assert author.numbers["B00002"] == 5
    assert author.numbers.total() == 199 + 5  # no row that is there was asked for again


def let_pass(clock: FakeClock) -> None:
    clock.time += 1


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("bad", [1, 3, 9])
def test_the_last_products_fail_too_if_a_row_that_is_there_can_be_asked_for(
    ledger: Ledger, clock: FakeClock, workers: int, bad: int
) -> None:
    names = {f"B{at:05}": later for at in range(bad)}
    author = Scripted(by_uid(names))
    finished = write_rows(author, catalogue(bad + 2), ledger, Pace(workers=workers), clock=clock)
    assert Counter(outcomes(ledger).values()) == {WRITTEN: 2, FAILED: bad} and finished.reason == "done"
    assert finished.cost == ledger.spent() and finished.cost.completion_tokens > 2 * 3  # asked again, and counted
    assert clock.time < 600


class Away(Scripted):
    """Be away between two moments of the clock."""

    def __init__(self, clock: FakeClock, since: float, until: float) -> None:
        super().__init__(self._meet)
        self._clock, self._since, self._until = clock, since, until
        self.probes = list[float]()

    def _meet(self, uid: str, number: int) -> Exception | None:
        if self._since <= self._clock.now() < self._until:
            self.probes.append(self._clock.now())
            return later()
        self._clock.time += 0.25
        return None


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("tries", [1, 5])
def test_a_server_that_is_restarted_fails_no_product(
    ledger: Ledger, clock: FakeClock, workers: int, tries: int
) -> None:
    author = Away(clock, 10, 910)
    finished = write_rows(author, catalogue(300), ledger, Pace(workers=workers, tries=tries), clock=clock)
    assert (finished.written, finished.failed, finished.reason) == (300, 0, "done")
    assert len(outcomes(ledger)) == 300 and author.numbers.total() < 300 + 2 * workers + 5 + 12


@pytest.mark.parametrize("at", [0, 70.0, 74.5])
def test_a_server_that_is_away_first_or_last_fails_no_product(ledger: Ledger, clock: FakeClock, at: float) -> None:
    finished = write_rows(Away(clock, at, at + 500), catalogue(300), ledger, clock=clock)
    assert (finished.written, finished.failed) == (300, 0)


def test_a_server_that_is_away_is_tried_with_one_request_after_growing_pauses(ledger: Ledger, clock: FakeClock) -> None:
    author = Away(clock, 0, 10**9)
    with pytest.raises(InputError, match=r"tried 4 times .* in vain \(server away: connection refused\): all that was"):
        write_rows(author, catalogue(300), ledger, Pace(pause=5, longest_wait=15, probes=4), clock=clock)
    assert author.probes[:4] == [0, 0, 0, 0]
    assert [then - before for before, then in pairwise(author.probes[-5:])] == [0, 5, 10, 15]
    assert lines(ledger) == [] and len(author.probes) < 4 + 5 + 4


def test_after_an_outage_requests_grow_by_one_an_answer(ledger: Ledger, clock: FakeClock) -> None:
    author = Away(clock, 0, 20)
    most = []
    meet = author.meets

    def meets(uid: str, number: int) -> BaseException | None:
        if clock.now() >= 20:
            most.append(author.under_way)
        return meet(uid, number)

    author.meets = meets
    write_rows(author, catalogue(100), ledger, Pace(workers=8), clock=clock)
    assert most[0] == 1 and most[1] <= 2 and max(most[:6]) < 8 and max(most) == 8


def test_a_lone_product_is_not_tried_for_half_an_hour(ledger: Ledger, clock: FakeClock) -> None:
    with pytest.raises(InputError, match="tried 3 times"):
        write_rows(Away(clock, 0, 10**9), catalogue(1), ledger, clock=clock)
    assert clock.time < 120 and lines(ledger) == []


def test_trouble_after_tokens_counts_against_its_product(ledger: Ledger, clock: FakeClock) -> None:
    def broke_off() -> BaseException:
        trouble = later()
        trouble.cost = Cost(7, 2)
        return trouble

    author = Scripted(by_uid({"B00000": broke_off}))
    write_rows(author, catalogue(1), ledger, clock=clock)
    assert outcomes(ledger) == {"B00000": FAILED} and ledger.spent() == Cost(35, 10)


def test_a_server_that_refuses_everything_ends_the_run(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(lambda uid, number: never() if uid >= "B00020" else None)
    with pytest.raises(InputError, match=r"10 products in a row were refused \(key refused: HTTP 401\)"):
        write_rows(author, catalogue(2000), ledger, ONE, clock=clock)
    assert Counter(outcomes(ledger).values()) == {WRITTEN: 20, FAILED: 10}


def test_failed_products_are_left_alone_unless_asked_for(ledger: Ledger, clock: FakeClock) -> None:
    write_rows(Scripted(by_uid({"B00001": otherwise})), catalogue(3), ledger, Pace(tries=2), clock=clock)
    before = Scripted()
    assert write_rows(before, catalogue(3), ledger, clock=clock).known == 3 and before.asked == []
    again = Scripted(by_uid({"B00001": [otherwise]}))
    finished = write_rows(again, catalogue(3), ledger, retry_failed=True, clock=clock)
    assert again.uids == ["B00001", "B00001"] and (finished.written, finished.known) == (1, 2)
    row = ledger.read()[lines(ledger)[-1]["key"]]
    assert (row["outcome"], row["tries"], row["prompt_tokens"]) == (WRITTEN, 4, 3 * LOST.prompt_tokens + 7)
    assert ledger.spent() == SPENT + SPENT + SPENT + LOST + LOST + LOST
    assert finished.cost == LOST + SPENT


def test_failed_products_get_seeds_that_were_not_tried(ledger: Ledger, clock: FakeClock) -> None:
    first, again = (Scripted(by_uid({"B00000": otherwise})) for _ in range(2))
    write_rows(first, catalogue(1), ledger, clock=clock)
    write_rows(again, catalogue(1), ledger, retry_failed=True, clock=clock)
    assert len({seed for _, seed in first.asked + again.asked}) == 10


@pytest.mark.parametrize("workers", [1, 4, 32])
def test_a_limit_of_rows_is_kept_exactly_and_counts_those_before(
    ledger: Ledger, clock: FakeClock, workers: int
) -> None:
    write_rows(Scripted(), catalogue(6), ledger, clock=clock)
    author = Scripted(by_uid({"B00008": otherwise}))
    finished = write_rows(author, catalogue(100), ledger, Pace(workers=workers, rows=20), clock=clock)
    assert (finished.reason, finished.written, finished.known) == ("rows", 14, 6)
    assert sorted(set(author.uids)) == [product.uid for product in catalogue(21)[6:]]


def test_a_limit_that_is_reached_with_the_last_product_is_done(ledger: Ledger, clock: FakeClock) -> None:
    assert write_rows(Scripted(), catalogue(6), ledger, Pace(rows=6), clock=clock).reason == "done"


def test_a_limit_of_tokens_counts_those_before(ledger: Ledger, clock: FakeClock) -> None:
    write_rows(Scripted(), catalogue(5), ledger, clock=clock)
    finished = write_rows(Scripted(), catalogue(90), ledger, Pace(workers=1, tokens=100), clock=clock)
    assert (finished.reason, finished.written) == ("tokens", 5)
    assert ledger.spent() == Cost(70, 30)


def test_a_limit_of_minutes_lets_what_is_under_way_end(ledger: Ledger, clock: FakeClock) -> None:
    author = Away(clock, -2, -1)  # each request takes a quarter of a second
    finished = write_rows(author, catalogue(900), ledger, Pace(minutes=0.5), clock=clock)
    assert finished.reason == "minutes" and 120 <= finished.written <= 124
    assert len(author.uids) == len(lines(ledger)) == finished.written


def test_a_limit_of_minutes_ends_a_wait(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(by_uid({"B00000": [lambda: later(200)]}))
    finished = write_rows(author, catalogue(1), ledger, Pace(minutes=1), clock=clock)
    assert (finished.reason, clock.time, lines(ledger)) == ("minutes", 60, [])


@pytest.mark.parametrize(
    "wrong",
    [{"workers": 0}, {"tries": 0}, {"rows": 0}, {"tokens": -1}, {"minutes": 0.0}, {"troubles": 0}, {"probes": 0}],
    ids=str,
)
def test_a_pace_without_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} must be"):
        Pace(**wrong)


@pytest.mark.parametrize("wrong", [{"wait": -1}, {"wait": 400}, {"pause": 301}], ids=str)
def test_waits_without_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="wait and pause are seconds"):
        Pace(**wrong)


def test_an_error_that_is_no_trouble_is_raised_and_what_came_before_is_kept(ledger: Ledger, clock: FakeClock) -> None:
    author = Scripted(lambda uid, number: ZeroDivisionError("a bug") if uid == "B00007" else None)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        write_rows(author, catalogue(5000), ledger, clock=clock)
    assert set(outcomes(ledger)) >= {product.uid for product in catalogue(7)} and len(outcomes(ledger)) <= 11
    assert author.closed == 1 and author.under_way == 0


def test_a_request_that_cancels_itself_is_not_lost_in_silence(ledger: Ledger, clock: FakeClock) -> None:
    with pytest.raises(asyncio.CancelledError):
        write_rows(Scripted(by_uid({"B00001": asyncio.CancelledError})), catalogue(5), ledger, clock=clock)


def test_products_that_cannot_be_read_are_an_error(ledger: Ledger, clock: FakeClock) -> None:
    def broken() -> Any:
        yield from catalogue(3)
        raise InputError("line 4 is no product.")

    with pytest.raises(InputError, match="line 4"):
        write_rows(Scripted(), broken(), ledger, clock=clock)
    assert len(outcomes(ledger)) <= 3


def test_a_ledger_that_cannot_be_written_is_an_error(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(OSError):
        write_rows(Scripted(), catalogue(5), Ledger(tmp_path / "a file" / "ledger"), clock=clock)


def test_products_are_taken_up_as_they_are_needed(ledger: Ledger, clock: FakeClock) -> None:
    taken = list[int]()
    assert write_rows(Scripted(), endless(taken), ledger, Pace(rows=50), clock=clock).reason == "rows"
    assert len(taken) == 51


def test_few_products_wait_to_be_asked_again(ledger: Ledger, clock: FakeClock) -> None:
    sooner = set[str]()

    def meets(uid: str, number: int) -> BaseException | None:
        sooner.update([] if clock.now() else [uid])
        return later(100) if int(uid[1:]) % 2 and number == 1 else None

    assert write_rows(Scripted(meets), catalogue(200), ledger, Pace(workers=2), clock=clock).written == 200
    assert 12 < len(sooner) < 24


def test_rows_are_written_where_a_loop_runs_already(ledger: Ledger, clock: FakeClock) -> None:
    async def cell() -> Finished:
        return write_rows(Scripted(), catalogue(5), ledger, clock=clock)

    assert asyncio.run(cell()).written == 5


def test_a_line_that_a_kill_tore_is_written_again(ledger: Ledger, clock: FakeClock) -> None:
    write_rows(Scripted(), catalogue(5), ledger, clock=clock)
    ledger.path.write_bytes(ledger.path.read_bytes()[:-20])
    again = Scripted()
    write_rows(again, catalogue(5), ledger, clock=clock)
    assert again.uids == ["B00004"] and len(outcomes(ledger)) == 5


def test_few_products_need_no_bar_and_many_show_one(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(Scripted(), catalogue(4), ledger)
    assert capsys.readouterr().err == ""
    write_rows(Scripted(by_uid({"B00009": never})), catalogue(30), ledger)
    shown = capsys.readouterr().err
    assert "30/30" in shown and "tokens/s, 1 failed" in shown


def test_the_lines_of_a_faulty_author_add_up(ledger: Ledger, clock: FakeClock) -> None:
    lot = random.Random(3)
    author = Scripted(lambda uid, number: lot.choice([None, None, None, later(), otherwise(), never()]))
    finished = write_rows(author, catalogue(400), ledger, clock=clock)
    counted = Counter(outcomes(ledger).values())
    assert counted == {WRITTEN: finished.written, FAILED: finished.failed} and counted.total() == 400
    assert ledger.spent() == finished.cost
    assert sum(line["tries"] for line in lines(ledger)) <= author.numbers.total()


class SlowDisk(Ledger):
    """Take a while for each save."""

    def add(self, lines: Iterable[Mapping[str, Any]]) -> None:
        time.sleep(0.03)
        super().add(lines)


def test_a_slow_disk_saves_many_lines_at_once_and_loses_none(tmp_path: Path, clock: FakeClock) -> None:
    ledger = SlowDisk(tmp_path / "ledger")
    started = time.perf_counter()
    finished = write_rows(Scripted(), catalogue(300), ledger, Pace(rows=290), clock=clock)
    assert finished.written == len(outcomes(ledger)) == 290
    assert time.perf_counter() - started < 0.03 * 290 / 3


def test_what_a_slow_disk_has_not_yet_is_saved_before_an_error_is_raised(tmp_path: Path, clock: FakeClock) -> None:
    ledger = SlowDisk(tmp_path / "ledger")
    author = Scripted(lambda uid, number: ZeroDivisionError("a bug") if uid == "B00009" else None)
    with pytest.raises(ZeroDivisionError):
        write_rows(author, catalogue(50), ledger, ONE, clock=clock)
    assert list(outcomes(ledger)) == [product.uid for product in catalogue(9)]


@pytest.mark.parametrize("api", ["", "/v1"], ids=["native", "compatible"])
def test_whatever_a_server_does_each_product_ends_once(ledger: Ledger, api: str) -> None:
    script = {f"<{fault}> always": fault for fault in FAULTS} | {f"<{fault}> at first": [fault] for fault in FAULTS}
    titles = [*script, "<a plain one>"]
    products = [Product(f"B{at}", title, "A lamp.") for at, title in enumerate(titles)]
    pace = Pace(workers=16, tries=2, wait=0.01, pause=0.01)
    with FaultServer(script, titles=titles, delay=0.02) as server:
        author = connected(server.url + api, MODEL, CLOSED, Options(timeout=0.5))
        finished = write_rows(author, products, ledger, pace)
    assert finished.reason == "done" and finished.written + finished.failed == len(products) == len(outcomes(ledger))
    failed = {line["uid"]: line["reason"] for line in lines(ledger) if line["outcome"] == FAILED}
    assert all(failed.values()) and ledger.spent() == finished.cost
    ended = {title: outcomes(ledger)[product.uid] for title, product in zip(titles, products, strict=True)}
    assert ended["<a plain one>"] == WRITTEN
    for fault in ("429", "500", "503", "drip", "reset", "truncated", "wrong model", "empty", "hang"):
        assert ended[f"<{fault}> always"] == FAILED
    for fault in ("429", "500", "503", "drip", "reset", "truncated", "hang-up", "fenced", "inline", "no opening tag"):
        assert ended[f"<{fault}> at first"] == WRITTEN


class Slow(Scripted):
    """Take a while for each row; this file run as a program is how a test kills or interrupts it."""

    async def write(self, product: Product, seed: int, heard: Heard) -> Written:
        await asyncio.sleep(SECONDS)
        return await super().write(product, seed, heard)


SECONDS = float(os.environ.get("SECONDS_A_ROW", "0.02"))
NUMBER = 120


def started(ledger: Ledger, seconds: float) -> subprocess.Popen[str]:
    environment = os.environ | {"SECONDS_A_ROW": str(seconds), "PYTHONUNBUFFERED": "1"}
    command, pipe = [sys.executable, __file__, str(ledger.path)], subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def wait_for_lines(ledger: Ledger, number: int) -> None:
    for _ in range(2000):
        if ledger.path.exists() and ledger.path.read_bytes().count(b"\n") >= number:
            return
        time.sleep(0.005)
    raise AssertionError("no lines came")


def test_killed_at_any_moment_each_product_is_there_once_and_its_cost(ledger: Ledger) -> None:
    lot = random.Random(7)
    for _ in range(4):
        run = started(ledger, 0.02)
        wait_for_lines(ledger, 1)
        time.sleep(lot.uniform(0.05, 0.35))
        run.kill()
        run.communicate()
    before = len(ledger.read())
    said, problems = started(ledger, 0.0).communicate()
    assert json.loads(said)["reason"] == "done", problems
    assert 0 < before < NUMBER and set(outcomes(ledger).values()) == {WRITTEN}
    assert sorted(outcomes(ledger)) == [product.uid for product in catalogue(NUMBER)]
    assert ledger.spent() == Cost(NUMBER * SPENT.prompt_tokens, NUMBER * SPENT.completion_tokens)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_finishes_what_is_under_way(ledger: Ledger) -> None:
    run = started(ledger, 0.4)
    wait_for_lines(ledger, 2)
    run.send_signal(signal.SIGINT)
    said, problems = run.communicate(timeout=20)
    told = json.loads(said)
    assert told["reason"] == "interrupted" and run.returncode == 0, problems
    assert told["asked"] == told["written"] == len(outcomes(ledger)) < NUMBER
    assert "interrupt once more to drop them" in problems


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_twice_drops_what_is_under_way(ledger: Ledger) -> None:
    write_rows(Scripted(), catalogue(5), ledger, clock=FakeClock())
    run = started(ledger, 60)
    assert run.stdout and run.stdout.readline() == "asking\n"
    time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    time.sleep(0.4)
    assert run.poll() is None
    run.send_signal(signal.SIGINT)
    _, problems = run.communicate(timeout=20)
    assert "KeyboardInterrupt" in problems and run.returncode != 0
    assert len(outcomes(ledger)) == 5


def test_a_bar_that_cannot_be_shown_ends_the_run_and_leaves_no_thread(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(asking, "_show", broken)
    author = Slow()
    with pytest.raises(BrokenPipeError):
        write_rows(author, catalogue(NUMBER), ledger)
    assert not [thread for thread in threading.enumerate() if thread.name == "reasoning rows" and thread.is_alive()]
    assert len(author.asked) < NUMBER


def main() -> None:
    """Write rows into the ledger that is named, and tell what came of it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    author = Slow()
    if SECONDS > 10:
        print("asking")
    finished = write_rows(author, catalogue(NUMBER), Ledger(Path(sys.argv[1])))
    print(json.dumps({"reason": finished.reason, "written": finished.written, "asked": len(author.asked)}))


if __name__ == "__main__":
    main()
