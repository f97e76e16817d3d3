"""The title index: built once, opened again, built anew only where it must be, and deaf to query syntax."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from amazon_ft import files, products
from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.retrieval import index, matching
from amazon_ft.retrieval.index import Titles
from amazon_ft.sample import catalogue

PRODUCTS = catalogue.products()[::8]
OWN = [
    Product("A1", "Salt &amp; Pepper Mill", "x"),
    Product("A2", "Café Crème Cup", "x"),
    Product("Ü-3", "CAFE\u0301 Noir Cup", "x"),
    Product("A4", "Title:* AND OR NOT", "x"),
    Product("A5", "***", "x"),
]


@pytest.fixture
def catalogue_file(tmp_path: Path) -> Path:
    products.write(tmp_path / "products.parquet", PRODUCTS)
    return tmp_path / "products.parquet"


@pytest.fixture
def folder(catalogue_file: Path) -> Path:
    return catalogue_file.with_name("titles")


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Record every build of an index."""
    done, build = list[Path](), index.build

    def counted(products_: Path, folder_: Path) -> None:
        done.append(folder_)
        build(products_, folder_)

    monkeypatch.setattr(index, "build", counted)
    return done


@pytest.fixture(scope="module")
def titles(tmp_path_factory: pytest.TempPathFactory) -> Titles:
    path = tmp_path_factory.mktemp("titles") / "products.parquet"
    products.write(path, [*OWN, *PRODUCTS])
    return index.opened(path, path.with_name("titles"))


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def every_title_is_found(titles: Titles, some: list[Product] = PRODUCTS) -> bool:
    firsts = [matching.find(titles, one.title).candidates for one in some]
    return all(first and first[0].entry.title == one.title for first, one in zip(firsts, some, strict=True))


def test_an_index_is_built_once_and_opened_again(catalogue_file: Path, folder: Path, builds: list[Path]) -> None:
    assert index.opened(catalogue_file, folder).number == len(PRODUCTS)
    before = times(folder)
    again = index.opened(catalogue_file, folder)
    assert (len(builds), times(folder)) == (1, before)
    assert again.number == len(PRODUCTS)
    assert every_title_is_found(again)
    assert {path.name for path in folder.parent.iterdir()} == {"products.parquet", "titles"}


def test_the_folder_appears_whole(catalogue_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, rows = list[bool](), index._rows

    def watched(path: Path) -> Iterator[tuple[int, str, str]]:
        for row in rows(path):
            seen.append(folder.exists())
            yield row

    monkeypatch.setattr(index, "_rows", watched)
    index.opened(catalogue_file, folder)
    assert seen == [False] * len(PRODUCTS)
    assert folder.exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt("now")])
def test_a_build_that_fails_says_why_and_leaves_nothing(
    catalogue_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def failing(path: Path) -> Iterator[tuple[int, str, str]]:
        yield from ((row, f"U{row}", f"Mug {row}") for row in range(100))
        raise error

    monkeypatch.setattr(index, "_rows", failing)
    for _ in range(15):
        with pytest.raises(type(error), match=str(error.args[-1])):
            index.opened(catalogue_file, folder)
        assert {path.name for path in folder.parent.iterdir()} == {"products.parquet"}


def test_a_build_that_fails_leaves_the_index_that_was_there(
    catalogue_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path) -> Iterator[tuple[int, str, str]]:
        raise OSError(28, "No space left on device")
        yield

    index.opened(catalogue_file, folder)
    before = times(folder)
    monkeypatch.setattr(index, "_rows", failing)
    with pytest.raises(OSError, match="No space left"):
        index.build(catalogue_file, folder)
    assert times(folder) == before


def test_a_changed_catalogue_is_indexed_anew(catalogue_file: Path, folder: Path, builds: list[Path]) -> None:
    index.opened(catalogue_file, folder)
    products.write(catalogue_file, [Product("Z1", "Zinc Barrel of Orlando", "x"), *PRODUCTS[1:]])
    anew = index.opened(catalogue_file, folder)
    assert len(builds) == 2
    assert matching.find(anew, "Zinc Barrel of Orlando").candidates[0].entry == index.Entry(
        "Z1", "Zinc Barrel of Orlando", 0
    )
    assert not index.search(anew, ["z"], [], 5)
    assert matching.find(anew, PRODUCTS[0].title).kind != "found"


def test_a_catalogue_of_other_bytes_and_the_same_length_is_indexed_anew(tmp_path: Path, builds: list[Path]) -> None:
    path, sizes = tmp_path / "products.parquet", set()
    for title in ("Mug", "Cup"):
        products.write(path, [Product("1", title, "x")])
        sizes.add(path.stat().st_size)
        assert matching.find(index.opened(path, tmp_path / "titles"), title).kind == "found"
    assert (len(sizes), len(builds)) == (1, 2)


def test_a_catalogue_that_is_only_copied_is_not_indexed_anew(
    catalogue_file: Path, folder: Path, builds: list[Path]
) -> None:
    index.opened(catalogue_file, folder)
    before = times(folder)
    for second in (1_000_000_000, 1_900_000_000):
        os.utime(catalogue_file, (second, second))
        assert index.opened(catalogue_file, folder).number == len(PRODUCTS)
    assert len(builds) == 1
    assert {name for name, time in times(folder).items() if time != before[name]} == {index.ABOUT}


def test_a_catalogue_that_is_no_parquet_is_one_sentence(catalogue_file: Path, folder: Path) -> None:
    index.opened(catalogue_file, folder)
    catalogue_file.write_bytes(catalogue_file.read_bytes()[:50])
    with pytest.raises(InputError, match=r"products\.parquet is not what the step 'clean' wrote: move it away"):
        index.opened(catalogue_file, folder)
    assert {path.name for path in folder.parent.iterdir()} == {"products.parquet", "titles"}


def test_an_index_of_an_older_format_is_built_anew(
    catalogue_file: Path, folder: Path, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    index.opened(catalogue_file, folder)
    monkeypatch.setattr(index, "FORMAT", index.FORMAT + 1)
    assert every_title_is_found(index.opened(catalogue_file, folder))
    index.opened(catalogue_file, folder)
    assert len(builds) == 2


def test_a_copied_catalogue_is_hashed_once(catalogue_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index.opened(catalogue_file, folder)
    os.utime(catalogue_file, (1_000_000_000, 1_000_000_000))
    index.opened(catalogue_file, folder)
    monkeypatch.setattr(index, "digest", lambda path: pytest.fail("hashed again"))
    assert index.opened(catalogue_file, folder).number == len(PRODUCTS)


KINDS = (".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term", "meta.json", ".managed.json", "catalogue.json")


@pytest.mark.parametrize(("kind", "how"), product(KINDS, ("half", "missing")))
def test_an_index_with_a_torn_or_missing_file_is_built_anew(
    catalogue_file: Path, folder: Path, kind: str, how: str
) -> None:
    index.opened(catalogue_file, folder)
    [torn] = [path for path in folder.iterdir() if path.name.endswith(kind)]
    if how == "half":
        torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    else:
        torn.unlink()
    assert every_title_is_found(index.opened(catalogue_file, folder))
    assert every_title_is_found(index.opened(catalogue_file, folder))
    assert {path.name for path in folder.parent.iterdir()} == {"products.parquet", "titles"}


def test_an_emptied_folder_is_filled_again(catalogue_file: Path, folder: Path) -> None:
    folder.mkdir()
    assert index.opened(catalogue_file, folder).number == len(PRODUCTS)


def test_a_missing_catalogue_is_one_sentence(catalogue_file: Path, folder: Path) -> None:
    index.opened(catalogue_file, folder)
    catalogue_file.unlink()
    with pytest.raises(InputError, match=r"products\.parquet is missing: do the step 'clean' first\.$"):
        index.opened(catalogue_file, folder)
    with pytest.raises(InputError, match="is missing"):
        index.opened(catalogue_file.with_name("other") / "products.parquet", folder.with_name("new"))
    assert not folder.with_name("new").exists()


def test_threads_may_open_it_at_once(catalogue_file: Path, folder: Path) -> None:
    start = threading.Barrier(4)

    def number(_: int) -> int:
        start.wait()
        return index.opened(catalogue_file, folder).number

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(number, range(4))) == [len(PRODUCTS)] * 4
    assert {path.name for path in folder.parent.iterdir()} == {"products.parquet", "titles"}


def test_another_process_that_is_done_first_is_no_obstacle(
    catalogue_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, others = files.os.replace, list[Path]()

    def late(source: Any, target: Any) -> None:
        if Path(target) == folder and not others:
            others.append(folder)
            folder.mkdir()
            (folder / "meta.json").write_text("of another process")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", late)
    assert every_title_is_found(index.opened(catalogue_file, folder))
    assert others


def test_processes_may_open_it_at_once(catalogue_file: Path, folder: Path) -> None:
    code = (
        "import sys, tantivy, pyarrow.parquet; from pathlib import Path; from amazon_ft.retrieval import index\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        f"print(index.opened(Path({str(catalogue_file)!r}), Path({str(folder)!r})).number)"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    openers = [subprocess.Popen([sys.executable, "-c", code], **pipes) for _ in range(3)]
    for opener in openers:
        assert opener.stdout and opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin
        opener.stdin.write("\n")
        opener.stdin.flush()
    assert [opener.communicate(timeout=60)[0] for opener in openers] == [f"{len(PRODUCTS)}\n"] * 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Café CRÈME", "cafe creme"),
        ("Cafe\u0301 re\u0301sume\u0301s", "cafe resumes"),
        ("Łódź straße ﬁne Ø", "lodz strasse fine o"),
        ("İstanbul", "istanbul"),
        ("Salt &amp; Pepper", "salt pepper"),
        ("R&eacute;sum&eacute;s &lt;b&gt;", "resumes b"),
        ("Hell's", "hells"),
        ("Hell’s", "hells"),
        ("the boys' club", "the boys club"),
        ("rock 'n' roll", "rock n roll"),
        ("The V.E.T. Kit", "the vet kit"),
        ("The U.S. Army", "the us army"),
        ("Dr.Who", "dr who"),
        ('KT-200, 2.5 L, 8"', "kt 200 2 5 l 8"),
        ("\u200fכוס\u200f \u202eMug", "כוס mug"),
        ("!!! ?", "u21 u21 u21 u3f"),
        ("🎩🎩", "u1f3a9 u1f3a9"),
        ("🎩 Hat", "hat"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_words_are_small_and_without_accents(titles: Titles, text: str, words: str) -> None:
    assert index.words(titles, text) == words.split()


def test_of_a_long_text_the_first_words_count(titles: Titles) -> None:
    numbers = [str(number) for number in range(1_000)]
    assert index.words(titles, " ".join(numbers)) == numbers[: index.MOST_WORDS]


def test_bytes_that_are_no_text_are_split_too(titles: Titles) -> None:
    assert index.words(titles, "caf\udce9 mug")[-1] == "mug"


def test_frequency_counts_titles(titles: Titles) -> None:
    held = [index.words(titles, one.title) for one in [*OWN, *PRODUCTS]]
    for word in ("cafe", "the", "title", "u2a", "vol"):
        assert index.frequency(titles, word) == sum(word in words for words in held) > 0
    for word in ("Café", "title:*", "*", "zzzz", ""):
        assert index.frequency(titles, word) == 0


@pytest.mark.parametrize(
    ("word", "edits"),
    [("mug", 0), ("mugs", 1), ("teapots", 1), ("organiser", 2), ("organisers2", 0), ("kt200", 0), ("", 0)],
)
def test_long_words_are_forgiven_edits_and_numbers_none(word: str, edits: int) -> None:
    assert index.forgiven(word) == edits


@pytest.mark.parametrize(
    "syntax",
    ["*", "title:*", "title:cup", '"salt pepper"', "[a TO z]", "((", "cup~2", "c?p", "/.*/", "-cup", "\\", "x" * 9_999],
)
def test_a_search_takes_no_query_syntax(titles: Titles, syntax: str) -> None:
    assert index.search(titles, [], [syntax], 9) == []


def test_operators_are_words(titles: Titles) -> None:
    found = [entry.uid for entry in index.search(titles, ["not"], ["and", "or"], 9)]
    assert found[0] == "A4"
    assert index.search(titles, ["AND", "OR", "NOT"], [], 9) == []
    assert index.search(titles, [], [], 9) == []
    assert [entry.uid for entry in index.search(titles, ["u2a"], [], 9)] == ["A5"]


def test_misspelt_telling_words_are_forgiven_and_others_not(titles: Titles) -> None:
    assert [entry.uid for entry in index.search(titles, ["peppr"], [], 9)] == ["A1"]
    assert index.search(titles, [], ["peppr"], 9) == []


def test_an_entry_is_the_product_as_it_is_written(titles: Titles) -> None:
    [salt] = index.search(titles, ["salt"], [], 9)
    assert salt == index.Entry("A1", "Salt &amp; Pepper Mill", 0)
    assert {entry.uid: entry.row for entry in index.search(titles, ["cafe"], [], 2)} == {"A2": 1, "Ü-3": 2}
    assert {entry.title for entry in index.search(titles, ["cafe"], [], 2)} == {"Café Crème Cup", "CAFE\u0301 Noir Cup"}


def test_repeated_titles_keep_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "products.parquet"
    some = [Product(f"U{number}", "Copper Rain Gauge" if number % 3 else f"Mug {number}", "x") for number in range(12)]
    products.write(path, some)
    found = index.search(index.opened(path, tmp_path / "titles"), ["copper", "rain"], ["gauge"], 30)
    assert sorted((entry.row, entry.uid) for entry in found) == [
        (row, one.uid) for row, one in enumerate(some) if row % 3
    ]


def test_rows_lead_to_the_right_products_over_several_row_groups(tmp_path: Path) -> None:
    path, number = tmp_path / "products.parquet", 50_700
    products.write(path, (Product(f"U{place}", f"Item {place}", f"It is {place}.") for place in range(number)))
    titles = index.opened(path, tmp_path / "titles")
    asked = [number - 1, 0, 50_000, 49_999, 20_000, 19_999]
    entries = [matching.find(titles, f"Tell me about Item {place}").candidates[0].entry for place in asked]
    assert [entry.row for entry in entries] == asked
    found = products.at(path, [entry.row for entry in entries])
    assert [one.as_dict() for one in found] == [
        {"uid": f"U{place}", "title": f"Item {place}", "content": f"It is {place}."} for place in asked
    ]
