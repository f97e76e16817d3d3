"""Put beside published weights what makes others ask as training did: template, stops, decoding, recipe."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from amazon_ft.files import write_json
from amazon_ft.prompts import stop_token_id
from amazon_ft.recipes import Generation, Recipe
from amazon_ft.serving import templates
from amazon_ft.serving.kinds import PIECES

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
TEMPLATE, TOKENIZER = "chat_template.jinja", "tokenizer_config.json"
UNNAMED, LONGEST = re.compile(r"[^\w.-]+"), 100  # what a folder's name does without, and its characters


def dress(folder: Path, adapter: Path, recipe: Recipe, base: Path | None = None) -> None:
    """Write tokenizer, chat template, generation_config.json and recipe.json into `folder`.

    The tokenizer is the trained adapter's; its chat template becomes the one that gives the trained prompt.
    """
    reads = tokenizer(adapter)
    reads.chat_template = templates.chat_template(recipe, reads)
    reads.save_pretrained(folder)
    if base and (base / PIECES).exists():
        shutil.copy(base / PIECES, folder / PIECES)
    write_json(folder / "generation_config.json", decoding(recipe, reads))
    write_json(folder / "recipe.json", recipe.as_dict())


def pack(folder: Path, adapter: Path, recipe: Recipe) -> None:
    """Write a trained adapter as others get it: its base named as the recipe names it, and dressed."""
    folder.mkdir()
    config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    write_json(folder / CONFIG, {**config, "base_model_name_or_path": recipe.base_model})
    shutil.copy(adapter / WEIGHTS, folder / WEIGHTS)
    dress(folder, adapter, recipe)


@contextmanager
def for_gguf(source: Path, recipe: Recipe) -> Iterator[Path]:
    """Give a merged model's folder, within the block, with name, chat template, BOS and tokens as llama.cpp needs them.

    A GGUF file stays as it is: it has them already.
    """
    if not source.is_dir():
        yield source
        return
    own = {TEMPLATE: gguf_template(source, recipe), TOKENIZER: json.dumps(_told(source, recipe))}
    with TemporaryDirectory() as temporary:
        # The file is called so, and llama.cpp treats tokens in Phi-3's way by this name: it must be the base model's.
        folder = Path(temporary, UNNAMED.sub("-", Path(recipe.base_model).name)[:LONGEST])
        folder.mkdir()
        for file in source.iterdir():
            if file.name not in own:
                _linked(folder / file.name, file.resolve())
        for name, text in own.items():
            (folder / name).write_text(text, encoding="utf-8")
        yield folder


def gguf_template(trained: Path, recipe: Recipe) -> str:
    """Write the chat template that a GGUF file of a trained adapter, or of its merged model, must bring."""
    return templates.chat_template(recipe, tokenizer(trained), for_gguf=True)


def _told(source: Path, recipe: Recipe) -> dict[str, Any]:
    """Give what tokenizer_config.json must say: BOS, and beside a SentencePiece vocabulary the tokens added to it."""
    reads = tokenizer(source)
    told = {**json.loads((source / TOKENIZER).read_text(encoding="utf-8"))}
    told["add_bos_token"] = bool(templates.opening(recipe, reads))
    if (source / PIECES).exists():
        added = reads.added_tokens_decoder.items()  # which Transformers no longer writes here
        told["added_tokens_decoder"] = {str(id_): token.__getstate__() for id_, token in added}
    return told


def _linked(path: Path, file: Path) -> None:
    """Put a file under another path, copied only where the system allows no link: Windows may not, nor another disk."""
    for link in (os.symlink, os.link):
        try:
            return link(file, path)
        except OSError:
            continue
    shutil.copy(file, path)


def tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a folder, with the chat template that the model was trained with."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder))


def decoding(recipe: Recipe, tokenizer: Any) -> Mapping[str, Any]:
    """Give how the model is asked, in Transformers' names: greedy or sampled as the recipe says, to its stop."""
    asked: Generation = recipe.generation
    sampling = {"temperature": asked.temperature, "top_p": asked.top_p, "top_k": 0} if asked.temperature else {}
    return {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": stop_token_id(recipe.template, tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "max_new_tokens": asked.max_new_tokens,
        "do_sample": asked.temperature > 0,
        **sampling,
    }
