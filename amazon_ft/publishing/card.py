"""Write the card of a published model: what it is, how it was made and asked, what it can do, where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amazon_ft import markdown
from amazon_ft.comparison import SETS, SYSTEMS, findings, in_order, metric, named
from amazon_ft.comparison.boards import board
from amazon_ft.files import InputError, write_text
from amazon_ft.publishing.forms import CARD, checked_name, form_of

# What the card cannot do without (what may be left out has a value below it), and the parts of it that are needed too.
NEEDED = (
    *("form", "repo_id", "base", "recipe", "asking", "question", "data", "splits", "training", "scores", "intervals"),
    *("failures", "version", "commands"),
)
PARTS = (
    *(("base", part) for part in ("name", "where")),
    *(("asking", part) for part in ("ways", "system", "prompt", "completion", "reads_entry", "thinks")),
    *(("data", part) for part in ("sources", "policy", "read", "kept", "rejected", "near_duplicates")),
    *(("training", part) for part in ("machine", "precision", "seconds", "steps", "peak_gib", "losses")),
)
LEFT_OUT: Mapping[str, Any] = {
    "name": "",
    "languages": ("en",),
    "files": {},  # bytes by name of the GGUF files
    "modelfile": False,
    "pictures": {},  # what each shows, in words, by its name in the folder
    "parity": {},
    "quoted": False,  # failures with question and answer
    "invented": False,  # the catalogue is no real one
    "by_rules": False,  # no model wrote the reasoning rows
    "versions": {},
    "commit": "",
    "license_name": "",
    "license_link": "",
}
PLACES = ("hub", "built", "folder")
WHAT = {
    "adapter": "a LoRA adapter for",
    "merged": "a LoRA adapter merged into the 16-bit weights of",
    "gguf": "a GGUF file, for llama.cpp and Ollama, of a LoRA adapter merged into",
}
LIBRARY = {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}
HOME = "https://github.com/amazon-ft/amazon-ft"
CONTEXT = 2048  # tokens; llama-cpp-python's own 512 would cut


def write_card(folder: Path, about: Mapping[str, Any]) -> Path:
    """Write README.md into `folder` from what NEEDED and LEFT_OUT name, as facts.facts gathers it; return its path.

    No text from outside can break it. Raises InputError if something is missing, or is nothing that a card can say.
    """
    told = _told(about)
    text = markdown.template("amazon_ft.publishing", "model_card.md.jinja").render(
        about=told,
        front=markdown.front(_front(told)),
        what=WHAT[told["form"]],
        home=HOME,
        lines=_lines(told),
        plain=_is_plain(told),
        findings=findings(told["scores"], told["intervals"]),
        boards=[board(name, told["scores"][name], told["intervals"]) for name in in_order(told["scores"], SETS)],
        meanings=_meanings(told["scores"]),
        values=_values(told["recipe"]),
    )
    write_text(folder / CARD, text)
    return folder / CARD


def _told(about: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name in NEEDED if name not in about]
    missing += [f"{name}[{part!r}]" for name, part in PARTS if part not in about.get(name, [part])]
    if missing:
        raise InputError(f"the model's card cannot be written without {', '.join(missing)}: say what it was.")
    form_of(about["form"])
    if about["base"]["where"] not in PLACES:
        raise InputError(f"where {about['base']['where']!r} is not one of {', '.join(PLACES)}.")
    bases = [about["base"]["name"]] if about["base"]["where"] == "hub" else []
    for name in (about["repo_id"], *bases):
        checked_name(name)
    if about["form"] == "gguf" and not about.get("files"):
        raise InputError("the card of a GGUF model needs its files, with their bytes: make one first.")
    return {**LEFT_OUT, **about, "name": about.get("name") or about["repo_id"].rpartition("/")[2]}


def _front(about: Mapping[str, Any]) -> dict[str, Any]:
    tags = ["products", "fine-tuned", *(["lora"] if about["form"] == "adapter" else []), "amazon-ft"]
    return {
        "language": [markdown.shown(language) for language in about["languages"]],
        **markdown.license_of(about["license_name"], about["license_link"]),
        **_lineage(about),
        "library_name": LIBRARY[about["form"]],
        "pipeline_tag": "text-generation",
        "tags": tags,
    }


def _lineage(about: Mapping[str, Any]) -> dict[str, str]:
    """Name what the model was made from in the Hub's words, if that is there."""
    if about["base"]["where"] != "hub":
        return {}
    # The Hub's "merge" is one of several models, its "quantized" one that was not trained further.
    relation = "adapter" if about["form"] == "adapter" else "finetune"
    return {"base_model": about["base"]["name"], "base_model_relation": relation}


def _is_plain(about: Mapping[str, Any]) -> bool:
    """Tell whether Transformers alone loads the model: of an adapter that brings whole layers it drops those."""
    whole = about["form"] != "adapter" or not (about["recipe"]["lora"] or {}).get("modules_to_save")
    return whole and (about["form"] != "adapter" or about["base"]["where"] == "hub")


def _lines(about: Mapping[str, Any]) -> list[str]:
    """Write the three lines of Python that load this form and ask it a question."""
    repo, question = (markdown.readable(markdown.shown(about[name])) for name in ("repo_id", "question"))
    asked, turn = about["recipe"]["generation"], f'[{{"role": "user", "content": {question}}}]'
    sampling = {"temperature": asked["temperature"], "top_p": asked["top_p"], "top_k": 0}
    if about["form"] == "gguf":
        file = markdown.readable(next(iter(about["files"])))
        how = {"max_tokens": asked["max_new_tokens"], **(sampling | {"min_p": 0.0} if asked["temperature"] else {})}
        how |= {"temperature": asked["temperature"]}
        room = max(CONTEXT, about["recipe"]["training"]["max_length"] + asked["max_new_tokens"])
        return [
            "from llama_cpp import Llama",
            f"model = Llama.from_pretrained({repo}, {file}, n_ctx={room}, verbose=False)",
            f'print(model.create_chat_completion({turn}, {_arguments(how)})["choices"][0]["message"]["content"])',
        ]
    if not _is_plain(about):
        base = ', base_model="FOLDER"' if about["base"]["where"] == "folder" else ""
        return [
            "from amazon_ft.publishing import vetting",
            f"model = vetting.load({repo}{base})",
            f"print(model.ask({question}))",
        ]
    how = {"max_new_tokens": asked["max_new_tokens"], "do_sample": asked["temperature"] > 0}
    how |= sampling if asked["temperature"] else {}
    tokenizer = f", tokenizer={repo}" if about["form"] == "adapter" else ""  # else the base's, with its own template
    return [
        "from transformers import pipeline",
        f'ask = pipeline("text-generation", {repo}{tokenizer})',
        f'print(ask({turn}, {_arguments(how)})[0]["generated_text"][-1]["content"])',
    ]


def _arguments(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _meanings(scores: Mapping[str, Any]) -> dict[str, str]:
    """Say what the systems of the tables are, and what their metrics mean."""
    boards = [board(name, scores[name], {}) for name in scores]
    labels = {line.label for one in boards for line in one.head}
    metrics = {key: metric(key) for systems in scores.values() for one in systems.values() for key in one}
    used = in_order({name for systems in scores.values() for name in systems}, SYSTEMS)
    names = {named(name, SYSTEMS).label.en: named(name, SYSTEMS).meaning.en for name in used}
    return names | {one.label.en: one.meaning.en for one in metrics.values() if one.label.en in labels}


def _values(recipe: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Lay out every number of the training, of the adapter and of the asking."""
    parts = {"Training": "training", "LoRA": "lora", "Asking": "generation"}
    own = {
        "Rows": {name: recipe[name] for name in ("rows", "held_out_rows", "load_in_4bit")},
        **{title: recipe[part] for title, part in parts.items() if recipe.get(part)},
    }
    written = {title: {name: _written(value) for name, value in part.items()} for title, part in own.items()}
    return {title: {name: text for name, text in part.items() if text} for title, part in written.items()}


def _written(value: Any) -> str:
    if value is None or value == []:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
