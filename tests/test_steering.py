"""Steer a training into every ditch: bad losses, Ctrl-C, no memory, other data; it stops in a sentence or goes on."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback, TrainerControl, TrainerState
from trl import SFTTrainer

from amazon_ft import adapters, hardware, models, prompts, steps
from amazon_ft.files import InputError, digest, read_jsonl, write_jsonl
from amazon_ft.hardware import Precision, planning
from amazon_ft.hardware.memory import Memory
from amazon_ft.hardware.planning import Plan
from amazon_ft.models import Loaded
from amazon_ft.recipes import Recipe, Training, named
from amazon_ft.runs import Run
from amazon_ft.sample.catalogue import products
from amazon_ft.training import checkpoints, steering, trainer
from amazon_ft.training.rows import Rows, tokenized
from amazon_ft.training.trainer import Places, Trained, train

DEMO = named("demo")
assert DEMO.lora
assert isinstance(DEMO.training, Training)
LORA = DEMO.lora
# 30 rows: three steps an epoch, the last of 6 rows.
TRAINING = replace(DEMO.training, effective_batch_size=12, max_steps=8, num_train_epochs=None)
IDENTITY = {"recipe": {"training": {"learning_rate": 4e-3}}, "weights": "tiny", "train.jsonl": "0" * 64}
ALWAYS = 1e-9  # minutes between checkpoints: one after every step
SAME = ("step", "loss", "eval_loss", "learning_rate", "tokens")


@pytest.fixture(scope="module", autouse=True)
def quick_collections() -> Iterator[None]:
    """Spare the garbage collector what the imports have left; each training calls it several times."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def rows() -> Rows:
    tokenizer = models.load(DEMO).tokenizer
    examples = [prompts.example(product, DEMO.asked) for product in products(70)]
    some = [replace(example, source=f"{place:04}") for place, example in enumerate(examples)]
    return tokenized(some, TRAINING, DEMO.template, tokenizer)


@dataclass(frozen=True)
class Road:
    """Train on 30 rows, from wherever the folder's last training came to."""

    folder: Path
    rows: Rows
    training: Training = TRAINING

    @property
    def places(self) -> Places:
        return Places(*(self.folder / name for name in ("log.jsonl", "work", "shelf", "failed_step.json")))

    def go(
        self, *watchers: TrainerCallback, size: int | None = None, minutes: float = 60, **identity: object
    ) -> Trained:
        self.folder.mkdir(exist_ok=True)
        loaded, plan = self.start(size)
        return train(
            *(loaded, self.training, plan, self.taken, self.held_out, self.places, {**IDENTITY, **identity}),
            started=time.monotonic(),
            checkpoint_minutes=minutes,
            watchers=watchers,
        )

    def start(self, size: int | None = None) -> tuple[Loaded, Plan]:
        loaded = models.add_adapter(models.load(DEMO), LORA, self.training.seed)
        effective = self.training.effective_batch_size
        plan = planning.plan(
            *(models.shape(loaded), LORA, self.training, self.taken.lengths, hardware.measure()),
            *(loaded.backend, loaded.four_bit),
        )
        size = size or effective
        return loaded, replace(plan, per_device_train_batch_size=size, gradient_accumulation_steps=effective // size)

    @property
    def taken(self) -> Rows:
        return self.rows.first(30)

    @property
    def held_out(self) -> Rows:
        parts = (part[60:66] for part in (self.rows.input_ids, self.rows.labels, self.rows.parts, self.rows.sources))
        return Rows(*parts)

    def trace(self) -> list[dict[str, float]]:
        return [{key: line[key] for key in SAME if key in line} for line in read_jsonl(self.places.log)]

    def kept(self) -> list[str]:
        return sorted(path.name for folder in self.places[1:3] if folder.exists() for path in folder.glob("*-*"))  # type: ignore[index]

    def newest(self) -> int | None:
        found = checkpoints.newest([self.places.work, self.places.shelf], IDENTITY)
        return found.step if found else None


@pytest.fixture
def road(tmp_path: Path, rows: Rows) -> Road:
    return Road(tmp_path / "run", rows)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> list[dict[str, float]]:
    """Train the eight steps without any trouble and give their trace."""
    road = Road(tmp_path_factory.mktemp("whole") / "run", rows)
    road.go()
    return road.trace()


class At(TrainerCallback):  # type: ignore[misc]
    """Do something at the beginning of a step, counted from 1."""

    def __init__(self, step: int, what: Callable[[Any], object]) -> None:
        self.step, self.what = step, what

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if state.global_step == self.step - 1:
            self.what(model)


def ctrl_c(model: object) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def assert_near(one: list[dict[str, float]], other: list[dict[str, float]]) -> None:
    """See that two traces are the same but for the order in which a step's tokens were added up."""
    for a, b in zip(one, other, strict=True):
        assert a == pytest.approx(b, abs=1e-4)


def steps_of(trace: list[dict[str, float]], what: str = "loss") -> list[float]:
    return [line["step"] for line in trace if what in line]


# What is no number.


def _loss(monkeypatch: pytest.MonkeyPatch) -> list[TrainerCallback]:
    compute = SFTTrainer.compute_loss

    def poisoned(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        loss = compute(self, model, inputs, *args, **kwargs)
        return loss * float("nan") if model.training and self.state.global_step == 2 else loss

    monkeypatch.setattr(SFTTrainer, "compute_loss", poisoned)
    return []


def _weight(monkeypatch: pytest.MonkeyPatch) -> list[TrainerCallback]:
    def poison(model: Any) -> None:
        next(weight for weight in model.parameters() if weight.requires_grad).data.fill_(float("nan"))

    return [At(3, poison)]


def _gradient(monkeypatch: pytest.MonkeyPatch) -> list[TrainerCallback]:
    def poison(model: Any) -> None:
        weight = next(weight for weight in model.parameters() if weight.requires_grad)
        weight.register_hook(lambda gradient: gradient * float("inf"))

    return [At(3, poison)]


@pytest.mark.parametrize("poison", [_loss, _weight, _gradient])
def test_what_is_no_number_stops_at_its_step_and_is_not_saved(
    poison: Callable[[pytest.MonkeyPatch], list[TrainerCallback]], road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError) as stopped:
        road.go(*poison(monkeypatch), minutes=ALWAYS, size=4)
    expected = road.taken.sources_of(planning.rows_of_step(3, road.taken.lengths, TRAINING))
    assert len(expected) == 6  # the short one at the end of the epoch
    report = json.loads(road.places.failed.read_text())
    assert (report["step"], report["rows"]) == (3, expected)
    assert str(stopped.value).count(". ") == 0
    assert re.match(r"the (loss|grad_norm) of step 3 is (nan|inf): its 6 rows are named in ", str(stopped.value))
    last = road.trace()[-1] if "loss" in road.trace()[-1] else road.trace()[-2]
    assert last["step"] == 3
    if poison is not _gradient:
        assert last["loss"] is None
        assert report["loss"] == "nan"
    assert steps_of(road.trace()) == [1, 2, 3]
    assert not list(road.folder.rglob("*-*3"))
    assert road.newest() == 2
    for file in road.folder.rglob("adapter_model.safetensors"):
        assert all(bool(weight.isfinite().all()) for weight in load_file(file).values())


def test_float16_gradients_may_overflow_while_their_scale_is_found(tmp_path: Path) -> None:
    finite = steering.Finite(lambda step: ["a"], tmp_path / "failed.json")
    state, logs = TrainerState(global_step=4), {"loss": 2.0, "grad_norm": float("inf")}
    finite.on_log(SimpleNamespace(fp16=True), state, TrainerControl(), logs)
    finite.on_log(SimpleNamespace(fp16=False), state, TrainerControl(), {"eval_loss": 1.0})
    finite.on_log(SimpleNamespace(fp16=False), state, TrainerControl(), {"loss": 2.0, "grad_norm": 1.0})
    assert not (tmp_path / "failed.json").exists()
    for fp16, bad in ((False, logs), (True, {"loss": float("nan"), "grad_norm": 1.0})):
        with pytest.raises(InputError, match="of step 4 is"):
            finite.on_log(SimpleNamespace(fp16=fp16), state, TrainerControl(), bad)


# Early stopping.

PATIENT = replace(TRAINING, effective_batch_size=8, max_steps=40, early_stopping_patience=2)


class Few(Road):
    """Train on forty rows alone: the held-out loss falls for five steps, and then rises."""

    @property
    def taken(self) -> Rows:
        return self.rows.first(40)


@pytest.fixture(scope="module")
def overfitted(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> Road:
    """Train until the held-out loss has risen twice."""
    road = Few(tmp_path_factory.mktemp("early") / "run", rows, PATIENT)
    road.go()
    return road


def patience(losses: list[float]) -> int:
    return len(losses) - 1 - losses.index(min(losses))


def test_a_training_stops_when_the_held_out_loss_no_longer_falls(
    overfitted: Road,
) -> None:
    trace = overfitted.trace()
    losses = [line["eval_loss"] for line in trace if "eval_loss" in line]
    assert patience(losses) == 2
    assert all(patience(losses[:number]) < 2 for number in range(1, len(losses)))
    last = int(trace[-1]["step"])
    assert 5 < last < 40
    assert steps_of(trace, "eval_loss") == list(range(0, last + 1, 5))
    assert losses.index(min(losses)) > 0
    assert overfitted.newest() == last


@pytest.mark.parametrize("after", [5, 9])
def test_patience_counts_what_was_before_a_resume_and_no_evaluation_twice(
    after: int, overfitted: Road, tmp_path: Path, rows: Rows
) -> None:
    road = Few(tmp_path / "run", rows, PATIENT)
    for stop in (after, after + 1):
        with pytest.raises(KeyboardInterrupt):
            road.go(At(stop, ctrl_c))
    road.go()
    assert road.trace() == overfitted.trace()


# Ctrl-C.


def test_ctrl_c_ends_after_the_step_and_the_next_call_goes_on(
    road: Road, whole: list[dict[str, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(steering.Stopped, match=r"^saved after step 5$"):
        road.go(At(5, ctrl_c))
    assert signal.getsignal(signal.SIGINT) is before
    assert "stopping: this step is finished and saved first" in capsys.readouterr().out
    assert steps_of(road.trace()) == [1, 2, 3, 4, 5]
    assert road.newest() == 5
    assert [path.name for path in road.places.shelf.iterdir()] == ["step-00000005"]
    shutil.rmtree(road.places.work)  # as in a new session
    road.go()
    assert "going on after step 5, from " in capsys.readouterr().out
    assert road.trace() == whole


def test_a_second_ctrl_c_stops_at_once(road: Road) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as stopped:
        road.go(At(4, ctrl_c), At(4, ctrl_c))
    assert not isinstance(stopped.value, steering.Stopped)
    assert signal.getsignal(signal.SIGINT) is before
    assert steps_of(road.trace()) == [1, 2, 3]
    assert road.newest() is None


def test_ctrl_c_in_the_last_step_comes_too_late_to_matter(road: Road, whole: list[dict[str, float]]) -> None:
    try:
        road.go(At(8, ctrl_c))
    except KeyboardInterrupt:
        pytest.fail("all steps were done: there was nothing left to stop")
    assert road.trace() == whole


# Too little memory.


@dataclass
class Tight:
    """Run out of memory in chosen micro-batches: called with step (0: the trial before), micro-batch and its rows."""

    too_much: Callable[[int, int, int], bool]
    step: int = -1
    micro_batch: int = 0

    def within(self, monkeypatch: pytest.MonkeyPatch) -> None:
        take = SFTTrainer.training_step

        def training_step(trainer: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            begun = trainer.accelerator.gradient_state  # is not set before the first step
            step = trainer.state.global_step + 1 if begun is not None and trainer.__dict__.get("_in_epoch") else 0
            self.micro_batch = self.micro_batch + 1 if step == self.step else 1
            self.step = step
            if self.too_much(step, self.micro_batch, len(inputs["input_ids"])):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            return take(trainer, model, inputs, *args, **kwargs)

        run_epoch = SFTTrainer._run_epoch

        def in_epoch(trainer: Any, *args: Any, **kwargs: Any) -> Any:
            trainer._in_epoch = True
            return run_epoch(trainer, *args, **kwargs)

        monkeypatch.setattr(SFTTrainer, "training_step", training_step)
        monkeypatch.setattr(SFTTrainer, "_run_epoch", in_epoch)


@pytest.mark.parametrize(
    ("too_much", "start", "after", "end"),
    [
        (lambda step, micro_batch, rows: step == 0 and rows > 6, 12, [0, 0], 6),
        (lambda step, micro_batch, rows: step == 1 and micro_batch == 2 and rows > 3, 6, [0, 0, 0], 3),
        (lambda step, micro_batch, rows: step == 5 and micro_batch == 2 and rows > 2, 6, [4, 4, 4, 4], 2),
        (lambda step, micro_batch, rows: rows > (12, 4, 1)[(step > 2) + (step > 6)], 12, [2, 2, 2, 6, 6, 6], 1),
    ],
    ids=["in the trial", "in the first step", "mid-epoch", "twice"],
)
def test_out_of_memory_goes_on_from_that_step_with_a_lighter_plan(
    too_much: Callable[[int, int, int], bool],
    start: int,
    after: list[int],
    end: int,
    road: Road,
    whole: list[dict[str, float]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Tight(too_much).within(monkeypatch)
    plan = road.go(size=start).plan
    assert plan.recompute_all
    assert (plan.per_device_train_batch_size, plan.gradient_accumulation_steps) == (end, 12 // end)
    said = capsys.readouterr().out
    told = re.findall(r"out of memory after step (\d+); from here on:\n12 rows a step as", said)
    assert [int(step) for step in told] == after
    went_on = re.findall(r"going on after step (\d+)", said)
    assert [int(step) for step in went_on] == [step for step in after if step]
    assert_near(road.trace(), whole)
    assert road.newest() == 8


def test_where_nothing_fits_it_says_so_once(
    road: Road, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Tight(lambda step, micro_batch, rows: step == 3).within(monkeypatch)
    with pytest.raises(InputError) as refused:
        road.go(size=2)
    assert re.fullmatch(r"the GPU's memory does not hold even one row [^.]+\.", str(refused.value))
    assert capsys.readouterr().out.count("out of memory after step 2") == 2  # recompute all, then one row
    assert steps_of(road.trace()) == [1, 2]
    assert road.newest() == 2  # what was done is not lost


# Going on with another plan, other data, another base model.


def test_a_checkpoint_of_another_plan_is_gone_on_with(road: Road, whole: list[dict[str, float]]) -> None:
    with pytest.raises(KeyboardInterrupt):
        road.go(At(2, ctrl_c))
    with pytest.raises(KeyboardInterrupt):
        road.go(At(5, ctrl_c), size=3)
    road.go(size=6)
    assert_near(road.trace(), whole)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"weights": "another"}, 'weights was "tiny", now "another"'),
        ({"train.jsonl": "1" * 64}, 'train.jsonl was "00000'),
        (
            {"recipe": {"training": {"learning_rate": 1e-3}}},
            "recipe.training.learning_rate was 0.004, now 0.001",
        ),
    ],
    ids=["base model", "rows", "recipe"],
)
def test_a_checkpoint_of_another_training_is_refused(
    other: dict[str, object], told: str, stopped: Road, tmp_path: Path
) -> None:
    road = Road(Path(shutil.copytree(stopped.folder, tmp_path / "run")), stopped.rows)
    with pytest.raises(InputError, match="belong to another training") as refused:
        road.go(**other)
    assert told in str(refused.value)
    assert "choose another run folder" in str(refused.value)
    assert road.newest() == 2


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> Road:
    """Stop a training after two steps."""
    road = Road(tmp_path_factory.mktemp("stopped") / "run", rows)
    with pytest.raises(KeyboardInterrupt):
        road.go(At(2, ctrl_c))
    return road


# Through the step, as a student does it.

SHORT = replace(DEMO, training=replace(TRAINING, effective_batch_size=16, max_steps=20), rows=40, held_out_rows=8)
TRAIN = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from test_steering import SHORT
from amazon_ft import steps
from amazon_ft.runs import Run
steps.train(Run(Path(sys.argv[1])), SHORT)
"""


@pytest.fixture(scope="module")
def formatted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("formatted") / "run")
    steps.clean(run)
    steps.format_rows(run, SHORT)
    return run


@pytest.fixture(scope="module")
def interrupted(formatted: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, str]]:
    """Interrupt a process that trains, and give its run folder and what it said."""
    run = Run(Path(shutil.copytree(formatted.folder, tmp_path_factory.mktemp("interrupted") / "run")))
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(run.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    until = time.monotonic() + 100
    while time.monotonic() < until and process.poll() is None:
        if run.training_log.exists() and run.training_log.read_text().count('"loss"') > 3:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.01)
    yield run, process.communicate(timeout=60)[0]


def _copy(run: Run, folder: Path) -> Run:
    return Run(Path(shutil.copytree(run.folder, folder / "run")))


def test_an_interrupted_process_goes_on_to_the_same_adapter(
    interrupted: tuple[Run, str], formatted: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, said = _copy(interrupted[0], tmp_path), interrupted[1]
    assert "stopping: this step is finished and saved first, and the same again goes on" in said
    step = int(re.findall(r"Stopped: saved after step (\d+)", said)[0])
    assert 3 < step < 20
    assert [path.name for path in run.checkpoints.iterdir()] == [f"step-{step:08}"]
    assert not run.adapter.exists()
    steps.train(run, SHORT)
    assert f"going on after step {step}, from {run.checkpoints}" in capsys.readouterr().out
    (tmp_path / "other").mkdir()
    other = _copy(formatted, tmp_path / "other")
    steps.train(other, SHORT)
    weights = "adapter_model.safetensors"
    assert digest(run.adapter / weights) == digest(other.adapter / weights)
    one, two = (
        [{key: line[key] for key in SAME if key in line} for line in read_jsonl(each.training_log)]
        for each in (run, other)
    )
    assert one == two
    assert not run.checkpoints.exists()


def _base_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(models, "fingerprint", lambda base_model: "another")
    return SHORT


def _rows(run: Run, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    write_jsonl(run.rows("train"), read_jsonl(run.rows("train"))[1:])
    _record(run, lambda record: record["steps"]["format"]["outputs"].update({"train.jsonl": digest(run.rows("train"))}))
    return SHORT


def _held_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    file = run.rows("validation")
    write_jsonl(file, read_jsonl(file)[1:])
    _record(run, lambda record: record["steps"]["format"]["outputs"].update({"validation.jsonl": digest(file)}))
    return SHORT


def _value(run: Run, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    assert isinstance(SHORT.training, Training)
    variant = replace(SHORT, training=replace(SHORT.training, learning_rate=1e-3))
    _record(run, lambda record: record.update(recipe=json.loads(json.dumps(variant.as_dict()))))
    return variant


def _record(run: Run, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest, so that only the checkpoints can tell."""
    record = json.loads(run.manifest.read_text())
    change(record)
    run.manifest.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_base_model, r"weights was .+, now \"another\""),
        (_rows, r"train\.jsonl was .+, now "),
        (_held_out, r"validation\.jsonl was .+, now "),
        (_value, r"recipe\.training\.learning_rate was 0\.004, now 0\.001"),
    ],
)
def test_what_was_changed_under_a_checkpoint_is_named(
    change: Callable[[Run, pytest.MonkeyPatch], Recipe],
    told: str,
    interrupted: tuple[Run, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = _copy(interrupted[0], tmp_path)
    recipe = change(run, monkeypatch)
    with pytest.raises(InputError, match=rf"belong to another training \({told}"):
        steps.train(run, recipe)
    assert run.checkpoints.exists()
    assert not run.adapter.exists()


# What goes on around the steps.


@pytest.mark.parametrize("padding_free", [False, True])
def test_the_held_out_loss_is_a_mean_over_tokens_whatever_the_plan(padding_free: bool, road: Road) -> None:
    loaded, plan = road.start()
    held_out, found = road.held_out, []
    for size in (1, 4, 12):
        cut = replace(plan, per_device_train_batch_size=size, padding_free=padding_free)
        built = trainer._trainer(loaded, TRAINING, cut, road.taken, held_out, road.places.work, [])
        found.append(built.evaluate()["eval_loss"])
    losses = []
    with torch.no_grad():
        for ids, labels in zip(held_out.input_ids, held_out.labels, strict=True):
            logits = loaded.model.eval()(input_ids=torch.tensor([ids])).logits[0, :-1]
            each = torch.nn.functional.cross_entropy(logits, torch.tensor(labels[1:]), reduction="none")
            losses += each[torch.tensor(labels[1:]) >= 0].tolist()
    assert found == pytest.approx([sum(losses) / len(losses)] * 3, abs=1e-5)


def test_what_is_trained_is_float32_even_if_the_adapter_was_not(road: Road, capsys: pytest.CaptureFixture[str]) -> None:
    loaded, plan = road.start()
    for weight in loaded.model.parameters():
        weight.data = weight.data.bfloat16()
    half = replace(loaded, precision=Precision("bfloat16", "forced"))
    built = trainer._trainer(half, TRAINING, plan, road.taken, road.held_out, road.places.work, [])
    kinds = {(weight.requires_grad, weight.dtype) for weight in built.model.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}
    assert "trained weights were bfloat16: float32 now" in capsys.readouterr().out
    trainer._trainer(half, TRAINING, plan, road.taken, road.held_out, road.places.work, [])
    assert "float32 now" not in capsys.readouterr().out


def test_an_adapter_that_changes_nothing_is_warned_of(road: Road) -> None:
    loaded, _ = road.start()
    assert trainer.changes_answers(loaded, road.taken).startswith("WARNING: the adapter changes nothing")
    changed = next(weight for name, weight in loaded.model.named_parameters() if "lora_B" in name)
    changed.data += 0.5
    said = trainer.changes_answers(loaded, road.taken)
    assert float(re.fullmatch(r"the adapter changes the logits by up to (\d+\.\d\d)", said)[1]) > 0  # type: ignore[index]


def test_checkpoints_come_in_time_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(steering.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(checkpoints, "seal", lambda folder, identity: folder)
    monkeypatch.setattr(checkpoints, "keep", lambda checkpoint, shelf: None)
    saves, saved = steering.Saves(10, tmp_path, {}), []
    for step in range(1, 31):
        clock.now += 90.0
        control = TrainerControl()
        state = TrainerState(global_step=step, max_steps=30)
        saves.on_step_end(None, state, control)
        assert not control.should_training_stop
        if control.should_save:
            saved.append(step)
            clock.now += 300.0  # a slow drive
            saves.on_save(SimpleNamespace(output_dir=tmp_path), state, control)
    assert saved == [7, 14, 21, 28, 30]


def test_the_first_step_is_timed_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = SimpleNamespace(now=130.04)
    monkeypatch.setattr(steering.time, "monotonic", lambda: clock.now)
    first = steering.FirstStep(started=100.0)
    for _ in range(3):
        first.on_step_end(None, None, None)
        clock.now += 50
    assert first.seconds == 30.0
    assert capsys.readouterr().out == "first step done 30.0 s after the start\n"


@pytest.mark.parametrize("strategy", ["random", "group_by_length", "sequential"])
def test_a_step_learns_from_the_rows_that_were_planned(
    strategy: str, tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = Road(tmp_path / "run", rows, replace(TRAINING, train_sampling_strategy=strategy))
    by_ids = {tuple(ids): place for place, ids in enumerate(road.taken.input_ids)}
    seen: dict[int, list[int]] = {}
    run = SFTTrainer.training_step

    def training_step(built: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        masks = inputs["attention_mask"].bool()
        ids = [tuple(row[mask].tolist()) for row, mask in zip(inputs["input_ids"], masks, strict=True)]
        seen.setdefault(built.state.global_step + 1, []).extend(by_ids[one] for one in ids)
        return run(built, model, inputs, *args, **kwargs)

    monkeypatch.setattr(SFTTrainer, "training_step", training_step)
    monkeypatch.setattr(steering.Longest, "on_train_begin", lambda *args, **kwargs: None)
    with pytest.raises(KeyboardInterrupt):
        road.go(At(5, ctrl_c), size=4)
    road.go(size=6)
    planned = {step: planning.rows_of_step(step, road.taken.lengths, road.training) for step in range(1, 9)}
    assert {step: sorted(some) for step, some in seen.items()} == {step: sorted(some) for step, some in planned.items()}
    tokens = [line["tokens"] for line in road.trace() if "loss" in line]
    assert tokens == planning.tokens_seen(road.taken.lengths, road.training)[1:]


def test_the_sampler_follows_the_epochs(road: Road) -> None:
    _, plan = road.start()
    lengths = road.taken.lengths
    sampler = steering.InOrder(TRAINING, plan, lengths)
    epochs = [planning.places(plan, TRAINING, lengths, epoch) for epoch in range(4)]
    assert len(sampler) == 30
    assert [list(sampler), list(sampler)] == epochs[:2]
    sampler.set_epoch(3)
    assert list(sampler) == epochs[3]
    sampler.set_epoch(1)
    assert list(sampler) == epochs[1]


def test_on_a_cpu_no_layer_is_computed_twice(road: Road) -> None:
    loaded, plan = road.start()
    again = _recomputed(loaded, plan, 10)
    assert again == [False] * 4
    lighter = planning.lighter(plan, TRAINING, road.taken.lengths)
    assert lighter
    assert _recomputed(loaded, lighter, 10) == [True] * 4


def test_as_many_layers_are_computed_twice_as_the_micro_batch_needs(road: Road) -> None:
    loaded, plan = road.start()
    tight = replace(plan, memory=Memory(4, 0.0, 1.0, 1.0), budget=100.0)
    for tokens, again in ((20, 0), (25, 1), (33, 2), (50, 3), (51, 4), (100, 4)):
        assert _recomputed(loaded, tight, tokens) == [True] * again + [False] * (4 - again)
    hooks = len(loaded.model._forward_pre_hooks)
    steering.Recompute(loaded.model, tight).close()
    assert len(loaded.model._forward_pre_hooks) == hooks


def _recomputed(loaded: Loaded, plan: Plan, tokens: int) -> list[bool]:
    """Count how often each layer is computed for one step of so many tokens."""
    recompute = steering.Recompute(loaded.model, plan)
    layers = adapters.decoder_layers(loaded.model)
    calls = [0] * len(layers)

    def count(place: int) -> Callable[..., None]:
        def counted(*args: Any) -> None:
            calls[place] += 1

        return counted

    hooks = [layer.self_attn.register_forward_hook(count(place)) for place, layer in enumerate(layers)]
    loaded.model.train()
    loaded.model(input_ids=torch.arange(tokens)[None] + 5).logits.sum().backward()
    for hook in hooks:
        hook.remove()
    recompute.close()
    return [number == 2 for number in calls]
