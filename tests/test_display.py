import html
import re

from hypothesis import given
from hypothesis import strategies as st

from amazon_ft.comparison import marked
from amazon_ft.display import STYLE, Shown, framed, rendered, table, tokens

HOSTILE = "<script>alert('a')</script> & \"b\""


def plain(shown: Shown) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", shown.html))


def test_prompt_and_completion_are_told_apart() -> None:
    shown = rendered("Tell me: ", "a lamp")
    assert '<span class="read">Tell me: </span><span class="learned">a lamp</span>' in shown.html
    assert repr(shown) == str(shown) == "Tell me: «a lamp»"


def test_tokens_that_carry_loss_are_marked_and_line_ends_are_visible() -> None:
    shown = tokens([("Hi", False), ("\n", False), (" you", True), ("</s>", True)])
    assert shown.html.count('class="learned"') == 2
    assert plain(shown) == "Hi↵\n you</s>"
    assert repr(shown) == "Hi|↵\n|« you»|«</s>»"


def test_a_table_has_the_names_of_its_first_row() -> None:
    shown = table([{"title": "Lamp", "number": 2}, {"title": "Cup", "number": None}])
    assert re.findall(r"<t[hd]>(.*?)</t[hd]>", shown.html) == ["title", "number", "Lamp", "2", "Cup", "None"]
    assert repr(shown) == "title: Lamp\nnumber: 2\n\ntitle: Cup\nnumber: None"
    assert repr(table([])) == "no rows"


def test_a_cell_may_hold_what_is_html_already() -> None:
    shown = table([{"a": rendered("x", "<y>"), "b": marked("5 cups", "6 cups")}])
    assert '<span class="learned">&lt;y&gt;</span>' in shown.html
    assert '<mark class="invented">6</mark> cups' in shown.html


def test_a_frame_holds_the_whole_page_as_data() -> None:
    shown = framed("<p>olá</p>", height=300)
    assert "data:text/html;charset=utf-8;base64,PHA+b2zDoTwvcD4=" in shown.html
    assert "height: 300px" in shown.html


def test_the_style_comes_once_and_with_the_outermost_alone() -> None:
    assert table([{"a": rendered("x", "y")}])._repr_html_().count("<style>") == 1
    assert "://" not in STYLE


@given(st.text())
def test_no_text_becomes_markup(text: str) -> None:
    shown = [rendered(text, text), tokens([(text, True)]), table([{text: text}])]
    tags = {
        re.sub(r"\W.*", "", tag, flags=re.DOTALL) for one in shown for tag in re.findall(r"</?(\w[^>]*)>", one.html)
    }
    assert tags <= {"div", "span", "table", "tr", "th", "td"}
    assert plain(shown[0]) == text + text


def test_hostile_text_stays_text() -> None:
    for shown in (rendered(HOSTILE, HOSTILE), tokens([(HOSTILE, False)]), table([{HOSTILE: HOSTILE}])):
        assert "<script" not in shown.html
        assert HOSTILE in plain(shown)
