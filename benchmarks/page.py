"""Measure how soon the comparison's page shows its first product, beside all products written as plain HTML.

    python benchmarks/page.py [--quick]

1,000 invented rows with seven answers of about 100 words each are rendered as the page, and as plain cards of the same
texts and marks without any script. Each is opened five times in a fresh context of a headless Chromium, in turn; the
clock runs from the start of the navigation to the frame after the first product is there and the page has loaded, and
the middle of the five counts. The peak is the most memory of this process, which renders; the heap is the browser's own
count for the page. Needs playwright and a Chromium. The last line is JSON, and a full run writes it to
benchmarks/results/page.json. --quick takes 60 rows and one look.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from comparing import SYSTEMS, intervals, rows, scores

from amazon_ft.comparison import marked, page
from amazon_ft.files import write_json

ROWS, QUICK_ROWS, WORDS = 1_000, 60, 100
LOOKS, QUICK_LOOKS = 5, 1
SOON = 1_000  # milliseconds within which the page must show its first product
RESULT = Path(__file__).with_name("results") / "page.json"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Resolves with the time of the first frame after both the load event and the first product.
WATCH = """
window.firstProduct = new Promise((resolve) => {
  const frame = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
  const look = () => {
    if (document.readyState === "complete" && document.querySelector("article")) frame();
    else requestAnimationFrame(look);
  };
  look();
});
"""


def ours(some: Sequence[Mapping[str, Any]]) -> str:
    """Render the page."""
    failures = [{"row": row, "system": "tuned", "score": 1.0, "why": ["an invented number"]} for row in range(12)]
    return page(some, scores(some), intervals(some), failures, {}, {"Recipe": "benchmark"})


def plain(some: Sequence[Mapping[str, Any]]) -> str:
    """Write all rows as cards of static HTML."""
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>All</title>{"".join(_cards(some))}</html>'


def _cards(some: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in some:
        said = "".join(
            f"<h3>{name}</h3><p>{marked(row['reference'], row[name]['text'])}</p>" for name in SYSTEMS if name in row
        )
        asked = "".join(f"<p>{escape(row[name])}</p>" for name in ("question", "reference"))
        yield f"<article><h2>{escape(row['title'])}</h2>{asked}{said}</article>"


def look(browser: Any, path: Path) -> dict[str, float]:
    """Open a page once and give the milliseconds to its first product, to its load event, and its heap."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.add_init_script(WATCH)
    tab.goto(path.as_uri(), wait_until="commit")
    first = tab.evaluate("window.firstProduct")
    load = tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    heap = tab.evaluate("performance.memory ? performance.memory.usedJSHeapSize / 1e6 : 0")
    elements = tab.evaluate("document.querySelectorAll('*').length")
    context.close()
    return {"first_product_ms": first, "load_ms": load, "heap_mb": heap, "elements": elements}


def measured(pages: Mapping[str, Path], looks: int) -> dict[str, dict[str, float]]:
    """Open each page `looks` times, in turn, and give the middle of each figure."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    seen: dict[str, list[dict[str, float]]] = {side: [] for side in pages}
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        for _ in range(looks):
            for side, path in pages.items():
                seen[side].append(look(browser, path))
        version = browser.version
        browser.close()
    print(f"Chromium {version}")
    return {
        side: {name: round(statistics.median(one[name] for one in some), 1) for name in some[0]}
        for side, some in seen.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    some = rows(QUICK_ROWS if quick else ROWS, words=WORDS)
    with tempfile.TemporaryDirectory() as folder:
        pages, rendering = {}, {}
        for side, render in (("ours", ours), ("plain", plain)):
            started = time.perf_counter()
            pages[side] = Path(folder) / f"{side}.html"
            pages[side].write_text(render(some), encoding="utf-8")
            rendering[side] = {
                "render_seconds": round(time.perf_counter() - started, 2),
                "megabytes": round(pages[side].stat().st_size / 1e6, 2),
            }
        sides = measured(pages, QUICK_LOOKS if quick else LOOKS)
    result = {
        "benchmark": "page",
        "rows": len(some),
        "sides": {side: sides[side] | rendering[side] for side in sides},
        "ratio": round(sides["plain"]["first_product_ms"] / sides["ours"]["first_product_ms"], 2),
        "soon_enough": sides["ours"]["first_product_ms"] < SOON,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "cpus": len(os.sched_getaffinity(0)),
        "platform": platform.platform(),
        "versions": {name: metadata.version(name) for name in ("amazon-ft", "playwright")},
    }
    if not quick:
        write_json(RESULT, result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
