"""Ask an author for a row about each product: a few at a time, again where that helps, and keep all that comes."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sized
from typing import Any

from tqdm.auto import tqdm

from amazon_ft.products import Product
from amazon_ft.reasoning.authors import Author
from amazon_ft.reasoning.ledger import FAILED, WRITTEN, Ledger
from amazon_ft.reasoning.pace import Clock, Pace
from amazon_ft.reasoning.running import Finished, Run

__all__ = ["Clock", "Finished", "Pace", "write_rows"]

SILENT = 4  # products that need no bar
LOOK = 0.1  # seconds between two looks at how far the run is
RECENT = 300  # looks over which tokens per second are counted


def write_rows(
    author: Author,
    products: Iterable[Product],
    ledger: Ledger,
    how: Pace | None = None,
    *,
    retry_failed: bool = False,
    clock: Clock | None = None,
) -> Finished:
    """Ask for a row about each product that the ledger does not know, in order, and keep what comes, a line each.

    Requests run in a thread with a loop of its own, at whose end the author is closed. With `retry_failed`, products
    that failed before are asked again. At a limit, or at the first Ctrl-C, no further request starts and those under
    way are finished; the second one drops them and goes on as KeyboardInterrupt. An error that is no Trouble ends
    the run and is raised once all that was written is on disk.

    Raises InputError if the server is away for too long or refuses everything: what was written stays, run it again.
    """
    pace = how or Pace()
    run = Run(author, products, ledger, pace, retry_failed, clock or Clock())
    total = _total(products, pace)
    few = total is not None and total <= SILENT
    with tqdm(total=total, desc="write", unit="row", smoothing=0, disable=few) as bar:
        _watch(run, bar)
    if run.error:
        raise run.error
    return run.finished()


def _total(products: Iterable[Product], pace: Pace) -> int | None:
    limits = [pace.rows, len(products) if isinstance(products, Sized) else None]
    return min((limit for limit in limits if limit is not None), default=None)


def _watch(run: Run, bar: Any) -> None:
    """Show how far a run is until it has ended; Ctrl-C comes here and nowhere else."""
    thread = threading.Thread(target=run.work, name="reasoning rows", daemon=True)
    try:
        thread.start()
        _look(run, bar)
    except KeyboardInterrupt:
        run.stop()
        tqdm.write("The rows under way are finished first; interrupt once more to drop them.", file=sys.stderr)
        _look(run, bar)
    finally:
        if thread.is_alive():  # nobody would hear of it any more
            run.drop()
            run.ended.wait()


def _look(run: Run, bar: Any) -> None:
    marks = deque([(time.monotonic(), run.heard)], maxlen=RECENT)
    while not run.ended.wait(LOOK):
        marks.append((time.monotonic(), run.heard))
        _show(run, bar, marks)
    _show(run, bar, marks)


def _show(run: Run, bar: Any, marks: deque[tuple[float, int]]) -> None:
    (first, before), (last, heard) = marks[0], marks[-1]
    speed = (heard - before) / (last - first) if last > first else 0.0
    written, failed = run.outcomes[WRITTEN], run.outcomes[FAILED]
    told = f"{speed:.0f} tokens/s" + (f", {failed} failed" if failed else "")
    bar.initial = run.known  # they took no time: what is left is reckoned without them
    bar.set_postfix_str(run.notice or told, refresh=False)
    bar.update(run.known + written + failed - bar.n)
    bar.refresh()
