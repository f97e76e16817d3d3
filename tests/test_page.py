import hashlib
import json
import re
from base64 import b64encode
from typing import Any

import pytest
from comparing import NASTY, intervals, rows, scores

from amazon_ft.comparison import HEADLINES, METRICS, SETS, SYSTEMS, page
from amazon_ft.comparison.embedded import embedded, identifiers

OUTSIDE = re.compile(r"""(src|href)\s*=\s*["']?\s*(https?:)?//|url\((?!["']?#)|@import|<script src""", re.I)
PICTURE = '<svg role="img" aria-label="A picture"></svg>'
ROWS = rows(40)
SYSTEMS_OF = [name for name in ROWS[0] if name in SYSTEMS]
FAILURES = [{"row": 5, "system": "tuned", "score": 2.0, "why": ["1 number <b>stands</b> nowhere"]}]
VOTES = {"base": 3, "tuned": 9, "tie": 2, "p": 0.146}


def rendered(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "rows": ROWS,
        "scores": scores(ROWS),
        "intervals": intervals(ROWS),
        "failures": FAILURES,
        "pictures": {"scores": PICTURE},
        "about": {"Recipe": "demo"},
        "votes": VOTES,
    }
    return page(**arguments | changes)


TEXT = rendered()


def data(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def head(text: str) -> str:
    return text[: text.index('<script type="application/json"')]


def test_the_head_says_what_was_found_and_shows_every_set() -> None:
    for part in ("word for word", "Blind votes:", "p = 0.146", "10,000 resamples", "may be chance", "demo", PICTURE):
        assert part in head(TEXT)
    for name in SETS.values():
        assert f"{name.label} <span" in head(TEXT)
    for metric in METRICS.values():
        assert f"<dt>{metric.label}</dt>" in head(TEXT)


def test_a_score_and_a_difference_stand_with_their_intervals() -> None:
    table = head(TEXT)[head(TEXT).index("Seen <span") :]
    row = re.search(r"<th scope=\"row\">Exact match</th>(.*?)</tr>", table)
    assert row
    value = scores(ROWS)["seen"]["tuned"]["exact"]
    assert f"<td>{value:.1%}<small>{100 * value - 2:.1f} to {value + 0.02:.1%}</small></td>" in row[1]
    assert '<small class="word">better</small>' in row[1]


def test_the_gallery_shows_why_an_answer_failed_and_leads_to_its_product() -> None:
    assert "<li>1 number &lt;b&gt;stands&lt;/b&gt; nowhere</li>" in TEXT
    assert f'<a href="#{identifiers(ROWS)[5]}">' in TEXT
    assert identifiers(ROWS)[5] in {row["id"] for row in data(TEXT)["rows"]}


def test_rows_are_named_by_their_set_and_place() -> None:
    some = [{"set": name} for name in ("unseen", "seen", "unseen", "</b>")]
    assert identifiers(some) == ["unseen-1", "seen-1", "unseen-2", "set2-1"]


def test_the_data_hold_every_row_and_every_answer_in_the_order_of_the_sets() -> None:
    held = data(TEXT)
    assert len(held["rows"]) == len(ROWS)
    assert held["sets"] == [name.label.en for name in SETS.values()]
    assert [row["set"] for row in held["rows"]] == sorted(row["set"] for row in held["rows"])
    assert [system["name"] for system in held["systems"]] == list(SYSTEMS)
    said = {"".join(answer.get("text", ())[1::2]) for row in held["rows"] for answer in row["answers"]}
    assert said == {row[system]["text"] for row in ROWS for system in SYSTEMS if system in row}


def test_what_was_quoted_is_marked_in_the_entry_and_the_entry_stays_whole() -> None:
    held = {row["id"]: row for row in data(TEXT)["rows"]}
    for identifier, row in zip(identifiers(ROWS), ROWS, strict=True):
        content = held[identifier]["content"]
        assert "".join(row["reference"] if part == 0 else part for part in content[1::2]) == row["content"]
        assert (1 in content[::2]) == any(row[name]["quote"] for name in SYSTEMS if name in row)


def test_a_quote_of_another_text_is_not_marked_in_the_entry() -> None:
    quote = {"text": "an oar", "start": 2, "end": 8}
    plain = {name: ROWS[0][name] | {"quote": None} for name in SYSTEMS}
    row = ROWS[0] | plain | {"tuned_with_source": ROWS[0]["tuned_with_source"] | {"quote": quote}}
    [held] = embedded([row])["rows"]
    assert held["content"] == [0, 0]


def test_an_answer_that_the_user_ended_is_not_called_cut() -> None:
    row = ROWS[0] | {"tuned": ROWS[0]["tuned"] | {"stopped": False}}
    for ended in (False, True):
        [held] = embedded([row | ({"ended": True} if ended else {})])["rows"]
        tuned = held["answers"][SYSTEMS_OF.index("tuned")]
        assert (tuned.get("cut", False), tuned.get("ended", False)) == (not ended, ended)
        assert not any("ended" in answer for answer in held["answers"] if answer is not tuned)


def test_what_is_counted_is_called_by_its_name() -> None:
    products = [row for row in ROWS if row["set"] not in ("general", "own")]
    assert "The list of 40 questions is drawn" in TEXT
    assert embedded(ROWS)["noun"] == "question"
    assert f"The list of {len(products)} products is drawn" in rendered(rows=products)
    assert embedded(products)["noun"] == "product"


def test_a_tiny_p_is_not_called_zero() -> None:
    assert "sign test p &lt; 0.001." in rendered(votes={"base": 0, "tuned": 20, "tie": 0, "p": 1.9e-6})


def test_halves_of_surrogate_pairs_do_not_break_the_page() -> None:
    text = rendered(rows=[ROWS[5] | {"title": "x\ud800y"}], failures=[FAILURES[0] | {"row": 0}])
    assert ">x?y</a>" in text.encode().decode()


def test_a_row_without_an_entry_accuses_no_answer_of_inventing() -> None:
    general = [row for row in data(TEXT)["rows"] if data(TEXT)["sets"][row["set"]] == "General"]
    assert general
    assert not any("invented" in answer for row in general for answer in row["answers"])
    assert {kind for row in general for answer in row["answers"] for kind in answer["text"][::2]} <= {0, 1}


def test_values_are_those_of_tuned_and_base() -> None:
    held = embedded(ROWS)
    place = [metric["label"] for metric in held["metrics"]].index("ROUGE-L")
    row = next(row for row in held["rows"] if row["id"] == "unseen-1")
    assert row["values"][place] == [ROWS[0][system]["measures"]["rouge_l"][0] for system in ("tuned", "base")]
    assert {metric["label"] for metric in held["metrics"]} == {METRICS[name].label.en for name in HEADLINES}


@pytest.mark.parametrize("evil", NASTY)
def test_no_text_becomes_markup(evil: str) -> None:
    answer = ROWS[0]["tuned"] | {"text": evil, "reasoning": evil}
    row = ROWS[0] | dict.fromkeys(("set", "source", "title", "question", "reference"), evil) | {"tuned": answer}
    table = {evil: {"tuned": {"n": 1, evil: 0.5, "exact": 0.0}}}
    why = [{"row": 0, "system": "tuned", "score": 1.0, "why": [evil]}]
    text = rendered(rows=[row], scores=table, intervals=None, failures=why, about={evil: evil}, votes=None)
    assert text.count("<script") == text.count("</script>") == 2
    assert text.count("</title>") == text.count("</style>") == 1
    assert "<img" not in text
    assert "<!-- <b>" not in text
    assert data(text)["rows"][0]["title"] == evil


def test_only_the_pages_own_script_may_run() -> None:
    script = re.findall(r"<script>(.*?)</script>", TEXT, re.DOTALL)
    assert len(script) == 1
    allowed = b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; img-src data:" in TEXT
    assert "innerHTML" not in script[0]


def test_nothing_is_loaded_from_outside() -> None:
    assert not OUTSIDE.search(re.sub(r'<script type="application/json".*?</script>', "", TEXT, flags=re.DOTALL))


def test_ids_are_unique_and_links_lead_somewhere() -> None:
    ids = re.findall(r' id="([^"]+)"', head(TEXT)) + [row["id"] for row in data(TEXT)["rows"]]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|aria-labelledby=")([^"]+)', TEXT)) <= set(ids)


def test_the_same_answers_make_the_same_page() -> None:
    assert rendered() == TEXT


def test_an_empty_comparison_is_still_a_page() -> None:
    text = page([], {}, None, [], {}, {})
    assert text.startswith("<!doctype html>")
    assert "No held-out product was asked" in text
    assert data(text)["rows"] == []


def test_a_set_without_products_has_no_table() -> None:
    none = {"n": 0, "exact": None}
    assert "No product of this set was asked." in rendered(scores={"seen": {"base": none, "tuned": none}})


def test_rows_without_measures_are_shown_without_values() -> None:
    fields = ("set", "source", "title", "question", "reference")
    answer = {"text": "Tea", "tokens": 1, "stopped": True}
    some = [{name: row[name] for name in fields} | {"base": answer, "tuned": answer} for row in ROWS]
    text = rendered(rows=some, scores={}, intervals=None, failures=[], votes=None)
    assert data(text)["metrics"] == []
    assert "copied" not in data(text)["rows"][0]["answers"][0]


def test_unknown_sets_systems_and_metrics_are_shown_by_their_names() -> None:
    row = ROWS[0] | {"set": "rare", "by_hand": ROWS[0]["tuned"]}
    text = rendered(rows=[row], scores={"rare": {"by_hand": {"n": 1, "beauty": 1.25}}}, failures=[], intervals=None)
    for part in ("rare", "by_hand", "beauty", "1.25"):
        assert part in head(text)
    assert data(text)["systems"][-1] == {"name": "by_hand", "label": "by_hand", "folded": False}


def test_every_name_is_said_in_both_languages() -> None:
    texts = [
        text for one in (*METRICS.values(), *SETS.values(), *SYSTEMS.values()) for text in (one.label, one.meaning)
    ]
    assert all(text.said("en") and text.said("pt") for text in texts)
    assert METRICS["exact"].label.said("pt") != METRICS["exact"].label.said("en") == str(METRICS["exact"].label)
