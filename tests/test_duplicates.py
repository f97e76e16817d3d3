from __future__ import annotations

import os
import random
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from amazon_ft.cleaning import duplicates
from amazon_ft.cleaning.duplicates import clusters

RANDOM = random.Random(20)
VOCABULARY = ["".join(RANDOM.choices("abcdefghijklmnopqrstuvwxyz", k=RANDOM.randint(2, 12))) for _ in range(3000)]


def found(texts: list[str], batch: int = 50_000) -> list[int]:
    return clusters(pa.array(texts[at : at + batch]) for at in range(0, len(texts), batch)).tolist()


def together(first: str, second: str) -> bool:
    return found([first, second]) == [0, 0]


def described(chance: random.Random, words: int) -> list[str]:
    return chance.choices(VOCABULARY, k=words)


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+", text.lower())
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)}


def jaccard(first: str, second: str) -> float:
    return share(shingles(first), shingles(second))


def share(left: set[tuple[str, ...]], right: set[tuple[str, ...]]) -> float:
    return len(left & right) / len(left | right)


def sentences(words: list[str]) -> str:
    return " ".join(" ".join(words[at : at + 10]).capitalize() + "." for at in range(0, len(words), 10))


def shouted(words: list[str], chance: random.Random) -> str:
    return sentences(words).upper()


def repunctuated(words: list[str], chance: random.Random) -> str:
    text = sentences(words)
    for mark in chance.sample([" - ", "; ", "  ", " “", "’ ", "\n", " — ", ", "], 4):
        at = chance.randrange(len(words))
        text = text.replace(f" {words[at]} ", f"{mark}{words[at]} ", 1)
    return text


def without_a_sentence(words: list[str], chance: random.Random) -> str:
    at = 10 * chance.randrange(len(words) // 10)
    return sentences(words[:at] + words[at + 10 :])


def with_a_sentence(words: list[str], chance: random.Random) -> str:
    return sentences(words + described(chance, 10))


def reworded(words: list[str], chance: random.Random) -> str:
    changed = list(words)
    for _ in range(max(1, round(len(words) / 60))):
        changed[chance.randrange(len(words))] = "replaced"
    return sentences(changed)


@pytest.mark.parametrize("edit", [shouted, repunctuated, without_a_sentence, with_a_sentence, reworded])
def test_near_duplicates_meet(edit) -> None:
    chance = random.Random(edit.__name__)
    texts: list[str] = []
    for _ in range(300):
        words = described(chance, 10 * chance.randint(6, 20))
        texts += [sentences(words), edit(words, chance)]
    root = found(texts)
    near = [at for at in range(0, len(texts), 2) if jaccard(texts[at], texts[at + 1]) >= 0.85]
    assert len(near) > 30
    assert sum(root[at] == root[at + 1] for at in near) >= 0.95 * len(near)
    assert all(root[at] in (at, at - at % 2) for at in range(len(texts)))


@pytest.mark.parametrize("shared", [0.2, 0.5, 0.6])
def test_products_of_one_template_stay_apart(shared: float) -> None:
    chance = random.Random(4)
    template = described(chance, 90)
    texts = []
    for _ in range(250):
        own = round(90 / shared) - 90
        at = chance.randrange(91)
        texts.append(sentences(template[:at] + described(chance, own) + template[at:]))
    assert max(jaccard(first, texts[0]) for first in texts[1:]) <= 0.5
    root = found(texts)
    assert sum(own != at for at, own in enumerate(root)) <= 0.01 * len(texts)


def test_agrees_with_every_exact_comparison() -> None:
    chance = random.Random(8)
    texts: list[str] = []
    for _ in range(60):
        words = described(chance, chance.randint(40, 120))
        texts.append(sentences(words))
        for cut in (0.98, 0.93, 0.6, 0.4):
            kept = round(cut * len(words))
            texts.append(sentences(words[:kept] + described(chance, len(words) - kept)))
    root, sets = found(texts), [shingles(text) for text in texts]
    near = far = met = joined = 0
    for left in range(len(texts)):
        for right in range(left):
            similarity, same = share(sets[left], sets[right]), root[left] == root[right]
            near, met = near + (similarity >= 0.85), met + (similarity >= 0.85 and same)
            far, joined = far + (similarity <= 0.5), joined + (similarity <= 0.5 and same)
    assert near > 60 and far > 10_000
    assert met >= 0.95 * near
    assert joined == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Blue mug, 300 ml, dishwasher safe.", "Red mug, 500 ml, dishwasher safe."),
        ("Blue mug, 300 ml, dishwasher safe.", "Blue mug, 300 ml, dishwasher safe, 2"),
        ("Steel bolt of 1.5 mm, box of one hundred", "Steel bolt of 15 mm, box of one hundred"),
        ("Replacement battery for model 8", "Replacement battery for model 9"),
        ("mug", "mugs"),
        ("青いマグカップ、三百ミリリットル、食洗機対応です。", "赤いマグカップ、五百ミリリットル、食洗機対応です。"),
        ("!!!", "???"),
        ("", ""),
        ("abcdefghijklmnopqrstuvwx1", "abcdefghijklmnopqrstuvwx2"),
    ],
)
def test_short_texts_that_differ_stay_apart(first: str, second: str) -> None:
    assert not together(first, second)


@pytest.mark.parametrize("text", ["a", "ab cd", "!!!", "é", "青", "Blue mug, 300 ml", "mug " * 300, "x" * 2_000_000])
def test_equal_texts_meet(text: str) -> None:
    assert found(["other words", text, "", text, "more words here", text]) == [0, 1, 2, 1, 4, 1]


def test_letters_beyond_ascii() -> None:
    chance = random.Random(6)
    cyrillic = ["".join(chance.choices("абвгдежзийклмн", k=6)) for _ in range(90)]
    chinese = "".join(chr(chance.randrange(0x4E00, 0x9000)) for _ in range(200))
    other = "".join(chr(chance.randrange(0x4E00, 0x9000)) for _ in range(200))
    assert together(" ".join(cyrillic), ", ".join(cyrillic).upper())
    assert together(chinese, chinese[:100] + "。" + chinese[101:])
    assert not together(chinese, other)
    assert not together(" ".join(cyrillic), " ".join(chance.sample(cyrillic, 90)))
    assert together("Kerr’s “best” café – now", 'KERR\'S "BEST" CAFÉ - NOW')


def mixture(seed: int, rows: int) -> list[str]:
    chance = random.Random(seed)
    texts: list[str] = []
    for _ in range(rows):
        words = described(chance, chance.randint(1, 150))
        texts.append(chance.choice([sentences(words), "", chance.choice(texts or ["x"]), shouted(words, chance)]))
    return texts


def test_batches_chunks_and_types_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = mixture(1, 400)
    whole = found(texts)
    assert len(set(whole)) < len(texts)
    assert found(texts, batch=1) == found(texts, batch=7) == whole
    large = pa.chunked_array([pa.array(texts[:30], pa.large_string()), pa.array([], pa.large_string())])
    rest = pa.array(["unseen", *texts[30:], "unseen"]).slice(1, len(texts) - 30)
    assert clusters([large, rest]).tolist() == whole
    monkeypatch.setattr(duplicates, "CHUNK", 100)
    monkeypatch.setattr(duplicates, "PAIRS", 3)
    assert found(texts) == whole


def test_order_of_rows_does_not_matter() -> None:
    texts = mixture(2, 500)
    order = random.Random(3).sample(range(len(texts)), len(texts))
    moved = found([texts[at] for at in order])
    assert partition(found(texts)) == partition(moved, order)


def partition(root: list[int], order: list[int] | None = None) -> set[frozenset[int]]:
    members: dict[int, set[int]] = {}
    for at, own in enumerate(root):
        members.setdefault(own, set()).add(order[at] if order else at)
    return {frozenset(rows) for rows in members.values()}


def test_a_root_is_the_first_member() -> None:
    root = np.array(found(mixture(5, 600)))
    assert (root <= np.arange(len(root))).all()
    assert (root[root] == root).all()


def test_two_interpreters_agree() -> None:
    program = (
        "import random, pyarrow as pa; from amazon_ft.cleaning.duplicates import clusters; chance = random.Random(1);"
        "rows = [' '.join(chance.choices('abcdefgh', k=chance.randint(0, 40))) for _ in range(3000)];"
        "print(clusters([pa.array(rows)]).tolist())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] and len(runs[0]) > 3000


def test_one_blurb_on_many_products_is_one_cluster() -> None:
    blurb = sentences(described(random.Random(9), 100))
    assert set(found([blurb] * 20_000)) == {0}


@pytest.mark.parametrize("batches", [[], [pa.array([], pa.string())], [pa.chunked_array([], pa.string())]])
def test_nothing(batches: list[pa.Array]) -> None:
    root = clusters(batches)
    assert root.dtype == np.int64 and root.shape == (0,)


def test_only_empty_texts() -> None:
    assert found(["", "", ""]) == [0, 1, 2]
