"""Put beside published weights what makes others ask as training did: template, stops, decoding, recipe."""

from __future__ import annotations

import json
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

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
TEMPLATE, TOKENIZER = "chat_template.jinja", "tokenizer_config.json"
VOCABULARY = "tokenizer.model"  # which llama.cpp reads where a model has one, and Transformers no longer writes


def dress(folder: Path, adapter: Path, recipe: Recipe, base: Path | None = None) -> None:
    """Write tokenizer, chat template, generation_config.json and recipe.json into `folder`.

    The tokenizer is the trained adapter's; its chat template becomes the one that gives the trained prompt.
    """
    reads = tokenizer(adapter)
    reads.chat_template = templates.chat_template(recipe, reads)
    reads.save_pretrained(folder)
    if base and (base / VOCABULARY).exists():
        shutil.copy(base / VOCABULARY, folder / VOCABULARY)
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
    """Give a merged model's folder, within the block, with chat template and BOS as llama.cpp needs them.

    A GGUF file stays as it is: it has both already.
    """
    if not source.is_dir():
        yield source
        return
    begins = bool(templates.opening(recipe, tokenizer(source)))
    config = json.loads((source / TOKENIZER).read_text(encoding="utf-8"))
    own = {TEMPLATE: gguf_template(source, recipe), TOKENIZER: json.dumps({**config, "add_bos_token": begins})}
    with TemporaryDirectory() as temporary:
        for file in source.iterdir():
            if file.name not in own:
                Path(temporary, file.name).symlink_to(file.resolve())
        for name, text in own.items():
            Path(temporary, name).write_text(text, encoding="utf-8")
        yield Path(temporary)


def gguf_template(merged: Path, recipe: Recipe) -> str:
    """Write the chat template that a GGUF file of this merged model must bring."""
    return templates.chat_template(recipe, tokenizer(merged), for_gguf=True)


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
