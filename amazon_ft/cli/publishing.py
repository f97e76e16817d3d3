"""The verb that publishes: pack, merge, gguf, check, ollama, card, hub."""

from __future__ import annotations

import argparse

from amazon_ft.cli.verbs import Verbs, chosen, verb
from amazon_ft.files import InputError

FORMS, NAME = ("adapter", "merged", "gguf"), "your-name/your-model"


def add(verbs: Verbs) -> None:
    """Add the verb `publish` with its own verbs."""
    help_ = "publish the trained model: adapter, merged weights, GGUF, Ollama, with a card and proof"
    inner = verbs.add_parser("publish", help=help_, description=help_).add_subparsers(required=True, metavar="VERB")
    verb(inner, "pack", _pack, "copy the adapter as others get it, with the trained prompt as chat template")
    merge = verb(inner, "merge", _merge, "merge the adapter into the 16-bit base model")
    merge.add_argument("--base", metavar="MODEL", default="", help="folder or name on the Hub (default: the recipe's)")
    gguf = verb(inner, "gguf", _gguf, "write the merged model as GGUF files, for llama.cpp and Ollama")
    gguf.add_argument("--kinds", metavar="KIND", nargs="+", help="such as f16 q8_0 q4_k_m (default: f16 q8_0)")
    gguf.add_argument("--unsloth", action="store_true", help="merge, write and quantise through Unsloth, on its GPU")
    check = verb(inner, "check", _check, "ask all forms the same and set their answers beside the trained model's")
    check.add_argument("--questions", metavar="N", type=int, default=20, help="default: %(default)s")
    check.add_argument("--ollama", metavar="NAME", default="", help="a model that Ollama has made, too")
    ollama = verb(inner, "ollama", _ollama, "write the Modelfile, have Ollama make the model, and ask it")
    ollama.add_argument("--name", metavar="NAME", default="", help="of the model in Ollama (default: the recipe's)")
    ollama.add_argument("--kind", metavar="KIND", default="q8_0", help="of GGUF (default: %(default)s)")
    ollama.add_argument("--on", metavar="MODEL", default="", help="put the adapter on this model of Ollama's instead")
    ollama.add_argument("--ask", metavar="QUESTION", default="", help="ask it")
    ollama.add_argument("--dry-run", action="store_true", help="write the Modelfile, print it, and stop")
    card = verb(inner, "card", _card, "write the card of a form from what was measured")
    card.add_argument("form", choices=FORMS)
    card.add_argument("--name", metavar="OWNER/NAME", default=NAME, help="where it will be found")
    _quote(card)
    hub = verb(inner, "hub", _hub, "send a form with its card to the Hugging Face Hub, private by default")
    hub.add_argument("form", choices=(*FORMS, "rows"), help="rows: the prompts, as a data set")
    hub.add_argument("name", metavar="OWNER/NAME")
    hub.add_argument("--public", action="store_true", help="for everybody")
    hub.add_argument("--dry-run", action="store_true", help="show what would be sent, and stop")
    _quote(hub)


def _quote(parser: argparse.ArgumentParser) -> None:
    help_ = "let the card show texts of your catalogue's products, if you may publish them"
    parser.add_argument("--quote", action="store_true", help=help_)


def _pack(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.pack_adapter(*chosen(asked))


def _merge(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    steps.merge(*chosen(asked), asked.base)


def _gguf(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    kinds = asked.kinds or steps.USUAL_KINDS
    if asked.unsloth:
        steps.gguf_with_unsloth(*chosen(asked), kinds)
    else:
        steps.gguf(*chosen(asked), kinds)


def _check(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    if asked.questions < 1:
        raise InputError("--questions must be at least 1.")
    for row in steps.check_answers(*chosen(asked), asked.questions, asked.ollama).table():
        told = (row["read by"], row["form"], f"template {row['template']}", row["answers equal"])
        print("  " + ", ".join(word for word in told if word))


def _ollama(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    run, recipe = chosen(asked)
    path = steps.write_modelfile(run, recipe, asked.kind, asked.on)
    if asked.dry_run:
        print(path.read_text(encoding="utf-8"))
        return
    name = asked.name or recipe.name
    answer = steps.ask_ollama(run, recipe, name, asked.ask, asked.kind, asked.on)
    print(answer or f"Ollama has {name} now: `ollama run {name}`.")


def _card(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    print(steps.write_card(*chosen(asked), asked.form, asked.name, quote=asked.quote))


def _hub(asked: argparse.Namespace) -> None:
    from amazon_ft import steps

    how = {"private": not asked.public, "dry_run": asked.dry_run, "quote": asked.quote}
    print(steps.publish(*chosen(asked), asked.form, asked.name, **how))
