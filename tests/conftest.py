from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

# One cache for all tests and for the kernels and processes that they start: the tiny base model is built once.
os.environ.setdefault("AMAZON_FT_CACHE", str(Path(__file__).parents[1] / ".cache"))

from amazon_ft import steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run

# A shell starts a job in the background with Ctrl-C ignored, and so would be every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Walk the demo's whole road once; tests that change files take a copy."""
    run = Run(tmp_path_factory.mktemp("walked") / "run")
    steps.demo(run, named("demo"))
    return run


@pytest.fixture
def copied(walked: Run, tmp_path: Path) -> Run:
    """Copy the walked run folder for a test that changes it."""
    return Run(Path(shutil.copytree(walked.folder, tmp_path / "run")))
