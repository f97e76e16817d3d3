"""Choose which products the rows of a run are about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import itemgetter

from amazon_ft import products
from amazon_ft.files import InputError
from amazon_ft.products import Product, normalised
from amazon_ft.recipes import Recipe
from amazon_ft.runs import SPLITS, Run, hashed, manifest


def sampled(run: Run, sizes: Mapping[str, int], uids: Collection[str] | None = None) -> dict[str, list[Product]]:
    """Pick products of each split by hash of uid, only of `uids` if given; more of them begin with the same ones.

    Withheld near-duplicates are left out, and so is whatever is held out by its title but has the description of a
    training product.
    """
    from amazon_ft.cleaning.twins import withheld

    left_out = withheld(run.near_duplicates)
    usable = (
        product
        for row, product in enumerate(products.load(run.products))
        if row not in left_out and (uids is None or product.uid in uids)
    )
    chosen = products.sample(usable, sizes)
    trained_on = {normalised(product.content) for product in chosen["train"]}
    # A publisher's blurb stands on many products: held out by title, it would still be seen.
    return {
        split: [product for product in some if split == "train" or normalised(product.content) not in trained_on]
        for split, some in chosen.items()
    }


def spread(run: Run, recipe: Recipe, number: int | None = None) -> list[Product]:
    """Sample the recipe's products, or so many, in an order whose every beginning has the splits in its proportion.

    Raises InputError if there are too few to be split.
    """
    usual = {split: recipe.rows if split == "train" else recipe.held_out_rows for split in SPLITS}
    sizes = usual if number is None else _scaled(usual, number)
    placed = [
        ((rank + 0.5) / usual[split], split, product)
        for split, some in sampled(run, sizes).items()
        for rank, product in enumerate(some)
    ]
    return [product for *_, product in sorted(placed, key=itemgetter(0, 1))]


def check_cleaned(run: Run) -> None:
    """Refuse products that are missing, or not those that were cleaned for this run."""
    cleaned = [run.products, run.near_duplicates]
    if "clean" not in manifest(run)["steps"] or not all(path.exists() for path in cleaned):
        raise InputError(f"there is no cleaned catalogue in {run.folder}: do the step 'clean' first.")
    hashed(run, cleaned)


def _scaled(sizes: Mapping[str, int], number: int) -> dict[str, int]:
    if number < len(SPLITS):
        raise InputError(f"{number} products cannot be split: ask for {len(SPLITS)} or more.")
    share = number / sum(sizes.values())
    held_out = {split: max(1, round(size * share)) for split, size in sizes.items() if split != "train"}
    return {"train": number - sum(held_out.values()), **held_out}
