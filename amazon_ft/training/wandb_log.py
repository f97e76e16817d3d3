"""Send a training's log, and tables of answers, to Weights & Biases, which may fail as it likes."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from importlib import import_module
from netrc import NetrcParseError, netrc
from pathlib import Path
from queue import SimpleQueue
from secrets import token_hex
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from tqdm.std import tqdm
from transformers import TrainerCallback

from amazon_ft.files import write_json

SENT = ("loss", "eval_loss", "learning_rate", "grad_norm", "tokens", "tokens_per_second", "memory_gib")
PATIENCE = 30  # seconds that a training waits at its end
# The log and nothing else: no console, no code, no state of a git repository.
SETTINGS = {
    **{"init_timeout": 60, "finish_timeout": 20, "finish_timeout_raises": True},
    **{"silent": True, "console": "off", "disable_git": True, "save_code": False},
}
OFFLINE = {"offline", "dryrun", "disabled"}


class Wandb(TrainerCallback):  # type: ignore[misc]
    """Send the log to Weights & Biases; whatever goes wrong there never stops the training.

    It comes after a Log and asks for nothing: without a key in WANDB_API_KEY or the netrc file, or if WANDB_MODE says
    so, the run stays in `folder`, to be sent later. A resumed training goes on in the run that `folder`/wandb.json
    names. A thread does the work, and the training waits for it only at its end, for half a minute at most.
    """

    def __init__(self, project: str, name: str, config: Mapping[str, Any], folder: Path) -> None:
        self._about = {"project": project, "name": name, "config": json.loads(json.dumps({**config}, default=str))}
        self._folder = folder.resolve()
        self._sender: Thread | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Import wandb, and let the thread start the run or go on with it; one that broke off in here just goes on."""
        if self._sender:
            return
        self._rows: SimpleQueue[tuple[int, dict[str, float]] | None] = SimpleQueue()
        self._gave_up = False
        try:
            wandb = import_module("wandb")  # here: threads that import large packages can lock each other out
        except Exception as error:
            return self._give_up(f"`pip install wandb` may help: {error}")
        self._sender = Thread(target=self._send, args=(wandb, state.global_step > 0), daemon=True)
        self._sender.start()

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **kwargs: Any) -> None:
        """Hand on what the trainer and the Log measured."""
        row = {key: logs[key] for key in SENT if key in logs}
        if row and self._sender and not self._gave_up:
            self._rows.put((state.global_step, row))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """End the run, or leave it behind."""
        self._rows.put(None)
        if self._sender and not self._gave_up:
            self._sender.join(PATIENCE)
            if self._sender.is_alive():
                self._give_up(f"it was not done after {PATIENCE} seconds")
        self._sender = None

    def _send(self, wandb: Any, resumed: bool) -> None:
        try:
            run = _start(wandb, self._about, self._folder, resumed)
            for step, row in iter(self._rows.get, None):
                if step >= run.step:  # a resumed run has the others
                    run.log(row, step=step)
            run.finish()
        except Exception as error:
            self._give_up(f"{type(error).__name__}: {error}")

    def _give_up(self, reason: str) -> None:
        if not self._gave_up:
            tqdm.write(f"The training goes on without Weights & Biases: {reason}")
        self._gave_up = True


def send_table(
    project: str, name: str, config: Mapping[str, Any], folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Send tables, rows under the names of the first one, to the run that `folder`/wandb.json names, else to a new one.

    Whatever goes wrong there is said and costs nothing else.
    """
    about = {"project": project, "name": name, "config": json.loads(json.dumps({**config}, default=str))}
    try:
        wandb = import_module("wandb")
        run = _start(wandb, about, folder.resolve(), resumed=True)
        for title, rows in tables.items():
            columns = list(rows[0]) if rows else []
            run.log({title: wandb.Table(columns=columns, data=[list(row.values()) for row in rows])})
        run.finish()
    except Exception as error:
        print(f"Weights & Biases has no table of this comparison: {type(error).__name__}: {error}")


def mode() -> str:
    """Choose how wandb runs: as WANDB_MODE says, else online, but never online without a key."""
    asked = os.environ.get("WANDB_MODE") or "online"
    return asked if asked in OFFLINE or _has_key() else "offline"


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    named = os.environ.get("NETRC")
    files = [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]
    try:
        return any(netrc(str(file)).authenticators(host) for file in files if file.is_file())
    except (NetrcParseError, OSError):
        return False


def _start(wandb: Any, about: Mapping[str, Any], folder: Path, resumed: bool) -> Any:
    identity = _identity(folder / "wandb.json", resumed)
    known = {name: value for name, value in SETTINGS.items() if name in wandb.Settings.model_fields}
    place = {"id": identity, "resume": "allow", "mode": mode(), "dir": str(folder), "reinit": "finish_previous"}
    run = wandb.init(**about, **place, settings=wandb.Settings(**known))
    if place["mode"] in {"offline", "dryrun"}:
        parts = sorted((folder / "wandb").glob(f"offline-run-*-{identity}"))
        tqdm.write(f"Weights & Biases is offline. To send this run later: wandb sync {shlex.join(map(str, parts))}")
    elif place["mode"] != "disabled":
        tqdm.write(f"Weights & Biases shows this training at {run.url}")
    return run


def _identity(file: Path, resumed: bool) -> str:
    if resumed and file.is_file():
        return str(json.loads(file.read_text(encoding="utf-8"))["id"])
    identity = token_hex(4)
    write_json(file, {"id": identity})
    return identity
