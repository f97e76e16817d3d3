"""The door to TRL: train an adapter and keep a log."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm
from transformers import PrinterCallback, TrainerCallback

from amazon_ft.files import InputError
from amazon_ft.hardware import Precision, batch_plan, measure, optimizer
from amazon_ft.models import Loaded
from amazon_ft.prompts import Example, Template, Tokens, tokenize
from amazon_ft.recipes import Training

EVALUATIONS = 8  # over the whole training


def train(
    loaded: Loaded,
    training: Training,
    template: Template,
    rows: Sequence[Example],
    held_out: Sequence[Example],
    *,
    log: Path,
    work: Path,
) -> None:
    """Train the adapter of `loaded` on rows, measuring the loss on held-out ones as it goes.

    `log` gets one JSON object a line: step, loss, learning_rate, tokens, seconds, and eval_loss where measured.
    `work` is the trainer's own folder. Raises InputError if no row can be used.
    """
    from trl import SFTTrainer

    train_rows = tokenized(rows, training, template, loaded)
    trainer = SFTTrainer(
        model=loaded.model,
        args=_config(training, loaded.precision, len(train_rows), work),
        train_dataset=_dataset(train_rows),
        eval_dataset=_dataset(tokenized(held_out, training, template, loaded)),
        processing_class=loaded.tokenizer,
        callbacks=[_Log(log)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()


def tokenized(examples: Sequence[Example], training: Training, template: Template, loaded: Loaded) -> list[Tokens]:
    """Tokenize rows and say how many were cut at max_length and how many left out, and why.

    Raises InputError if none is left.
    """
    kept, refused = [], []
    for example in examples:
        try:
            kept.append(tokenize(example, template, loaded.tokenizer, training.max_length))
        except InputError as error:
            refused.append(str(error))
    if cut := sum(row.cut > 0 for row in kept):
        print(f"{cut} of {len(kept)} answers were cut at max_length {training.max_length}")
    if refused:
        print(f"{len(refused)} rows left out; the first: {refused[0]}")
    if not kept:
        raise InputError("no training or validation row is left: give a larger catalogue or raise max_length.")
    return kept


def _config(training: Training, precision: Precision, rows: int, work: Path) -> Any:
    from trl import SFTConfig

    machine, plan = measure(), batch_plan(training.effective_batch_size)
    return SFTConfig(
        output_dir=str(work),
        per_device_train_batch_size=plan.per_device_train_batch_size,
        per_device_eval_batch_size=plan.per_device_train_batch_size,
        gradient_accumulation_steps=plan.gradient_accumulation_steps,
        num_train_epochs=training.num_train_epochs or 1,
        max_steps=training.max_steps or -1,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.lr_scheduler_type,
        warmup_steps=training.warmup_steps,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        optim=optimizer(training.optim, machine),
        max_length=training.max_length,
        train_sampling_strategy=training.train_sampling_strategy,
        seed=training.seed,
        data_seed=training.seed,
        use_cpu=machine.device == "cpu",
        fp16=precision.fp16,
        bf16=precision.bf16,
        gradient_checkpointing=machine.device != "cpu",
        eval_strategy="steps",
        eval_steps=_eval_steps(training, rows),
        eval_on_start=True,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,  # _Log draws the one bar
        report_to="none",
        dataset_kwargs={"skip_prepare_dataset": True},  # rows come tokenized, cut, and labelled
        dataloader_pin_memory=machine.device == "cuda",
    )


def _eval_steps(training: Training, rows: int) -> int:
    steps_per_epoch = -(-rows // training.effective_batch_size)
    steps = training.max_steps or (training.num_train_epochs or 1) * steps_per_epoch
    return max(1, steps // EVALUATIONS)


def _dataset(rows: Sequence[Tokens]) -> Any:
    from datasets import Dataset

    return Dataset.from_dict({"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]})


class _Log(TrainerCallback):  # type: ignore[misc]
    """Keep one line a step on disk and one bar on the screen."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start an empty log and the clock."""
        self._path.write_text("")
        self._started = time.monotonic()
        self._bar = tqdm(total=state.max_steps, desc="train", unit="step")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        """Append what the trainer measured at this step."""
        kept: dict[str, float] = {key: logs[key] for key in ("loss", "learning_rate", "eval_loss") if key in logs}
        if not kept:
            return
        line = {"step": state.global_step, **kept, "seconds": round(time.monotonic() - self._started, 2)}
        if "num_tokens" in logs:
            line["tokens"] = int(logs["num_tokens"])
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if "loss" in logs:
            self._bar.update(state.global_step - self._bar.n)
            self._bar.set_postfix(loss=f"{logs['loss']:.3f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the bar."""
        self._bar.close()
