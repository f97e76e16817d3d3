"""Write a recipe's prompt, stops and decoding as a Modelfile, from which Ollama makes a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.prompts import TextTemplate, free_question, prompt_ids
from amazon_ft.recipes import Generation, Recipe, Training
from amazon_ft.serving.templates import (
    ANSWER,
    LATER,
    MARK,
    SYSTEM,
    USER,
    ChatTokenizer,
    chat_template,
    fixed_instruction,
    framed,
    opening,
    stops,
)

WINDOW = 2048  # tokens of prompt and answer, where training read fewer
FIELDS = {SYSTEM: "{{ .System }}", USER: "{{ .Prompt }}"}
QUOTES = '"""'

# Whose adapters Ollama's convert/convert.go takes, by the first of the base's `architectures`.
ADAPTED = ("LlamaForCausalLM", "MistralForCausalLM", "Gemma2ForCausalLM")
PROJECTIONS = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
NEITHER = (
    *("modules_to_save", "use_dora", "use_rslora", "lora_bias", "rank_pattern", "alpha_pattern", "fan_in_fan_out"),
    *("trainable_token_indices", "target_parameters", "layer_replication"),
)
# Ollama 0.33.3 does not find PEFT's adapter_model.safetensors, 0.34.1 refuses every adapter.
WITHOUT_ADAPTERS = (0, 33, 3)
MERGE = "merge this one, and give Ollama the GGUF of that"


def modelfile(recipe: Recipe, tokenizer: ChatTokenizer, source: str, adapter: str | None = None) -> str:
    """Write the Modelfile of a trained model: `source` is a GGUF file, or the base that `adapter`'s folder is put on.

    Paths are as Ollama reads them, from the Modelfile's folder. Every parameter whose default in Ollama would change
    the answers is set. Raises InputError as chat_template does, and for a text that no Modelfile can hold.
    """
    template, instruction = go_template(recipe, tokenizer), fixed_instruction(recipe)
    lines = [
        f"# The recipe {_line(recipe.name)} on {_line(recipe.base_model)}.",
        f"FROM {_line(source)}",
        *([f"ADAPTER {_line(adapter)}"] if adapter else []),
        f"TEMPLATE {_quoted(template)}",
        *([f"SYSTEM {_quoted(instruction)}"] if instruction else []),
        *(f'PARAMETER stop "{_line(stop)}"' for stop in stops(recipe, tokenizer)),
        *(f"PARAMETER {name} {value}" for name, value in _decoding(recipe.generation).items()),
        f"PARAMETER num_ctx {_window(recipe, tokenizer)}",
    ]
    return "\n".join(lines) + "\n"


def go_template(recipe: Recipe, tokenizer: ChatTokenizer) -> str:
    """Write the chat template in Go's language, with Ollama's .System, .Prompt and .Response.

    What `opening` gives is left out: llama.cpp puts it there where the GGUF's add_bos_token says so. Ollama renders a
    conversation turn by turn; a text template shows the turn that is asked alone, as it was trained. White space around
    a question stays, for Go has nothing to strip it with. Raises InputError as chat_template does.
    """
    source, begun = chat_template(recipe, tokenizer), opening(recipe, tokenizer)
    given, alone = (framed(turns, source, tokenizer).removeprefix(begun) for turns in (_turns(SYSTEM), _turns()))
    stop = stops(recipe, tokenizer)[0]
    if isinstance(recipe.template, TextTemplate):
        return f"{{{{ if not .Response }}}}{_either(given, alone)}{{{{ .Response }}}}{_go(stop)}{{{{ end }}}}"
    before, end = _later(source, tokenizer, alone, stop, bool(fixed_instruction(recipe)))
    return f"{_either(given, before)}{{{{ .Response }}}}{_go(end)}"


def takes_adapter(architecture: str, adapter_config: Mapping[str, Any], ollama: str = "") -> str | None:
    """Say why Ollama's ADAPTER cannot carry an adapter, or None where it can.

    `architecture` is the first of the base's `architectures`, `adapter_config` what adapter_config.json holds, and
    `ollama` the version that will read it, where it is known: from 0.33.3 on there are no adapters.
    """
    if (version := re.search(r"(\d+)\.(\d+)\.(\d+)", ollama)) and tuple(map(int, version.groups())) >= WITHOUT_ADAPTERS:
        return f"Ollama {version[0]} takes no adapters: {MERGE}"
    if architecture not in ADAPTED:
        return f"Ollama takes adapters of Llama, Mistral and Gemma 2 models only, not of {architecture}: {MERGE}"
    if (kind := str(adapter_config.get("peft_type", "LORA"))) != "LORA":
        return f"Ollama takes LoRA adapters only, not {kind}: {MERGE}"
    if adapter_config.get("bias", "none") != "none":
        return f"Ollama takes no adapter that trains a bias: {MERGE}"
    if held := [name for name in NEITHER if adapter_config.get(name)]:
        return f"Ollama takes plain LoRA only, and this adapter has {', '.join(held)}: {MERGE}"
    targets = adapter_config.get("target_modules") or ()
    if isinstance(targets, str) or not PROJECTIONS.issuperset(targets):
        others = targets if isinstance(targets, str) else ", ".join(sorted(set(targets) - PROJECTIONS))
        return f"Ollama takes adapters of attention and MLP projections only, and this one is on {others}: {MERGE}"
    return None


def _turns(system: str = "") -> list[dict[str, str]]:
    roles = [("system", system), ("user", USER)]
    return [{"role": role, "content": text} for role, text in roles if text]


def _later(source: str, tokenizer: ChatTokenizer, alone: str, stop: str, instructed: bool) -> tuple[str, str]:
    """Give what Ollama shows of a turn without .System, up to its answer, and what ends that answer.

    Where a recipe has its instruction, that is a later turn: Ollama gives .System to the first one.
    """
    talk = [*_turns(SYSTEM if instructed else ""), {"role": "assistant", "content": ANSWER}]
    whole = framed([*talk, {"role": "user", "content": LATER}], source, tokenizer)
    between = whole.partition(ANSWER)[2].partition(LATER)[0]
    first, user, rest = alone.partition(USER)
    if instructed:
        return between.removeprefix(stop) + user + rest, stop
    return alone, between.removesuffix(first) if between.endswith(first) else stop


def _either(given: str, alone: str) -> str:
    """Write a prompt with a system text and one without it as one template."""
    if SYSTEM not in given:
        return _go(alone)
    if given.endswith(alone):
        start, end = "", alone
    else:
        start = _shared(given, alone)
        end = _shared(given[len(start) :][::-1], alone[len(start) :][::-1])[::-1]
    with_it, without = (text[len(start) : len(text) - len(end)] for text in (given, alone))
    other = f"{{{{ else }}}}{_go(without)}" if without else ""
    return f"{_go(start)}{{{{ if .System }}}}{_go(with_it)}{other}{{{{ end }}}}{_go(end)}"


def _shared(one: str, other: str) -> str:
    """Give what two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return one[: next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))]


def _go(text: str) -> str:
    """Write a text with marks in Go's template language, so that a Modelfile can hold it."""
    return "".join(FIELDS.get(part) or _safe(part) for part in MARK.split(text))


def _safe(text: str) -> str:
    # Ollama drops what Go does not print, and ends a text at three quotes before a line's end.
    return re.sub(r'\{+|"{3,}|[^\n -~]', lambda match: _escaped(match[0]), text)


def _escaped(text: str) -> str:
    if text.isprintable() and "{" not in text and '"' not in text:
        return text
    inside = text if "{" in text else "".join(f"\\U{ord(sign):08x}" for sign in text)
    return f'{{{{ "{inside}" }}}}'


def _decoding(generation: Generation) -> dict[str, float]:
    """Give Ollama's parameters for how the model is asked; its top_k of 40 and its penalty are switched off."""
    return {
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "top_k": 0,
        "repeat_penalty": 1.0,
        "seed": generation.seed,
        "num_predict": generation.max_new_tokens,
    }


def _window(recipe: Recipe, tokenizer: ChatTokenizer) -> int:
    trained = recipe.training.max_length if isinstance(recipe.training, Training) else 0
    prompt = prompt_ids(free_question("x", recipe.asked), recipe.template, tokenizer)
    return max(WINDOW, trained, len(prompt) + recipe.generation.max_new_tokens)


def _line(text: str) -> str:
    if not text or not text.isprintable() or text != text.strip() or text.startswith('"'):
        raise InputError(f"a Modelfile cannot hold {text!r}: give it another name, without quotes and control signs.")
    return text


def _quoted(text: str) -> str:
    """Quote a text over several lines as Ollama's parser reads it.

    Raises InputError if that would end it early or leave out a character.
    """
    lines = f"{QUOTES}{text}".split("\n")
    ended = any("\n".join(lines[:number]).strip()[3:].endswith(QUOTES) for number in range(1, len(lines)))
    if ended or not all(line.isprintable() for line in text.split("\n")):
        raise InputError(
            f"a Modelfile cannot hold {text!r}: take control signs, and quotes at a line's end, out of the instruction."
        )
    return f"{QUOTES}{text}{QUOTES}"
