"""The catalogue on its way to the model: what cleaning kept, how long the rows are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from amazon_ft.plots.drawing import DARK, HATCH, INK, LIGHT, TEXT, bare, framed, say, share, told, write


def token_lengths(lengths: Sequence[int], max_length: int, axes: Axes | None = None) -> Axes:
    """Draw how long rows are, in tokens, and write what share is longer than `max_length`."""
    axes = framed(axes, "Length of the rows", height=3.6)
    if not lengths:
        return say(axes, "no rows")
    axes.hist(lengths, bins=40, color=LIGHT, edgecolor=DARK, linewidth=0.8)
    axes.axvline(max_length, color=INK, lw=2, ls="--")
    over = sum(length > max_length for length in lengths)
    note = f"max_length {max_length:,}:\n{share(over, len(lengths))} of {len(lengths):,} rows are longer"
    left = max_length > sum(axes.get_xlim()) / 2
    tallest = axes.get_ylim()[1]
    axes.set_ylim(0, tallest * 1.3)  # room for the note above the bars
    write(axes, max_length, tallest * 1.15, note, left=left)
    axes.set_xlabel("tokens", fontsize=TEXT)
    axes.set_ylabel("rows", fontsize=TEXT)
    between = f"from {min(lengths):,} to {max(lengths):,} tokens"
    return told(axes, f"Length of the rows, {between}. With {note.replace(chr(10), ' ')}.")


def funnel(counts: Mapping[str, Any], axes: Axes | None = None) -> Axes:
    """Draw how the rows read become the rows kept: `counts` holds read, kept, and rejected by reason."""
    read, kept = counts["read"], counts["kept"]
    steps = [("read", 0, read), *_rejections(read, counts["rejected"]), ("kept", 0, kept)]
    axes = framed(axes, "From rows read to rows kept", height=0.6 + 0.42 * len(steps))
    for row, (_, left, width) in enumerate(steps):
        color, hatch = (DARK, "") if row in (0, len(steps) - 1) else (LIGHT, HATCH)
        axes.barh(row, width, left=left, height=0.66, color=color, edgecolor=DARK, hatch=hatch)
        write(axes, left + width, row, f"{width:,}  ({share(width, read)})")
    axes.set_yticks(range(len(steps)), [name for name, *_ in steps])
    axes.set(xlim=(0, max(read, 1)), ylim=(len(steps) - 0.5, -0.5))
    figures = ", ".join(f"{name} {width:,} ({share(width, read)})" for name, _, width in steps)
    return told(bare(axes), f"From rows read to rows kept: {figures}.")


def _rejections(read: int, rejected: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    left = read
    for reason, number in sorted(rejected.items(), key=lambda item: -item[1]):
        left -= number
        yield reason, left, number
