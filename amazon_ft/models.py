"""The door to loading: base model, tokenizer and adapter, through Unsloth or plain Transformers and PEFT."""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from amazon_ft import adapters, hardware
from amazon_ft.files import InputError, digest
from amazon_ft.hardware import Machine, Precision
from amazon_ft.hardware.machine import UNSLOTH_CAPABILITY
from amazon_ft.hardware.memory import Shape
from amazon_ft.recipes import TINY_LLAMA, Lora, Recipe

Pair = tuple[Any, Any]  # a model and its tokenizer
SAMPLED, BLOCKS = 2**16, 256  # bytes a block, and blocks of a file, that tell weights apart


@dataclass(frozen=True)
class Backend:
    """Hold which libraries load and run the model, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class Loaded:
    """Hold a model with its tokenizer, the precision that it computes in, and what runs it."""

    model: Any
    tokenizer: Any
    precision: Precision
    backend: str = "transformers"
    four_bit: bool = False
    weights: str = ""  # fingerprint of the base model
    adapter: str = ""  # hash of the trained adapter


def choose_backend(recipe: Recipe, machine: Machine, asked: str | None = None, *, to_answer: bool = False) -> Backend:
    """Choose Unsloth on a CUDA GPU where it can train the recipe, else plain Transformers.

    Many questions at once are answered faster by Transformers, and with less memory (benchmarks/answering.py): to
    answer, Unsloth is chosen only where it rules this process already. Raises InputError if Unsloth is asked for and
    cannot, or if it rules this process and cannot.
    """
    obstacle = _obstacle(recipe, machine)
    ruled = any(module.startswith("unsloth.models.llama") for module in sys.modules)
    if asked == "unsloth" and obstacle:
        raise InputError(f"Unsloth cannot run {recipe.name} here ({obstacle}): leave the backend to amazon-ft.")
    if obstacle is None and asked != "transformers" and (asked or ruled or not to_answer):
        return Backend("unsloth", f"{machine.name} with 4-bit weights")
    if ruled:
        raise InputError(
            "Unsloth has changed Transformers for this whole process, and this model needs the plain one: "
            "restart the session (Runtime > Restart session) and run again."
        )
    return Backend("transformers", obstacle or ("as asked" if asked else "it answers many questions at once faster"))


def load(recipe: Recipe, *, adapter: Path | None = None, backend: str | None = None) -> Loaded:
    """Load a recipe's base model and its tokenizer from a folder or a hub name, with a trained adapter if one is given.

    What runs it, in which precision, and why, is printed. A model that nobody holds any more is gone before. Raises
    InputError if there is no such model here and no hub to ask.
    """
    gc.collect()  # models hold themselves in cycles, and two of them may not fit
    where, machine = locate(recipe.base_model), hardware.measure()
    chosen = choose_backend(recipe, machine, backend, to_answer=adapter is not None)
    precision = hardware.precision(machine)
    four_bit = recipe.load_in_4bit and machine.device == "cuda"
    print(f"{recipe.base_model} in {precision.dtype}{', weights in 4 bits' if four_bit else ''}: {precision.reason}")
    print(f"backend {chosen.name}: {chosen.reason}")
    open_ = _with_unsloth if chosen.name == "unsloth" else _with_transformers
    try:
        model, tokenizer = open_(where, recipe, precision, machine, four_bit)
    except ImportError as error:
        raise InputError(f"a package is missing or too old ({error}): `amazon-ft doctor` names what to do.") from error
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "AutoConfig" not in str(error):
            raise  # only by these words does Unsloth say that there is no such model
        raise InputError(
            f"the base model {recipe.base_model!r} is neither a folder here nor to be had from the hub: "
            "check the name, the network and, for a gated model, your token."
        ) from error
    _pad(tokenizer)
    if adapter is None:
        return Loaded(model, tokenizer, precision, chosen.name, four_bit)
    model = adapters.trained(model, adapter, precision.dtype)
    return Loaded(model, tokenizer, precision, chosen.name, four_bit, fingerprint(recipe.base_model), digest(adapter))


def for_export(recipe: Recipe, adapter: Path) -> Loaded:
    """Load a trained adapter by Unsloth from its own folder, as its saving wants it; raise InputError if it cannot."""
    machine = hardware.measure()
    choose_backend(recipe, machine, "unsloth")
    precision = hardware.precision(machine)
    model, tokenizer = _with_unsloth(str(adapter), recipe, precision, machine, recipe.load_in_4bit)
    return Loaded(model, tokenizer, precision, "unsloth", recipe.load_in_4bit)


def locate(base_model: str) -> str:
    """Give the folder of a bundled base model, built if need be; any other name or path stays as it is."""
    if base_model != TINY_LLAMA:
        return base_model
    from amazon_ft.sample import tiny_model

    return str(tiny_model.cached())


def shape(loaded: Loaded) -> Shape:
    """Read the model's shape from its configuration."""
    config = loaded.model.config.get_text_config()
    own: dict[str, Any] = {part.name: getattr(config, part.name, None) for part in fields(Shape)}
    own["head_dim"] = own["head_dim"] or config.hidden_size // config.num_attention_heads
    return Shape(**own)


def unpack(loaded: Loaded) -> Loaded:
    """Unpack 4-bit weights to 16 bits once: the same values, without unpacking them in every step."""
    import torch

    return replace(loaded, model=loaded.model.dequantize(getattr(torch, loaded.precision.dtype)))


def add_adapter(loaded: Loaded, lora: Lora, seed: int) -> Loaded:
    """Put a fresh adapter on the model; until it is trained the model answers as before.

    Raises InputError if the model has no layers of the names that `lora` trains.
    """
    return replace(loaded, model=adapters.fresh(loaded.model, lora, loaded.backend, seed))


def fingerprint(base_model: str) -> str:
    """Identify the weights: a hash over a local folder's safetensors, the name of a model on the hub.

    Of a large file, evenly spaced blocks are hashed: enough to tell any two trainings apart, in a second.
    """
    files = sorted(Path(locate(base_model)).glob("*.safetensors"))
    hashes = "\n".join(f"{file.name} {file.stat().st_size} {_sampled(file)}" for file in files)
    return hashlib.sha256(hashes.encode()).hexdigest() if files else base_model


@contextmanager
def adapter_off(loaded: Loaded) -> Iterator[None]:
    """Answer as the base model within the block, from the same weights."""
    with loaded.model.disable_adapter():
        yield


@contextmanager
def in_precision(loaded: Loaded) -> Iterator[None]:
    """Compute in the model's precision within the block, though the adapter's own weights are float32."""
    import torch

    dtype = getattr(torch, loaded.precision.dtype)
    with torch.autocast(loaded.model.device.type, dtype=dtype, enabled=dtype != torch.float32):
        yield


def answering(loaded: Loaded) -> None:
    """Set the model to answer; training sets it back by itself."""
    if loaded.backend == "unsloth":
        from unsloth import FastLanguageModel

        FastLanguageModel.for_inference(loaded.model)
    loaded.model.eval()


def save(loaded: Loaded, folder: Path) -> None:
    """Save the adapter as safetensors, with its tokenizer and chat template."""
    loaded.model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # an empty form of PEFT's: a card is written from what was measured
    loaded.tokenizer.save_pretrained(folder)


def _obstacle(recipe: Recipe, machine: Machine) -> str | None:
    """Say why Unsloth cannot be used; None where it can."""
    if machine.capability is None:
        return "Unsloth needs a CUDA GPU"
    if machine.capability < UNSLOTH_CAPABILITY:
        return f"Unsloth needs compute capability 7.0, {machine.name} has {'.'.join(map(str, machine.capability))}"
    if not recipe.load_in_4bit or (recipe.lora and recipe.lora.modules_to_save):
        return "a small model in full, with its word table trained"
    if find_spec("unsloth") is None:
        return "Unsloth is not installed"
    return None


def _with_unsloth(where: str, recipe: Recipe, precision: Precision, machine: Machine, four_bit: bool) -> Pair:
    import unsloth  # noqa: F401, I001  before all that it patches
    import torch
    from unsloth import FastLanguageModel

    from amazon_ft.recipes import Training

    longest = recipe.training.max_length if isinstance(recipe.training, Training) else 2048
    model, tokenizer = FastLanguageModel.from_pretrained(
        where, max_seq_length=longest, dtype=getattr(torch, precision.dtype), load_in_4bit=four_bit
    )
    return model, tokenizer


def _with_transformers(where: str, recipe: Recipe, precision: Precision, machine: Machine, four_bit: bool) -> Pair:
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
    from transformers.utils import logging

    if Path(where).is_dir():
        logging.disable_progress_bar()  # nothing to wait for
    packed = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=precision.dtype,
    )
    model = AutoModelForCausalLM.from_pretrained(
        where,
        dtype=precision.dtype,
        use_safetensors=True,
        device_map=machine.device,
        quantization_config=packed if four_bit else None,
    )
    for module in model.modules():
        if hasattr(module, "compute_dtype"):
            module.compute_dtype = model.dtype  # a model quantised by somebody else brings its own
    return model, AutoTokenizer.from_pretrained(where)


def _pad(tokenizer: Any) -> None:
    """Give the tokenizer a pad that is not the token that ends an answer, where it has another one to spare."""
    if tokenizer.pad_token_id in (None, tokenizer.eos_token_id):
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token


def _sampled(file: Path) -> str:
    size, hash_ = file.stat().st_size, hashlib.sha256()
    with file.open("rb") as stream:
        for start in range(0, size, max(SAMPLED, size // BLOCKS)):
            stream.seek(start)
            hash_.update(stream.read(SAMPLED))
    return hash_.hexdigest()
