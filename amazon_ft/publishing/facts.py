"""Gather from a run's own files what the card of its model says, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amazon_ft import evaluation, prompts
from amazon_ft.cleaning.whole import DEFAULT
from amazon_ft.comparison import SETS, named
from amazon_ft.files import InputError, digest, read_jsonl
from amazon_ft.products import Product, normalised
from amazon_ft.prompts import Example, Question
from amazon_ft.publishing.forms import FORMS, form_of
from amazon_ft.recipes import RECIPES, RULES, TINY_LLAMA, Recipe
from amazon_ft.retrieval.wording import language
from amazon_ft.runs import SPLITS, Run, hashed, manifest
from amazon_ft.sample import catalogue
from amazon_ft.sources.reading import BUNDLED

SYSTEM = "tuned"  # whose failures are told
FAILURES = 5
LONGEST = 600  # characters of an answer that are shown
STEPS = ("clean", "format", "train", "compare")


def facts(run: Run, recipe: Recipe, form: str, repo_id: str, *, quote: bool = False) -> dict[str, Any]:
    """Gather all that card.write_card needs to know of one form of a run's model, to be found as `repo_id`.

    Texts of a real catalogue's products are told only if `quote` says so, for their licence is not known. Raises
    InputError for a step that is not done, for files that are not what their step wrote, and for scores of another
    adapter than the one that is there.
    """
    folder, done = run.publication(form_of(form).name), manifest(run)["steps"]
    if missing := [step for step in STEPS if step not in done]:
        raise InputError(f"the card needs what step {missing[0]!r} finds out about {run.folder}: do that step first.")
    _check_own(run, done)
    invented = digest(catalogue.cached()) in done["clean"]["inputs"].values()
    table = read_jsonl(run.answers)
    return {
        "form": form,
        "repo_id": repo_id,
        "base": _base(recipe, form, done),
        "recipe": json.loads(json.dumps(recipe.as_dict())),
        "asking": asking(recipe),
        "question": _question(recipe, table, invented or quote),
        "languages": languages(recipe),
        "data": data(run, done),
        "splits": {split: sum(1 for _ in run.rows(split).open(encoding="utf-8")) for split in SPLITS},
        "training": _training(run, done["train"]),
        **{name: _read(path) for name, path in (("scores", run.scores), ("intervals", run.intervals))},
        "failures": _failures(table, invented or quote),
        "quoted": invented or quote,
        "invented": invented,
        "by_rules": recipe.reasoning is not None and recipe.reasoning.server == RULES,
        "parity": _parity(run, form, done),
        "files": {path.name: path.stat().st_size for path in sorted(folder.glob("*.gguf"))},
        "modelfile": (folder / "Modelfile").exists(),
        "version": done["train"]["versions"]["amazon-ft"],
        "versions": done["train"]["versions"],
        "commit": done["train"]["commit"] or "",
        "commands": _commands(recipe, done, BUNDLED if invented else ""),
    }


def _check_own(run: Run, done: Mapping[str, Any]) -> None:
    scored = done["compare"]["inputs"][run.adapter.name]
    files = [run.adapter, run.training_log, run.cleaning, run.answers, run.scores, run.intervals]
    if hashed(run, files)[run.adapter.name] != scored:
        raise InputError(
            f"{run.scores} tells of another adapter than the one in {run.adapter}: compare anew in another run folder."
        )


def _base(recipe: Recipe, form: str, done: Mapping[str, Any]) -> dict[str, str]:
    """Tell what the adapter goes onto, or what it was merged into; a folder's path is nobody else's business."""
    merged = done.get("merge", {"settings": {}})["settings"] if form != "adapter" else {}
    name = merged.get("base", recipe.base_model)
    where = _where(name)
    return {"name": Path(name).name if where == "folder" else name, "where": where}


def _parity(run: Run, form: str, done: Mapping[str, Any]) -> dict[str, Any]:
    """Tell how the form, as it lies there now, answered beside the trained model; nothing where it was not asked."""
    folder, checked = run.publication(form), done.get("check", {"inputs": {}})["inputs"]
    files = sorted(folder.glob("*.gguf")) if form == "gguf" else [folder] if folder.exists() else []
    if not files or any(digest(path) != checked.get(path.name) for path in files):
        return {}
    told = _read(run.parity)
    others = FORMS.keys() - {form} if form == "gguf" else told["absent"].keys() - {form}
    return {
        "readings": [one for one in told["readings"] if one["form"] == form],
        "absent": {name: why for name, why in told["absent"].items() if name not in others},
    }


def _where(base_model: str) -> str:
    """Tell where others find a base model: amazon-ft has "built" it, it lies in a "folder", or on the "hub"."""
    if base_model == TINY_LLAMA:
        return "built"
    return "folder" if Path(base_model).exists() else "hub"


def asking(recipe: Recipe) -> dict[str, Any]:
    """Tell how a question reaches the model: braces stand for what is filled in."""
    first = recipe.asked[0]
    reads = recipe.grounding is not None or (recipe.reasoning is not None and recipe.reasoning.reads_entry)
    blank = prompts.example(Product("", "{title}", "{description}"), recipe.asked[:1])
    filled = {"context": "{catalogue entry}"} if reads else {}
    row = prompts.render(Example(**{**asdict(blank), "reasoning": "{reasoning}", **filled}), recipe.template)
    return {
        "ways": [_typed(question) for question in recipe.asked],
        "system": "" if "{title}" in first.instruction else first.instruction,
        "prompt": row["prompt"],
        "completion": row["completion"],
        "reads_entry": reads,
        "thinks": recipe.reasoning is not None,
    }


def _typed(question: Question) -> str:
    """Give what a user types: the part of a question that has the title."""
    return question.instruction if "{title}" in question.instruction else question.input


def _question(recipe: Recipe, table: Sequence[Mapping[str, Any]], is_shown: bool) -> str:
    seen = [row["title"] for row in table if row["set"] == "seen" and row["title"]]
    title = seen[0] if seen and is_shown else catalogue.products(1)[0].title
    return prompts.fill(_typed(recipe.asked[0]), {"title": title})


def languages(recipe: Recipe) -> list[str]:
    """Name the languages of questions and answers, as the Hub does; the catalogues here are English."""
    told = {language(normalised(_typed(question)).split()) for question in recipe.asked}
    own = {recipe.reasoning.language} if recipe.reasoning else set()
    return sorted({"en"} | told | own)


def data(run: Run, done: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what became of the catalogue: what was read, kept, rejected, mended, by the record of the steps `done`."""
    counts = _read(run.cleaning)
    twins = counts["near_duplicates"] or {}
    return {
        "sources": [Path(source).name for source in counts["sources"]],  # no path of this machine
        **{name: counts[name] for name in ("policy", "read", "kept", "rejected", "changed")},
        "hub": done["clean"]["settings"].get("hub", ""),
        "near_duplicates": {name: twins[name] for name in ("clusters", "products", "withheld") if name in twins},
        "reasoning": {name: done["reasoning"][name] for name in ("author", "counts")} if "reasoning" in done else {},
    }


def _training(run: Run, done: Mapping[str, Any]) -> dict[str, Any]:
    """Tell on what the adapter was trained, how long, and where the loss began and ended."""
    about, log = _read(run.adapter / "manifest.json")["training"], read_jsonl(run.training_log)
    held_out = [line["eval_loss"] for line in log if line.get("eval_loss") is not None]
    trained = [line["loss"] for line in log if line.get("loss") is not None]
    return {
        **{name: about[name] for name in ("backend", "plan", "peak_gib", "predicted_peak_gib")},
        "machine": about["machine"]["name"],
        "precision": about["precision"],
        "seconds": done["seconds"],
        "steps": int(log[-1]["step"]),
        "losses": {
            name: (losses[0], losses[-1]) for name, losses in (("training", trained), ("held out", held_out)) if losses
        },
    }


def _failures(table: Sequence[Mapping[str, Any]], quoted: bool) -> list[dict[str, Any]]:
    found = evaluation.failures(table, SYSTEM, FAILURES)
    return [
        {
            "title": table[failure.place]["title"],
            "set": named(table[failure.place]["set"], SETS).label.en.lower(),
            "why": [evaluation.why(reason, "en") for reason in failure.reasons],
            **(_quoted(table[failure.place]) if quoted else {}),
        }
        for failure in found
    ]


def _quoted(row: Mapping[str, Any]) -> dict[str, str]:
    texts = {"question": row["question"], "answer": row[SYSTEM]["text"], "truth": row["reference"]}
    return {name: text if len(text) <= LONGEST else f"{text[:LONGEST]}…" for name, text in texts.items()}


def _commands(recipe: Recipe, done: Mapping[str, Any], source: str) -> list[str]:
    """Give the commands that make the run again; what was not chosen otherwise is left out."""
    settings, usual = done["clean"]["settings"], DEFAULT.as_dict()
    chosen = {name: settings[name] for name in ("policy", "sample", "repeated_titles") if settings[name] != usual[name]}
    flags = [f"--{name.replace('_', '-')} {value}" for name, value in chosen.items()]
    flags += [] if settings["near_duplicates"] else ["--no-near-duplicates"]
    whose = f"--run runs/mine --recipe {recipe.name}" if recipe.name in RECIPES else "--run runs/mine"
    verbs = [" ".join(["clean", source or "CATALOGUE", *flags])]
    verbs += ["reasoning"] if recipe.reasoning else []
    verbs += ["format", "train", f"compare --questions {done['compare']['settings']['questions']}"]
    return [f"amazon-ft {verb} {whose}" for verb in verbs]


def _read(path: Path) -> Any:
    if not path.exists():
        raise InputError(f"{path} is missing, which the card tells about: do the step that makes it again.")
    return json.loads(path.read_text(encoding="utf-8"))
