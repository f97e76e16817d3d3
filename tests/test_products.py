from __future__ import annotations

import random
from pathlib import Path

import pytest
from pyarrow import parquet

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


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a catalogue of three row groups, with each uid twice."""
    path = tmp_path_factory.mktemp("groups") / "products.parquet"
    rows = (Product(f"U{number % 50_003}", f"Mug {number}", f"It is {number}.") for number in range(100_006))
    assert products.write(path, rows) == 100_006
    return path


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [0],
        [50_000],
        [49_999, 50_000, 99_999, 100_000],
        [100_005, 0, 70_000],
        [7, 7, 3],
        list(range(50_100, 49_900, -9)),
    ],
)
def test_rows_are_read_in_the_order_asked_for(groups: Path, rows: list[int]) -> None:
    assert products.at(groups, rows) == [Product(f"U{row % 50_003}", f"Mug {row}", f"It is {row}.") for row in rows]


def test_no_more_is_read_than_the_groups_of_the_rows(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, read_row_group = list[int](), parquet.ParquetFile.read_row_group

    def counted(self: parquet.ParquetFile, group: int, **how: object) -> object:
        read.append(group)
        return read_row_group(self, group, **how)

    monkeypatch.setattr(parquet.ParquetFile, "read_row_group", counted)
    products.at(groups, [100_001, 5, 100_002, 6])
    assert read == [0, 2]
    assert products.at(groups, []) == []
    assert read == [0, 2]


def test_a_uid_leads_to_its_first_row(groups: Path) -> None:
    assert [products.row_of(groups, f"U{number}") for number in (0, 49_999, 50_000, 50_002)] == [
        0,
        49_999,
        50_000,
        50_002,
    ]
    for unknown in ("U50003", "", "u0", "U", "Mug 0", "*"):
        assert products.row_of(groups, unknown) is None


def test_row_and_uid_lead_to_one_product(groups: Path) -> None:
    for uid in ("U12", "U50001"):
        row = products.row_of(groups, uid)
        assert row is not None
        assert products.at(groups, [row])[0].uid == uid
