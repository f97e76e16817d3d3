"""Choose which products the rows of a run are about."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from amazon_ft import products
from amazon_ft.products import Product, normalised
from amazon_ft.runs import Run


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
