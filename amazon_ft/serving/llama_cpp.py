"""The door to llama.cpp: its own converter and its own quantiser, each in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from amazon_ft.files import InputError, cache, replacing
from amazon_ft.merging.bases import need_room
from amazon_ft.serving import fetching, kinds
from amazon_ft.serving.kinds import KINDS, Kind

if TYPE_CHECKING:
    from amazon_ft.models import Loaded

HERE = Path(__file__).parent
CONVERTER = "convert_hf_to_gguf.py"
QUANTISER = "llama-quantize"
# The converter would otherwise run code that a tokenizer names on the hub.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
TELLING = 300  # characters of the line that tells why


def converter() -> Path:
    """Give the folder of llama.cpp's converter: that of LLAMA_CPP, else ours, fetched once (77 MB; 2 MB are kept).

    Raises InputError if LLAMA_CPP is no checkout, or if it cannot be fetched.
    """
    if named := _checkout():
        if not (named / CONVERTER).is_file():
            raise InputError(f"LLAMA_CPP is {named}, which holds no {CONVERTER}: set it to a checkout of llama.cpp.")
        return named
    folder = cache() / f"llama.cpp-{fetching.VERSION}"
    if not (folder / CONVERTER).is_file():
        fetching.fetch(folder)
    return folder


def python() -> str:
    """Name the Python in which llama-cpp-python is looked for: AMAZON_FT_LLAMA_CPP, else this one."""
    return os.environ.get("AMAZON_FT_LLAMA_CPP") or sys.executable


def absent() -> str:
    """Say why llama-cpp-python cannot be asked; empty where it can."""
    try:
        tried = subprocess.run([python(), "-P", "-c", "import llama_cpp"], capture_output=True, text=True)
    except OSError as error:
        return f"AMAZON_FT_LLAMA_CPP is {python()}, which is no Python ({error.strerror})"
    return "" if tried.returncode == 0 else f"llama-cpp-python is not installed for {python()}"


def source(name: str, merged: Path, whole: Path) -> Path:
    """Choose what the kind of GGUF of that name is made from: the merged model's folder, or a GGUF file of 16 bits."""
    return merged if kinds.kind(name).converted else whole


def make(name: str, source: Path, path: Path) -> None:
    """Write the kind of GGUF of that name from its source; a file that fails leaves all others as they are.

    Raises InputError if the disk does not hold it, or with llama.cpp's own reason if that cannot make it.
    """
    (convert if kinds.kind(name).converted else quantize)(source, path, name)


def convert(model: Path, path: Path, name: str) -> None:
    """Write the merged model of a folder as GGUF through llama.cpp's converter: f32, f16, bf16 or q8_0.

    Raises InputError if the folder holds code, lacks what llama.cpp splits text by, the disk does not hold the file, or
    the converter fails.
    """
    made = _one_of(name, converted=True)
    if code := sorted(model.glob("*.py")):
        raise InputError(f"{code[0]} is code, which the converter would run: take a model that brings none.")
    if kinds.lacks_pieces(model):
        raise InputError(
            f"{model} has no {kinds.PIECES}, without which llama.cpp would split text otherwise than training did: "
            "copy the base model's into it."
        )
    need_room(path.name, {path: kinds.from_folder(model, made)})
    script = [sys.executable, "-P", str(HERE / "convert_to_gguf.py"), str(converter())]
    with replacing(path) as temporary:
        named = ["--outtype", made.name, "--model-name", model.name]  # llama.cpp knows Phi-3's white space by that name
        _run([*script, str(model), "--outfile", str(temporary), *named], path, temporary)


def quantize(source: Path, path: Path, name: str) -> None:
    """Write the GGUF file `source`, of 16 or 32 bits, as a quantised one through llama.cpp's quantiser.

    Rows that are no multiple of 256 long get a kind with smaller blocks and more bits: llama.cpp decides. Raises
    InputError if there is no quantiser, the disk does not hold the file, or the quantiser fails.
    """
    made = _one_of(name, converted=False)
    command = quantiser()
    need_room(path.name, {path: kinds.from_gguf(source, made)})
    with replacing(path) as temporary:
        _run([*command, str(source), str(temporary), made.name], path, temporary)


def quantiser() -> list[str]:
    """Find what quantises: llama-quantize in LLAMA_CPP or on the PATH, else llama-cpp-python.

    Raises InputError, with both ways, if there is neither.
    """
    checkout = _checkout()
    built = [str(checkout / place) for place in ("build/bin", "build/bin/Release", "")] if checkout else []
    if there := shutil.which(QUANTISER, path=os.pathsep.join([*built, os.environ.get("PATH", os.defpath)])):
        return [there]
    if reason := absent():
        raise InputError(
            f"there is nothing to quantise with ({reason}): build llama.cpp and put {QUANTISER} on the PATH, or "
            "`pip install llama-cpp-python`, in any Python, and set AMAZON_FT_LLAMA_CPP to that Python."
        )
    return [python(), "-P", str(HERE / "quantize_gguf.py")]


def with_unsloth(loaded: Loaded, folder: Path, names: Sequence[str]) -> None:
    """Let Unsloth merge a model on its GPU and write it as GGUF kinds into `folder`, with a llama.cpp of its own.

    It looks for that in UNSLOTH_LLAMA_CPP_PATH, else it installs it, for which it needs the network. Raises InputError
    if something else than Unsloth runs the model, or if a kind was not written.
    """
    chosen = [kinds.kind(name) for name in names]
    if loaded.backend != "unsloth":
        raise InputError(
            f"this model is run by {loaded.backend}, not by Unsloth: merge it, and have the merged one converted."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as temporary:  # files and folders get names of Unsloth's
        methods = [one.name for one in chosen]
        loaded.model.save_pretrained_gguf(f"{temporary}/model", loaded.tokenizer, quantization_method=methods)
        for one in chosen:
            made = next(Path(temporary).rglob(f"*{one.name.upper()}.gguf"), None)
            if made is None:
                raise InputError(f"Unsloth wrote no {one.name}: leave Unsloth out, or choose other kinds.")
            os.replace(made, folder / one.file_name)


def _checkout() -> Path | None:
    named = os.environ.get("LLAMA_CPP")
    return Path(named).expanduser() if named else None


def _one_of(name: str, *, converted: bool) -> Kind:
    made = kinds.kind(name)
    if made.converted != converted:
        own = ", ".join(kind.name for kind in KINDS.values() if kind.converted == converted)
        raise InputError(f"{made.name} is not made in this way: choose of {own}.")
    return made


def _run(command: Sequence[str], path: Path, temporary: Path) -> None:
    """Run llama.cpp; what it says lies beside `path` if it fails."""
    log = path.with_name(f"{path.name}.log")
    with log.open("wb") as said:
        ended = subprocess.run(command, stdout=said, stderr=subprocess.STDOUT, env={**os.environ, **OFFLINE})
    if ended.returncode or not temporary.is_file():
        telling = _telling(log, ended.returncode)
        raise InputError(f"llama.cpp could not make {path.name} ({telling[:TELLING].rstrip('.')}): see {log}.")
    log.unlink()


def _telling(log: Path, code: int) -> str:
    """Give what tells best why llama.cpp failed: the signal that ended it, else its last line."""
    if code < 0:
        return f"ended by signal {-code}, as where memory is short"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), f"exit {code}")
