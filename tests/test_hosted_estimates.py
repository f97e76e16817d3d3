from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import regex

from amazon_ft.files import InputError
from amazon_ft.openai_jobs import checks, estimates, tokens
from amazon_ft.openai_jobs.checks import Checked, Limits, Report
from amazon_ft.openai_jobs.estimates import Budget, estimate, within
from amazon_ft.openai_jobs.tokens import Count, Counter
from amazon_ft.recipes import HostedTraining
from amazon_ft.sample import catalogue

ABOUT = tokens.approximation("of a test")
EXACT = Counter("table", True, lambda text: Count(*[len(text.split())] * 3), "tokens are counted by a table")
READ = date(2026, 11, 1)
# How the two tables cut a text before they look up tokens, so that no token reaches over a cut: facts of tiktoken 0.14.
CUTS = {
    "o200k_base": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|"
        r"\s+(?!\S)|\s"
    ),
}


def _file(name: str, tokens: int, least: int = 0, most: int = 0) -> Checked:
    return Checked(Path(name), 20_000, tokens, least or tokens, most or tokens, 100, 1)


def _report(counter: Counter, *files: Checked) -> Report:
    return Report(files, None, {}, (), counter, Limits(None, ""))


TWO = (_file("train-1-of-2.jsonl", 3_000_000, 2_000_000, 9_000_000), _file("train-2-of-2.jsonl", 1_000_000))


def _budget(limit: float = 100.0, price: float = 3.0) -> Budget:
    return Budget(limit, price, "USD", READ)


def test_tokens_times_epochs_times_price_for_each_shard_and_in_all() -> None:
    made = estimate(_report(EXACT, *TWO), HostedTraining(n_epochs=2), _budget(price=1.5))
    assert [(job.name, job.rows, job.tokens, job.trained, job.cost) for job in made.jobs] == [
        ("train-1-of-2.jsonl", 20_000, 3_000_000, 6_000_000, 9.0),
        ("train-2-of-2.jsonl", 20_000, 1_000_000, 2_000_000, 3.0),
    ]
    assert (made.trained, made.cost, made.cautious) == (8_000_000, 12.0, 12.0)
    assert made.lines()[-1] == "cost: 12.00 USD, at 1.5 USD for a million training tokens, read on 2026-11-01"
    assert made.lines()[0] == "train-1-of-2.jsonl: 20,000 rows, 3,000,000 tokens x 2 epochs"
    assert json.loads(json.dumps(made.as_dict()))["read_on"] == "2026-11-01"


def test_without_a_price_there_is_no_cost() -> None:
    made = estimate(_report(EXACT, *TWO), HostedTraining())
    assert "give the price" in made.lines()[-1]
    assert made.as_dict()["cost"] is None
    with pytest.raises(InputError, match="no cost without a price"):
        _ = made.cost


def test_an_approximate_estimate_says_what_it_lies_between() -> None:
    made = estimate(_report(ABOUT, *TWO), HostedTraining(), _budget())
    assert (made.least, made.most) == (3_000_000, 10_000_000)
    assert "in all: about 4,000,000 trained tokens (surely between 3,000,000 and 10,000,000)" in made.lines()
    assert any("OpenAI's rule of thumb" in line for line in made.lines())
    assert made.cautious == made.cost * estimates.MARGIN == 18.0


def test_a_margin_is_never_more_than_the_tokens_can_cost() -> None:
    made = estimate(_report(ABOUT, _file("a", 1_000_000, 900_000, 1_100_000)), HostedTraining(), _budget(price=1))
    assert made.cautious == pytest.approx(1.1)


@pytest.mark.parametrize(("counter", "enough", "short"), [(EXACT, 12.0, 11.99), (ABOUT, 18.0, 17.99)])
def test_jobs_above_the_budget_are_refused(counter: Counter, enough: float, short: float) -> None:
    made = estimate(_report(counter, *TWO), HostedTraining(), _budget())
    within(made, _budget(enough))
    with pytest.raises(InputError, match=r"more than the limit of .*: raise the limit, or train fewer rows or epochs"):
        within(made, _budget(short))


def test_a_budget_holds_only_against_its_own_price() -> None:
    made = estimate(_report(EXACT, *TWO), HostedTraining(), _budget(price=3))
    for other in (_budget(price=4), replace(_budget(), currency="BRL")):
        with pytest.raises(InputError, match="another price"):
            within(made, other)
    with pytest.raises(InputError, match="another price"):
        within(estimate(_report(EXACT, *TWO), HostedTraining()), _budget())


@pytest.mark.parametrize(
    ("limit", "price", "currency"),
    [(float("nan"), 1, "USD"), (1, float("nan"), "USD"), (-1, 1, "USD"), (1, -1, "USD"), (float("inf"), 1, "USD")],
)
def test_amounts_that_are_none_are_refused(limit: float, price: float, currency: str) -> None:
    with pytest.raises(InputError, match="amount of money"):
        Budget(limit, price, currency, READ)


def test_a_budget_needs_a_currency() -> None:
    with pytest.raises(InputError, match="needs a currency"):
        Budget(1, 1, " ", READ)


def test_an_old_price_is_doubted_and_one_of_tomorrow_refused() -> None:
    assert _budget().doubts(date(2026, 12, 1)) == []
    assert _budget().doubts(date(2026, 12, 2)) == ["the price was read 31 days ago, on 2026-11-01: read it again"]
    with pytest.raises(InputError, match="check the date"):
        _budget().doubts(date(2026, 10, 31))


def test_a_chat_counts_its_texts_and_what_frames_them() -> None:
    chat = [{"role": "user", "content": "one two"}, {"role": "assistant", "content": "three", "weight": 1}]
    assert tokens.of_chat(chat, EXACT).tokens == 2 + 1 + 2 * 4 + 3
    named = [{"role": "user", "content": "one", "name": "Ann"}]
    assert tokens.of_chat(named, EXACT).tokens == 1 + 1 + 4 + 1 + 3
    assert tokens.of_chat([], EXACT) == Count(0, 0, 0)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", Count(0, 0, 0)),
        ("a", Count(1, 1, 1)),
        ("!!!", Count(1, 1, 3)),
        ("a b c d", Count(4, 4, 7)),
        ("don't", Count(2, 1, 5)),
        ("12345678", Count(3, 3, 8)),
        ("internationalisation", Count(5, 1, 20)),
        ("日本", Count(2, 1, 6)),
        ("\ud800", Count(1, 1, 1)),
    ],
)
def test_an_approximation_by_hand(text: str, count: Count) -> None:
    assert tokens.approximate(text) == count


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_no_table_can_have_fewer_tokens_than_the_least(cut: str) -> None:
    rng, pattern = random.Random(5), regex.compile(cut)
    alphabet = "aZb'’sStTdm09²½é\u0301日ा_ -/.\n\r\t\xa0\u2028🙂ﬁǅ"
    texts = ["".join(rng.choices(alphabet, k=rng.randrange(30))) for _ in range(5_000)]
    texts += ["".join(rng.choices("as'’é1²́", k=rng.randrange(8))) for _ in range(5_000)]
    texts += [text for product in catalogue.products(480) for text in (product.title, product.content)]
    for text in texts:
        pieces = pattern.findall(text)
        assert "".join(pieces) == text
        assert tokens.approximate(text).least <= len(pieces), ascii(text)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("It has 1234567 parts", 6),
        ("a1b22c333d4444", 9),
        ("(it's) 'twas", 1),
        ("naïve café’s 1", 3),
        ("²1234 5", 2),
        ("snake_case x-ray", 4),
    ],
)
def test_words_and_groups_of_digits_by_hand(text: str, pieces: int) -> None:
    assert tokens.approximate(text).least == pieces


FAKE = """
import os, hashlib
from pathlib import Path

class Encoding:
    def encode_ordinary(self, text):
        return list(text)

def get_encoding(name):
    address = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
    file = Path(os.environ["TIKTOKEN_CACHE_DIR"] or "nowhere") / hashlib.sha1(address.encode()).hexdigest()
    if not file.exists():
        Path(os.environ["ASKED"]).write_text(name)
        raise OSError("no way out")
    return Encoding()
"""


@pytest.fixture
def tiktoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put a tiktoken in place that says when it would go to the network; the fixture writes its table."""
    import sys

    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tiktoken.py").write_text(FAKE)
    monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.delitem(sys.modules, "tiktoken", raising=False)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setitem(tokens.TABLES, "o200k_base", hashlib.sha256(b"whole").hexdigest())

    def write(data: bytes) -> None:
        (tmp_path / "cache").mkdir(exist_ok=True)
        address = tokens.ADDRESS.format(name="o200k_base")
        (tmp_path / "cache" / hashlib.sha1(address.encode()).hexdigest()).write_bytes(data)

    return write


def test_a_table_on_disk_is_used(tiktoken: Callable[[bytes], None]) -> None:
    tiktoken(b"whole")
    counter = tokens.counter("gpt-4o-mini-2024-07-18")
    assert (counter.name, counter.exact) == ("o200k_base", True)
    assert counter.count("abc") == Count(3, 3, 3)


def test_nothing_is_downloaded_unasked(tiktoken: Callable[[bytes], None], tmp_path: Path) -> None:
    counter = tokens.counter("gpt-4o-mini-2024-07-18")
    assert not counter.exact
    assert "nothing is downloaded unasked" in counter.said
    tiktoken(b"torn")  # tiktoken would delete it and download it again
    assert not tokens.counter("ft:gpt-4o-mini-2024-07-18:me::1").exact
    assert not (tmp_path / "asked").exists()


def test_a_download_is_tried_when_asked_for(tiktoken: Callable[[bytes], None], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"o200k_base could not be downloaded \(no way out\)"):
        tokens.counter("gpt-4o-mini-2024-07-18", download=True)
    assert (tmp_path / "asked").read_text() == "o200k_base"


def test_a_cache_that_is_switched_off_holds_no_table(
    tiktoken: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiktoken(b"whole")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert not tokens.counter("gpt-4o-mini-2024-07-18").exact


def test_where_tiktoken_keeps_its_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(tmp_path))
    assert tokens._folder() == tmp_path
    monkeypatch.delenv("DATA_GYM_CACHE_DIR")
    assert tokens._folder() is not None


@pytest.mark.parametrize(
    ("model", "table"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("ft:gpt-4o-mini-2024-07-18:me:lamps:1", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("open-mistral-7b", None),
    ],
)
def test_the_table_of_a_model(model: str, table: str | None) -> None:
    assert tokens.table_of(model) == table


def test_an_unknown_model_is_approximated_and_said_so() -> None:
    assert "no table of tokens is known for open-mistral-7b" in tokens.counter("open-mistral-7b").said


def test_an_estimate_from_files(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "one two"}, {"role": "assistant", "content": "three"}]}
    path = tmp_path / "train.jsonl"
    path.write_text(f"{json.dumps(row)}\n" * 10)
    made = estimate(checks.check([path], None, EXACT, Limits(None, "")), HostedTraining(n_epochs=3), _budget())
    assert made.trained == 3 * 10 * (3 + 2 * 4 + 3)
