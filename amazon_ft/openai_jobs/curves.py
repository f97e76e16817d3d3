"""Read the losses of a hosted job from its result file, which some answers carry in Base64. Pure."""

from __future__ import annotations

import base64
import binascii
import csv
from collections.abc import Mapping
from dataclasses import dataclass

from amazon_ft.files import InputError

STEP = "step"
NAMES = {  # a point's field by the names of its column
    "train_loss": ("train_loss", "training_loss"),
    "valid_loss": ("valid_loss", "validation_loss"),
    "full_valid_loss": ("full_valid_loss", "full_validation_loss"),
    "train_accuracy": ("train_accuracy", "train_mean_token_accuracy", "training_token_accuracy"),
    "valid_accuracy": ("valid_mean_token_accuracy", "valid_accuracy", "validation_token_accuracy"),
}


@dataclass(frozen=True)
class Point:
    """Hold what was measured at a step; None where it was not."""

    step: int
    train_loss: float | None = None
    valid_loss: float | None = None
    full_valid_loss: float | None = None
    train_accuracy: float | None = None
    valid_accuracy: float | None = None


def decoded(content: bytes) -> str:
    """Give the CSV of a result file, as it came or out of Base64.

    Raises InputError if it is neither.
    """
    for attempt in (content, _unpacked(content)):
        text = attempt.decode("utf-8-sig", "replace")
        header = text.split("\n", 1)[0]
        if STEP in [name.strip().strip('"') for name in header.split(",")]:
            return text
    raise InputError("the result file has no column `step`: look at it on the provider's own page.")


def points(text: str) -> tuple[Point, ...]:
    """Give the points of a result file's CSV, by step; a blank, a word or a number that is none is no value."""
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
    found = [_point(row) for row in rows]
    return tuple(sorted((point for point in found if point), key=lambda point: point.step))


def _point(row: Mapping[str, str | None]) -> Point | None:
    step = _number(row.get(STEP))
    if step is None:
        return None
    values = {field: _first(row, names) for field, names in NAMES.items()}
    return Point(int(step), **values)


def _first(row: Mapping[str, str | None], names: tuple[str, ...]) -> float | None:
    return next((value for name in names if (value := _number(row.get(name))) is not None), None)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None  # false for no number, too


def _unpacked(content: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
