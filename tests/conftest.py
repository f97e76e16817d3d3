from __future__ import annotations

import fcntl
import os
import shutil
import signal
from pathlib import Path

import pytest

# One cache for all tests and for the kernels and processes that they start: the tiny base model is built once.
os.environ.setdefault("AMAZON_FT_CACHE", str(Path(__file__).parents[1] / ".cache"))
# As many workers as cores: torch's threads, in them and in what they start, would only wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from amazon_ft import steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run

# A shell starts a job in the background with Ctrl-C ignored, and so would be every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first: the notebooks, then those that need a walked run. What is short fills the end."""
    needed = {item.path: set[str]() for item in items}
    for item in items:
        needed[item.path].update(getattr(item, "fixturenames", ()))
    items.sort(key=lambda item: ("walks" not in needed[item.path], "walked" not in needed[item.path]))


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Walk the demo's whole road once for all workers and give each its copy; tests that change files take another."""
    mine = tmp_path_factory.getbasetemp()
    common = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    whole = Run(common / "walked" / "run")
    whole.folder.mkdir(parents=True, exist_ok=True)
    with (common / "walked" / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed; who waited finds every step done
        steps.demo(whole, named("demo"))
    return Run(Path(shutil.copytree(whole.folder, tmp_path_factory.mktemp("walked") / "run")))


@pytest.fixture
def copied(walked: Run, tmp_path: Path) -> Run:
    """Copy the walked run folder for a test that changes it."""
    return Run(Path(shutil.copytree(walked.folder, tmp_path / "run")))
