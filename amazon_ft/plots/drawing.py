"""What every picture shares: its paper, its ink, its words, and its way out as SVG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from io import BytesIO, StringIO
from itertools import accumulate
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LIGHT, MIDDLE, DARK, INK, SOFT = "#b9c9d8", "#7393ae", "#1f4e79", "#1b1f24", "#555d66"
TRACK = "#e4e9ee"
HATCH = "///"
TEXT, TITLE = 13, 15  # points
WIDTH = 6.4  # inches: at this width the text keeps its size in half a page or a notebook cell
WIDE = 8.4  # inches: a whole page, a projector
REFERENCE = re.compile(r'(?<=url\(#)[\w.-]+|(?<=href="#)[\w.-]+')


class Picture(Figure):
    """Show itself as the last line of a notebook cell, without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def framed(axes: Axes | None, title: str, *, height: float, width: float = WIDTH) -> Axes:
    """Dress `axes`, or those of a new Picture of so many inches."""
    return dressed(axes or Picture(figsize=(width, height), layout="constrained").add_subplot(), title)


def dressed(axes: Axes, title: str, size: float = TITLE) -> Axes:
    """Give axes a title and no frame but their left and lower edge."""
    axes.set_title(title, loc="left", fontsize=size, weight="bold", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=TEXT)
    return axes


def bare(axes: Axes) -> Axes:
    """Take away the edges and the ticks that bars with written values do not need."""
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    return axes


def say(axes: Axes, text: str) -> Axes:
    """Write a sentence where there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=TEXT, color=SOFT)
    return told(axes, text)


def write(axes: Axes, x: float, y: float, text: str, *, left: bool = False, shift: float = 0) -> None:
    """Write beside a point of the data, at its right or its left, shifted upwards by some points."""
    side: dict[str, Any] = {"ha": "right" if left else "left", "va": "center", "fontsize": TEXT, "color": INK}
    axes.annotate(text, (x, y), xytext=(-7 if left else 7, shift), textcoords="offset points", **side)


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places that are closer than `gap` apart as little as it takes, in their order, between `low` and `high`."""
    order = sorted(range(len(places)), key=lambda at: places[at])
    up = list(accumulate((places[at] for at in order), lambda last, place: max(place, last + gap)))
    down = list(accumulate((places[at] for at in reversed(order)), lambda last, place: min(place, last - gap)))[::-1]
    moved = {}
    for rank, at in enumerate(order):
        middle = (up[rank] + down[rank]) / 2
        moved[at] = min(max(middle, low + rank * gap), high - (len(order) - 1 - rank) * gap)
    return [moved[at] for at in range(len(places))]


def share(part: float, whole: float) -> str:
    """Write a part as a percentage of its whole, and a dash where the whole is nothing."""
    return f"{part / whole:.1%}" if whole else "–"


def counted(number: int, noun: str) -> str:
    """Write how many of something there are."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def told(axes: Axes, sentence: str) -> Axes:
    """Keep with `axes` what they show, in words, for those who do not see it."""
    axes.set_label(sentence)
    return axes


def svg(drawn: Axes | Figure) -> str:
    """Give a figure, or that of some axes, as SVG text that scales, says what it shows and bears no date.

    Identifiers carry a digest of the picture, so that different pictures share a page. Text stays text. The same
    numbers, drawn anew, give the same text.
    Raises ValueError if the axes have left their figure.
    """
    figure = drawn.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes have left their figure: draw them again")
    text = _own_ids(_rendered(figure))
    size = re.compile(r'width="[^"]*" height="[^"]*"')
    label = f'role="img" aria-label="{escape(_in_words(figure))}" width="100%"'
    return size.sub(lambda _: label, text, count=1)


def _rendered(figure: Figure) -> str:
    buffer = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.hashsalt": "amazon_ft", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", facecolor="white", metadata=nothing)
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]


def _own_ids(text: str) -> str:
    used = set(REFERENCE.findall(text))
    mark = f"p{sha256(text.encode()).hexdigest()[:10]}-"
    text = REFERENCE.sub(lambda match: mark + match[0], text)
    return re.sub(r' id="([^"]*)"', lambda match: f' id="{mark}{match[1]}"' if match[1] in used else "", text)


def _in_words(figure: Figure) -> str:
    titles = [figure.get_suptitle() and f"{figure.get_suptitle()}."]
    titles += [str(axes.get_label()) or axes.get_title(loc="left") for axes in figure.axes]
    return " ".join(filter(None, titles)).replace("\n", " ") or "A picture without words"
