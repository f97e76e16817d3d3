"""What a class looks at: answers side by side, questions of one's own, blind votes; with widgets and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amazon_ft.panel.plain import cast, find, next_pair, show
from amazon_ft.panel.votes import Tally, Votes, votable

if TYPE_CHECKING:
    from amazon_ft.panel.widgets import Panel

__all__ = ["Panel", "Tally", "Votes", "cast", "find", "next_pair", "show", "votable"]


def __getattr__(name: str) -> Any:
    """Open the door to ipywidgets only for who wants the Panel: the rest works without."""
    if name != "Panel":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from amazon_ft.panel.widgets import Panel

    return Panel
