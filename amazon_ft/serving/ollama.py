"""Have Ollama make a model of a Modelfile, and ask it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.remote import addresses
from amazon_ft.remote.addresses import Address

COMMAND = "ollama"
LOOK = 5  # seconds that a server may take to say what it has
ANSWER = 600  # seconds that an answer may take: the first one loads the model
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]|[/:](?=[A-Za-z0-9]))*")
SHOWN = 200  # characters of what Ollama said that are told


@dataclass(frozen=True)
class Told:
    """Hold an answer of Ollama and, where it tells them, the token ids of prompt and answer and the prompt's number."""

    text: str
    context: tuple[int, ...] = ()
    prompt_tokens: int | None = None


def host() -> Address:
    """Give where Ollama answers: OLLAMA_HOST, read as Ollama reads it, else its usual place on this machine."""
    return addresses.address(addresses.OLLAMA)


def source(path: Path, modelfile: Path) -> str:
    """Give the path of a GGUF file or an adapter as FROM and ADAPTER take it: from the Modelfile's folder.

    Raises InputError if it lies elsewhere, or has a name that a Modelfile cannot hold.
    """
    inside = os.path.relpath(path, modelfile.parent)
    if inside.startswith("..") or any(sign in inside for sign in '"\n\r'):
        raise InputError(f"{path} cannot be named in {modelfile}: put it beside that, under a name without quotes.")
    return f"./{Path(inside).as_posix()}"


def create(name: str, modelfile: Path) -> None:
    """Have Ollama make the model `name` of a Modelfile.

    Raises InputError, with the command to go on with, if Ollama is not there or refuses.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name of a model of Ollama's: take letters, digits, '-', '_' and '.'.")
    command = [COMMAND, "create", name, "-f", modelfile.name]
    again = f"`cd {shlex.quote(str(modelfile.resolve().parent))} && {shlex.join(command)}`"
    if not modelfile.is_file():
        raise InputError(f"{modelfile} is missing: write the Modelfile first, or check the path.")
    if not shutil.which(COMMAND):
        raise InputError(f"Ollama is not installed here: get it from https://ollama.com/download, then run {again}.")
    ended = subprocess.run(command, cwd=modelfile.parent, capture_output=True, text=True, errors="replace")
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or f"exit {ended.returncode}").splitlines()[-1]
        raise InputError(
            f"Ollama could not make {name} ({said[:SHOWN].rstrip('.')}): look if `ollama serve` runs, then run {again}."
        )


def ask(name: str, text: str) -> str:
    """Ask one of Ollama's models one question, decoded as its Modelfile says; return the answer.

    Raises InputError if it does not answer.
    """
    return _told(name, text, {}).text.strip()


def asked(name: str, text: str, max_new_tokens: int) -> Told:
    """Ask a model greedily for at most so many tokens, and give what it tells beside the answer.

    Raises InputError if it does not answer.
    """
    return _told(name, text, {"temperature": 0, "num_predict": max_new_tokens})


def absent(name: str) -> str:
    """Say why a model of Ollama cannot be asked; empty where it can."""
    try:
        listed = _call("/api/tags", None, LOOK).get("models") or []
    except InputError as error:
        return str(error)
    names = {str(model.get("name")) for model in listed}
    there = name in names or f"{name}:latest" in names
    return "" if there else f"Ollama at {host().place} has no model {name}"


def version() -> str:
    """Give the version of the Ollama that answers; empty where none does."""
    try:
        return str(_call("/api/version", None, LOOK).get("version", ""))
    except InputError:
        return ""


def _told(name: str, text: str, options: Mapping[str, object]) -> Told:
    answer = _call("/api/generate", {"model": name, "prompt": text, "stream": False, "options": {**options}}, ANSWER)
    if "response" not in answer:
        raise InputError(f"what answers at {host().place} is not Ollama: check OLLAMA_HOST.")
    count = answer.get("prompt_eval_count")
    context = tuple(int(token) for token in answer.get("context") or ())
    return Told(str(answer["response"]), context, int(count) if count is not None else None)


def _call(path: str, body: Mapping[str, object] | None, seconds: float) -> dict[str, Any]:
    """Ask Ollama's API; raise InputError in one sentence if it does not answer."""
    where = host()
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(where.base + path, data, {"Content-Type": "application/json"})
    own = [urllib.request.ProxyHandler({})] if where.local else []
    try:
        with urllib.request.build_opener(*own).open(request, timeout=seconds) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        said = error.read(SHOWN).decode(errors="replace")
        raise InputError(
            f"Ollama at {where.place} refuses ({error.code}: {_words(said)}): mend it, and try again."
        ) from error
    except OSError as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise InputError(
            f"Ollama does not answer at {where.place} ({reason}): start it by `ollama serve`, or set OLLAMA_HOST."
        ) from error
    except (ValueError, TypeError, HTTPException) as error:
        raise InputError(f"what answers at {where.place} is not Ollama: check OLLAMA_HOST.") from error


def _words(body: str) -> str:
    try:
        return str(dict(json.loads(body)).get("error") or body).rstrip(".")
    except (ValueError, TypeError):
        return " ".join(body.split()) or "no reason given"
