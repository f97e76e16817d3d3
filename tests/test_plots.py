import re
import subprocess
import sys
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from amazon_ft.plots import funnel, loss_curve, precision_recall, svg, token_lengths
from amazon_ft.plots.drawing import apart

LOG = [
    *({"step": step, "loss": 3 / step, "seconds": float(step)} for step in range(1, 101)),
    *({"step": step, "eval_loss": 0.9, "seconds": float(step)} for step in (50, 100)),
]
POINTS = [{"threshold": at / 10, "precision": 0.9 + at / 100, "recall": 1 - at / 20} for at in range(10)]
COUNTS: dict[str, Any] = {"read": 1000, "kept": 700, "rejected": {"too short": 50, "duplicate": 250}}


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def said(axes: Axes) -> str:
    found = re.search(r'^<svg[^>]* role="img" aria-label="([^"]*)"', svg(axes))
    assert found
    return found[1]


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


def test_the_chosen_thresholds_stand_beside_their_points() -> None:
    assert texts(precision_recall(POINTS, [0.2, 0.88])) == ["0.2", "0.88"]
    assert svg(precision_recall([], [0.5])).startswith("<svg")


@pytest.mark.parametrize(
    ("places", "moved"),
    [([], []), ([5], [5]), ([5, 5], [0, 10]), ([40, 80], [40, 80]), ([100, 100, 99], [90, 100, 80]), ([0, 3], [0, 10])],
)
def test_places_move_apart_in_their_order_and_stay_inside(places: list[float], moved: list[float]) -> None:
    assert apart(places, 10, 0, 100) == moved


def test_a_plot_goes_where_it_is_told() -> None:
    upper, lower = Figure().subplots(2)
    assert loss_curve(LOG, upper) is upper
    assert funnel(COUNTS, lower) is lower


def test_svg_is_the_same_twice_and_undated() -> None:
    text = svg(funnel(COUNTS))
    assert text == svg(funnel(COUNTS))
    assert "date" not in text.lower()
    assert "<?xml" not in text


def test_svg_scales_and_keeps_its_text() -> None:
    head, text = svg(loss_curve(LOG)).split(">", 1)
    assert 'width="100%"' in head
    assert "viewBox=" in head
    assert "height=" not in head
    assert ">held out</text>" in text


def test_svg_loads_nothing() -> None:
    for text in (svg(funnel(COUNTS)), svg(loss_curve(LOG))):
        assert not re.search(r'(?:href="|url\()(?!#)', text)


def test_pictures_that_share_marks_share_no_id_and_keep_their_own() -> None:
    pictures = [svg(loss_curve(LOG)), svg(loss_curve(LOG[:-1])), svg(funnel(COUNTS))]
    ids = [re.findall(r' id="([^"]+)"', text) for text in pictures]
    assert all(ids)
    assert len({one for some in ids for one in some}) == sum(map(len, ids))
    for text, own in zip(pictures, ids, strict=True):
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) == set(own)


def test_svg_says_what_it_shows() -> None:
    assert said(funnel(COUNTS)) == (
        "From rows read to rows kept: read 1,000 (100.0%), duplicate 250 (25.0%), too short 50 (5.0%), "
        "kept 700 (70.0%)."
    )
    short = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 1.0, "eval_loss": 1.01}]
    assert said(loss_curve(short)) == (
        "Loss while training. Training: from 3.00 at step 1 to 1.00 at step 2. Held out: from 1.01 at step 2 to "
        "1.01 at step 2."
    )
    assert said(loss_curve([])) == "no loss was logged"
    assert said(token_lengths([10, 600], 512)).endswith("max_length 512: 50.0% of 2 rows are longer.")
    assert "from 0.5: 95.0% precision, 75.0% recall" in said(precision_recall(POINTS, [0.5]))


def test_svg_says_what_both_plots_of_a_figure_show_and_escapes_it() -> None:
    upper, lower = Figure().subplots(2)
    loss_curve([], upper)
    counts = funnel(COUNTS | {"rejected": {'"<b>&': 1}}, lower)
    text = svg(counts)
    assert text == svg(counts.figure)
    assert 'aria-label="no loss was logged From rows' in text
    assert "&quot;&lt;b&gt;&amp; 1" in text.split(">", 1)[0]


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
