from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerCallback, TrainerControl, TrainerState

from amazon_ft.files import InputError, read_jsonl
from amazon_ft.training import log, picture, wandb_log
from amazon_ft.training.log import Log
from amazon_ft.training.picture import Picture, caption, drawn, in_notebook
from amazon_ft.training.wandb_log import Wandb, mode

TOKENS = [100 * step for step in range(11)]
KEY = "0" * 40
END = {"step": 601, "loss": 2.5, "learning_rate": 0.0, "tokens_per_second": 1.0, "seconds": 9.0}


class Clock:
    """Stand in for the time module: it moves only when told."""

    now = 1000.0

    def perf_counter(self) -> float:
        return self.now

    monotonic = perf_counter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(log, "time", clock)
    monkeypatch.setattr(picture, "time", clock)
    return clock


class Drive:
    """Call callbacks in the trainer's order, with the trainer's arguments."""

    def __init__(self, *callbacks: TrainerCallback, clock: Clock | None = None, step: int = 0) -> None:
        self.callbacks, self.clock = callbacks, clock
        self.state = TrainerState(global_step=step, max_steps=10)

    def __call__(self, event: str, **kwargs: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(None, self.state, TrainerControl(), **kwargs)

    def wait(self, seconds: float) -> None:
        if self.clock:
            self.clock.now += seconds

    def begin(self, eval_loss: float | None = 3.0) -> Drive:
        self("on_train_begin")
        if eval_loss is not None:
            self.evaluate(eval_loss)
        return self

    def evaluate(self, eval_loss: float) -> None:
        self.wait(50)
        self("on_log", logs={"eval_loss": eval_loss, "eval_runtime": 1.0, "epoch": 0.1})
        self("on_evaluate")

    def step(self, loss: float = 2.0, seconds: float = 2.0) -> None:
        self.state.global_step += 1
        self.wait(seconds)
        self("on_step_end")
        self("on_log", logs={"loss": loss, "learning_rate": 1e-4, "grad_norm": 0.5, "epoch": 0.1})

    def steps(self, number: int) -> Drive:
        for _ in range(number):
            self.step()
        return self

    def end(self) -> None:
        self("on_log", logs={"train_loss": 1.0, "train_runtime": 5.0})
        self("on_train_end")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "training.jsonl"


def test_every_step_and_evaluation_is_a_line(path: Path, clock: Clock) -> None:
    drive = Drive(Log(path, TOKENS), clock=clock).begin().steps(2)
    drive.evaluate(1.5)
    drive.end()
    first, one, two, last = read_jsonl(path)
    assert first == {"step": 0, "eval_loss": 3.0, "seconds": 50.0}
    assert 0.01 < one.pop("memory_gib") < 100
    assert one == {
        **{"step": 1, "loss": 2.0, "learning_rate": 1e-4, "grad_norm": 0.5},
        **{"tokens": 100, "tokens_per_second": 50.0, "seconds": 52.0},
    }
    assert (two["step"], two["tokens"], two["seconds"]) == (2, 200, 54.0)
    assert last == {"step": 2, "eval_loss": 1.5, "seconds": 104.0}


def test_the_speed_is_that_of_the_last_twenty_steps_and_of_work_alone(path: Path, clock: Clock) -> None:
    drive = Drive(Log(path, [100 * step for step in range(60)], quiet=True), clock=clock).begin()
    drive.state.max_steps = 50
    drive.step(seconds=100)
    drive.evaluate(2.0)
    drive.wait(70)
    drive("on_save")
    drive.steps(19)
    drive.step(seconds=4)
    drive.step(seconds=4)
    speeds = [line["tokens_per_second"] for line in read_jsonl(path) if "loss" in line]
    assert speeds[0] == 1.0
    assert speeds[1] == pytest.approx(200 / 102, abs=0.05)
    assert speeds[19] == pytest.approx(2000 / 138, abs=0.05)
    assert speeds[20] == pytest.approx(2000 / 42, abs=0.05)
    assert speeds[21] == pytest.approx(2000 / 44, abs=0.05)


def test_reading_the_loss_is_work_too(path: Path, clock: Clock) -> None:
    drive = Drive(Log(path, TOKENS), clock=clock).begin()
    drive.state.global_step = 1
    drive("on_step_end")
    drive.wait(10)
    drive("on_log", logs={"loss": 1.0})
    assert read_jsonl(path)[-1]["tokens_per_second"] == 10.0


def test_steps_that_are_not_logged_are_work_too(path: Path, clock: Clock) -> None:
    drive = Drive(Log(path, TOKENS), clock=clock).begin()
    drive.state.global_step = 1
    drive.wait(6)
    drive("on_step_end")
    drive.evaluate(2.0)
    drive.step(seconds=4)
    assert read_jsonl(path)[-1]["tokens_per_second"] == 20.0


def test_lines_are_on_disk_at_once(path: Path) -> None:
    drive = Drive(Log(path, TOKENS)).begin(None)
    for step in range(1, 4):
        drive.step()
        assert len(read_jsonl(path)) == step


def test_a_fresh_training_starts_an_empty_log(path: Path) -> None:
    Drive(Log(path, TOKENS)).begin().steps(3).end()
    Drive(Log(path, TOKENS)).begin(None)
    assert read_jsonl(path) == []


def test_a_resumed_training_goes_on_where_its_checkpoint_was(path: Path, clock: Clock) -> None:
    killed = Drive(Log(path, TOKENS), clock=clock).begin().steps(4)
    killed.evaluate(1.5)
    killed.steps(2)
    with path.open("a") as file:
        file.write('{"step": 3, "loss": 0.1')  # a kill tore this line
    clock.now += 9999
    Drive(Log(path, TOKENS), clock=clock, step=4).begin(1.6).steps(2).end()
    lines = read_jsonl(path)
    assert [(line["step"], "loss" in line) for line in lines] == [
        *[(0, False), (1, True), (2, True), (3, True), (4, True)],
        *[(4, False), (5, True), (6, True)],
    ]
    assert [line["eval_loss"] for line in lines if "eval_loss" in line] == [3.0, 1.5]
    assert [line["seconds"] for line in lines] == [50, 52, 54, 56, 58, 108, 160, 162]
    assert [line["tokens_per_second"] for line in lines if line["step"] > 4] == [50, 50]
    assert lines[-1]["tokens"] == 600


def test_a_resumed_training_evaluates_where_the_killed_one_had_not(path: Path) -> None:
    Drive(Log(path, TOKENS)).begin().steps(4)
    Drive(Log(path, TOKENS), step=4).begin(1.6)
    assert read_jsonl(path)[-1]["eval_loss"] == 1.6


def test_a_step_has_one_evaluation(path: Path) -> None:
    drive = Drive(Log(path, TOKENS)).begin()
    drive.evaluate(2.5)
    assert [line["eval_loss"] for line in read_jsonl(path)] == [3.0]


@pytest.mark.parametrize("content", [None, b"", b'{"step', b"\0\0\0\n7\n[1]\n\xff\n"])
def test_a_lost_or_broken_log_is_no_obstacle(path: Path, content: bytes | None) -> None:
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    Drive(Log(path, TOKENS), step=4).begin(None).steps(1)
    assert [line["step"] for line in read_jsonl(path)] == [5]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_null(path: Path, number: float) -> None:
    drive = Drive(Log(path, TOKENS)).begin(number)
    drive.step(number)
    drive.step(1.0)
    texts = path.read_text().splitlines()
    lines = [json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) for text in texts]
    assert [line.get("eval_loss", line.get("loss")) for line in lines] == [None, None, 1.0]
    assert drawn(lines, 10)._repr_png_()


def test_too_few_token_counts_are_refused_before_the_log_is_touched(path: Path) -> None:
    Drive(Log(path, TOKENS)).begin()
    with pytest.raises(InputError, match="10 steps needs 11 token counts and got 10"):
        Drive(Log(path, TOKENS[:10])).begin()
    assert len(read_jsonl(path)) == 1


def test_an_evaluation_outside_the_training_is_not_its_log(path: Path) -> None:
    drive = Drive(Log(path, TOKENS))
    Drive(*drive.callbacks, Picture(path), Wandb("shop", "demo", {}, path.parent)).evaluate(9.0)
    assert not path.exists()
    drive.begin().steps(1).end()
    drive.state.global_step = 2
    drive.evaluate(9.0)
    assert [line.get("eval_loss") for line in read_jsonl(path)] == [3.0, None]


def test_the_bar_starts_at_the_resumed_step(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Drive(Log(path, TOKENS), step=4).begin().steps(2).end()
    err = capsys.readouterr().err
    shown = err.split("\r")
    assert err.endswith("\n")
    assert "4/10" in shown[1]
    assert "6/10" in shown[-1]
    assert "loss 2.000" in shown[-1]
    assert "tokens/s" in shown[-1]
    assert "GiB" in shown[-1]


def test_a_quiet_log_shows_no_bar(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Drive(Log(path, TOKENS, quiet=True)).begin().steps(2).end()
    assert capsys.readouterr() == ("", "")
    assert len(read_jsonl(path)) == 3


def test_without_ipywidgets_a_notebook_gets_no_warning() -> None:
    code = (
        "import sys, warnings; sys.modules['ipywidgets'] = None; sys.modules['ipykernel.zmqshell'] = sys;"
        "import amazon_ft.training.log as log; assert log.tqdm.__module__ == 'tqdm.std'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_system_without_that_count_logs_no_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    Drive(Log(path, TOKENS)).begin(None).steps(1).end()
    assert "memory_gib" not in read_jsonl(path)[0]
    assert "GiB" not in caption(read_jsonl(path), 10)


def test_a_gpu_in_use_is_what_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch.cuda.max_memory_reserved", lambda: 3 * 2**29)
    Drive(Log(path, TOKENS)).begin(None).steps(1)
    assert read_jsonl(path)[0]["memory_gib"] == 1.5


def test_a_real_training_is_logged_and_resumed(tmp_path: Path, path: Path) -> None:
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments

    class Model(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"loss": ((self.layer(x) - labels) ** 2).mean(), "logits": self.layer(x)}

    rows = [{"x": torch.ones(4) * row, "labels": torch.ones(1)} for row in range(8)]
    options = {"eval_strategy": "steps", "eval_steps": 5, "eval_on_start": True, "save_steps": 5, "logging_steps": 1}
    arguments = TrainingArguments(
        output_dir=str(tmp_path / "work"), max_steps=10, per_device_train_batch_size=2, learning_rate=0.01,
        use_cpu=True, disable_tqdm=True, report_to="none", **options,
    )  # fmt: skip
    for start in (None, str(tmp_path / "work" / "checkpoint-5")):
        callbacks = [Log(path, TOKENS, quiet=True)]
        trainer = Trainer(Model(), arguments, train_dataset=rows, eval_dataset=rows[:2], callbacks=callbacks)
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=start)
        lines = read_jsonl(path)
        assert [line["step"] for line in lines if "loss" in line] == list(range(1, 11))
        assert [line["step"] for line in lines if "eval_loss" in line] == [0, 5, 10]
        assert [line["seconds"] for line in lines] == sorted(line["seconds"] for line in lines)
        assert all(line["tokens_per_second"] > 0 and line["grad_norm"] > 0 for line in lines if "loss" in line)


class Screen:
    """Stand in for IPython's display: it keeps what one output shows, and counts."""

    def __init__(self) -> None:
        self.displays = 0
        self.shown: list[str] = []

    def display(self, figure: Any, display_id: bool) -> Screen:
        assert display_id
        self.displays += 1
        self.update(figure)
        return self

    def update(self, figure: Any) -> None:
        assert figure._repr_png_()
        self.shown.append(figure.get_supxlabel())


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = Screen()
    monkeypatch.setattr("IPython.display.display", screen.display)
    monkeypatch.setattr(picture, "in_notebook", lambda: True)
    return screen


def test_one_picture_is_updated_in_place_at_most_every_five_seconds(path: Path, clock: Clock, screen: Screen) -> None:
    drive = Drive(Log(path, TOKENS, quiet=True), Picture(path), clock=clock).begin().steps(9)
    assert (screen.displays, len(screen.shown)) == (1, 4)
    drive.step()
    drive.end()
    assert (screen.displays, len(screen.shown)) == (1, 5)
    assert [shown.split(",")[0] for shown in screen.shown] == [
        *("step 0 of 10\nthe first step is under way", "step 3 of 10", "step 6 of 10", "step 9 of 10", "step 10 of 10")
    ]


def test_what_takes_long_to_draw_is_drawn_less_often(
    path: Path, clock: Clock, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(lines: Any, steps: int) -> Any:
        clock.now += 1
        return drawn(lines, steps)

    monkeypatch.setattr(picture, "drawn", slowly)
    drive = Drive(Log(path, TOKENS, quiet=True), Picture(path), clock=clock).begin()
    for _ in range(10):
        drive.step(seconds=6.4)
    assert len(screen.shown) == 3  # one in 21 seconds, of which drawing took one


def test_a_training_that_broke_off_goes_on_in_the_same_picture(path: Path, clock: Clock, screen: Screen) -> None:
    watch = Picture(path)
    Drive(Log(path, TOKENS, quiet=True), watch, clock=clock).begin().steps(4)
    Drive(Log(path, TOKENS, quiet=True), watch, clock=clock, step=3).begin().steps(7).end()
    assert screen.displays == 1
    Drive(Log(path, TOKENS, quiet=True), watch, clock=clock).begin()
    assert screen.displays == 2


def test_pictures_leave_no_figure_behind(path: Path, clock: Clock, screen: Screen) -> None:
    import gc
    import weakref

    figures: list[weakref.ref[Any]] = []
    screen.update = lambda figure: figures.append(weakref.ref(figure))  # type: ignore[method-assign]
    Drive(Log(path, TOKENS, quiet=True), Picture(path), clock=clock).begin().steps(10).end()
    gc.collect()
    assert [figure() for figure in figures] == [None] * 5
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_a_picture_that_fails_is_said_once_and_the_training_goes_on(
    path: Path, clock: Clock, screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(figure: Any) -> None:
        raise RuntimeError("no more paper")

    drive = Drive(Log(path, TOKENS, quiet=True), Picture(path), clock=clock).begin()
    screen.update = fail  # type: ignore[method-assign]
    drive.steps(10).end()
    sentence = "The training goes on, but its picture stops here: RuntimeError: no more paper\n"
    assert capsys.readouterr().out == sentence
    assert len(read_jsonl(path)) == 11


def test_the_trend_of_a_long_log_lies_on_the_mean() -> None:
    (axes,) = drawn([{"step": step, "loss": 2.0 + step % 2} for step in range(1, 601)] + [END], 600).axes
    trend = axes.get_lines()[1].get_ydata()
    assert len(trend) == 601
    assert trend[100:500] == pytest.approx([2.5] * 400, abs=0.02)


def test_outside_a_notebook_nothing_is_drawn(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not in_notebook()
    Drive(Log(path, TOKENS, quiet=True), Picture(path)).begin().steps(10).end()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("shell", "notebook"), [("ZMQInteractiveShell", True), ("Shell", True), ("Terminal", False)])
def test_a_kernel_is_known_by_its_shell(shell: str, notebook: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("IPython"), "get_ipython", type(shell, (), {}))
    assert in_notebook() is notebook


def test_the_caption_tells_how_the_training_stands() -> None:
    line = {"step": 30, "loss": 1.2345, "learning_rate": 0.0001912, "tokens_per_second": 4321.4, "seconds": 60.0}
    assert caption([line | {"memory_gib": 11.27}], 1200) == (
        "step 30 of 1,200, 39:00 left, loss 1.234\nlearning rate 0.00019, 4,321 tokens/s, 11.3 GiB"
    )
    evaluated = {"step": 30, "eval_loss": 1.0, "seconds": 70.0}
    assert caption([line, evaluated], 30).startswith("step 30 of 30, 01:10 in all")
    assert "loss no number" in caption([line | {"loss": None}], 30)


class Run:
    """Stand in for a run of wandb."""

    url = "https://wandb.example/run"

    def __init__(self, step: int = 0) -> None:
        self.step, self.finished = step, False
        self.rows: list[tuple[int, Mapping[str, float]]] = []

    def log(self, row: Mapping[str, float], step: int) -> None:
        self.rows.append((step, row))

    def finish(self) -> None:
        self.finished = True


class FakeWandb(ModuleType):
    """Stand in for wandb; what it is given breaks there."""

    def __init__(self, run: Run, init: Callable[[], None] = lambda: None) -> None:
        super().__init__("wandb")
        self.run, self.before = run, init
        self.inits: list[dict[str, Any]] = []
        self.Settings: Any = type("Settings", (SimpleNamespace,), {"model_fields": {"init_timeout", "silent"}})

    def init(self, **options: Any) -> Run:
        self.inits.append(options)
        self.before()
        return self.run


@pytest.fixture(autouse=True)
def keyless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("WANDB_") or name == "NETRC"]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    yield


def watched(tmp_path: Path, module: Any, monkeypatch: pytest.MonkeyPatch, step: int = 0) -> Drive:
    monkeypatch.setitem(sys.modules, "wandb", module)
    watch = Wandb("shop", "demo", {"rank": 16, "path": tmp_path}, tmp_path / "watch")
    return Drive(Log(tmp_path / "log", TOKENS, quiet=True), watch, step=step)


def test_wandb_gets_what_is_logged_and_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    module = FakeWandb(run := Run())
    watched(tmp_path, module, monkeypatch).begin().steps(2).end()
    assert run.finished
    assert [step for step, _ in run.rows] == [0, 1, 2]
    assert run.rows[0][1] == {"eval_loss": 3.0}
    assert set(run.rows[1][1]) == {
        *("loss", "learning_rate", "grad_norm", "tokens", "tokens_per_second", "memory_gib"),
    }
    (options,) = module.inits
    assert options["mode"] == "online"
    assert options["config"] == {"rank": 16, "path": str(tmp_path)}
    assert vars(options["settings"]) == {"init_timeout": 60, "silent": True}
    assert capsys.readouterr().out == "Weights & Biases shows this training at https://wandb.example/run\n"


def test_a_resumed_training_goes_on_in_the_same_wandb_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (FakeWandb(Run(step)) for step in (0, 7, 0))
    watched(tmp_path, first, monkeypatch).begin().steps(6).end()
    watched(tmp_path, second, monkeypatch, step=4).begin().steps(5).end()
    watched(tmp_path, third, monkeypatch).begin().end()
    ids = [module.inits[0]["id"] for module in (first, second, third)]
    assert ids[0] == ids[1] != ids[2]
    assert second.inits[0]["resume"] == "allow"
    assert [step for step, _ in second.run.rows] == [7, 8, 9]


def test_a_training_that_broke_off_in_here_keeps_its_wandb_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = FakeWandb(run := Run())
    broken = watched(tmp_path, module, monkeypatch).begin().steps(3)
    Drive(Log(tmp_path / "log", TOKENS, quiet=True), broken.callbacks[1], step=2).begin(None).steps(1).end()
    assert len(module.inits) == 1
    assert [step for step, _ in run.rows] == [0, 1, 2, 3, 3]
    assert run.finished


def test_the_next_training_is_another_wandb_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = FakeWandb(Run())
    drive = watched(tmp_path, module, monkeypatch).begin()
    drive.end()
    drive.begin().end()
    assert len({options["id"] for options in module.inits}) == 2


def _raise(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("out of order")


def _hang(*args: Any, **kwargs: Any) -> None:
    time.sleep(20)


def _broken(name: str, how: Callable[..., None]) -> FakeWandb:
    module = FakeWandb(Run(), how if name == "init" else lambda: None)
    if name != "init":
        setattr(module.run, name, how)
    return module


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (None, "`pip install wandb` may help: "),
        (_broken("init", _raise), "RuntimeError: out of order"),
        (_broken("log", _raise), "RuntimeError: out of order"),
        (_broken("finish", _raise), "RuntimeError: out of order"),
        (_broken("init", _hang), "it was not done after 0.5 seconds"),
        (_broken("log", _hang), "it was not done after 0.5 seconds"),
        (_broken("finish", _hang), "it was not done after 0.5 seconds"),
    ],
)
def test_a_broken_wandb_is_said_once_and_stops_nothing(
    module: FakeWandb | None,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(wandb_log, "PATIENCE", 0.5)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    began = time.monotonic()
    drive = watched(tmp_path, module, monkeypatch).begin()
    for _ in range(10):
        drive.step()
        time.sleep(0.005)
    drive.end()
    assert time.monotonic() - began < 5
    out = capsys.readouterr().out
    assert out.startswith(f"The training goes on without Weights & Biases: {reason}")
    assert out.count("\n") == 1
    assert len(read_jsonl(tmp_path / "log")) == 11


def test_what_fails_after_it_was_given_up_is_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wandb_log, "PATIENCE", 0.1)
    released = Event()
    module = _broken("finish", lambda: _raise(released.wait()))
    before = set(enumerate_threads())
    drive = watched(tmp_path, module, monkeypatch).begin()
    senders = set(enumerate_threads()) - before
    drive.end()
    released.set()
    assert len(senders) == 1
    senders.pop().join(5)
    assert capsys.readouterr().out.count("training goes on without") == 1


def test_a_broken_id_file_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "wandb.json").write_text("{")
    watched(tmp_path, FakeWandb(Run()), monkeypatch, step=2).begin().steps(2).end()
    assert "without Weights & Biases: JSONDecodeError" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "netrc", "expected"),
    [
        ({}, "", "offline"),
        ({"WANDB_API_KEY": KEY}, "", "online"),
        ({}, f"machine api.wandb.ai login user password {KEY}", "online"),
        ({}, f"machine elsewhere.example login user password {KEY}", "offline"),
        ({"WANDB_BASE_URL": "https://elsewhere.example"}, f"machine elsewhere.example password {KEY}", "online"),
        ({}, "machine api.wandb.ai broken", "offline"),
        ({"WANDB_API_KEY": KEY, "WANDB_MODE": "offline"}, "", "offline"),
        ({"WANDB_API_KEY": KEY, "WANDB_MODE": "disabled"}, "", "disabled"),
        ({"WANDB_MODE": "disabled"}, "", "disabled"),
        ({"WANDB_MODE": "online"}, "", "offline"),
    ],
)
def test_wandb_is_online_only_with_a_key(
    environment: dict[str, str], netrc: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text(netrc)
    (tmp_path / ".netrc").chmod(0o600)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert mode() == expected


def test_the_named_netrc_file_is_the_one_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").write_text(f"machine api.wandb.ai login user password {KEY}")
    monkeypatch.setenv("NETRC", str(tmp_path / "keys"))
    assert mode() == "online"


WATCH = """
import sys, time
from pathlib import Path
from transformers import TrainerState
from amazon_ft.training.log import Log
from amazon_ft.training.wandb_log import Wandb
folder = Path(sys.argv[1])
for step in (0, 5):
    state = TrainerState(global_step=step, max_steps=10)
    watch = Wandb("shop", "demo", {"rank": 16, "path": folder}, folder)
    callbacks = [Log(folder / "log", range(11), quiet=True), watch]
    for callback in callbacks: callback.on_train_begin(None, state, None)
    for state.global_step in range(step + 1, 11):
        logs = {"loss": float("nan"), "learning_rate": 1.0}
        for callback in callbacks: callback.on_log(None, state, None, logs=logs)
    for callback in callbacks: callback.on_train_end(None, state, None)
    time.sleep(1)  # wandb tells runs apart by the second they began in
"""


def test_the_real_wandb_stays_offline_and_asks_nothing_even_in_a_terminal(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    controller, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(tmp_path)],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment | {"HOME": str(tmp_path), "WANDB_MODE": "online"},
        timeout=60,
        check=True,
    )
    os.close(controller)
    os.close(terminal)
    first, second = sorted((tmp_path / "wandb").glob("offline-run-*"))
    said = "Weights & Biases is offline. To send this run later: wandb sync"
    assert done.stdout == f"{said} {first}\n{said} {first} {second}\n"
    identity = json.loads((tmp_path / "wandb.json").read_text())["id"]
    for part in (first, second):
        assert part.name.endswith(f"-{identity}")
        assert (part / f"run-{identity}.wandb").stat().st_size > 500
