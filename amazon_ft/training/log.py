"""Keep what a training measures in a file, and show one bar."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from math import inf, isfinite
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from amazon_ft.files import InputError, write_jsonl
from amazon_ft.hardware.machine import GIB

# Without ipywidgets, tqdm.auto would print a warning in a notebook.
tqdm = import_module("tqdm.auto" if find_spec("ipywidgets") else "tqdm.std").tqdm
MEASURED = ("loss", "learning_rate", "grad_norm")  # by the trainer, at each step
RECENT = 20  # steps


class Log(TrainerCallback):  # type: ignore[misc]
    """Append one JSON object a line to a file at every step and evaluation, and show one bar.

    A loss line holds step, loss, learning_rate, grad_norm, tokens, tokens_per_second, memory_gib and seconds; an
    evaluation line step, eval_loss and seconds. A number that is not finite is written as null. Seconds are those
    since the training began, without what lay between two of its parts; tokens_per_second is taken over the last 20
    steps, without evaluations and checkpoints; memory_gib is the most that was held so far, on the GPU if it is in
    use, else by the process. Callbacks that come after this one find tokens, tokens_per_second and memory_gib in
    their `logs`.
    """

    def __init__(self, path: Path, tokens: Sequence[int], *, quiet: bool = False) -> None:
        """Take the file, how many tokens were trained on after each number of steps, and whether to show no bar."""
        self._path, self._tokens, self._quiet = path, tokens, quiet
        self._bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the lines up to the step that the training goes on from, none at step 0, and start the clocks.

        Raises InputError if `tokens` ends before the training does.
        """
        step, steps = state.global_step, state.max_steps
        if len(self._tokens) <= steps:
            raise InputError(
                f"a log of {steps} steps needs {steps + 1} token counts and got {len(self._tokens)}: "
                "count the tokens for as many steps as the trainer takes."
            )
        kept = _lines_up_to(self._path, step) if step else []
        write_jsonl(self._path, kept)
        self._evaluated = {line["step"] for line in kept if "eval_loss" in line}
        self._mark = time.perf_counter()
        self._started = self._mark - (kept[-1]["seconds"] if kept else 0)
        self._worked = 0.0
        self._recent = deque([(self._tokens[step], 0.0)], maxlen=RECENT + 1)
        self._bar = tqdm(total=steps, initial=step, desc="train", unit="step", disable=self._quiet)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count the time since the mark as work."""
        self._work()

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move the mark: what has just ended was no work."""
        self._mark = time.perf_counter()

    on_save = on_evaluate

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        """Append what was measured at this step, and move the bar."""
        step = state.global_step
        if self._bar is None:  # an evaluation outside the training
            return
        if "loss" in logs:
            self._work()  # reading the loss has waited for the GPU
            progress = self._progress(step)
            self._append({"step": step} | {key: logs[key] for key in MEASURED if key in logs} | progress)
            logs |= progress
            self._bar.set_postfix_str(_postfix(logs), refresh=False)
            self._bar.update(step - self._bar.n)
        elif "eval_loss" in logs and step not in self._evaluated:
            self._evaluated.add(step)
            self._append({"step": step, "eval_loss": logs["eval_loss"]})

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the bar and the log."""
        self._bar.close()
        self._bar = None

    def _work(self) -> None:
        now = time.perf_counter()
        self._worked, self._mark = self._worked + now - self._mark, now

    def _progress(self, step: int) -> dict[str, float]:
        self._recent.append((self._tokens[step], self._worked))
        (tokens_before, before), (tokens, now) = self._recent[0], self._recent[-1]
        speed = (tokens - tokens_before) / (now - before) if now > before else 0.0
        measured = {"tokens": tokens, "tokens_per_second": round(speed, 1), "memory_gib": _memory()}
        return {key: value for key, value in measured.items() if value is not None}

    def _append(self, line: Mapping[str, float]) -> None:
        timed = {**line, "seconds": round(time.perf_counter() - self._started, 2)}
        valid = {key: value if isfinite(value) else None for key, value in timed.items()}
        with self._path.open("a", encoding="utf-8") as file:  # closed each time: a mounted drive may upload only then
            file.write(json.dumps(valid, allow_nan=False) + "\n")


def _lines_up_to(path: Path, step: int) -> list[dict[str, Any]]:
    lines = [_line(text) for text in path.read_bytes().splitlines()] if path.is_file() else []
    return [line for line in lines if line.get("step", inf) <= step]


def _line(text: bytes) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:  # a kill tore it
        return {}
    return line if isinstance(line, dict) else {}


def _memory() -> float | None:
    import torch

    if torch.cuda.is_initialized():
        return round(int(torch.cuda.max_memory_reserved()) / GIB, 3)
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return None  # Windows does not count it
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return round(getrusage(RUSAGE_SELF).ru_maxrss * unit / GIB, 3)


def _postfix(logs: Mapping[str, float]) -> str:
    memory = f", {logs['memory_gib']:.1f} GiB" if "memory_gib" in logs else ""
    return f"loss {logs['loss']:.3f}, {logs['tokens_per_second']:,.0f} tokens/s{memory}"
