"""The pieces of HTML that cards are made of; whatever is not markup is escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files

from markupsafe import Markup

OURS = "aft tex2jax_ignore mathjax_ignore"  # prices are no formulas


@lru_cache
def style(*names: str) -> Markup:
    """Give style sheets of this room, for light and dark notebooks."""
    folder = files("amazon_ft.panel")
    sheets = (Markup(folder.joinpath(f"{name}.css").read_text(encoding="utf-8")) for name in names)
    return Markup("<style>\n{}</style>").format(Markup().join(sheets))


def whole(lang: str, *parts: Markup) -> Markup:
    """Put parts one below the other, in the language that HTML calls `lang`; only inside this do the styles hold."""
    return Markup('<div class="{}" lang="{}">{}</div>').format(OURS, lang, Markup().join(parts))


def note(text: str, kind: str = "") -> Markup:
    """Show a sentence; its kind is "", "good" or "warn"."""
    return Markup('<p class="aft-note {}">{}</p>').format(f"aft-{kind}" if kind else "", text)


def said(lang: str, text: str, kind: str = "") -> Markup:
    """Show a sentence alone, read out by a screen reader when it changes."""
    return whole(lang, Markup('<div role="status">{}</div>').format(note(text, kind) if text else ""))


def line(lang: str, text: str) -> Markup:
    """Show a few words beside the controls, read out by a screen reader when they change."""
    return whole(lang, Markup('<p class="aft-line" role="status">{}</p>').format(text))


def silent_line(lang: str, text: str) -> Markup:
    """Show a few words that change too often to be read out."""
    return whole(lang, Markup('<p class="aft-line">{}</p>').format(text))


def soft(text: str) -> Markup:
    """Show a few words in a low voice."""
    return Markup('<span class="aft-soft">{}</span>').format(text)


def listed(lang: str, text: str, names: Sequence[str]) -> Markup:
    """Show a sentence and a list of file names."""
    items = Markup().join(Markup("<li><code>{}</code></li>").format(name) for name in names)
    shown = Markup('<div role="status" class="aft-note aft-good"><p>{}</p><ul>{}</ul></div>')
    return whole(lang, shown.format(text, items))


def grid(boxes: Iterable[Markup]) -> Markup:
    """Put boxes side by side, as many as there is room for."""
    return Markup('<div class="aft-grid">{}</div>').format(Markup().join(boxes))


def box(kind: str, *parts: Markup) -> Markup:
    """Put parts into a frame."""
    return Markup('<section class="{}">{}</section>').format(_classes("box", kind), Markup().join(parts))


def text(words: str, kind: str = "") -> Markup:
    """Show a text of whatever language with its own line ends."""
    return Markup('<div class="{}" lang="">{}</div>').format(_classes("said", kind), words)


def remark(words: str) -> Markup:
    """Show in a low voice why there is no text."""
    return Markup('<div class="aft-said">{}</div>').format(soft(words))


def mark(kind: str, words: str) -> Markup:
    """Mark words; the kind "" leaves them as they are."""
    return Markup('<mark class="aft-{}">{}</mark>').format(kind, words) if kind else Markup("{}").format(words)


def badge(words: str, kind: str = "") -> Markup:
    """Show a few words in a frame of their own."""
    return Markup('<span class="{}">{}</span>').format(_classes("badge", kind), words)


def folded(inside: Markup, summary: str) -> Markup:
    """Fold something away under a line that opens it; nothing stays nothing."""
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, inside) if inside else Markup()


def _classes(*names: str) -> str:
    return " ".join(f"aft-{name}" for name in names if name)
