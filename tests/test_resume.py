from __future__ import annotations

import json
import shutil
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

# Trains a variant of the demo; with "die", the process kills itself after that step's checkpoint is on its shelf.
TRAIN = """
import json, os, signal, sys
from dataclasses import replace
from pathlib import Path
from amazon_ft.training import steering
from amazon_ft import steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run
asked = json.loads(sys.argv[1])
demo = named("demo")
recipe = replace(demo, training=replace(demo.training, **asked["training"]))
if "die" in asked:
    keep = steering.Saves.on_save
    def keep_and_die(self, args, state, control, **kwargs):
        keep(self, args, state, control, **kwargs)
        if state.global_step == asked["die"]:
            os.kill(os.getpid(), signal.SIGKILL)
    steering.Saves.on_save = keep_and_die
steps.train(Run(Path(asked["run"])), recipe, steps.Options(checkpoint_minutes=asked.get("minutes", 60)))
"""
# Kills ten children at random moments, while they load, train, or save; then lets one end.
TEN_KILLS = """
import os, random, signal, sys, time
from pathlib import Path
import torch, transformers, trl, peft, datasets
from amazon_ft import models, steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run
from amazon_ft.training import trainer
moments, options = random.Random(7), steps.Options(checkpoint_minutes=0.005)
def train():
    child = os.fork()
    if child == 0:
        steps.train(Run(Path(sys.argv[1])), named("demo"), options)
        os._exit(0)
    return child
def worked(child):
    fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # seconds, however busy the machine is
killed = 0
while killed < 10:
    child, moment = train(), moments.uniform(0.5, 6)
    while worked(child) < moment:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
print("ended", os.waitpid(train(), 0)[1])
"""
SAME = ("step", "loss", "eval_loss", "learning_rate", "grad_norm", "tokens")


def _variant(**training: object) -> Recipe:
    values = {"num_train_epochs": None, **training} if "max_steps" in training else training
    return replace(DEMO, training=replace(DEMO.training, **values))


def _process(run: Run, recipe: Recipe, **asked: object) -> subprocess.Popen[str]:
    values = json.dumps({"run": str(run.folder), "training": recipe.as_dict()["training"], **asked})
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, values], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _prepared(walked: Run, folder: Path, recipe: Recipe) -> Run:
    """Give a run folder with the demo's rows and nothing trained."""
    run = Run(folder)
    folder.mkdir()
    for path in (walked.products, walked.rejected, walked.near_duplicates, walked.cleaning, walked.cleaning_page):
        shutil.copy(path, folder)
    record = json.loads(walked.manifest.read_text())
    run.manifest.write_text(json.dumps({"recipe": None, "steps": {"clean": record["steps"]["clean"]}}))
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
def test_ten_steps_are_five_steps_a_kill_and_five_more(
    values: dict[str, object], die: int, walked: Run, tmp_path: Path
) -> None:
    recipe = _variant(**values)
    whole, killed = (_prepared(walked, tmp_path / name, recipe) for name in ("whole", "killed"))
    steps.train(whole, recipe)
    process = _process(killed, recipe, minutes=1e-9, die=die)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    again = _process(killed, recipe)
    told = again.communicate()[0]
    assert again.returncode == 0, told
    assert f"going on after step {die}" in told
    assert _trace(killed) == _trace(whole)
    weights = "adapter_model.safetensors"
    assert digest(killed.adapter / weights) == digest(whole.adapter / weights)
    assert not killed.checkpoints.exists()


def test_ten_kills_at_random_moments_change_nothing(walked: Run, tmp_path: Path) -> None:
    run = _prepared(walked, tmp_path / "run", DEMO)
    done = subprocess.run([sys.executable, "-c", TEN_KILLS, str(run.folder)], capture_output=True, text=True)
    assert "ended 0" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.count("going on after step") >= 3
    assert _trace(run) == _trace(walked)
    assert digest(run.adapter / "adapter_model.safetensors") == digest(walked.adapter / "adapter_model.safetensors")
