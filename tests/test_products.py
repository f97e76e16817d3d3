from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from amazon_ft import products
from amazon_ft.files import InputError
from amazon_ft.products import BadRow, Product
from amazon_ft.sample import catalogue

ROWS = [{"uid": f"B{number:09}", "title": f"Mug {number}", "content": "Holds 300 ml."} for number in range(50)]


def _write(path: Path, text: str) -> Path:
    data = text.encode("utf-8", "surrogatepass")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["trn.json", "trn.jsonl", "trn.json.gz", "gzip-by-content.json"])
def test_every_row_is_read(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, "".join(json.dumps(row) + "\n" for row in ROWS))
    if name.startswith("gzip"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert list(products.read(path)) == [Product(**row) for row in ROWS]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("<!DOCTYPE html><html>", "is not JSON"),
        ("[\n", "one JSON array"),
        ('{"uid": "1", "name": "Mug"}\n', "has no 'title'"),
        ('"text"\n', "has no 'title'"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        list(products.read(_write(tmp_path / "trn.json", text)))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        list(products.read(tmp_path / "trn.json"))


def test_a_cut_gzip_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path / "trn.json.gz", "".join(json.dumps(row) + "\n" for row in ROWS))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cut or damaged"):
        list(products.read(path))


def test_bad_rows_are_named_by_line_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [
        '{"uid": "1", "title": "Mug", "content": "x"}',
        "",
        "{torn",
        '{"uid": "2"}',
        '{"title": 5}',
        '{"title": null}',
    ]
    rows = list(products.read(_write(tmp_path / "trn.json", "\ufeff" + "\r\n".join(lines))))
    assert rows[0] == Product("1", "Mug", "x")
    assert rows[1:3] == [BadRow(3, "not JSON"), BadRow(4, "no title")]
    assert [row.title for row in rows[3:] if isinstance(row, Product)] == ["5", ""]


def test_a_row_without_uid_gets_one_of_its_own(tmp_path: Path) -> None:
    rows = [{"uid": "", "title": "Mug", "content": "Red."}, {"title": "Mug", "content": "Blue."}]
    read = list(products.read(_write(tmp_path / "trn.json", "\n".join(map(json.dumps, rows)))))
    uids = {row.uid for row in read if isinstance(row, Product)}
    assert len(uids) == 2
    assert all(uid.startswith("noid-") for uid in uids)


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
