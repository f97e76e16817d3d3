"""Load what others published, and nothing that could run: vetted file by file before anything of it is opened."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from amazon_ft.files import InputError, write_json
from amazon_ft.merging.bases import SIXTEEN_BIT
from amazon_ft.publishing import adapter_configs
from amazon_ft.recipes import RECIPES, Recipe
from amazon_ft.recipes.plain import restored

if TYPE_CHECKING:
    from amazon_ft.models import Loaded

CONFIG, WEIGHTS, RECIPE = "adapter_config.json", "adapter_model.safetensors", "recipe.json"
FETCHED = (CONFIG, WEIGHTS, RECIPE, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "*.jinja")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".msgpack")
CODE = (".py", ".pyc", ".so", ".dll", ".dylib", ".sh")
CALLS = ("auto_map", "custom_pipelines", "trust_remote_code", "custom_object_key")
LONGEST = 2**20  # bytes of a configuration
MOST_NEW_TOKENS = 32_768


@dataclass(frozen=True)
class Vetted:
    """Hold an adapter in whose folder no fault was found, and the recipe that asks it, with the base it goes onto."""

    folder: Path
    recipe: Recipe


@dataclass(frozen=True)
class Published:
    """Hold a published model in this machine's memory, and the recipe that says how it was trained to be asked."""

    loaded: Loaded
    recipe: Recipe

    def ask(self, text: str, context: str = "") -> str:
        """Answer a question as training asked it, with what the model may read for it, if anything.

        Raises InputError if there is no question.
        """
        from amazon_ft.generation import Local
        from amazon_ft.prompts import free_question

        example = replace(free_question(text, self.recipe.asked), context=context)
        return Local(self.loaded).answers(self.recipe, {"tuned": [example]})["tuned"][0].text


def load(where: str | Path, base_model: str = "") -> Published:
    """Load an adapter that somebody published, from a folder or by its name on the Hub, onto its base model.

    The base model is a recipe's own unless `base_model` names another one, a folder or a name on the Hub. Raises
    InputError, before anything is loaded, for whatever is not safetensors and plain values that fit together.
    """
    from amazon_ft import models

    found = vetted(where, base_model)
    try:
        with _bare(found.folder) as folder:
            return Published(models.load(found.recipe, adapter=folder), found.recipe)
    except InputError:
        raise
    except (RuntimeError, ValueError, KeyError) as error:
        raise InputError(
            f"the adapter in {found.folder} does not fit onto {found.recipe.base_model} ({_first_line(error)}): "
            "name the base model that it was trained on as base_model."
        ) from error


def vetted(where: str | Path, base_model: str = "") -> Vetted:
    """Fetch an adapter, if it is a name on the Hub, and check it as `check` does."""
    folder = Path(where)
    if folder.is_dir():
        return check(folder, base_model)
    from amazon_ft.remote.snapshots import fetch

    folder = fetch(str(where), FETCHED)
    return check(folder, base_model, inside=folder.parents[1])  # the Hub's cache holds a file once and links to it


def check(folder: Path, base_model: str = "", inside: Path | None = None) -> Vetted:
    """Give the adapter in a folder if it has no faults; its files may be links to others below `inside`, the folder.

    Raises InputError with the first fault, and how many there are.
    """
    if found := faults(folder, base_model, inside):
        more = f" (and {len(found) - 1} more faults)" if len(found) > 1 else ""
        raise InputError(f"refused: {found[0].rstrip('.')}{more}.")
    recipe = _recipe(folder)
    return Vetted(folder, replace(recipe, base_model=base_model or _ours(recipe.base_model)))


def faults(folder: Path, base_model: str = "", inside: Path | None = None) -> list[str]:
    """Say in a sentence each what speaks against loading an adapter: an empty list if nothing does.

    `base_model` is the one that is expected, its 16-bit twin included; left out, any that a recipe here trains. Of a
    folder of this machine's nothing but the shapes can be compared, which loading does.
    """
    found = list(_of_files(folder, (inside or folder).resolve()))
    if missing := [name for name in (CONFIG, WEIGHTS, RECIPE) if not (folder / name).is_file()]:
        return [*found, f"{folder} holds no {missing[0]}: this is no adapter that amazon-ft published."]
    try:
        config = _json(folder / CONFIG)
        unfit = [*adapter_configs.faults(config), *_calls(folder)]
        return [
            *found,
            *(
                unfit
                or [*_of_base(folder, config, base_model), *adapter_configs.weight_faults(folder / WEIGHTS, config)]
            ),
        ]
    except InputError as error:
        return [*found, str(error)]


@contextmanager
def _bare(folder: Path) -> Iterator[Path]:
    """Give a folder with an adapter's weights and its vetted values alone, so that no library reads anything else."""
    with TemporaryDirectory() as temporary:
        bare = Path(temporary)
        write_json(bare / CONFIG, adapter_configs.passed_on(_json(folder / CONFIG)))
        try:
            (bare / WEIGHTS).symlink_to((folder / WEIGHTS).resolve())
        except OSError:  # Windows lets few people make links
            shutil.copy(folder / WEIGHTS, bare / WEIGHTS)
        yield bare


def _of_files(folder: Path, inside: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if inside not in Path(os.path.realpath(path)).parents:
            yield f"{name} is a link to somewhere outside the folder: delete it."
        elif not path.is_file() and not path.is_dir():
            yield f"{name} is no plain file: delete it."
        elif path.suffix.lower() in PICKLES:
            yield f"{name} may run code when it is opened; only safetensors are loaded: delete it."
        elif path.suffix.lower() in CODE:
            yield f"{name} is a program, and a model that is safe to load needs none: delete it."


def _calls(folder: Path) -> Iterator[str]:
    """Find what makes Transformers look for code of the publisher's."""
    for path in sorted(folder.glob("*.json")):
        if path.name == "tokenizer.json" or not path.is_file():
            continue  # the one is read by a library without Python classes, the other by none
        told = _json(path)
        for call in sorted(set(_keys(told)) & set(CALLS)):
            yield f"{path.name} holds {call}, which would load code of the publisher's: take a model that needs none."
        class_ = told.get("tokenizer_class")
        if class_ is not None and not (isinstance(class_, str) and class_.isidentifier()):
            yield f"{path.name} names a tokenizer class that is no plain name: take a model that needs no code."


def _of_base(folder: Path, config: Mapping[str, Any], base_model: str) -> Iterator[str]:
    recipe = _recipe(folder)
    lora = recipe.lora
    if lora is None:
        yield f"{RECIPE} is that of a hosted job, which leaves no adapter: this one belongs to another recipe."
    elif (lora.r, lora.lora_alpha) != (config["r"], config["lora_alpha"]):
        yield f"{CONFIG} has r and lora_alpha other than {RECIPE}: they do not belong together."
    if recipe.generation.max_new_tokens > MOST_NEW_TOKENS:
        yield f"{RECIPE} asks for answers of {recipe.generation.max_new_tokens:,} tokens: ask another model."
    if base_model and Path(base_model).is_dir():
        return
    known = _family(base_model) if base_model else _usual()
    for name, told in ((RECIPE, recipe.base_model), (CONFIG, config["base_model_name_or_path"])):
        if not _among(known, told):
            expected = f"not {base_model}" if base_model else "that of no recipe here"
            yield f"{name} points to the base model {_shown(told)}, {expected}: name the one you trust as base_model."
    if not base_model and not _among(_family(_ours(recipe.base_model)), config["base_model_name_or_path"]):
        yield f"{CONFIG} and {RECIPE} name different base models: they do not belong together."


def _family(base_model: str) -> set[str]:
    """Name a base model and those that are the same weights in 4 or in 16 bits."""
    whole = SIXTEEN_BIT.get(base_model, base_model)
    return {base_model, whole, *(four for four, two in SIXTEEN_BIT.items() if two == whole)}


def _usual() -> set[str]:
    """Name the base models that a recipe here trains in this machine, with their twins."""
    return {name for one in RECIPES.values() if one.lora for name in _family(one.base_model)}


def _among(names: set[str], told: str) -> bool:
    return told.casefold() in map(str.casefold, names)  # Unsloth writes some names in small letters


def _ours(told: str) -> str:
    """Give a base model's name as the recipes here write it: in other letters it could be a stranger's."""
    return next((name for name in _usual() if name.casefold() == told.casefold()), told)


def _recipe(folder: Path) -> Recipe:
    return restored(_json(folder / RECIPE))


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LONGEST:
        raise InputError(
            f"{path.name} has {path.stat().st_size:,} bytes, more than any configuration: take another model."
        )
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is no JSON: get it anew from who published it.") from error
    if not isinstance(told, dict):
        raise InputError(f"{path.name} is no JSON object: get it anew from who published it.")
    return told


def _keys(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        inner = left.pop()
        if isinstance(inner, dict):
            yield from inner
        left += inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ()


def _shown(text: str) -> str:
    seen = "".join(char if char.isprintable() else "?" for char in text)
    return repr(seen if len(seen) <= 80 else f"{seen[:80]}…")


def _first_line(error: Exception) -> str:
    return next(iter(" ".join(str(error).split("\n")[:2]).strip().splitlines()), type(error).__name__)[:200]
