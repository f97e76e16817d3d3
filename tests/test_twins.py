from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from pyarrow import parquet

from amazon_ft import products, steps
from amazon_ft.cleaning import batches, twins
from amazon_ft.cleaning.whole import Choices
from amazon_ft.products import Product, load, split_of
from amazon_ft.recipes import named
from amazon_ft.runs import SPLITS, Run
from amazon_ft.sample.words import words


def _sentence(rng: Random) -> str:
    return " ".join(rng.choices(words()["companies"] + [f"word{n}" for n in range(500)], k=40))


def _catalogue(families: int, members: int = 4) -> list[Product]:
    """Invent families of products whose descriptions differ in one word of forty."""
    rng = Random(5)
    rows = []
    for family in range(families):
        text = _sentence(rng)
        for member in range(members):
            rows.append(Product(f"F{family}-{member}", f"Thing {family} number {member}", f"{text} ending{member}"))
    return rows + [Product(f"S{n}", f"Single {n}", _sentence(rng)) for n in range(families)]


def _run(rows: list[Product], folder: Path) -> Run:
    folder.mkdir(parents=True)
    products.write(folder / "source.parquet", rows)
    run = Run(folder / "run")
    steps.clean(run, folder / "source.parquet")
    return run


def test_a_cluster_never_straddles_the_split(tmp_path: Path) -> None:
    run = _run(_catalogue(60), tmp_path / "a")
    table = parquet.read_table(run.near_duplicates).to_pylist()
    assert {row["uid"] for row in table} == {row.uid for row in load(run.products) if row.uid.startswith("F")}
    homes: dict[int, set[str]] = {}
    for row in table:
        homes.setdefault(row["cluster"], set()).add(row["split"])
    assert len(homes) == 60
    assert all(len(splits - {twins.WITHHELD}) == 1 for splits in homes.values())
    counts = json.loads(run.cleaning.read_text())["near_duplicates"]
    assert counts["withheld"] == sum(row["split"] == twins.WITHHELD for row in table) > 20
    assert (counts["clusters"], counts["products"], counts["largest"]) == (60, 240, 4)
    assert len(counts["examples"]) == twins.SHOWN


def test_no_row_to_train_or_test_on_is_withheld(tmp_path: Path) -> None:
    run = _run(_catalogue(60), tmp_path / "a")
    steps.format_rows(run, named("demo"))
    held = {row["uid"] for row in parquet.read_table(run.near_duplicates).to_pylist() if row["split"] == "withheld"}
    sources = {split: {row.source for row in steps.rows(run, split)} for split in SPLITS}
    assert held.isdisjoint(set().union(*sources.values()))
    families = {split: {uid.split("-")[0] for uid in uids if uid.startswith("F")} for split, uids in sources.items()}
    assert families["train"].isdisjoint(families["test"])
    assert families["validation"].isdisjoint(families["test"])


def test_new_rows_never_move_an_old_one_from_one_split_to_another(tmp_path: Path) -> None:
    rows = _catalogue(60)
    Random(1).shuffle(rows)
    old, new = _run(rows[:150], tmp_path / "old"), _run(rows, tmp_path / "new")
    before, after = _splits(old), _splits(new)
    assert all(after[uid] in {split, twins.WITHHELD} or split == twins.WITHHELD for uid, split in before.items())
    stays = {uid for uid, split in before.items() if split != twins.WITHHELD and after[uid] == split}
    assert len(stays) > 100


def _splits(run: Run) -> dict[str, str]:
    held = twins.withheld(run.near_duplicates)
    return {
        product.uid: twins.WITHHELD if row in held else split_of(product.title)
        for row, product in enumerate(load(run.products))
    }


def test_the_step_can_be_left_out(tmp_path: Path) -> None:
    products.write(tmp_path / "source.parquet", _catalogue(10))
    run = Run(tmp_path / "run")
    counts = steps.clean(run, tmp_path / "source.parquet", Choices(near_duplicates=False))
    assert counts["near_duplicates"] is None
    assert twins.withheld(run.near_duplicates) == set()


@pytest.mark.parametrize(
    ("which", "kept"), [("all", ["1", "2", "3", "4"]), ("first", ["1", "4"]), ("longest", ["2", "4"])]
)
def test_of_repeated_titles_the_first_or_the_longest_stays(tmp_path: Path, which: str, kept: list[str]) -> None:
    text = "A steel mug that holds 300 ml and weighs 120 g"
    rows = [
        Product("1", "Mug", f"{text}."),
        Product("2", "MUG", f"{text}, more or less."),
        Product("3", "mug", f"{text}!!"),
        Product("4", "Cup", f"{text}?"),
    ]
    products.write(tmp_path / "source.parquet", rows)
    run = Run(tmp_path / "run")
    counts = steps.clean(run, tmp_path / "source.parquet", Choices(repeated_titles=which))
    assert [row.uid for row in load(run.products)] == kept
    gone = [row for row in parquet.read_table(run.rejected).to_pylist() if row["reason"] == "repeated title"]
    assert sorted([*kept, *(row["uid"] for row in gone)]) == ["1", "2", "3", "4"]
    assert counts["rejected"].get("repeated title", 0) == len(gone) == 4 - len(kept)
    assert counts["read"] == counts["kept"] + sum(counts["rejected"].values())


def test_no_title_is_lost_to_rounding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = {str(number): number % 2 * 2**63 + number for number in range(10)}  # some fit into 63 bits, some do not
    monkeypatch.setattr(batches, "xxh3_64_intdigest", lambda data: hashes[data.decode()])
    monkeypatch.setattr(twins, "ROWS_PER_BATCH", 1)
    rows = [Product(title, title, "A steel mug.") for title in hashes]
    products.write(tmp_path / "products.parquet", rows)
    parquet.write_table(batches.rejected("", []), tmp_path / "rejected.parquet")
    assert twins.keep_one_a_title(tmp_path / "products.parquet", tmp_path / "rejected.parquet", "first") == 0
