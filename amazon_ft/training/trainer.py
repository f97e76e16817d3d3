"""The door to TRL: train an adapter, in steps that are the recipe's on every machine, and go on after any stop."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from amazon_ft import adapters
from amazon_ft.files import InputError
from amazon_ft.hardware import measure, optimizer, planning
from amazon_ft.hardware.machine import GIB
from amazon_ft.hardware.planning import Plan
from amazon_ft.models import Loaded, adapter_off, in_precision
from amazon_ft.recipes import Training
from amazon_ft.training import checkpoints, steering
from amazon_ft.training.log import Log
from amazon_ft.training.picture import in_notebook
from amazon_ft.training.rows import Rows

EVALUATIONS = 8  # over the whole training
HELD_OUT_SHARE = 0.2  # rows that are evaluated at most, of those trained on, over the whole training
FEWEST_HELD_OUT = 64


@dataclass(frozen=True)
class Places:
    """Name where a training leaves what it leaves: all but `work` lies in the run folder."""

    log: Path
    work: Path  # the trainer's own folder, on this machine's disk
    shelf: Path  # the checkpoints that survive this machine
    failed: Path  # the rows of a step whose loss is no number


@dataclass(frozen=True)
class Trained:
    """Hold what is worth telling of a training that is done."""

    plan: Plan
    peak_gib: float | None
    seconds_to_first_step: float | None


def train(
    loaded: Loaded,
    training: Training,
    plan: Plan,
    rows: Rows,
    held_out: Rows,
    places: Places,
    identity: Mapping[str, Any],
    *,
    started: float,
    checkpoint_minutes: float = 10,
    watchers: Sequence[Any] = (),
) -> Trained:
    """Train the adapter of `loaded`, from the newest whole checkpoint of this `identity` if there is one.

    Out of memory, it goes on with a lighter plan of the same steps. Raises InputError if no plan fits, if a loss is
    no number, or if the checkpoints belong to another training; Stopped after Ctrl-C, with all saved.
    """
    import torch

    saves = steering.Saves(checkpoint_minutes, places.shelf, identity)
    first = steering.FirstStep(started)
    while True:
        callbacks = [saves, first, *_callbacks(training, rows, places), *watchers]
        trainer = _trainer(loaded, training, plan, rows, held_out, places.work, callbacks)
        found = checkpoints.newest([places.work, places.shelf], identity)
        try:
            peak = _train(trainer, plan, found, saves)
        except torch.OutOfMemoryError as error:
            plan = _lighter(trainer, plan, training, rows, error)
            continue
        if saves.interrupted and trainer.state.global_step < trainer.state.max_steps:
            raise steering.Stopped(f"saved after step {trainer.state.global_step}")
        return Trained(plan, peak, first.seconds)


def _train(trainer: Any, plan: Plan, found: checkpoints.Checkpoint | None, saves: Any) -> float | None:
    import torch

    model = trainer.model
    on_gpu = torch.cuda.is_available()
    with closing(steering.Recompute(model, plan)), saves.on_ctrl_c():
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        trainer.add_callback(steering.Longest(trainer, plan))
        if found:
            print(f"going on after step {found.step}, from {found.folder}")
            trainer.args.eval_on_start = found.step % trainer.args.eval_steps == 0  # else it would be one more
        trainer.train(resume_from_checkpoint=str(found.folder) if found else None)
    return torch.cuda.max_memory_reserved() / GIB if on_gpu else None


def _lighter(trainer: Any, plan: Plan, training: Training, rows: Rows, error: Exception) -> Plan:
    """Save the steps done, free the memory, and give the next plan of the same steps."""
    import torch

    step = trainer.state.global_step
    if step:
        trainer._save_checkpoint(trainer.model, None)
        trainer.callback_handler.on_save(trainer.args, trainer.state, trainer.control)
    trainer.model.zero_grad(set_to_none=True)
    trainer.optimizer = trainer.lr_scheduler = None
    error.__traceback__ = None  # its frames hold the activations
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    next_ = planning.lighter(plan, training, rows.lengths)
    if next_ is None:
        raise InputError(
            "the GPU's memory does not hold even one row with every layer recomputed: lower max_length, choose a "
            "smaller base model, or free the GPU (restart the session)."
        )
    print(f"out of memory after step {step}; from here on:")
    print("\n".join(planning.reasons(next_)))
    return next_


def _callbacks(training: Training, rows: Rows, places: Places) -> list[Any]:
    def named(step: int) -> list[str]:
        return rows.sources_of(planning.rows_of_step(step, rows.lengths, training))

    quiet = in_notebook()  # the picture's caption says what the bar would
    log = Log(places.log, planning.tokens_seen(rows.lengths, training), quiet=quiet)
    finite = steering.Finite(named, places.failed)
    patience = training.early_stopping_patience
    return [log, finite, *([steering.Patience(patience)] if patience else [])]


def _trainer(
    loaded: Loaded, training: Training, plan: Plan, rows: Rows, held_out: Rows, work: Path, callbacks: list[Any]
) -> Any:
    from trl import SFTTrainer

    train_rows, some = rows.dataset(), _fewer(held_out, training, len(rows.lengths)).dataset()
    for dataset in (train_rows, some):
        dataset._unsloth_truncated_to = training.max_length  # or Unsloth would not believe it, and pad
    trainer = SFTTrainer(
        model=loaded.model,
        args=_config(loaded, training, plan, len(rows.lengths), work),
        train_dataset=train_rows,
        eval_dataset=some,
        processing_class=loaded.tokenizer,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    if plan.padding_free and not trainer.args.padding_free:
        raise InputError(
            "this version of Unsloth refuses padding-free batches: install the versions that `amazon-ft doctor` names."
        )
    steering.weigh_by_tokens(trainer)
    sampler = steering.InOrder(training, plan, rows.lengths)
    trainer._get_train_sampler = lambda dataset=None: sampler
    if (found := adapters.full_precision(trainer.model)) != {"float32"}:
        print(f"trained weights were {', '.join(sorted(found))}: float32 now, as the gradient scaler needs")
    return trainer


def _config(loaded: Loaded, training: Training, plan: Plan, rows: int, work: Path) -> Any:
    from trl import SFTConfig

    machine = measure()
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
        max_length=training.max_length if loaded.backend == "unsloth" else None,  # rows come cut
        padding_free=plan.padding_free,
        seed=training.seed,
        data_seed=training.seed,
        use_cpu=machine.device == "cpu",
        fp16=loaded.precision.fp16,
        bf16=loaded.precision.bf16,
        gradient_checkpointing=machine.device != "cpu",
        gradient_checkpointing_kwargs={"use_reentrant": loaded.backend == "unsloth"},
        eval_strategy="steps",
        eval_steps=max(1, planning.steps(rows, training) // EVALUATIONS),
        eval_on_start=True,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would hide the loss that must stop the training
        save_strategy="no",  # steering.Saves decides when
        save_total_limit=1,
        disable_tqdm=True,  # training.log draws the one bar
        report_to="none",
        dataset_kwargs={"skip_prepare_dataset": True},  # rows come tokenized, cut, and labelled
        remove_unused_columns=False,
        dataloader_pin_memory=machine.device == "cuda",
    )


def _fewer(held_out: Rows, training: Training, rows: int) -> Rows:
    """Take no more held-out rows than cost a fifth of the training."""
    trained_on = planning.steps(rows, training) * training.effective_batch_size
    return held_out.first(max(FEWEST_HELD_OUT, int(HELD_OUT_SHARE * trained_on / EVALUATIONS)))


def changes_answers(loaded: Loaded, rows: Rows) -> str:
    """Compare the logits with and without the adapter on one row, and say what came out."""
    import torch

    ids = torch.tensor([rows.input_ids[0]], device=loaded.model.device)
    loaded.model.eval()
    with torch.no_grad(), in_precision(loaded):
        tuned = loaded.model(input_ids=ids).logits
        with adapter_off(loaded):
            base = loaded.model(input_ids=ids).logits
    difference = (tuned - base).abs().max().item()
    if difference == 0:
        return "WARNING: the adapter changes nothing: the tuned model will answer exactly as the base model does"
    return f"the adapter changes the logits by up to {difference:.2f}"
