"""The page in a headless Chromium: nothing in a text runs, the keyboard reaches everything, axe-core has no fault."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from comparing import NASTY, intervals, rows, scores

from amazon_ft.comparison import page as rendered
from notebooks import CHROMIUM, FLAGS

pytestmark = [
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
ROWS = rows(60)
PICTURE = '<svg role="img" aria-label="A picture" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>'


def written(folder: Path, some: list[dict[str, Any]]) -> str:
    failures = [{"row": row, "system": "tuned", "score": 1.0, "why": [f"{NASTY[0]} is there"]} for row in (1, 3)]
    votes = {"base": 1, "tuned": 5, "tie": 0, "p": 0.219}
    known = intervals(some)
    known["differences"] = [one for one in known["differences"] if one["metric"] == "chrf"]
    text = rendered(some, scores(some), known, failures, {"scores": PICTURE}, {"Recipe": "demo"}, votes)
    path = folder / "comparison.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("page"), ROWS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """Open the page, and fail if anything is reported or asked for while a test looks at it."""
    yield from _opened(browser, address)


def _opened(browser: Any, address: str, **context: Any) -> Iterator[Any]:
    faults: list[str] = []
    shown = browser.new_context(**context)
    tab = shown.new_page()
    tab.on("console", lambda message: faults.append(message.text))
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    tab.on("request", lambda asked: faults.append(asked.url) if asked.url.startswith("http") else None)
    tab.goto(address)
    yield tab
    shown.close()
    assert faults == []


def titles(page: Any) -> list[str]:
    return list(page.locator("article h4").all_text_contents())


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_no_serious_fault(browser: Any, tmp_path: Path, scheme: str, width: int) -> None:
    if find_spec("axe_core_python") is None:
        pytest.skip("axe-core-python is not installed")
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    screen = {"width": width, "height": 900}
    for tab in _opened(browser, written(tmp_path, rows(8, words=12)[4:]), color_scheme=scheme, viewport=screen):
        tab.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        tab.evaluate(axe)
        found = tab.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
        serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
        assert [(fault["id"], [node["html"][:200] for node in fault["nodes"][:3]]) for fault in serious] == []


def test_texts_that_would_be_code_stay_text(page: Any) -> None:
    texts = []
    while True:
        texts += page.locator("#list").all_text_contents()
        following = page.locator(".pager button[data-step='1']").last
        if following.get_attribute("aria-disabled") == "true":
            break
        following.click()
    for evil in NASTY[:2]:
        assert any(evil in text for text in texts)
    assert page.locator("#list img, #list script, #list b").count() == 0
    assert page.locator("body script").count() == 2
    assert page.locator(".failures b, .failures script").count() == 0


def test_reasoning_is_folded_away_and_stays_text(page: Any) -> None:
    folded = page.locator("#list details", has_text="Reasoning").first
    thought = folded.locator(".text")
    assert not thought.is_visible()
    folded.locator("summary").click()
    assert thought.is_visible()
    assert "<b>perhaps</b>" in thought.text_content()


def test_the_keyboard_alone_searches_filters_sorts_and_turns(page: Any) -> None:
    tab_to(page, "[name=words]")
    page.keyboard.type("tams OZ")
    assert titles(page)
    assert all("Tams" in text for text in page.locator("article").all_text_contents())
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    tab_to(page, "[name=set]")
    page.keyboard.type("Seen")
    assert set(page.locator("article .set-name").all_text_contents()) == {"Seen"}
    page.keyboard.press("Home")
    tab_to(page, "[name=order]")
    page.keyboard.type("Title")
    assert titles(page)[0].startswith("Brasca")
    tab_to(page, "[name=reverse]")
    page.keyboard.press("Space")
    assert titles(page)[0].startswith("What is the capital of France")
    before = titles(page)
    tab_to(page, ".pager button[data-step='1']")
    page.keyboard.press("Enter")
    assert page.locator("#shown").text_content() == "21 to 40 of 60"
    assert page.evaluate("document.activeElement.id") == "shown"
    assert not set(before) & set(titles(page)) - {"What is the capital of France?"}


def test_the_worst_come_first(page: Any) -> None:
    page.select_option("[name=order]", "worst")
    worst = max(
        len([fact for fact in row["tuned"]["facts"] if not fact["in_source"]]) for row in ROWS if row["content"]
    )
    first = page.locator("article").first.locator("li", has_text="Invented numbers").text_content()
    assert f"Invented numbers {worst:.2f}" in first


@pytest.mark.parametrize("order", ["tuned", "gain"])
def test_an_order_by_a_score_rises_and_falls(page: Any, order: str) -> None:
    label = "ROUGE-L of tuned" if order == "tuned" else "ROUGE-L, tuned less base"
    page.select_option("[name=set]", label="Unseen")
    page.select_option("[name=order]", label=label)
    rising = _rouge(page, order)
    page.check("[name=reverse]")
    falling = _rouge(page, order)
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert rising[0] < falling[0]


def _rouge(page: Any, order: str) -> list[float]:
    texts = page.locator("article li", has_text="ROUGE-L").all_text_contents()
    written = [text.split()[1 if order == "tuned" else 2].strip("(%)") for text in texts]
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in written]


@pytest.mark.parametrize(
    ("name", "keeps"),
    [
        ("invented", lambda row: row["content"] and any(not fact["in_source"] for fact in row["tuned"]["facts"])),
        ("cut", lambda row: any(isinstance(one, dict) and one.get("stopped") is False for one in row.values())),
        ("differ", lambda row: row["base"]["text"] != row["tuned"]["text"]),
    ],
)
def test_a_filter_keeps_what_it_says(page: Any, name: str, keeps: Any) -> None:
    page.check(f"[name={name}]")
    wanted = sum(bool(keeps(row)) for row in ROWS)
    assert 0 < wanted < len(ROWS)
    assert page.locator("#status").text_content() == f"{wanted} of 60 questions"


def test_a_search_without_a_hit_says_so(page: Any) -> None:
    page.fill("[name=words]", "zeppelin")
    assert titles(page) == []
    assert "Nothing fits" in page.locator("#shown").text_content()


def test_a_fragment_opens_its_product(browser: Any, address: str) -> None:
    for tab in _opened(browser, f"{address}#unseen-23"):
        assert tab.evaluate("document.activeElement.id") == "unseen-23"
        tab.fill("[name=words]", "zeppelin")
        tab.evaluate("location.hash = '#seen-2'")
        tab.wait_for_function("document.activeElement.id === 'seen-2'")
        assert tab.locator("[name=words]").input_value() == ""


def test_the_same_link_opens_its_product_again(page: Any) -> None:
    link = page.locator(".failures h3 a").first
    wanted = link.get_attribute("href").removeprefix("#")
    for _ in range(2):
        link.click()
        page.wait_for_function(f"document.activeElement.id === '{wanted}'")
        page.fill("[name=words]", "zeppelin")
        assert titles(page) == []


@pytest.mark.parametrize("fragment", ["#100%", "#%E0%A4%A", "#nothing"])
def test_a_fragment_of_no_product_does_no_harm(browser: Any, address: str, fragment: str) -> None:
    for tab in _opened(browser, f"{address}{fragment}"):
        assert len(titles(tab)) == 20


def test_after_back_the_list_is_what_the_filters_say(page: Any, address: str) -> None:
    page.check("[name=cut]")
    page.select_option("[name=order]", "title")
    before, said = titles(page), page.locator("#status").text_content()
    page.goto("about:blank")
    page.go_back()
    assert page.is_checked("[name=cut]")
    assert page.locator("#status").text_content() == said
    assert titles(page) == before


def test_accents_do_not_matter(page: Any) -> None:
    page.fill("[name=words]", "CAFE")
    number = len(titles(page))
    page.fill("[name=words]", "Cafe\u0301")
    assert len(titles(page)) == number > 0


def test_a_page_without_rows_says_so(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "empty.html"
    path.write_text(rendered([], {}, None, [], {}, {}), encoding="utf-8")
    for tab in _opened(browser, path.as_uri()):
        assert tab.locator("#shown").text_content() == "No product was asked."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(browser: Any, address: str, scheme: str) -> None:
    for tab in _opened(browser, address, viewport={"width": 360, "height": 740}, color_scheme=scheme):
        tab.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_scripts_the_static_part_stands(browser: Any, address: str) -> None:
    for tab in _opened(browser, address, java_script_enabled=False):
        assert tab.get_by_text("scripts are switched off here").is_visible()
        assert tab.locator("#controls").is_hidden()
        assert tab.locator("table").first.is_visible()
        assert tab.locator(".failures li").first.is_visible()
