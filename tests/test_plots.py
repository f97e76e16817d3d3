import re
import subprocess
import sys
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from amazon_ft.plots import funnel, loss_curve, score_bars, svg, token_lengths

LOG = [
    *({"step": step, "loss": 3 / step, "seconds": float(step)} for step in range(1, 101)),
    *({"step": step, "eval_loss": 0.9, "seconds": float(step)} for step in (50, 100)),
]
SCORES: dict[str, Any] = {
    name: {
        "base": {"n": 4, "exact": 0.0, "rouge_l": 0.1, "number_precision": None},
        "tuned": {"n": 4, "exact": 0.75, "rouge_l": 0.9, "number_precision": 0.5},
    }
    for name in ("seen", "unseen")
}
COUNTS: dict[str, Any] = {"read": 1000, "kept": 700, "rejected": {"too short": 50, "duplicate": 250}}


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def shifts(axes: Axes) -> dict[str, float]:
    return {text.get_text(): text.xyann[1] for text in axes.texts if isinstance(text, Annotation)}


def test_a_long_log_is_smoothed_and_named_at_its_ends() -> None:
    axes = loss_curve(LOG)
    assert len(axes.get_lines()) == 3
    assert sorted(texts(axes)) == ["held out", "training"]


def test_lines_that_meet_keep_both_names() -> None:
    apart = loss_curve([{"step": 1, "loss": 3.0, "eval_loss": 1.0}])
    meeting = loss_curve([{"step": 1, "loss": 3.0}, {"step": 2, "loss": 1.0, "eval_loss": 1.01}])
    assert shifts(apart) == {"training": 0, "held out": 0}
    assert shifts(meeting)["training"] < 0 < shifts(meeting)["held out"]


@pytest.mark.parametrize(
    "log",
    [[], [{"step": 1, "loss": 2.0}], [{"step": 1, "eval_loss": 2.0}], [{"step": 1, "loss": float("nan")}]],
)
def test_a_short_log_is_drawn_too(log: list[dict[str, float]]) -> None:
    assert svg(loss_curve(log)).startswith("<svg")


def test_bars_carry_their_values() -> None:
    axes = score_bars(SCORES)
    assert len(axes.patches) == 12
    assert {"tuned  75.0%", "base  nothing to count", "Seen, 4 products"} <= set(texts(axes))


@pytest.mark.parametrize(
    "scores", [{}, {"seen": {}}, {"seen": {"base": {"n": 0, "exact": None}}}, {"seen": {"other": {"n": 1}}}]
)
def test_scores_of_nothing_are_drawn_too(scores: dict[str, Any]) -> None:
    assert svg(score_bars(scores)).startswith("<svg")


def test_more_systems_and_sets_have_their_bars() -> None:
    five = {str(place): SCORES["seen"]["tuned"] for place in range(5)}
    assert len(score_bars({"seen": five, "rare": {"0": five["0"]}}).patches) == 18


def test_lengths_say_what_share_is_cut() -> None:
    assert texts(token_lengths([10, 20, 30, 600], 512)) == ["max_length 512:\n25.0% of 4 rows are longer"]


@pytest.mark.parametrize("lengths", [[], [7], [7, 7]])
def test_few_lengths_are_drawn_too(lengths: list[int]) -> None:
    assert svg(token_lengths(lengths, 512)).startswith("<svg")


def test_the_funnel_writes_every_number_and_share() -> None:
    axes = funnel(COUNTS)
    assert texts(axes) == ["1,000  (100.0%)", "250  (25.0%)", "50  (5.0%)", "700  (70.0%)"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["read", "duplicate", "too short", "kept"]


def test_a_funnel_of_nothing_is_drawn_too() -> None:
    assert svg(funnel({"read": 0, "kept": 0, "rejected": {}})).startswith("<svg")


def test_a_plot_goes_where_it_is_told() -> None:
    upper, lower = Figure().subplots(2)
    assert loss_curve(LOG, upper) is upper
    assert funnel(COUNTS, lower) is lower


def test_svg_is_the_same_twice_and_undated() -> None:
    text = svg(score_bars(SCORES))
    assert text == svg(score_bars(SCORES))
    assert "date" not in text.lower()
    assert "<?xml" not in text


def test_svg_scales_and_keeps_its_text() -> None:
    head, text = svg(loss_curve(LOG)).split(">", 1)
    assert 'width="100%"' in head
    assert "viewBox=" in head
    assert "height=" not in head
    assert ">held out</text>" in text


def test_svg_loads_nothing_and_shares_no_plain_id() -> None:
    pictures = [svg(score_bars(SCORES)), svg(loss_curve(LOG))]
    assert not any(re.search(r'(?:href="|url\()(?!#)', text) for text in pictures)
    first, second = (set(re.findall(r' id="([^"]+)"', text)) for text in pictures)
    assert not first & second


def test_svg_refuses_axes_without_a_figure() -> None:
    axes = loss_curve(LOG)
    axes.remove()
    with pytest.raises(ValueError, match="draw them again"):
        svg(axes)


def test_a_figure_shows_itself_without_pyplot() -> None:
    program = (
        "import sys; from amazon_ft.plots import funnel;"
        "figure = funnel({'read': 1, 'kept': 1, 'rejected': {}}).figure;"
        "assert figure._repr_png_().startswith(b'\\x89PNG'); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
