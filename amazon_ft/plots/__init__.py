"""Numbers in, pictures out: the door to matplotlib."""

from __future__ import annotations

from matplotlib.axes import Axes

from amazon_ft.plots.catalogue import funnel, token_lengths
from amazon_ft.plots.comparing import paired_scores
from amazon_ft.plots.drawing import DARK, INK, LIGHT, SOFT, TEXT, TITLE, WIDTH, Picture, svg
from amazon_ft.plots.memorising import seen_unseen
from amazon_ft.plots.retrieving import precision_recall
from amazon_ft.plots.spreading import copied, lengths
from amazon_ft.plots.training import loss_curve

__all__ = [
    "DARK",
    "INK",
    "LIGHT",
    "SOFT",
    "TEXT",
    "TITLE",
    "WIDTH",
    "Axes",
    "Picture",
    "copied",
    "funnel",
    "lengths",
    "loss_curve",
    "paired_scores",
    "precision_recall",
    "seen_unseen",
    "svg",
    "token_lengths",
]
