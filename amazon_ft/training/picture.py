"""Draw a training's loss in the notebook's cell while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from math import inf
from pathlib import Path
from typing import Any

from tqdm.std import tqdm
from transformers import TrainerCallback

from amazon_ft.files import read_jsonl

CAPTION = 0.6  # inches
SHARE = 0.05  # of the time may go into drawing: the longer the log, the less often it is drawn


def in_notebook() -> bool:
    """Tell whether this runs in a Jupyter or Colab kernel."""
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    return ipython is not None and type(ipython.get_ipython()).__name__ in {"ZMQInteractiveShell", "Shell"}


class Picture(TrainerCallback):  # type: ignore[misc]
    """Draw the loss curve in the notebook's cell and update it in place; outside a notebook draw nothing.

    It reads the file of the Log that comes before it, at most once in `every` seconds and when the training ends.
    """

    _handle: Any

    def __init__(self, log: Path, every: float = 5.0) -> None:
        self._log, self._every = log, every
        self._drawing, self._handle, self._due = False, None, -inf

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait for the first line of the log; after a training that broke off, the picture stays and goes on."""
        self._drawing, self._due = in_notebook(), -inf

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Draw if it is time."""
        if time.monotonic() >= self._due:
            self._draw(state.max_steps)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Draw for the last time."""
        self._draw(state.max_steps)
        self._drawing, self._handle = False, None

    def _draw(self, steps: int) -> None:
        if not self._drawing:
            return
        began = time.monotonic()
        try:
            self._show(drawn(read_jsonl(self._log), steps))
        except Exception as error:
            self._drawing = False
            tqdm.write(f"The training goes on, but its picture stops here: {type(error).__name__}: {error}")
        now = time.monotonic()
        self._due = now + max(self._every, (now - began) / SHARE)

    def _show(self, figure: Any) -> None:
        if self._handle is None:
            self._handle = import_module("IPython.display").display(figure, display_id=True)
        else:
            self._handle.update(figure)


def drawn(log: Sequence[Mapping[str, Any]], steps: int) -> Any:
    """Draw the curve of a log and, under it, how a training of `steps` steps stands; give the figure."""
    from amazon_ft.plots import SOFT, TEXT, loss_curve

    figure: Any = loss_curve(log).figure
    figure.set_figheight(figure.get_figheight() + CAPTION)
    figure.supxlabel(caption(log, steps), x=0.01, ha="left", fontsize=TEXT, color=SOFT, linespacing=1.4)
    return figure


def caption(log: Sequence[Mapping[str, Any]], steps: int) -> str:
    """Say in two lines how far a training of `steps` steps is and how fast it goes."""
    losses = [line for line in log if "loss" in line]
    if not losses:
        return f"step 0 of {steps:,}\nthe first step is under way"
    last = losses[-1]
    left = (steps - last["step"]) * last["seconds"] / last["step"]
    time_ = f"{tqdm.format_interval(left)} left" if left else f"{tqdm.format_interval(log[-1]['seconds'])} in all"
    loss = "no number" if last["loss"] is None else f"{last['loss']:.3f}"
    parts = [f"learning rate {last['learning_rate']:.2g}", f"{last['tokens_per_second']:,.0f} tokens/s"]
    if "memory_gib" in last:
        parts.append(f"{last['memory_gib']:.1f} GiB")
    return f"step {last['step']:,} of {steps:,}, {time_}, loss {loss}\n{', '.join(parts)}"
