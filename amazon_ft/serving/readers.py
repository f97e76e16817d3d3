"""Read each published form as somebody would who has nothing else: its own weights, tokenizer, template and stops."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from amazon_ft import adapters, hardware, models
from amazon_ft.files import InputError
from amazon_ft.merging.weights import tensors
from amazon_ft.serving import kinds, llama_cpp, ollama
from amazon_ft.serving.parity import Prompt

ASK = Path(__file__).with_name("ask_gguf.py")
ADAPTER, CONFIG, DECODING = "adapter_config.json", "config.json", "generation_config.json"


@dataclass(frozen=True)
class Transformers:
    """Read a folder through Transformers, or the weights of a GGUF file with the tokenizer of a folder.

    `given` is the template that the file was given, where it is not the folder's: llama.cpp may need another one.
    """

    name: str
    form: str
    folder: Path
    gguf: Path | None = None
    given: str = ""

    @property
    def file(self) -> str:
        """Name the GGUF file, or the folder."""
        return (self.gguf or self.folder).name

    def prompts(self, texts: Sequence[str]) -> list[list[int]] | None:
        """Tokenize each text by the folder's chat template, and by the GGUF's if that is not the one it was given.

        None where llama.cpp may give other tokens of the same GGUF. Raises InputError if it holds other tokens.
        """
        prompts = self._prompts(texts)
        return None if self.gguf and self._split_otherwise(self.gguf, prompts) else prompts

    def _split_otherwise(self, gguf: Path, prompts: list[list[int]]) -> bool:
        """Tell whether an added token lies within a prompt of a SentencePiece GGUF: llama.cpp puts a space after it."""
        splits, there = kinds.vocabulary(gguf)
        added = self._tokenizer.added_tokens_decoder
        for token, id_ in self._tokenizer.get_vocab().items():
            if (id_ not in added or added[id_].special) and there[id_ : id_ + 1] != [token]:
                raise InputError(f"{gguf} has another token {id_} than {token!r} of {self.folder}: have it made anew.")
        return splits == "llama" and any(not added.keys().isdisjoint(prompt[1:]) for prompt in prompts)

    def _prompts(self, texts: Sequence[str]) -> list[list[int]]:
        template = kinds.chat_template(self.gguf) if self.gguf else None
        template = None if template == self.given else template
        return [
            list(
                self._tokenizer.apply_chat_template(
                    [{"role": "user", "content": text}],
                    chat_template=template,
                    add_generation_prompt=True,
                    return_dict=True,
                )["input_ids"]
            )
            for text in texts
        ]

    def answers(self, texts: Sequence[str], max_new_tokens: int) -> list[str]:
        """Answer each text greedily, one after the other, until a stop of the folder's generation_config.json."""
        model = self._model()  # gone afterwards: two may not fit
        return [self._answer(model, prompt, max_new_tokens) for prompt in self._prompts(texts)]

    def _answer(self, model: Any, prompt: list[int], max_new_tokens: int) -> str:
        import torch

        ids = torch.tensor([prompt], device=model.device)
        greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        with torch.inference_mode():
            said = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=max_new_tokens, **greedy)
        return str(self._tokenizer.decode(said[0][len(prompt) :], skip_special_tokens=True)).strip()

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(str(self.folder))

    def _model(self) -> Any:
        for file in () if self.gguf else self.folder.glob("*.safetensors"):
            tensors(file)  # a torn one has its own sentence
        try:
            return self._loaded()
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise InputError(
                f"Transformers cannot load {self.gguf or self.folder} ({first}): have it made anew."
            ) from error

    def _loaded(self) -> Any:
        from transformers import AutoModelForCausalLM, GenerationConfig
        from transformers.utils import logging

        logging.disable_progress_bar()  # nothing to wait for
        machine = hardware.measure()
        dtype = hardware.precision(machine).dtype
        source = {"gguf_file": self.gguf.name} if self.gguf else {"use_safetensors": True}
        weights = self.gguf.parent if self.gguf else _weights(self.folder)
        model = AutoModelForCausalLM.from_pretrained(weights, dtype=dtype, device_map=machine.device, **source)
        if (self.folder / ADAPTER).exists():
            model = adapters.trained(model, self.folder, dtype)
        model.generation_config = GenerationConfig.from_pretrained(str(self.folder))
        return model.eval()


@dataclass(frozen=True)
class LlamaCpp:
    """Read a GGUF file through llama-cpp-python, with its own tokenizer, template and stops."""

    gguf: Path
    exact: bool = True  # keys and values in 32 bits, not llama.cpp's usual 16
    form: str = "gguf"

    @property
    def name(self) -> str:
        """Name llama.cpp and the file."""
        return f"llama.cpp, {self.gguf.name}"

    @property
    def file(self) -> str:
        """Name the GGUF file."""
        return self.gguf.name

    def prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenize each text by the file's own template and vocabulary."""
        return [list(map(int, ids)) for ids in self._asked(texts, 0)["prompts"]]

    def answers(self, texts: Sequence[str], max_new_tokens: int) -> list[str]:
        """Answer each text greedily."""
        return list(map(str, self._asked(texts, max_new_tokens)["answers"]))

    def _asked(self, texts: Sequence[str], max_new_tokens: int) -> dict[str, Any]:
        asked = {"path": str(self.gguf), "texts": [*texts], "max_new_tokens": max_new_tokens, "exact": self.exact}
        with TemporaryDirectory() as folder:
            given, told = Path(folder, "asked.json"), Path(folder, "told.json")
            given.write_text(json.dumps(asked), encoding="utf-8")
            command = [llama_cpp.python(), "-P", str(ASK), str(given), str(told)]
            ended = subprocess.run(command, capture_output=True, text=True, errors="replace")
            if ended.returncode or not told.exists():
                telling = (ended.stderr.strip() or f"exit {ended.returncode}").splitlines()[-1].rstrip(".")
                raise InputError(f"llama.cpp cannot read {self.gguf} ({telling}): have it made anew, or leave it out.")
            return dict(json.loads(told.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Ollama:
    """Read a model that Ollama has made, through its own template."""

    model: str
    bos: int | None = None  # which Ollama reads and does not tell; without it only their number can be compared
    form: str = "gguf"
    file: str = ""  # Ollama does not tell which one it was made of

    @property
    def name(self) -> str:
        """Name Ollama and its model."""
        return f"Ollama, {self.model}"

    def prompts(self, texts: Sequence[str]) -> list[Prompt] | None:
        """Give the token ids that Ollama tells, else their number; None where it tells neither."""
        told = [self._prompt(ollama.asked(self.model, text, 1)) for text in texts]
        return None if None in told else [prompt for prompt in told if prompt is not None]

    def answers(self, texts: Sequence[str], max_new_tokens: int) -> list[str]:
        """Answer each text greedily."""
        return [ollama.asked(self.model, text, max_new_tokens).text.strip() for text in texts]

    def _prompt(self, told: ollama.Told) -> Prompt | None:
        if not told.context:
            return told.prompt_tokens
        # What Ollama calls context is the prompt, without the token at its beginning, and the one token it answered.
        ids = list(told.context[: len(told.context) - bool(told.text)])
        if told.prompt_tokens != len(ids) + 1:
            return ids
        return told.prompt_tokens if self.bos is None else [self.bos, *ids]


def folder(path: Path, form: str) -> Transformers | str:
    """Find the reader of a published adapter or merged model; else say why there is none."""
    needed = (ADAPTER if form == "adapter" else CONFIG, DECODING, "tokenizer_config.json")
    missing = [name for name in needed if not (path / name).exists()]
    return f"{path} holds no {missing[0]}" if missing else Transformers("Transformers", form, path)


def gguf(path: Path, merged: Path, given: str = "") -> Transformers | str:
    """Find the reader of a GGUF file through Transformers, with the tokenizer of the merged model; else say why not.

    `given` is the template that the file was made with, where it is not the merged model's.
    """
    if not path.exists():
        return f"{path} is not there"
    reader = folder(merged, "merged")
    if isinstance(reader, str):
        return reader
    return Transformers(f"Transformers, {path.name}", "gguf", merged, path, given)


def by_llama_cpp(path: Path) -> LlamaCpp | str:
    """Find the reader of a GGUF file through llama-cpp-python; else say why there is none."""
    if not path.exists():
        return f"{path} is not there"
    return llama_cpp.absent() or LlamaCpp(path)


def by_ollama(model: str, bos: int | None = None) -> Ollama | str:
    """Find the reader of one of Ollama's models; else say why there is none."""
    return ollama.absent(model) or Ollama(model, bos)


def _weights(folder: Path) -> str:
    """Name where the whole weights lie: for an adapter, its base model's."""
    config = folder / ADAPTER
    if not config.exists():
        return str(folder)
    return models.locate(json.loads(config.read_text(encoding="utf-8"))["base_model_name_or_path"])
