"""What sets and systems are called and what they are, in English and in Portuguese, and their order for readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """Hold one text in English and in Portuguese."""

    en: str
    pt: str

    def said(self, language: str) -> str:
        """Give the text in `language`: "pt", or else English."""
        return self.pt if language == "pt" else self.en

    def __str__(self) -> str:
        return self.en


@dataclass(frozen=True)
class Name:
    """Hold what a set or a system is called and what it is."""

    label: Text
    meaning: Text


# The products that show what the model cannot know come first.
SETS = {
    "unseen": Name(
        Text("Unseen", "Não vistos"), Text("held out, never trained on", "reservados, nunca usados no treino")
    ),
    "variant": Name(
        Text("Variant", "Variantes"),
        Text(
            "other sizes, colours, volumes or models of trained products, not trained on",
            "outros tamanhos, cores, volumes ou modelos de produtos do treino, fora do treino",
        ),
    ),
    "seen": Name(Text("Seen", "Vistos"), Text("trained on", "usados no treino")),
    "general": Name(
        Text("General", "Gerais"),
        Text("questions about the world: what was forgotten", "perguntas sobre o mundo: o que foi esquecido"),
    ),
    "own": Name(Text("Own", "Próprias"), Text("typed by the user", "digitadas pelo usuário")),
}
SYSTEMS = {
    "base": Name(
        Text("Base model", "Modelo base"),
        Text("before training, from memory alone", "antes do treino, só de memória"),
    ),
    "tuned": Name(
        Text("Tuned model", "Modelo ajustado"),
        Text("after training, from memory alone", "depois do treino, só de memória"),
    ),
    "base_with_source": Name(
        Text("Base, reading the source", "Base, lendo a fonte"),
        Text("before training, with the catalogue entry to read", "antes do treino, com a entrada do catálogo"),
    ),
    "tuned_with_source": Name(
        Text("Tuned, reading the source", "Ajustado, lendo a fonte"),
        Text("after training, with the catalogue entry to read", "depois do treino, com a entrada do catálogo"),
    ),
    "extractive": Name(
        Text("The source's own words", "As palavras da própria fonte"),
        Text("no model: what the catalogue entry says", "sem modelo: o que a entrada do catálogo diz"),
    ),
    "nearest_title": Name(
        Text("Nearest other title", "Outro título mais próximo"),
        Text(
            "no model: the description of the product with the nearest other title",
            "sem modelo: a descrição do produto com o outro título mais próximo",
        ),
    ),
    "wrong_product": Name(
        Text("A wrong product", "Um produto errado"),
        Text(
            "no model: another product's description, the floor",
            "sem modelo: a descrição de outro produto, o piso",
        ),
    ),
}
BASELINES = ("extractive", "nearest_title", "wrong_product")


def named(name: str, known: Mapping[str, Name]) -> Name:
    """Give the name of a set or a system by its key; an unknown one is called by that."""
    return known.get(name) or Name(Text(name, name), Text("", ""))


def in_order(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Order names as the known ones are, each once; unknown ones follow as they came."""
    given = list(dict.fromkeys(names))
    order = list(known)
    return [name for name in order if name in given] + [name for name in given if name not in order]
