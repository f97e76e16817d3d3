"""Steer a training: save it in time, stop it early or on request, and refuse to go on with numbers that are none."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from amazon_ft import adapters
from amazon_ft.files import InputError, write_json
from amazon_ft.hardware import planning
from amazon_ft.hardware.machine import GIB
from amazon_ft.hardware.planning import Plan
from amazon_ft.recipes import Training
from amazon_ft.training import checkpoints


class Stopped(KeyboardInterrupt):
    """Say that a training was stopped by Ctrl-C or a notebook's stop button, with all its steps saved."""

    def _render_traceback_(self) -> list[str]:
        """Show one line in a notebook, where IPython asks for this."""
        return [f"stopped, {self}: run the same cell again to go on"]


class Saves(TrainerCallback):  # type: ignore[misc]
    """Save every so many minutes, at the end and on Ctrl-C; keep each checkpoint where it survives the session."""

    def __init__(self, minutes: float, shelf: Path, identity: Mapping[str, Any]) -> None:
        self._seconds, self._shelf, self._identity = minutes * 60, shelf, identity
        self._last = time.monotonic()
        self.interrupted = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a checkpoint when it is time, and for the end when somebody wants it."""
        last = state.global_step >= state.max_steps
        if self.interrupted or last or time.monotonic() - self._last >= self._seconds:
            control.should_save = True
        if self.interrupted:
            control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Seal what the trainer wrote, then copy it to the run folder."""
        written = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        checkpoints.keep(checkpoints.seal(written, self._identity), self._shelf)
        self._last = time.monotonic()

    @contextmanager
    def on_ctrl_c(self) -> Iterator[None]:
        """Let the first Ctrl-C within the block end the training after its step; the second one ends it at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self, number: int, frame: object) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        print("\nstopping: this step is finished and saved first, and the same again goes on; once more stops at once")


class Finite(TrainerCallback):  # type: ignore[misc]
    """Stop at the first loss or gradient that is not a number, and keep the rows of its step."""

    def __init__(self, rows: Callable[[int], Sequence[str]], report: Path) -> None:
        self._rows, self._report = rows, report

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **kwargs: Any) -> None:
        """Check the step just done, before it can be saved; in fp16, a step whose gradient overflows is left out."""
        measured = {name: logs[name] for name in (("loss",) if args.fp16 else ("loss", "grad_norm")) if name in logs}
        wrong = [name for name, value in measured.items() if not isfinite(value)]
        if not wrong:
            return
        step, rows = state.global_step, list(self._rows(state.global_step))
        write_json(self._report, {"step": step, **{name: str(measured[name]) for name in measured}, "rows": rows})
        raise InputError(
            f"the {wrong[0]} of step {step} is {measured[wrong[0]]}: its {len(rows)} rows are named in "
            f"{self._report}; lower the learning_rate in another run folder, or leave those rows out."
        )


class Patience(TrainerCallback):  # type: ignore[misc]
    """Stop when the held-out loss has not fallen for so many evaluations."""

    def __init__(self, evaluations: int) -> None:
        self._evaluations = evaluations

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look at all held-out losses so far, those before a resume too, and at none twice."""
        losses = list({line["step"]: line["eval_loss"] for line in state.log_history if "eval_loss" in line}.values())
        best = losses.index(min(losses))
        if len(losses) - 1 - best >= self._evaluations:
            print(
                f"\nstopped early: the held-out loss was lowest ({losses[best]:.3f}) {len(losses) - 1 - best} times ago"
            )
            control.should_save = control.should_training_stop = True


class FirstStep(TrainerCallback):  # type: ignore[misc]
    """Say how long it took to get to the end of the first step."""

    def __init__(self, started: float) -> None:
        self._started = started
        self.seconds: float | None = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the time once."""
        if self.seconds is None:
            self.seconds = round(time.monotonic() - self._started, 1)
            print(f"first step done {self.seconds} s after the start")


class Longest(TrainerCallback):  # type: ignore[misc]
    """Run the longest micro-batch once, so that too little memory shows now and not after an hour."""

    def __init__(self, trainer: Any, plan: Plan) -> None:
        self._trainer, self._plan = trainer, plan

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Go forward and backward once, learn nothing, and say what it took."""
        import torch

        trainer, rows = self._trainer, self._trainer.train_dataset
        lengths = rows["length"]
        longest = sorted(range(len(rows)), key=lambda row: -lengths[row])[: self._plan.per_device_train_batch_size]
        batch = trainer.data_collator([rows[row] for row in longest])
        counted = torch.tensor(int((batch["labels"] >= 0).sum()), device=args.device)
        trainer.training_step(trainer.model_wrapped, batch, counted)
        trainer.model.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            took = torch.cuda.max_memory_reserved() / GIB
            print(f"the longest micro-batch, {self._plan.micro_batches[0]:,} tokens, took {took:.1f} GiB")


def weigh_by_tokens(trainer: Any) -> None:
    """Make the held-out loss a mean over tokens; the trainer's own is one over batches, whose size the plan decides."""
    step, loop, seen = trainer.prediction_step, trainer.evaluation_loop, []

    def prediction_step(model: Any, inputs: Any, *args: Any, **named: Any) -> Any:
        tokens = int((inputs["labels"][..., 1:] >= 0).sum())
        loss, *rest = step(model, inputs, *args, **named)
        seen.append((float(loss), tokens))
        return loss, *rest

    def evaluation_loop(*args: Any, **named: Any) -> Any:
        seen.clear()
        output = loop(*args, **named)
        if seen:
            output.metrics["eval_loss"] = sum(loss * tokens for loss, tokens in seen) / sum(count for _, count in seen)
        return output

    trainer.prediction_step, trainer.evaluation_loop = prediction_step, evaluation_loop


class InOrder:
    """Give the trainer the recipe's rows in the recipe's order, epoch after epoch."""

    def __init__(self, training: Training, plan: Plan, lengths: Sequence[int]) -> None:
        self._training, self._plan, self._lengths = training, plan, lengths
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Any:
        training, self._epoch = self._training, self._epoch + 1
        return iter(planning.places(self._plan, training, self._lengths, self._epoch - 1))

    def set_epoch(self, epoch: int) -> None:
        """Take the order of `epoch` next; the trainer says so at each one, and when it resumes."""
        self._epoch = epoch


class Recompute:
    """Recompute, in each backward pass, only as many layers as the micro-batch at hand needs."""

    def __init__(self, model: Any, plan: Plan) -> None:
        self._layers, self._plan = adapters.decoder_layers(model), plan
        self._hook = model.register_forward_pre_hook(self._choose, with_kwargs=True)

    def _choose(self, model: Any, arguments: Any, named: Mapping[str, Any]) -> None:
        if model.training:
            again = len(self._layers) - self._plan.kept(named["input_ids"].numel())
            for place, layer in enumerate(self._layers):
                layer.gradient_checkpointing = place < again

    def close(self) -> None:
        """Leave the model as it was."""
        self._hook.remove()
