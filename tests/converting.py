"""Have llama.cpp's converter: that of LLAMA_CPP, else the cache's, else fetched once by one of the tests' processes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from amazon_ft.files import InputError
from amazon_ft.serving import llama_cpp

LONGEST = 180  # seconds that another process may take to fetch it


def converter() -> Path:
    """Give the converter's folder; skip the test, with the reason, where it is neither here nor to be had."""
    until = time.monotonic() + LONGEST
    while True:
        try:
            return llama_cpp.converter()
        except InputError as error:
            if "another process" not in str(error) or time.monotonic() > until:
                pytest.skip(str(error))
        time.sleep(1)


def llama_cpp_python() -> None:
    """Skip the test where no Python has llama-cpp-python."""
    if reason := llama_cpp.absent():
        pytest.skip(reason)
