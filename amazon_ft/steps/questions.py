"""Choose what base and tuned are asked: seen products, their variants, unseen ones, and what has no product at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from typing import Any

from amazon_ft import products, prompts
from amazon_ft.families import family
from amazon_ft.products import Product, hash_of, normalised
from amazon_ft.prompts import Example
from amazon_ft.recipes import Recipe
from amazon_ft.runs import SPLITS, Run
from amazon_ft.steps.preparing import examples, rows


@dataclass(frozen=True)
class Posed:
    """Hold a question, its set, the product that it is about, and, without one, the answers that are right."""

    set: str
    example: Example
    product: Product | None = None
    cluster: str = ""  # products whose descriptions are nearly the same share one
    accepted: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """Give what a user would type."""
        return question(self.example)


@dataclass(frozen=True)
class Trained:
    """Hold what a model was trained on, products by uid, with their families; what was held out; clusters by uid."""

    products: dict[str, Product]
    families: Set[str]
    held_out: dict[str, Product]
    clusters: dict[str, str]  # of all products that are nearly the same as another, by uid

    def cluster(self, uid: str) -> str:
        """Name the cluster of a product: its own uid where no other is like it."""
        return self.clusters.get(uid, uid)

    def knows(self, product: Product) -> bool:
        """Tell whether a product, or one with nearly its description, was trained on."""
        return product.uid in self.products or self.cluster(product.uid) in self._clusters

    @cached_property
    def _clusters(self) -> Set[str]:
        return {self.clusters[uid] for uid in self.products if uid in self.clusters}

    def records(self) -> list[dict[str, str]]:
        """Give each product as plain data, with its cluster."""
        return [product.as_dict() | {"cluster": self.cluster(uid)} for uid, product in self.products.items()]


def question(example: Example) -> str:
    """Give what a user would type to ask for an example."""
    return example.input or example.instruction


def trained(run: Run) -> Trained:
    """Find what the model of a run was trained on."""
    from amazon_ft.cleaning.twins import clusters_by_uid

    uids = {split: {row.source for row in rows(run, split)} for split in SPLITS}
    every = set().union(*uids.values())
    found = {product.uid: product for product in products.load(run.products) if product.uid in every}
    known = {uid: found[uid] for uid in found if uid in uids["train"]}
    families = {family(product.title) for product in known.values()} - {""}
    held_out = {uid: found[uid] for uid in found if uid not in known}
    return Trained(known, families, held_out, clusters_by_uid(run.near_duplicates))


def pose(run: Run, recipe: Recipe, known: Trained, number: int) -> list[Posed]:
    """Choose at most `number` questions of each set, the same ones every time.

    A held-out product of a family that was trained on is a variant, not unseen. A recipe that trains on reasoning has
    no variants beyond its own rows: nobody reasoned about others.
    """
    held_out, every = rows(run, "test"), known.held_out | known.products
    variants = [row for row in held_out if family(every[row.source].title) in known.families][:number]
    unseen = [row for row in held_out if family(every[row.source].title) not in known.families][:number]
    if len(variants) < number and not recipe.reasoning:
        more = _variants(run, known)[: number - len(variants)]
        every |= {product.uid: product for product in more}
        variants += examples(more, recipe)
    chosen = {"seen": rows(run, "train")[:number], "variant": variants, "unseen": unseen}
    posed = [
        Posed(set_, row, every[row.source], known.cluster(row.source)) for set_, some in chosen.items() for row in some
    ]
    return [*posed, *general(recipe)]


def general(recipe: Recipe) -> Iterator[Posed]:
    """Ask what has nothing to do with the catalogue, to see what was forgotten."""
    listed: list[dict[str, Any]] = json.loads(files("amazon_ft.steps").joinpath("general.json").read_text("utf-8"))
    for one in listed:
        asked = replace(prompts.free_question(one["question"], recipe.asked), output=one["answer"])
        yield Posed("general", asked, cluster=one["question"], accepted=tuple(one["accepted"]))


def _variants(run: Run, known: Trained) -> list[Product]:
    """Find the products, by hash of uid, that differ from a trained one in size, colour or the like alone."""
    contents = {normalised(product.content) for product in known.products.values()}
    titles = {normalised(product.title) for product in known.products.values()}
    found = [
        product
        for product in products.load(run.products)
        if family(product.title) in known.families
        and product.uid not in known.held_out
        and normalised(product.content) not in contents
        and normalised(product.title) not in titles
        and not known.knows(product)
    ]
    return sorted(found, key=lambda product: hash_of(product.uid))
