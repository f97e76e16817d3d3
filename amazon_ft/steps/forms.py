"""The trained model in the forms that others can use: a dressed adapter, merged weights, GGUF files, a Modelfile."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from amazon_ft import hardware
from amazon_ft.files import InputError, replacing, write_text
from amazon_ft.merging import bases, writing
from amazon_ft.recipes import Recipe
from amazon_ft.runs import Run, claim, once, say
from amazon_ft.serving import dressing, llama_cpp, ollama
from amazon_ft.serving.kinds import KINDS, kind
from amazon_ft.serving.modelfile import modelfile, takes_adapter
from amazon_ft.steps.training import local
from amazon_ft.steps.tuned import tuned

MODELFILE = "Modelfile"
FORMS = ADAPTER, MERGED, GGUF = "adapter", "merged", "gguf"
MAKES = {ADAPTER: "pack", MERGED: "merge", GGUF: "gguf"}  # the verb that makes a form
USUAL = ("f16", "q8_0")  # what llama.cpp's converter makes without its quantiser


def pack_adapter(run: Run, recipe: Recipe) -> Path:
    """Copy the run's adapter as others get it, with the trained prompt as chat template, and return the folder."""
    check_trained(run, recipe)
    folder = run.publication(ADAPTER)

    def work() -> None:
        with replacing(folder) as temporary:
            dressing.pack(temporary, run.adapter, recipe)

    done = once(run, "pack", inputs=[run.adapter], settings={}, outputs=[folder], work=work)
    say("pack", done, f"{_size(folder)} in {folder}")
    return folder


def merge(run: Run, recipe: Recipe, base: str = "") -> Path:
    """Merge the run's adapter into the 16-bit weights of its base model and return the folder.

    `base` names a folder or a model of the Hub that holds them, where the usual one is not meant. What it takes on
    disk and in memory is printed first. Raises InputError, with the command that goes on, if it cannot be done.
    """
    check_trained(run, recipe)
    folder, named = run.publication(MERGED), base or bases.usual(recipe.base_model)
    with _going_on(run, "merge", *(["--base", base] if base else [])):
        done = once(
            run,
            "merge",
            inputs=[run.adapter],
            settings={"base": named},
            outputs=[folder],
            work=lambda: _merge(run, recipe, base),
        )
    say("merge", done, f"{_size(folder)} in {folder}")
    return folder


def gguf(run: Run, recipe: Recipe, kinds: Sequence[str] = USUAL) -> list[Path]:
    """Write the merged model as a GGUF file of each kind, as far as it is not there, and name the files.

    Raises InputError, with the command that goes on, where one cannot be made; those before it stay.
    """
    check_trained(run, recipe)
    wanted = [kind(name) for name in kinds]
    if not all(one.converted for one in wanted):
        wanted = [KINDS["f16"], *(one for one in wanted if one.name != "f16")]  # the others are made from it
    for one in wanted:
        with _going_on(run, "gguf", "--kinds", *kinds):
            _one_gguf(run, recipe, one.name)
    return [run.publication(GGUF) / one.file_name for one in wanted]


def try_gguf(run: Run, recipe: Recipe, kinds: Sequence[str] = USUAL) -> list[Path]:
    """Write GGUF files as `gguf` does if that can be done here, else say why not; return those that are there."""
    try:
        gguf(run, recipe, kinds)
    except InputError as cannot:
        print(cannot)
    return gguf_files(run)


def gguf_with_unsloth(run: Run, recipe: Recipe, kinds: Sequence[str] = USUAL) -> Path:
    """Have Unsloth merge and write GGUF kinds on its GPU, with the llama.cpp that it installs; return the folder.

    Raises InputError where Unsloth does not run the model.
    """
    from amazon_ft import models

    check_trained(run, recipe)
    folder = run.publication(GGUF)
    with _going_on(run, "gguf", "--unsloth", "--kinds", *kinds):
        loaded = models.for_export(recipe, run.adapter)
        loaded.tokenizer.chat_template = dressing.gguf_template(run.adapter, recipe)
        llama_cpp.with_unsloth(loaded, folder, kinds)
    return folder


def check_made(run: Run, form: str) -> None:
    """Raise InputError, with the command that makes it, unless a form is there."""
    there = gguf_files(run) if form == GGUF else run.publication(form).exists()
    if not there:
        made = command(run, MAKES[form])
        raise InputError(f"{run.published} holds no {form} model yet: make it first, by `{made}`.")


def gguf_files(run: Run) -> list[Path]:
    """Name the GGUF files that are there."""
    return sorted(run.publication(GGUF).glob("*.gguf"))


def write_modelfile(run: Run, recipe: Recipe, name: str = "q8_0", on: str = "") -> Path:
    """Write the Modelfile of a kind of GGUF beside it, or that of the adapter on a model of Ollama's; return its path.

    Raises InputError if that file is not there, or if Ollama takes no such adapter.
    """
    check_trained(run, recipe)
    path = run.publication(GGUF) / MODELFILE
    if on:
        _check_carried(run, recipe)
        text = modelfile(recipe, dressing.tokenizer(run.adapter), on, str(run.adapter.resolve()))
    else:
        text = modelfile(recipe, dressing.tokenizer(run.adapter), ollama.source(_there(run, name), path))
    write_text(path, text)
    return path


def renew_modelfile(run: Run, recipe: Recipe) -> None:
    """Write the Modelfile of a GGUF anew, if there is one, so that the template in it is the derived one."""
    path = run.publication(GGUF) / MODELFILE
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for name, one in KINDS.items():
        if f"./{one.file_name}\n" in text:
            write_modelfile(run, recipe, name)


def ask_ollama(run: Run, recipe: Recipe, model: str, question: str, name: str = "q8_0", on: str = "") -> str:
    """Have Ollama make `model` of the run's Modelfile, and give its answer to a question; empty where none is asked.

    Raises InputError, with the command to go on with, if Ollama is not there or refuses.
    """
    path = write_modelfile(run, recipe, name, on)
    ollama.create(model, path)
    return ollama.ask(model, question) if question else ""


def check_trained(run: Run, recipe: Recipe) -> None:
    """Raise InputError unless the recipe is the run's and its adapter is there, on the base model of its training."""
    claim(run, recipe.as_dict())
    local(recipe)
    tuned(run, recipe).check()


def _merge(run: Run, recipe: Recipe, base: str) -> None:
    folder = run.publication(MERGED)
    found = bases.sixteen_bit(recipe.base_model, base, folder)
    plan = writing.plan(run.adapter, found, folder, hardware.measure())
    print("\n".join(plan.reasons))
    made = writing.merge(
        run.adapter, found, folder, plan, lambda inner: dressing.dress(inner, run.adapter, recipe, found.where)
    )
    gpu = f", {bases.size(made.device_peak)} on the GPU" if made.device_peak else ""
    memory = f", {bases.size(made.host_peak)} of memory" if made.host_peak else ""
    print(f"took {made.seconds} seconds{memory}{gpu}")


def _check_carried(run: Run, recipe: Recipe) -> None:
    config = json.loads((run.adapter / dressing.CONFIG).read_text(encoding="utf-8"))
    base = bases.sixteen_bit(recipe.base_model).config
    if reason := takes_adapter(next(iter(base.get("architectures") or [""])), config, ollama.version()):
        raise InputError(f"{reason}.")


def _one_gguf(run: Run, recipe: Recipe, name: str) -> None:
    folder = run.publication(GGUF)
    folder.mkdir(parents=True, exist_ok=True)
    path, merged = folder / kind(name).file_name, run.publication(MERGED)
    source = llama_cpp.source(name, merged, folder / KINDS["f16"].file_name)

    def work() -> None:
        with dressing.for_gguf(source, recipe) as dressed:
            llama_cpp.make(name, dressed, path)

    done = once(run, f"gguf {name}", inputs=[source], settings={}, outputs=[path], work=work)
    say(f"gguf {name}", done, f"{_size(path)} in {path}")


def _there(run: Run, name: str) -> Path:
    path = run.publication(GGUF) / kind(name).file_name
    if not path.exists():
        raise InputError(f"{path} is missing: make it first, by `{command(run, 'gguf', '--kinds', name)}`.")
    return path


@contextmanager
def _going_on(run: Run, *words: str) -> Iterator[None]:
    """Tell of a step that failed how to go on with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{error} What was made before stays; then go on by `{command(run, *words)}`.") from error


def command(run: Run, *words: str) -> str:
    """Write the command that does a step of publishing with a run, as a shell reads it."""
    return shlex.join(["amazon-ft", "publish", *words, "--run", str(run.folder)])


def _size(path: Path) -> str:
    files = [path] if path.is_file() else path.rglob("*")
    return bases.size(sum(file.stat().st_size for file in files))
