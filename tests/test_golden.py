"""The exact bytes of prompt and completion, for one product and each recipe.

After a change that is meant: AMAZON_FT_UPDATE_GOLDEN=1 pytest tests/test_golden.py, and read the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from shapes import SHAPES

from amazon_ft.products import Product
from amazon_ft.prompts import Row, as_text, reasoned, render
from amazon_ft.recipes import RECIPES, Recipe
from amazon_ft.retrieval.grounding import shown
from amazon_ft.steps import examples

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "AMAZON_FT_UPDATE_GOLDEN"
PRODUCT = Product(
    uid="B00G0LDEN1",
    title='Café Olé "Grande" Mug, 3/4 Pint',
    content="A baker's dozen of \"Olé\" mugs with a 1/2\" rim for $12.50: it's São Brindo's best, hot or cold.",
)
REASONING_ROW = {
    "Question": "What is the Café Olé mug's rim like?",
    "Complex_CoT": "The customer asks about the rim.\nIt is 1/2\" wide, so I'll say that.",
    "Response": 'Its rim is 1/2" wide.',
}


def golden(recipe: Recipe) -> str:
    [asked] = examples([PRODUCT], recipe)
    if recipe.reasoning:
        read = shown(PRODUCT, recipe.reasoning.characters) if recipe.reasoning.reads_entry else ""
        asked = reasoned(asked, REASONING_ROW, read)
    prompt, completion = written(render(asked, recipe.template), recipe)
    return f"--- prompt ---\n{prompt}\n--- completion ---\n{completion}\n"


def written(row: Row, recipe: Recipe) -> tuple[str, str]:
    if recipe.name == "demo" or isinstance(row["prompt"], str):  # the demo brings its own chat template
        return as_text(row, SHAPES["tiny"]())
    prompt, completion = (json.dumps(row[part], indent=2, ensure_ascii=False) for part in ("prompt", "completion"))
    return prompt, completion


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_prompt_and_completion_keep_their_bytes(recipe: Recipe) -> None:
    file = GOLDEN / f"{recipe.name}.txt"
    if os.environ.get(UPDATE) == "1":
        file.write_bytes(golden(recipe).encode())
    assert file.exists(), f"{file.name} is missing: {UPDATE}=1 pytest tests/test_golden.py writes it"
    assert file.read_bytes().decode() == golden(recipe), f"meant? {UPDATE}=1 pytest tests/test_golden.py writes it anew"


def test_each_golden_file_is_a_recipes() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == RECIPES.keys()
