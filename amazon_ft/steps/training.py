"""The step between: rows to an adapter, in as many sessions as it takes."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from amazon_ft import hardware
from amazon_ft.files import InputError, cache, digest, read_jsonl, replacing, write_json
from amazon_ft.hardware import planning
from amazon_ft.hardware.machine import GIB
from amazon_ft.hardware.memory import ENGINES
from amazon_ft.recipes import Lora, Recipe, Training
from amazon_ft.runs import Run, claim, manifest, once, say
from amazon_ft.steps.preparing import rows

if TYPE_CHECKING:
    from amazon_ft.models import Loaded
    from amazon_ft.training.trainer import Trained

WANDB_PROJECT = "amazon-ft"


@dataclass(frozen=True)
class Options:
    """Hold how a training is run; none of it is part of the recipe."""

    checkpoint_minutes: float = 10
    wandb: bool = False
    backend: str | None = None  # one of memory.ENGINES, else the faster one that can

    def __post_init__(self) -> None:
        if self.checkpoint_minutes <= 0:
            raise InputError("checkpoint_minutes must be above 0: it is the most work that a disconnect may cost.")
        if self.backend not in (None, *ENGINES):
            raise InputError(f"there is no backend {self.backend!r}: choose one of {', '.join(ENGINES)}.")


AS_USUAL = Options()


def train(run: Run, recipe: Recipe, options: Options = AS_USUAL) -> list[dict[str, float]]:
    """Train the recipe's adapter on the rows of `run`, going on where an earlier session stopped; return the log.

    Raises InputError for a recipe that a hosted job trains.
    """
    claim(run, recipe.as_dict())
    training, lora = local(recipe)
    from amazon_ft.models import fingerprint

    weights = fingerprint(recipe.base_model)
    done = once(
        run,
        "train",
        inputs=[run.rows("train"), run.rows("validation")],
        settings={"weights": weights},
        outputs=[run.adapter, run.training_log],
        work=lambda: _train(run, recipe, training, lora, options, weights),
    )
    log = read_jsonl(run.training_log)
    say("train", done, f"{int(log[-1]['step'])} steps, adapter in {run.adapter}")
    return log


def local(recipe: Recipe) -> tuple[Training, Lora]:
    """Give how a recipe is trained on this machine.

    Raises InputError for a recipe that a hosted job trains.
    """
    if isinstance(recipe.training, Training) and recipe.lora is not None:
        return recipe.training, recipe.lora
    raise InputError(f"recipe {recipe.name!r} is trained by a hosted job, not on this machine: choose a local recipe.")


def _train(run: Run, recipe: Recipe, training: Training, lora: Lora, options: Options, weights: str) -> None:
    from amazon_ft import models

    started, machine = time.monotonic(), hardware.measure()  # what is free before the model is here
    loaded = models.load(recipe, backend=options.backend)  # before TRL: Unsloth patches it
    from amazon_ft.training.rows import checked, packed, tokenized
    from amazon_ft.training.trainer import Places, changes_answers, train

    train_rows, held_out = (
        tokenized(rows(run, split), training, recipe.template, loaded.tokenizer) for split in ("train", "validation")
    )
    print("\n".join(checked(train_rows, recipe.template, loaded.tokenizer)))
    if training.packing:
        train_rows = packed(train_rows, training)
    plan = planning.plan(
        models.shape(loaded), lora, training, train_rows.lengths, machine, loaded.backend, loaded.four_bit
    )
    print("\n".join(planning.reasons(plan)))
    loaded = models.add_adapter(models.unpack(loaded) if plan.unpacked else loaded, lora, training.seed)
    work = cache() / "training" / hashlib.sha256(str(run.folder.resolve()).encode()).hexdigest()[:16]
    if not run.training_log.exists():  # the run folder was emptied: its log could not be gone on with
        shutil.rmtree(work, ignore_errors=True)
    trained = train(
        loaded,
        training,
        plan,
        train_rows,
        held_out,
        Places(run.training_log, work, run.checkpoints, run.failed_step),
        _identity(run, recipe, weights),
        started=started,
        checkpoint_minutes=options.checkpoint_minutes,
        watchers=_watchers(run, recipe, options),
    )
    print(changes_answers(loaded, train_rows))
    _save(run, recipe, loaded, trained, machine)
    for folder in (run.checkpoints, work):  # a Drive fills up
        shutil.rmtree(folder, ignore_errors=True)


def _identity(run: Run, recipe: Recipe, weights: str) -> dict[str, Any]:
    """Tell what a checkpoint must have been made from to be gone on with."""
    files = {path.name: digest(path) for path in (run.rows("train"), run.rows("validation"))}
    return {"recipe": recipe.as_dict(), "weights": weights, **files}


def _watchers(run: Run, recipe: Recipe, options: Options) -> list[Any]:
    from amazon_ft.training.picture import Picture, in_notebook
    from amazon_ft.training.wandb_log import Wandb

    some: list[Any] = [Picture(run.training_log)] if in_notebook() else []
    if options.wandb:
        some.append(Wandb(WANDB_PROJECT, run.folder.name, recipe.as_dict(), run.folder))
    return some


def _save(run: Run, recipe: Recipe, loaded: Loaded, trained: Trained, machine: hardware.Machine) -> None:
    """Save the adapter with all that says what it is and where it came from."""
    from amazon_ft import models

    plan = trained.plan
    about = {
        "machine": asdict(machine),
        "precision": asdict(loaded.precision),
        "backend": loaded.backend,
        "plan": planning.reasons(plan),
        "predicted_peak_gib": None if trained.peak_gib is None else round(plan.peak / GIB, 2),
        "peak_gib": trained.peak_gib and round(trained.peak_gib, 2),
        "seconds_to_first_step": trained.seconds_to_first_step,
    }
    with replacing(run.adapter) as folder:
        models.save(loaded, folder)
        write_json(folder / "recipe.json", recipe.as_dict())
        write_json(folder / "manifest.json", {**json.loads(json.dumps(manifest(run))), "training": about})
