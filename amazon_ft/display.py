"""Rows and tokens as HTML for a notebook cell, all text escaped. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

# Half-transparent colours sit on light and dark pages alike; lines tell the kinds apart without colour.
STYLE = """<style>
table.amazon-ft, .amazon-ft.text { font: 15px/1.5 system-ui, sans-serif; color: inherit; max-width: 100%; }
table.amazon-ft { border-collapse: collapse; margin: 0; }
table.amazon-ft tr { background: none; }
table.amazon-ft td, table.amazon-ft th { padding: 6px 18px 6px 0; text-align: left !important; vertical-align: top;
  white-space: pre-wrap; overflow-wrap: anywhere; border-bottom: 1px solid #8888; max-width: 46em; min-width: 5em; }
.amazon-ft.text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.8; }
.amazon-ft mark, .amazon-ft span { color: inherit; padding: 1px 0; border-radius: 2px; }
.amazon-ft span { background: #8882; }
.amazon-ft span.learned { background: #2a78d63d; border-bottom: 2px solid #2a78d6; }
.amazon-ft.tokens span { border-left: 2px solid #8888; padding: 1px 2px; }
.amazon-ft mark { background: #e0a80040; text-decoration: underline dotted #c08a00 2px; text-underline-offset: 3px; }
.amazon-ft mark.invented { background: #d6453d45; text-decoration: underline solid #d6453d 3px; font-weight: 700; }
</style>"""
CLASSES = {False: "read", True: "learned"}
OURS = "amazon-ft tex2jax_ignore mathjax_ignore"  # prices are no formulas


@dataclass(frozen=True, repr=False)
class Shown:
    """Hold what a notebook shows as HTML and a terminal as text."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return STYLE + self.html

    def __html__(self) -> str:
        """Give the HTML alone, to stand inside another."""
        return self.html

    def __repr__(self) -> str:
        return self.text


def rendered(prompt: str, completion: str) -> Shown:
    """Show what a model reads and, marked, what it learns to write."""
    html = f'<div class="{OURS} text">{_span(prompt, False)}{_span(completion, True)}</div>'
    return Shown(html, f"{prompt}«{completion}»")


def tokens(pieces: Iterable[tuple[str, bool]]) -> Shown:
    """Show each token apart, with a mark on those that carry loss."""
    seen = [(piece.replace("\n", "↵\n"), learned) for piece, learned in pieces]
    html = "".join(_span(piece, learned) for piece, learned in seen)
    text = "|".join(f"«{piece}»" if learned else piece for piece, learned in seen)
    return Shown(f'<div class="{OURS} text tokens">{html}</div>', text)


def table(rows: Sequence[Mapping[str, object]]) -> Shown:
    """Show rows under the names of the first; a cell may be another Shown, or markup that says so by __html__."""
    if not rows:
        return Shown("<p>no rows</p>", "no rows")
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{_html(value)}</td>' for value in row.values())}</tr>" for row in rows)
    text = "\n\n".join("\n".join(f"{name}: {value}" for name, value in row.items()) for row in rows)
    return Shown(f'<table class="{OURS}"><tr>{head}</tr>{body}</table>', text)


def framed(page: str, height: int = 720) -> Shown:
    """Show a whole HTML page in a frame of its own, where its links and styles stay inside."""
    source = f"data:text/html;charset=utf-8;base64,{b64encode(page.encode()).decode()}"
    style = f"width: 100%; height: {height}px; box-sizing: border-box; border: 1px solid #8888"
    return Shown(f'<iframe src="{source}" style="{style}"></iframe>', f"a page of {len(page):,} characters")


def _span(text: str, learned: bool) -> str:
    return f'<span class="{CLASSES[learned]}">{escape(text)}</span>'


def _html(value: object) -> str:
    return str(value.__html__()) if hasattr(value, "__html__") else escape(str(value))
