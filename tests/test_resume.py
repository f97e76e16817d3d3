from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from amazon_ft import steps
from amazon_ft.files import digest, read_jsonl
from amazon_ft.recipes import Recipe, named
from amazon_ft.runs import Run

DEMO = named("demo")

# Imports once what a training needs; each child of it begins as a fresh process does.
CHILDREN = """
import json, os, random, signal, sys, time
from dataclasses import replace
from pathlib import Path
import torch, transformers, trl, peft, datasets
from amazon_ft import models, steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run
from amazon_ft.training import steering, trainer
def train(recipe, minutes, die=0):
    if child := os.fork():
        return child
    keep = steering.Saves.on_save
    def keep_and_die(self, args, state, control, **kwargs):
        keep(self, args, state, control, **kwargs)
        if state.global_step == die:
            os.kill(os.getpid(), signal.SIGKILL)
    steering.Saves.on_save = keep_and_die
    steps.train(Run(Path(sys.argv[1])), recipe, steps.Options(checkpoint_minutes=minutes))
    sys.stdout.flush()
    os._exit(0)
"""
# Trains a variant of the demo in a child that kills itself after a step's checkpoint is on its shelf; another goes on.
ONE_KILL = f"""{CHILDREN}
asked, demo = json.loads(sys.argv[2]), named("demo")
recipe = replace(demo, training=replace(demo.training, **asked["training"]))
print("killed", os.waitpid(train(recipe, 1e-9, asked["die"]), 0)[1], flush=True)
print("ended", os.waitpid(train(recipe, 60), 0)[1])
"""
# Kills ten children at random moments, while they load, train, or save; then lets one end.
TEN_KILLS = f"""{CHILDREN}
moments = random.Random(7)
def worked(child):
    fields = Path(f"/proc/{{child}}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # seconds, however busy the machine is
killed = 0
while killed < 10:
    child, moment = train(named("demo"), 0.005), moments.uniform(0.5, 6)
    while worked(child) < moment:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print("ended", os.waitpid(train(named("demo"), 0.005), 0)[1])
"""
SAME = ("step", "loss", "eval_loss", "learning_rate", "grad_norm", "tokens")


def _variant(**training: object) -> Recipe:
    values = {"num_train_epochs": None, **training} if "max_steps" in training else training
    return replace(DEMO, training=replace(DEMO.training, **values))


def _told(script: str, run: Run, **asked: object) -> str:
    """Run a script in a fresh process, and give what it and its children said."""
    command = [sys.executable, "-c", script, str(run.folder), json.dumps(asked)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def _prepared(folder: Path, recipe: Recipe) -> Run:
    """Give a run folder with the demo's rows and nothing trained."""
    run = Run(folder)
    steps.clean(run)
    steps.format_rows(run, recipe)
    return run


def _trace(run: Run) -> list[dict[str, float]]:
    return [{key: line[key] for key in SAME if key in line} for line in read_jsonl(run.training_log)]


@pytest.mark.parametrize(
    ("values", "die"),
    [
        ({"max_steps": 10, "effective_batch_size": 24}, 4),  # 64 rows: mid-epoch, accumulated, a short last step
        ({"max_steps": 10, "train_sampling_strategy": "group_by_length"}, 6),  # in the second epoch
        ({"num_train_epochs": 2}, 4),  # exactly between two epochs
    ],
    ids=str,
)
def test_ten_steps_are_five_steps_a_kill_and_five_more(values: dict[str, object], die: int, tmp_path: Path) -> None:
    recipe = _variant(**values)
    whole, killed = (_prepared(tmp_path / name, recipe) for name in ("whole", "killed"))
    steps.train(whole, recipe)
    told = _told(ONE_KILL, killed, training=recipe.as_dict()["training"], die=die)
    before, mark, after = told.partition(f"killed {int(signal.SIGKILL)}\n")
    assert mark and after.endswith("ended 0\n"), told
    assert f"going on after step {die}" in after and "going on" not in before
    assert _trace(killed) == _trace(whole)
    weights = "adapter_model.safetensors"
    assert digest(killed.adapter / weights) == digest(whole.adapter / weights)
    assert not killed.checkpoints.exists()


def test_ten_kills_at_random_moments_change_nothing(walked: Run, tmp_path: Path) -> None:
    run = _prepared(tmp_path / "run", DEMO)
    told = _told(TEN_KILLS, run)
    assert told.endswith("ended 0\n"), told[-4000:]
    assert told.count("going on after step") >= 3
    assert _trace(run) == _trace(walked)
    assert digest(run.adapter / "adapter_model.safetensors") == digest(walked.adapter / "adapter_model.safetensors")
