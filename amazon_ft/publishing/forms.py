"""Name the files that each form of a model is published with, and refuse those that tell of a machine. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from amazon_ft.files import InputError

CARD = "README.md"
TOKENIZER = (
    *("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "chat_template.jinja"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt"),
)
EACH = (CARD, "recipe.json", "images/*.png")
NAMING = ("adapter_config.json", "config.json", "recipe.json", "tokenizer_config.json")  # which may name a base model
MODELFILE = "Modelfile"
SOURCE = re.compile(r"""^(?:FROM|ADAPTER)\s+["']?([^"'\n]+)""", re.MULTILINE | re.IGNORECASE)
WORD = r"(?:[A-Za-z0-9_]|[.-](?![.-]))+"
NAME = re.compile(rf"(?![.-]){WORD}(?<![.-])/(?![.-]){WORD}(?<![.-])(?<!\.git)", re.ASCII)
LONGEST_NAME = 96
NAMES = ("base_model_name_or_path", "_name_or_path", "name_or_path", "base_model")


@dataclass(frozen=True)
class Form:
    """Hold a form's name, the patterns of the files that it is published with, and of those that it cannot lack."""

    name: str
    patterns: tuple[str, ...]
    needed: tuple[str, ...]


FORMS = {
    form.name: form
    for form in (
        Form(
            "adapter",
            (*EACH, "adapter_config.json", "adapter_model.safetensors", "generation_config.json", *TOKENIZER),
            (CARD, "adapter_config.json", "adapter_model.safetensors", "recipe.json"),
        ),
        Form(
            "merged",
            (
                *(*EACH, "config.json", "generation_config.json", *TOKENIZER),
                *("model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json"),
            ),
            (CARD, "config.json", "model*.safetensors", "tokenizer_config.json"),
        ),
        Form("gguf", (*EACH, "*.gguf", MODELFILE), (CARD, "*.gguf")),
    )
}


def form_of(name: str) -> Form:
    """Look a form up by name.

    Raises InputError, with the names there are, if there is none of that name.
    """
    if name not in FORMS:
        raise InputError(f"there is no form {name!r} of a model: choose one of {', '.join(FORMS)}.")
    return FORMS[name]


def checked_name(repo_id: str) -> str:
    """Give a name that the Hub takes, owner/name; raises InputError for any other."""
    if len(repo_id) > LONGEST_NAME or not NAME.fullmatch(repo_id):
        raise InputError(
            f"{repo_id!r} is no name on the Hub: give owner/name, of letters, digits, '-', '_' and '.', as in "
            "ana/kettle-reasoning."
        )
    return repo_id


def check_whole(form: Form, files: Mapping[str, Path], folder: Path) -> None:
    """Refuse files, by name, among which one of the form is missing, or one names a path of this machine.

    `folder` is where the form should be. Raises InputError.
    """
    missing = [pattern for pattern in form.needed if not any(fnmatchcase(name, pattern) for name in files)]
    if missing == [CARD]:
        raise InputError(f"{folder} has no {CARD}: write the model's card first.")
    if missing:
        raise InputError(f"{folder} holds no {form.name} model, for {missing[0]} is missing: make that form first.")
    for name, path in files.items():
        for told in _paths(path) if name in NAMING else _sources(path) if name == MODELFILE else ():
            raise InputError(
                f"{path} tells the path {told!r} of this machine, where nobody else finds anything: name what others "
                "can find there, or have the file made anew."
            )


def _paths(file: Path) -> Iterator[str]:
    """Find the base models that a JSON file names by a path."""
    told = json.loads(file.read_text(encoding="utf-8"))
    named = [told.get(name) for name in NAMES] if isinstance(told, dict) else []
    for value in named:
        if isinstance(value, str) and (value.startswith(("/", "~", ".")) or "\\" in value or _is_here(value)):
            yield value


def _sources(modelfile: Path) -> Iterator[str]:
    """Find the files that a Modelfile names otherwise than beside itself."""
    for source in SOURCE.findall(modelfile.read_text(encoding="utf-8")):
        if source.startswith(("/", "~", "..")) or "\\" in source:
            yield source


def _is_here(value: str) -> bool:
    return bool(value) and Path(value).exists()
