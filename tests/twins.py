"""Make the .ipynb twin of each notebook source: the same bytes every time, no outputs, no random cell ids."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def twin(source: Path) -> str:
    """Give the text of the twin of `source`."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata.pop("jupytext", None)
    notebook.nbformat_minor = 4  # the last format without cell ids, which would be drawn anew every time
    for cell in notebook.cells:
        cell.pop("id", None)
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"


if __name__ == "__main__":
    for source in sorted(NOTEBOOKS.glob("*.py")):
        source.with_suffix(".ipynb").write_text(twin(source), encoding="utf-8")
