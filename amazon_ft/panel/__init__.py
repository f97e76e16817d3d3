"""What a class looks at: answers, questions of its own, blind votes, rows to review; with widgets and without."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from amazon_ft.panel.plain import cast, decide, find, next_pair, next_row, show
from amazon_ft.panel.votes import Tally, Votes, votable
from amazon_ft.reasoning.reviews import Reviews

if TYPE_CHECKING:
    from amazon_ft.panel.reviewing import Review
    from amazon_ft.panel.widgets import Panel

__all__ = [
    "Panel",
    "Review",
    "Reviews",
    "Tally",
    "Votes",
    "cast",
    "decide",
    "find",
    "next_pair",
    "next_row",
    "show",
    "votable",
]
ROOMS = {"Panel": "widgets", "Review": "reviewing"}


def __getattr__(name: str) -> Any:
    """Open the door to ipywidgets only for who wants the Panel or a Review: the rest works without."""
    if name not in ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{ROOMS[name]}"), name)
