"""The end of the road: a card from what was measured, and what the list shows sent to the Hub."""

from __future__ import annotations

from pathlib import Path

from amazon_ft.publishing import card, facts, hub, pictures, rows
from amazon_ft.publishing.forms import checked_name
from amazon_ft.recipes import Recipe
from amazon_ft.runs import Run, claim, manifest
from amazon_ft.steps.forms import ADAPTER, GGUF, check_made, pack_adapter, renew_modelfile
from amazon_ft.steps.proving import check_proven
from amazon_ft.steps.training import local

ROWS = "rows"  # the prompts, which are no form of the model
PLACEHOLDER = "your-name/your-model"


def write_card(run: Run, recipe: Recipe, form: str, repo_id: str = PLACEHOLDER, *, quote: bool = False) -> Path:
    """Write the card of one form, adapter, merged or gguf, with its pictures, and return its path.

    `quote` lets it show texts of a real catalogue's products. Raises InputError for a step that is not done, a form
    that was not made, and a recipe that is not the run's.
    """
    _check_own(run, recipe)
    local(recipe)
    about = facts.facts(run, recipe, form, repo_id, quote=quote)
    check_made(run, form)
    folder = run.card(form)
    return card.write_card(folder, {**about, "pictures": pictures.draw(run, folder)})


def publish(
    run: Run,
    recipe: Recipe,
    form: str,
    repo_id: str,
    *,
    private: bool = True,
    dry_run: bool = False,
    quote: bool = False,
) -> str:
    """Publish one form with its card, or the prompts as a data set, as `owner/name` on the Hub; return its address.

    The card is written anew, as write_card does it. The list of what is sent is printed first; `dry_run` stops there.
    Raises InputError if nothing has proven that the form reads as the trained model, or if it cannot be sent; a second
    call goes on.
    """
    checked_name(repo_id)
    _check_own(run, recipe)
    if form == ROWS:
        folder = rows.write_rows(run.published_rows, run, recipe, repo_id)
        return hub.publish_dataset(folder, repo_id, private=private, dry_run=dry_run)
    if form == ADAPTER:
        pack_adapter(run, recipe)
    check_made(run, form)
    check_proven(run, form)
    if form == GGUF:
        renew_modelfile(run, recipe)
    written = write_card(run, recipe, form, repo_id, quote=quote)
    folders = [run.publication(form), written.parent]
    return hub.publish_model(folders, repo_id, form, private=private, dry_run=dry_run)


def _check_own(run: Run, recipe: Recipe) -> None:
    """Refuse another recipe than the run's, which would be told of on the card; a run without any stays without."""
    if manifest(run)["recipe"]:
        claim(run, recipe.as_dict())
