from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from amazon_ft import products
from amazon_ft.files import InputError, write_jsonl
from amazon_ft.products import normalised
from amazon_ft.retrieval import facets

ROWS, NUMBER = 2_500, 240
LANGUAGES = ("en", "pt")
REAL = [
    {"uid": "", "title": f"Our {word} Choir: Songs of the Harbour", "content": "Twelve songs."}
    for word in ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth")
]


@pytest.fixture(scope="module")
def titles() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        yield import_module("titles")


@pytest.fixture(scope="module")
def noise(titles: ModuleType) -> ModuleType:
    return import_module("noise")


@pytest.fixture(scope="module")
def catalogue(titles: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("titles")
    write_jsonl(folder / "real.jsonl", REAL)
    return titles.write(folder / "products.parquet", ROWS, 7, folder / "real.jsonl")


@pytest.fixture(scope="module")
def known(catalogue: Any) -> dict[str, set[str]]:
    uids: dict[str, set[str]] = {}
    for uid, title in zip(catalogue.uids, catalogue.titles, strict=True):
        uids.setdefault(normalised(title), set()).add(uid)
    return uids


@pytest.fixture(scope="module")
def absents(titles: ModuleType, catalogue: Any) -> list[Any]:
    return _absent(titles, catalogue)


@pytest.fixture(scope="module")
def other(titles: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return titles.write(tmp_path_factory.mktemp("other") / "products.parquet", 100, 8)


def _present(titles: ModuleType, catalogue: Any, kind: str, **more: Any) -> list[Any]:
    return [asked for language in LANGUAGES for asked in titles.questions(catalogue, kind, language, NUMBER, 5, **more)]


def _absent(titles: ModuleType, catalogue: Any, **more: Any) -> list[Any]:
    return [asked for language in LANGUAGES for asked in titles.absent(catalogue, language, NUMBER, 5, **more)]


def _differing(one: str, other: str) -> list[tuple[str, str]]:
    words = one.split(), other.split()
    return [pair for pair in zip(*words, strict=True) if pair[0] != pair[1]] if len(words[0]) == len(words[1]) else []


def _squeezed(text: str) -> str:
    return normalised(text).replace(" ", "")


def test_the_file_holds_the_catalogue(catalogue: Any) -> None:
    written = list(products.load(catalogue.path))
    assert [product.uid for product in written] == catalogue.uids and len(set(catalogue.uids)) == ROWS + len(REAL)
    assert [product.title for product in written] == catalogue.titles
    assert all(re.search(r"\d", product.content) for product in written if product.content != "Twelve songs.")


def test_real_products_are_among_the_invented_ones_with_a_uid_and_their_content(
    titles: ModuleType, catalogue: Any
) -> None:
    taken = [product for product in products.load(catalogue.path) if product.content == "Twelve songs."]
    assert sorted(product.title for product in taken) == sorted(product["title"] for product in REAL)
    assert all(product.uid for product in taken)
    rows = [row for row, kind in enumerate(catalogue.kinds) if titles.KINDS[kind] == "real"]
    assert {catalogue.titles[row] for row in rows} == {product["title"] for product in REAL}
    assert max(rows) - min(rows) > ROWS / 4  # shuffled


def test_kinds_and_repeats_have_their_shares_and_lengths(titles: ModuleType, catalogue: Any) -> None:
    lengths: dict[str, list[int]] = {kind: [] for kind in titles.KINDS}
    for title, kind in zip(catalogue.titles, catalogue.kinds, strict=True):
        lengths[titles.KINDS[kind]].append(len(title.split()))
    assert len(lengths["hard"]) / ROWS == pytest.approx(0.35, abs=0.015)
    assert min(lengths["long"]) == 5 and sum(lengths["long"]) / len(lengths["long"]) == pytest.approx(8.5, abs=0.7)
    assert (min(lengths["hard"]), max(lengths["hard"])) == (2, 5)
    assert max(Counter(catalogue.titles).values()) <= 3
    repeated = len(catalogue.titles) - len(set(catalogue.titles))
    assert repeated / ROWS == pytest.approx(0.029, abs=0.002)


def test_some_titles_have_accents_and_signs(catalogue: Any) -> None:
    for pattern, share in (("[áéíõü]", 0.03), ("'", 0.05), (r"\d", 0.2), (r"\w:", 0.01), (" & ", 0.005)):
        found = sum(re.search(pattern, title) is not None for title in catalogue.titles) / len(catalogue.titles)
        assert found > share, pattern


def test_siblings_differ_in_one_word_only_and_one_more_would_too(catalogue: Any, known: dict[str, set[str]]) -> None:
    assert len({normalised(family.base) for family in catalogue.families}) == len(catalogue.families)
    for family in catalogue.families:
        first, *others = (family.title(value) for value in family.values)
        assert 1 <= len(others) <= 7 and all(normalised(title) in known for title in (first, *others))
        assert all(len(_differing(first, other)) == 1 for other in (*others, family.title(family.spare)))
        assert normalised(family.title(family.spare)) not in known


def test_families_share_words_with_other_families(catalogue: Any) -> None:
    words = Counter(word for family in catalogue.families for word in normalised(family.base).split())
    shared = [any(words[word] > 1 for word in normalised(family.base).split()) for family in catalogue.families]
    assert sum(shared) / len(shared) > 0.5


def test_the_same_seed_gives_the_same_catalogue_and_questions(
    titles: ModuleType, catalogue: Any, other: Any, tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "real.jsonl", REAL)
    again = titles.write(tmp_path / "products.parquet", ROWS, 7, tmp_path / "real.jsonl")
    assert again.path.read_bytes() == catalogue.path.read_bytes()
    for ask in (titles.absent, lambda *rest: titles.questions(rest[0], "hard", *rest[1:])):
        assert ask(again, "en", 40, 5) == ask(catalogue, "en", 40, 5) != ask(catalogue, "en", 40, 6)
    assert set(other.titles).isdisjoint(catalogue.titles)


@pytest.mark.parametrize("kind", ["long", "hard", "real"])
def test_a_question_knows_all_uids_of_its_title(
    titles: ModuleType, catalogue: Any, known: dict[str, set[str]], kind: str
) -> None:
    rows = {title: titles.KINDS[place] for title, place in zip(catalogue.titles, catalogue.kinds, strict=True)}
    for asked in _present(titles, catalogue, kind):
        assert asked.kind == kind == rows[asked.title]
        assert set(asked.uids) == known[normalised(asked.title)] and len(asked.uids) == len(set(asked.uids))


def test_validation_and_test_ask_for_different_products(titles: ModuleType, catalogue: Any) -> None:
    for ask in (
        lambda split: _present(titles, catalogue, "hard", split=split),
        lambda split: _absent(titles, catalogue, split=split),
    ):
        validation, test = ({normalised(asked.title) for asked in ask(split)} for split in ("validation", "test"))
        assert len(validation) > 100 and len(test) > 100 and validation.isdisjoint(test)


def test_all_products_of_a_split_are_asked_for_before_one_comes_twice(titles: ModuleType, catalogue: Any) -> None:
    mine = {product["title"] for product in REAL if titles.split_of(product["title"]) == "test"}
    asked = titles.questions(catalogue, "real", "pt", 2 * len(mine), 5)
    assert 0 < len(mine) < len(REAL)
    assert Counter(one.title for one in asked) == dict.fromkeys(mine, 2)


def test_what_is_absent_is_nowhere_in_the_catalogue(absents: list[Any], known: dict[str, set[str]]) -> None:
    assert Counter(asked.kind for asked in absents) == {"fresh": NUMBER, "variant": NUMBER // 2, "word": NUMBER // 2}
    assert all(asked.uids == () and normalised(asked.title) not in known for asked in absents)


def test_fresh_absents_have_no_family(catalogue: Any, absents: list[Any]) -> None:
    fresh = [asked.title for asked in absents if asked.kind == "fresh"]
    assert any(len(title.split()) < 5 for title in fresh) and any(len(title.split()) > 5 for title in fresh)
    gaps = {gap for family in catalogue.families for gap, word in _gaps(family.title("{}")) if "{}" in word}
    assert not [title for title in fresh for gap, _ in _gaps(title) if gap in gaps]


def test_fresh_absents_are_made_again_where_they_are_there(
    titles: ModuleType, catalogue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, rng = catalogue.families[0].base, Random(4)
    monkeypatch.setattr(titles, "_long", lambda *_: [rng.choice((catalogue.titles[0], f"Unheard of {rng.random()}"))])
    monkeypatch.setattr(
        titles,
        "_family",
        lambda *_: titles.Family(rng.choice((base, "Unheard")), "{base} Tin {value}", (str(rng.random()),), "2"),
    )
    fresh = titles.absent(catalogue, "en", 80, 5)[:40]
    assert all(asked.title.startswith("Unheard") for asked in fresh)


def test_variants_have_the_value_that_no_sibling_has_and_noise_leaves_it_alone(
    catalogue: Any, absents: list[Any]
) -> None:
    spare = {family.title(family.spare): family.spare for family in catalogue.families}
    for asked in absents:
        if asked.kind == "variant":
            assert _squeezed(spare[asked.title]) in _squeezed(asked.text)


def test_other_words_are_one_word_off_a_title_and_noise_leaves_it_alone(catalogue: Any, absents: list[Any]) -> None:
    gaps = {gap for title in catalogue.titles for gap, _ in _gaps(title)}
    for asked in absents:
        if asked.kind == "word":
            assert any(gap in gaps and _squeezed(word) in _squeezed(asked.text) for gap, word in _gaps(asked.title))


def _gaps(title: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give a title with each of its words left out."""
    words = tuple(title.split())
    for place, word in enumerate(words):
        yield (*words[:place], "", *words[place + 1 :]), word


def test_noise_leaves_alone_the_word_that_tells_siblings_apart(titles: ModuleType, catalogue: Any) -> None:
    told = {family.title(value): value for family in catalogue.families for value in family.values}
    for asked in _present(titles, catalogue, "hard"):
        assert _squeezed(told[asked.title]) in _squeezed(asked.text)


def test_noise_comes_at_its_chances(titles: ModuleType, noise: ModuleType, catalogue: Any) -> None:
    found = Counter(name for asked in _present(titles, catalogue, "long") for name in asked.noise)
    for name, chance in (
        ("typo", 0.4),
        ("second typo", 0.1),
        ("missing word", 0.2),
        ("quotes", 0.2),
        ("lower case", 0.4),
    ):
        assert found[name] / (2 * NUMBER) == pytest.approx(chance, abs=0.06), name
    chances = {
        name: chance for rules in (noise.ON_WORDS, noise.ON_TITLE, noise.ON_QUESTION) for name, chance, _ in rules
    }
    assert chances == {
        "typo": 0.4,
        "second typo": 0.1,
        "missing word": 0.2,
        "punctuation dropped": 0.4,
        "quotes": 0.2,
        "lower case": 0.4,
        "accents dropped": 0.4,
        "question mark missing": 0.3,
    }


def test_noise_never_makes_the_title_of_another_product(titles: ModuleType, tmp_path: Path) -> None:
    names = ["Bright Lantern Blue", "Lantern Blue", "Bright Blue", "Bright Lantern"]
    kinds, members = np.full(4, titles.KINDS.index("real")), np.full(4, -1)
    tiny = titles.Catalogue(tmp_path, names, list("abcd"), kinds, members, [], None)
    asked = [one for split in titles.SPLITS for one in _split_asked(titles, tiny, split)]
    assert {one.title for one in asked} == set(names)
    spoilt = [one for one in asked if "missing word" in one.noise]
    assert spoilt and all({"typo", "second typo"} & set(one.noise) for one in spoilt)


def _split_asked(titles: ModuleType, tiny: Any, split: str) -> list[Any]:
    if split not in map(titles.split_of, tiny.titles):
        return []
    return titles.questions(tiny, "real", "en", 400, 5, split)


def test_a_typo_is_one_edit_in_a_word_of_letters(noise: ModuleType) -> None:
    from rapidfuzz.distance import OSA

    rng, title = Random(1), noise.Words(("The", "Copper", "Lantern's", "3-pack", "of", "SP857x,", "Vol.", "Evening"))
    touched = set[int]()
    for _ in range(200):
        spoilt = noise.typo(title, rng)
        twice = noise.typo(spoilt, rng)
        [place] = [place for place, word in enumerate(title.words) if spoilt.words[place] != word]
        assert OSA.distance(title.words[place], spoilt.words[place]) == 1
        assert sum(one != other for one, other in zip(title.words, twice.words, strict=True)) == 2
        touched.add(place)
    assert touched == {1, 2, 7}
    assert noise.typo(noise.Words(("SP857x", "for", "me")), rng).words == ("SP857x", "for", "me")


def test_a_missing_word_is_no_number_and_never_the_only_name(noise: ModuleType) -> None:
    rng = Random(2)
    long = noise.Words(("Copper", "&", "Lantern", "3", "B4", "Blue"), frozenset({5}), frozenset({0}))
    assert {str(noise.missing_word(long, rng)) for _ in range(50)} == {"Copper & 3 B4 Blue"}
    short = noise.Words(("Copper", "Lantern"))
    assert noise.missing_word(short, rng) == short


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Men's Choice, 1.5-Inch: Vol. 3", "Mens Choice 1.5 Inch Vol 3"),
        ("R&D (1,000 + 2/3)", "R D 1,000 2/3"),
        ("...", "..."),
    ],
)
def test_dropped_punctuation_leaves_numbers_whole(noise: ModuleType, text: str, plain: str) -> None:
    assert noise.unpunctuated(text, Random(1)) == plain


def test_quotes_are_signs_that_the_title_lacks(noise: ModuleType) -> None:
    found = {noise.quoted("Harlow's 5\" Lamp", Random(seed)) for seed in range(60)}
    assert found == {"“Harlow's 5\" Lamp”", "\u2018Harlow's 5\" Lamp’", "«Harlow's 5\" Lamp»"}


def test_wordings_name_the_title_once_and_are_not_those_that_the_package_knows(noise: ModuleType) -> None:
    known = {
        normalised(text)
        for facet in (facets.DESCRIPTION, *facets.FACETS)
        for text in (*facet.english, *facet.portuguese)
    }
    for wordings in (noise.TEMPLATES[split][language] for split in noise.TEMPLATES for language in LANGUAGES):
        assert len(wordings) >= 15 and len({normalised(text) for text in wordings}) == len(wordings)
        assert all(text.count("{title}") == 1 and text.count("{") == 1 for text in wordings)
        assert sum(normalised(text) in known for text in wordings) <= len(wordings) / 2
    accents = [not text.isascii() for text in noise.TEMPLATES["validation"]["pt"]]
    assert any(accents) and not all(accents)


def test_precision_counts_absent_products_and_recall_what_is_given_or_offered(titles: ModuleType) -> None:
    outcomes = import_module("outcomes")

    def told(uids: str, score: float, given: str, close: bool = False) -> Any:
        asked = titles.Asked("?", "en", "long" if uids else "fresh", "title", tuple(uids), ())
        return asked, outcomes.Answer("found", score, close, list(given), [], [], 1.0)

    answers = [
        *(told("a", 0.95, "a"), told("b", 0.95, "cb"), told("c", 0.95, "bc", close=True), told("d", 0.5, "d")),
        *(told("", 0.95, "a"), told("", 0.95, "ab", close=True), told("", 0.2, "a")),
    ]
    points = {point.pop("threshold"): point for point in outcomes.curve(answers)}
    assert points[0.9] == {
        "precision": round(2 / 5, 4),
        "recall": 0.5,
        "turned_away": 0.25,
        "found": 0.5,
        "absent_found": round(1 / 3, 4),
    }
    assert points[0.4] == points[0.9] | {"precision": 0.5, "recall": 0.75, "turned_away": 0.0, "found": 0.75}
    [long, fresh] = outcomes.table(answers)
    assert (long["n"], long["top1"], fresh["n"], fresh["found_share"]) == (4, 0.5, 3, 1.0)


def test_what_cannot_be_made_or_asked_is_refused(titles: ModuleType, other: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ask for 100 or more"):
        titles.write(tmp_path / "few.parquet", 99, 7)
    with pytest.raises(InputError, match="has no real title for test"):
        titles.questions(other, "real", "en", 1, 5)
