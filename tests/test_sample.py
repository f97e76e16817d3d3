"""The invented catalogue: the same for everyone, dirty in every known way, and clean underneath."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amazon_ft.cleaning.rules import OURS
from amazon_ft.products import Product
from amazon_ft.sample.catalogue import lines, products, rows
from amazon_ft.sample.dirt import DIRT, JUNK, Dirt, is_book, soil
from amazon_ft.sample.shop_talk import KINDS, conversations
from amazon_ft.sample.words import Category, categories, names, words

SEED = 3407
SEEDS = [SEED, 1, 2]
MAKERS = {"brand", "first", "artist"}
MARKS = {
    "copyright tail": r"\S(?:&amp;|&)?Copyright \d{4} .+, Inc\.",
    "edition note": r"--This text refers to (?:the|an out of print)",
    "line break": r"<br ?/?>|<BR>",
    "paragraph": r"<p>",
    "bold": r"<[bi]>\w+</[bi]>",
    "comment": r"<!--",
    "named entities": r"&(?:quot|eacute|mdash|amp);",
    "decimal entities": r"&#39;",
    "hex entities": r"&#x[0-9A-F]+;",
    "Windows-1252 dash": r"&#151;",
    "double entities": r"&amp;#?\w+;",
    "escaped tags": r"&lt;br",
    "loose space": r"  |\t|\n",
    "hard space": "\u00a0|&nbsp;|&#160;|&#xA0;",
}


def write_to_another_process(seed: str) -> bytes:
    code = "import sys; from amazon_ft.sample.catalogue import lines as made"
    code += "; sys.stdout.buffer.write(''.join(made()).encode())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
    )
    return done.stdout


@cache
def scraped(seed: int = SEED) -> list[dict[str, str]]:
    return [json.loads(line) for line in lines(seed=seed)]


@cache
def truth(seed: int = SEED) -> dict[str, Product]:
    return {product.uid: product for product in products(seed=seed)}


@cache
def described(seed: int = SEED) -> list[str]:
    return [row["content"] for row in scraped(seed) if row["content"].strip()]


def share(pattern: str, texts: list[str]) -> float:
    return sum(bool(re.search(pattern, text)) for text in texts) / len(texts)


def blank(row: dict[str, str], field: str) -> bool:
    return not row[field].strip()


def test_another_process_writes_the_same_bytes() -> None:
    here = os.environ.get("PYTHONHASHSEED")
    assert write_to_another_process("4711" if here != "4711" else "0") == "".join(lines()).encode()


def test_another_seed_gives_other_products() -> None:
    assert not truth(1).keys() & truth(2).keys()
    assert len({product.content for seed in (1, 2) for product in products(seed=seed)}) > 950


@settings(max_examples=8, deadline=None)
@given(number=st.integers(0, 60), seed=st.integers(0, 10**6))
def test_any_number_of_products_keeps_the_promises(number: int, seed: int) -> None:
    made = products(number, seed)
    assert len(made) == number == len({product.uid for product in made}) == len({product.content for product in made})
    scraped_uids = {row["uid"] for row in rows(number, seed)}
    assert scraped_uids >= {product.uid for product in made}


@pytest.mark.parametrize("seed", SEEDS)
def test_lengths_uids_and_repeats_of_the_truth(seed: int) -> None:
    made = list(truth(seed).values())
    assert all(15 <= len(product.title) <= 70 and 60 <= len(product.content) <= 220 for product in made)
    assert all(re.fullmatch(r"0\d{9}|B00[A-Z0-9]{7}", product.uid) for product in made)
    repeated = sum(times for times in Counter(product.title for product in made).values() if times > 1)
    assert 0.01 < repeated / len(made) < 0.06
    assert 0.05 < sum(len(product.content) < 100 for product in made) / len(made) < 0.16


def test_books_come_first_and_no_printed_book_has_their_number() -> None:
    books = [is_book(product) for product in truth().values()]
    assert books == sorted(books, reverse=True) and sum(books) == 160
    for uid in islice(truth(), 160):
        assert sum(weight * int(digit) for weight, digit in zip(range(10, 0, -1), uid, strict=True)) % 11
    assert len(categories()) >= 12 and len({uid[:4] for uid in truth() if uid[0] == "B"}) == len(categories()) - 1


def test_descriptions_differ_in_facts_and_say_more_than_the_title() -> None:
    without_codes = {re.sub(r"[A-Z]{2}-\d+X?", "", product.content) for product in truth().values()}
    assert len(without_codes) == len(truth())
    for product in truth().values():
        assert product.title not in product.content
        facts = set(re.findall(r"\d[\d.]*|[A-ZÀ-Ž]\w+", product.content)) - {
            "It",
            "This",
            "In",
            "Made",
            "The",
        }
        assert len(facts) >= 2 and any(fact not in product.title for fact in facts)


@pytest.mark.parametrize("oddity", words()["oddities"])
def test_text_that_attacks_templates_occurs_once(oddity: str) -> None:
    assert sum(oddity in product.content for product in truth().values()) == 1


@pytest.mark.parametrize(
    "kind", ["—", "...", '"', "'", "°C", "×", "%", "$", "&", "é", "ã", "Ł", '/4"', "2-8 years", "-"]
)
def test_characters_that_break_pipelines_occur(kind: str) -> None:
    assert any(kind in product.title + product.content for product in truth().values())


@pytest.mark.parametrize("seed", SEEDS)
def test_shares_of_blank_fields(seed: int) -> None:
    found = scraped(seed)
    blanks = [blank(row, "title") or blank(row, "content") for row in found]
    assert sum(blanks) / len(found) == pytest.approx(0.38, abs=0.01)
    assert sum(blank(row, "title") for row in found) / len(found) == pytest.approx(0.056, abs=0.005)
    assert sum(blank(row, "uid") for row in found) / len(found) == pytest.approx(0.03, abs=0.005)


@pytest.mark.parametrize("seed", SEEDS)
def test_shares_of_dirt(seed: int) -> None:
    titles = [row["title"] for row in scraped(seed) if row["title"]]
    books = [row["content"] for row in scraped(seed) if row["uid"][:1] == "0" and row["content"].strip()]
    assert share(r"&(?:#\w+|\w+);", described(seed)) == pytest.approx(0.217, abs=0.03)
    assert share(r"&(?:#\w+|\w+);", titles) == pytest.approx(0.022, abs=0.01)
    assert share("This text refers to", books) == pytest.approx(0.167, abs=0.03)
    assert share(r"Copyright \d{4}", books) == pytest.approx(0.114, abs=0.03)
    assert sum(content in words()["blurbs"] for content in books) / len(books) == pytest.approx(0.124, abs=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_cleaning_gives_the_truth_back_except_for_what_is_lost(seed: int) -> None:
    kept = [row for row in scraped(seed) if row["uid"] in truth(seed)]
    wrong = 0
    for row in kept:
        assert OURS.clean(row["title"]) == truth(seed)[row["uid"]].title
        wrong += OURS.clean(row["content"]) != truth(seed)[row["uid"]].content
    lost = sum(dirt.share for dirt in DIRT if not dirt.reversible)
    assert 0.244 - 0.03 <= wrong / len(kept) <= lost + 0.02


@pytest.mark.parametrize("dirt", DIRT, ids=lambda dirt: dirt.name)
def test_each_kind_of_dirt_changes_its_share_and_can_be_undone_if_it_says_so(dirt: Dirt) -> None:
    clean = list(truth().values())
    soiled = soil(clean, dirt, Random(SEED))
    pairs = [(before, after) for before, after in zip(clean, soiled, strict=True) if before != after]
    eligible = sum(is_book(product) for product in clean) if dirt.books_only else len(clean)
    assert len(pairs) == max(1, round(dirt.share * eligible))
    for before, after in pairs:
        cleaned = Product(after.uid, OURS.clean(after.title), OURS.clean(after.content))
        assert (cleaned == before) is dirt.reversible


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS.keys())
def test_each_mark_of_dirt_is_in_the_file(mark: str) -> None:
    assert any(re.search(mark, content) for content in described())


def test_each_loss_is_in_the_file() -> None:
    both = [(truth()[row["uid"]].content, OURS.clean(row["content"])) for row in scraped() if row["uid"] in truth()]
    assert any("—" in before and re.search(r" [A?] ", after) and "—" not in after for before, after in both)
    assert any("..." in before and "!" in after and "..." not in after for before, after in both)
    glued = sum(len(after.split()) < len(before.split()) for before, after in both)
    assert glued / len(both) == pytest.approx(0.244, abs=0.03)


def test_each_kind_of_junk_is_in_the_file() -> None:
    contents = Counter(row["content"] for row in scraped())
    assert contents["VHS Tape"] >= 3 and sum(text.startswith("Book by ") for text in contents) >= 3
    assert all(contents[blurb] >= 2 for blurb in words()["blurbs"])
    assert any(row["title"] == 'Industrial & Scientific" />' for row in scraped())
    assert any(row["content"] == row["title"] for row in scraped() if row["title"])
    assert max(Counter(json.dumps(row) for row in scraped()).values()) == 2
    assert len(JUNK) == 7


def test_rows_keep_the_order_of_the_products_and_begin_with_books() -> None:
    uids = list(dict.fromkeys(row["uid"] for row in scraped() if row["uid"] in truth()))
    assert uids == list(truth())
    assert all(row["uid"][:1] in {"0", ""} for row in scraped()[: len(scraped()) // 4])


def test_every_line_is_one_object_with_the_keys_of_the_real_file() -> None:
    for line, row in zip(lines(), rows(), strict=True):
        assert line.endswith("\n") and line.count("\n") == 1 and json.loads(line) == row
        assert list(row) == ["uid", "title", "content", "target_ind", "target_rel"]
        assert len(row["target_ind"]) == len(row["target_rel"]) > 0  # type: ignore[arg-type]


@pytest.mark.parametrize("category", categories(), ids=lambda category: category.name)
def test_every_shape_can_be_filled_and_every_description_names_its_maker(category: Category) -> None:
    for title, content in category.shapes:
        assert category.fields.keys() >= set(names(title + content))
        assert MAKERS & set(names(content))


def test_talk_holds_no_title_and_no_description() -> None:
    talk = "\n".join(f"{asked}\n{answered}" for asked, answered in conversations(20_000, SEED)).casefold()
    for product in truth().values():
        assert product.title.casefold() not in talk
        assert product.content.casefold() not in talk


def test_talk_is_varied_short_and_the_same_for_a_seed() -> None:
    said = list(conversations(3_000, 7))
    assert said == list(conversations(3_000, 7)) and len(set(said)) == 3_000
    assert all(15 <= len(f"{asked} {answered}".split()) <= 60 for asked, answered in said)
    assert 0.03 < share("[Qq]ua|feita|abrem", [f"{asked} {answered}" for asked, answered in said]) < 0.08
    assert sum(KINDS.values()) == pytest.approx(1)


def test_talk_uses_the_words_of_the_catalogue() -> None:
    known = set(re.findall(r"\w+", " ".join(" ".join(pair) for pair in conversations(3_000, SEED)).casefold()))
    asked = set(re.findall(r"[^\W\d_]+", " ".join(product.content for product in truth().values()).casefold()))
    assert len(asked & known) / len(asked) > 0.95
