from __future__ import annotations

import random
from pathlib import Path

import pytest

from amazon_ft import products
from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.sample import catalogue
from amazon_ft.sources import reading


def test_parquet_gives_back_what_was_written(tmp_path: Path) -> None:
    rows = [*catalogue.products(20), Product("1", "", "\u202eשלום 🙂")]
    assert products.write(tmp_path / "products.parquet", iter(rows)) == 21
    assert list(products.load(tmp_path / "products.parquet")) == rows


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    def broken():
        yield Product("1", "Mug", "x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        products.write(tmp_path / "products.parquet", broken())
    assert not list(tmp_path.iterdir())


def test_sampling_is_exact_and_independent_of_order() -> None:
    rows = catalogue.products(400)
    sizes = {"train": 50, "validation": 10, "test": 10_000}
    chosen = products.sample(rows, sizes)
    shuffled = random.Random(1).sample(rows, len(rows))
    assert chosen == products.sample(shuffled, sizes)
    assert len(chosen["train"]) == 50
    assert len(chosen["test"]) == sum(products.split_of(row.title) == "test" for row in rows)
    assert all(products.split_of(row.title) == split for split, some in chosen.items() for row in some)
    assert chosen["train"][:20] == products.sample(rows, {**sizes, "train": 20})["train"]


def test_near_identical_titles_fall_on_one_side() -> None:
    for row in catalogue.products(300):
        variants = (row.title.upper(), row.title.replace(" ", "  "), f"“{row.title}”!", row.title.replace(",", " -"))
        assert {products.split_of(title) for title in variants} == {products.split_of(row.title)}
    assert products.normalised("Café: Édition São") == "cafe edition sao"


def test_split_shares_and_stability() -> None:
    titles = [f"Product {number}" for number in range(5_000)]
    shares = {split: sum(products.split_of(title) == split for title in titles) / 5_000 for split in products.HELD_OUT}
    assert all(abs(share - products.HELD_OUT[split]) < 0.02 for split, share in shares.items())
    # Fixed for good: a change of the hash would move every product of every user.
    assert [products.split_of(title) for title in ("Mug", "Blue Kettle, 1.5 L", "Café Stories, Vol. 3")] == [
        "train", "train", "train",
    ]  # fmt: skip


def test_a_sample_of_a_large_catalogue_is_what_sorting_gives() -> None:
    rows = [Product(f"B{number:09}", f"Mug {number}", "x") for number in range(3_000)]
    sizes = {"train": 40, "validation": 3, "test": 0}
    ranked = sorted(rows, key=lambda row: products.hash_of(row.uid))
    for split, some in products.sample(rows, sizes).items():
        assert some == [row for row in ranked if products.split_of(row.title) == split][: sizes[split]]


@pytest.mark.parametrize(("rows", "files"), [(10, 3), (25, 1), (5, 5), (100, 1)])
def test_shards_hold_so_many_rows_and_are_read_in_order(tmp_path: Path, rows: int, files: int) -> None:
    catalogue_ = catalogue.products(25)
    paths = products.write_shards(tmp_path / "shards", catalogue_, rows)
    assert [path.name for path in paths] == [f"products-{n:05}-of-{files:05}.parquet" for n in range(files)]
    assert [len(list(products.load(path))) for path in paths[:-1]] == [rows] * (files - 1)
    assert list(reading.read(tmp_path / "shards")) == catalogue_
    fewer = products.write_shards(tmp_path / "shards", catalogue_[:5], 5)
    assert len(fewer) == 1


def test_shards_without_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ask for 1 or more"):
        products.write_shards(tmp_path / "shards", catalogue.products(5), 0)
    assert not list(tmp_path.iterdir())
