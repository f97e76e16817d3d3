import html
import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amazon_ft.cleaning import rules
from amazon_ft.cleaning.report import RULES, changed, page

OUTSIDE = re.compile(r"""(src|href)\s*=\s*["']?\s*(https?:)?//|url\((?!["']?#)|@import|<script""", re.I)
VOID = {"meta", "link"}
EVIL = "</title></style><script>alert(\"x\")</script><img src=x onerror='y'>&amp;\u202e"
EDGES = [0, 1, 2, 4, 8, 16, 2048]
COUNTS: dict[str, Any] = {
    "sources": ["trn.json.gz"],
    "policy": "ours",
    "read": 12_345,
    "kept": 9_876,
    "rejected": {"empty description": 2_222, "duplicate": 245, "not JSON": 2},
    "changed": {"unescape entities": 3_131, "drop tags and comments": 417, "collapse white space": 0},
    "examples": {
        "unescape entities": [
            {"uid": "B0A", "field": "content", "before": "Salt &amp; pepper", "after": "Salt & pepper"}
        ],
        "drop tags and comments": [{"uid": "B0B", "field": "title", "before": "A<br>tin", "after": "A tin"}],
    },
    "bad_rows": ["trn.json.gz line 5: not JSON (Expected ':' (byte 12))"],
    "lengths": {
        "title": {"edges": EDGES, "read": [0, 11, 22, 33, 44, 0], "kept": [0, 0, 12, 23, 34, 0]},
        "content": {"edges": EDGES, "read": [55, 0, 0, 0, 66, 77], "kept": [0, 0, 0, 0, 56, 67]},
    },
    "prefixes": {"first 1,000": {"000": 990, "B00": 10}, "all": {"000": 1_976, "B00": 7_900}},
    "near_duplicates": {
        "clusters": 120,
        "products": 301,
        "largest": 17,
        "withheld": 13,
        "examples": [[{"uid": "B0C", "title": "Red kettle"}, {"uid": "B0D", "title": "Blue kettle"}]],
    },
    "destroyed": {
        "rows": 2_000,
        "policies": {
            "letters-only": {"prices": {"had": 40, "lost": 39}, "accents": {"had": 0, "lost": 0}},
            "ours": {"prices": {"had": 41, "lost": 0}, "accents": {"had": 0, "lost": 0}},
        },
        "left": {"ours": 0, "letters-only": 3},
    },
}
SECTIONS = ("funnel", "rules", "lengths", "heads", "near", "losses", "bad")


class Balance(HTMLParser):
    """Follow the tags of a page, and refuse one that closes what is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()


def balanced(text: str) -> None:
    parser = Balance()
    parser.feed(text)
    parser.close()
    assert parser.open == []


def plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text.partition("</style>")[2])).split())


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in COUNTS.items() if name not in names}


def row(text: str, label: str) -> str:
    found = re.search(rf'<tr[^>]*><th scope="row">{label}</th>(.*?)</tr>', text, re.DOTALL)
    assert found, label
    return plain(f"</style>{found[1]}")


def numbers(value: Any) -> list[int]:
    """List every count of COUNTS, those that name a range of lengths aside."""
    if isinstance(value, dict):
        return [number for name, part in value.items() if name != "edges" for number in numbers(part)]
    if isinstance(value, list):
        return [number for part in value for number in numbers(part)]
    return [value] if isinstance(value, int) else []


def test_every_count_is_on_the_page() -> None:
    text = plain(page(COUNTS))
    shown = set(re.findall(r"[\d,]+\d|\d", text))
    assert {f"{number:,}" for number in numbers(COUNTS)} <= shown


def test_the_page_begins_with_the_result() -> None:
    assert "9,876 of 12,345 rows kept (80.0%)." in page(COUNTS)
    assert "Read from <bdi>trn.json.gz</bdi>; policy: <bdi>ours</bdi>." in page(COUNTS)


def test_the_page_is_well_formed() -> None:
    balanced(page(COUNTS))


def test_each_row_of_the_funnel_has_its_number_and_share() -> None:
    text = page(COUNTS)
    assert row(text, "read") == "12,345 100%"
    assert row(text, "empty description") == "−2,222 18.0%"
    assert row(text, "not JSON") == "−2 <0.1%"
    assert row(text, "kept") == "9,876 80.0%"


def test_a_bar_of_the_funnel_begins_where_the_next_rows_are_left() -> None:
    text = page({"read": 100, "kept": 50, "rejected": {"duplicate": 30, "empty title": 20}})
    bars = re.findall(r"margin-left: (\S+); width: (\S+)\"", text)
    assert bars == [("0.00%", "100.00%"), ("70.00%", "30.00%"), ("50.00%", "20.00%"), ("0.00%", "50.00%")]


def test_counts_that_add_up_raise_no_alarm() -> None:
    assert "do not add up" not in page(COUNTS)


def test_counts_that_do_not_add_up_are_said_to_be_wrong() -> None:
    text = page(COUNTS | {"kept": 9_870})
    assert "These counts do not add up: 12,345 rows were read, but 9,870 kept and 2,469 rejected make 12,339." in plain(
        text
    )


def test_no_bar_leaves_its_cell_even_when_counts_are_wrong() -> None:
    text = page({"read": 10, "kept": 50, "rejected": {"duplicate": 30, "empty title": 20}})
    balanced(text)
    shares = [
        float(share) for share in re.findall(r"(?:width|margin-left): ([-\d.]+)%\"?", text.partition("<main>")[2])
    ]
    assert shares and all(0 <= share <= 100 for share in shares)


def test_a_share_is_never_rounded_to_none_or_all() -> None:
    text = page({"read": 1_000_000, "kept": 999_999, "rejected": {"duplicate": 1}})
    assert row(text, "duplicate") == html.unescape("−1 <0.1%")
    assert row(text, "kept") == "999,999 >99.9%"


def test_a_rule_shows_what_went_and_what_came() -> None:
    text = page(COUNTS)
    assert "Salt <del>&amp;amp;</del> pepper" in text
    assert "Salt <ins>&amp;</ins> pepper" in text
    assert "A<del>&lt;br&gt;</del>tin" in text
    assert "A<ins>␣</ins>tin" in text


def test_every_rule_is_explained() -> None:
    assert {rule.name for rule in rules.OURS.rules} <= set(RULES)


def test_blanks_that_change_can_be_seen() -> None:
    before, after = changed("it\x92s\n\ta tin\u200b", "it’s a tin")
    assert before == "it<del>[U+0092]</del>s<del>↵⇥</del>a tin<del>[U+200B]</del>"
    assert after == "it<ins>’</ins>s<ins>␣</ins>a tin"


def test_what_a_cut_hid_is_no_change() -> None:
    before, after = changed("Salt &amp; pepper mi", "Salt & pepper mill of oak")
    assert before == "Salt <del>&amp;amp;</del> pepper mi"
    assert after == "Salt <ins>&amp;</ins> pepper mill of oak"


def test_what_is_gone_from_the_end_is_marked() -> None:
    assert changed("A tin. --Note", "A tin.") == ("A tin.<del> --Note</del>", "A tin.")
    assert changed("A tin<br>", "A tin ") == ("A tin<del>&lt;br&gt;</del>", "A tin<ins>␣</ins>")


def test_a_space_alone_ties_no_words_together() -> None:
    assert changed("red tin.", "Blue cup!") == ("<del>red tin.</del>", "<ins>Blue cup!</ins>")


def test_equal_texts_have_no_mark() -> None:
    assert changed("5 < 6 & so on", "5 < 6 & so on") == ("5 &lt; 6 &amp; so on",) * 2


@given(st.text(st.characters(exclude_categories=["C", "Z"])), st.text(st.characters(exclude_categories=["C", "Z"])))
def test_marks_change_no_visible_character(before: str, after: str) -> None:
    marked = changed(before, after)
    assert [html.unescape(re.sub(r"</?(?:del|ins)>", "", text)) for text in marked] == [before, after]


@given(st.text(), st.text())
def test_no_text_can_open_a_tag(before: str, after: str) -> None:
    assert not any("<" in re.sub(r"</?(?:del|ins)>", "", text) for text in changed(before, after))


def test_long_texts_that_repeat_themselves_stay_quick() -> None:
    started = time.perf_counter()
    changed("the tin " * 4000, "the  " * 8000)
    assert time.perf_counter() - started < 10


def test_hostile_texts_are_escaped_and_isolated() -> None:
    product = {"uid": EVIL, "title": EVIL}
    policy = {EVIL: {"had": 3, "lost": 1}}
    text = page(
        {
            "sources": [EVIL],
            "policy": EVIL,
            "read": 3,
            "kept": 2,
            "rejected": {EVIL: 1},
            "changed": {EVIL: 1},
            "examples": {EVIL: [{"uid": EVIL, "field": EVIL, "before": EVIL, "after": EVIL + "x"}]},
            "bad_rows": [EVIL],
            "lengths": {EVIL: {"edges": [0, 1], "read": [1], "kept": [1]}},
            "prefixes": {"first 2": {EVIL: 2}, EVIL: {"B00": 2}},
            "near_duplicates": {"clusters": 1, "products": 2, "largest": 2, "withheld": 0, "examples": [[product] * 2]},
            "destroyed": {"rows": 3, "policies": {EVIL: policy}, "left": {EVIL: 1}},
        }
    )
    balanced(text)
    assert not re.search(r"<(script|img)", text)
    assert text.count("</title>") == text.count("</style>") == 1
    items = re.findall(r"<li>(.*?)</li>", text)
    assert len(items) == 3
    assert all("\u202e" in item and "\u202e" not in re.sub(r"<bdi>.*?</bdi>", "", item) for item in items)


def test_a_lone_surrogate_can_still_be_written() -> None:
    near = COUNTS["near_duplicates"] | {"examples": [[{"uid": "\ud800", "title": "Tin"}] * 2]}
    assert page(COUNTS | {"near_duplicates": near}).encode()


def test_nothing_is_loaded_from_outside() -> None:
    text = page(COUNTS)
    assert not OUTSIDE.search(text)
    assert "http://" not in text and "https://" not in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    ("key", "section"),
    [
        ("changed", "rules"),
        ("lengths", "lengths"),
        ("prefixes", "heads"),
        ("near_duplicates", "near"),
        ("destroyed", "losses"),
        ("bad_rows", "bad"),
    ],
)
def test_a_section_without_data_is_left_out(key: str, section: str) -> None:
    for counts in (without(key), COUNTS | {key: None}, COUNTS | {key: {}}):
        text = page(counts)
        balanced(text)
        assert [name for name in SECTIONS if f'id="{name}"' in text] == [name for name in SECTIONS if name != section]
        assert f'href="#{section}"' not in text
        assert "None" not in text


def test_an_empty_cleaning_is_still_a_page() -> None:
    text = page({"read": 0, "kept": 0, "rejected": {}})
    balanced(text)
    assert text.startswith("<!doctype html>")
    assert "0 of 0 rows kept." in text
    assert "<section" not in text and "<nav" not in text


def test_lengths_are_named_by_their_ranges() -> None:
    text = page(COUNTS)
    titles, descriptions = (part.partition("</table>")[0] for part in text.split('<table class="lengths">')[1:])
    assert row(titles, "2–3") == "22 12"
    assert row(titles, "1") == "11 0"
    assert '<th scope="row">0</th>' not in titles
    assert row(descriptions, "0") == "55 0"
    assert row(descriptions, "16–2,047") == "77 67"
    assert "At least half of the titles kept have fewer than 8 characters." in titles
    assert "At least half of the descriptions kept have fewer than 2,048 characters." in descriptions


def test_lengths_of_nothing_kept_have_no_middle() -> None:
    text = page({"read": 1, "kept": 0, "rejected": {"duplicate": 1}, "lengths": {"title": _lengths([1, 0], [0, 0])}})
    assert "At least half" not in text
    assert row(text, "0") == "1 0"
    assert "Length of the" not in page({"read": 0, "kept": 0, "lengths": {"title": _lengths([0, 0], [0, 0])}})


def _lengths(read: list[int], kept: list[int]) -> dict[str, list[int]]:
    return {"edges": [0, 1, 2], "read": read, "kept": kept}


def test_a_head_unlike_the_whole_is_told_with_numbers() -> None:
    text = plain(page(COUNTS))
    assert "The head of the file is not the file" in text
    assert "Of the first 1,000 products kept, 99.0% have a uid that begins with a digit" in text
    assert "of all 9,876, 20.0%: a head taken for a sample misleads." in text


def test_a_head_like_the_whole_is_not_accused() -> None:
    text = plain(page(COUNTS | {"prefixes": {"first 1,000": {"000": 210, "B00": 790}, "all": {"000": 20, "B00": 80}}}))
    assert "21.0% have a uid that begins with a digit" in text
    assert "misleads" not in text and "is not the file" not in text


def test_a_small_file_has_no_head_to_compare() -> None:
    text = page(COUNTS | {"prefixes": {"all": {"000": 3, "B00": 1}}})
    assert "How the uids begin" in text
    assert "begins with a digit" not in text
    assert row(text, "<code><bdi>000</bdi></code>") == "75.0% 3"


def test_rare_prefixes_are_summed_as_other() -> None:
    head = {f"{number:03}": 100 - number for number in range(20)}
    text = page(COUNTS | {"prefixes": {"first 1,000": head, "all": head}})
    rest = sum(sorted(head.values())[:12])
    assert row(text, "other").split()[1] == f"{rest:,}"
    assert "<bdi>007</bdi>" in text and "<bdi>008</bdi>" not in text


def test_the_same_counts_make_the_same_page_in_every_process() -> None:
    code = "import json, sys; from amazon_ft.cleaning.report import page; print(page(json.load(sys.stdin)), end='')"
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(COUNTS | {"prefixes": {"all": {f"B{letter}": 1 for letter in "abcdefghijklmn"}}}),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(made) == 1


def test_near_duplicates_are_told_in_words() -> None:
    text = plain(page(COUNTS))
    assert "301 of the products kept have nearly the same description as another. They form 120 clusters" in text
    assert "the largest holds 17. 13 products are withheld" in text
    assert "Red kettle B0C Blue kettle B0D" in text


def test_a_catalogue_without_near_duplicates_says_so() -> None:
    none = {"clusters": 0, "products": 0, "largest": 0, "withheld": 0, "examples": []}
    assert "No two of the products kept have nearly the same description." in page(COUNTS | {"near_duplicates": none})


def test_our_policy_stands_first_and_the_worst_is_named() -> None:
    text = page(COUNTS)
    assert text.index('<th scope="col">ours') < text.index('<th scope="col">letters-only')
    assert row(text, "prices") == "0% 0 of 41 97.5% 39 of 40 worst"
    assert row(text, "accents") == "none to lose none to lose"
    assert row(text, "Rows with an entity or tag left") == "0% 0 of 2,000 0.1% 3 of 2,000 worst"


def test_no_policy_is_the_worst_where_none_loses() -> None:
    policies = {name: {"units": {"had": 7, "lost": 0}} for name in ("ours", "none")}
    text = page(COUNTS | {"destroyed": {"rows": 9, "policies": policies, "left": {"ours": 0, "none": 0}}})
    assert row(text, "units") == "0% 0 of 7 0% 0 of 7"
    assert ">worst<" not in text


def test_a_policy_that_was_not_measured_has_a_dash() -> None:
    policies = COUNTS["destroyed"]["policies"] | {"none": {"prices": {"had": 40, "lost": 0}}}
    text = page(COUNTS | {"destroyed": {"rows": 2_000, "policies": policies}})
    assert row(text, "accents").endswith("none to lose –")
    assert "tag left" not in text


def test_headings_tables_and_links_can_be_followed_without_eyes() -> None:
    text = page(COUNTS)
    assert '<html lang="en">' in text and "<main>" in text and "<h1>" in text
    assert all('scope="' in head for head in re.findall(r"<th[ >][^>]*", text))
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|aria-labelledby=")([^"]+)', text)) <= set(ids)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_can_be_told_apart_by_day_and_by_night(theme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", page(COUNTS), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[theme]))
    text = [("ink", "paper"), ("ink", "card"), ("soft", "paper"), ("soft", "card"), ("accent", "paper")]
    text += [("warn", "paper"), ("ink", "del"), ("ink", "ins")]
    assert dict.fromkeys(text, True) == {(a, b): contrast(colours[a], colours[b]) >= 4.5 for a, b in text}
    drawn = ("all", "gone", "accent")
    assert dict.fromkeys(drawn, True) == {name: contrast(colours[name], colours["paper"]) >= 3 for name in drawn}
