import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import comparing
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from amazon_ft.files import InputError
from amazon_ft.plots import Picture, copied, estimates, lengths, paired_scores, seen_unseen, svg
from amazon_ft.plots.memorising import LOOKS
from amazon_ft.plots.spreading import FACES

ROWS = comparing.rows(60)


def score(n: int = 4, **metrics: float | None) -> dict[str, Any]:
    return {"n": n, "exact": 0.0, "rouge_l": 0.1, "number_precision": None} | metrics


SCORES: dict[str, Any] = {
    "seen": {"base": score(), "tuned": score(exact=0.75, rouge_l=0.9, number_precision=0.5)},
    "unseen": {
        "base": score(53),
        "tuned": score(53, exact=0.02, rouge_l=0.05),
        "base_with_source": score(53),
        "tuned_with_source": score(53, rouge_l=0.3),
    },
    "general": {"base": score(9), "tuned": score(9)},
}


def difference(set_: str, metric: str, value: float, low: float | None, high: float | None) -> dict[str, Any]:
    pair = {"set": set_, "of": "tuned", "less": "base", "metric": metric}
    return pair | {"difference": value, "low": low, "high": high}


INTERVALS: dict[str, Any] = {
    "level": 0.95,
    "scores": {
        "unseen": {"base": {"rouge_l": [0.08, 0.12], "exact": [None, None]}, "tuned": {"rouge_l": [0.03, 0.07]}}
    },
    "differences": [
        difference("unseen", "exact", 0.02, -0.01, 0.05),
        difference("unseen", "rouge_l", -0.05, -0.08, -0.02),
        difference("seen", "exact", 0.75, None, None),
    ],
}


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def said(drawn: Axes | Figure) -> str:
    found = re.search(r'^<svg[^>]* role="img" aria-label="([^"]*)"', svg(drawn))
    assert found
    return found[1]


def marks(axes: Axes, marker: str) -> list[Any]:
    return [line for line in axes.get_lines() if line.get_marker() == marker]


def pictures(rows: list[dict[str, Any]]) -> list[Any]:
    scores, intervals = comparing.scores(rows), comparing.intervals(rows)
    return [paired_scores(scores, intervals), seen_unseen(scores, intervals), lengths(rows), copied(rows)]


def asked(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    base = {"set": "seen", "source": "1", "reference": "one two three four", "title": "a"}
    return [base | row for row in rows]


def answer(text: str, stopped: bool = True, share: list[float] | None = None) -> dict[str, Any]:
    answer = {"text": text, "stopped": stopped, "max_new_tokens": 20}
    return answer | ({"measures": {"copied": share}} if share else {})


def test_a_pair_writes_its_difference_with_its_interval() -> None:
    axes = paired_scores(SCORES, INTERVALS)
    written = texts(axes)
    assert written[:4] == ["Unseen, 53 products", "○ base", "● tuned", "difference, points"]
    assert {"≈ +2.0 [−1.0, 5.0]", "−5.0 [−8.0, −2.0]", "+20.0", "+75.0", "+80.0"} <= set(written)
    assert {"nothing to count", "base: nothing to count"} <= set(written)
    assert "General, 9 products" not in written


def test_only_a_difference_beyond_chance_is_bold() -> None:
    weights = {text.get_text(): text.get_weight() for text in paired_scores(SCORES, INTERVALS).texts}
    assert [weights[key] for key in ("−5.0 [−8.0, −2.0]", "≈ +2.0 [−1.0, 5.0]", "+75.0")] == [
        "bold",
        "normal",
        "normal",
    ]


def test_a_pair_is_drawn_where_its_scores_are() -> None:
    axes = paired_scores({"seen": {"base": score(), "tuned": score(rouge_l=0.9)}}, metrics=["rouge_l"])
    ring, disc = marks(axes, "o")
    assert [ring.get_xdata()[0], disc.get_xdata()[0]] == [10, 90]
    assert ring.get_markersize() > disc.get_markersize()
    assert to_rgb(ring.get_markerfacecolor()) == (1, 1, 1)


def test_both_ends_of_each_interval_are_drawn() -> None:
    drawn = [list(line.get_xdata()) for line in marks(paired_scores(SCORES, INTERVALS), "|")]
    assert drawn == [pytest.approx([8, 12]), pytest.approx([3, 7])]


def test_the_lines_are_named_once_and_the_source_stands_below() -> None:
    labels = [label.get_text() for label in paired_scores(SCORES).get_yticklabels()]
    pairs = ["Exact match", "with source", "ROUGE-L", "with source", "Number precision", "with source"]
    assert labels == [*pairs, "Exact match", "ROUGE-L", "Number precision"]


@pytest.mark.parametrize(
    ("intervals", "finding"),
    [
        (INTERVALS, "Unseen products: tuned below base in 1 of 2 scores"),
        (None, "Unseen products: tuned above base in 1 of 2 scores and below base in 1 of 2 scores"),
        (
            INTERVALS
            | {"differences": [difference("unseen", metric, 0, -0.1, 0.1) for metric in ("exact", "rouge_l")]},
            "Unseen products: no score tells tuned from base",
        ),
    ],
)
def test_the_title_says_what_was_found(intervals: dict[str, Any] | None, finding: str) -> None:
    axes = paired_scores(SCORES, intervals)
    assert axes.get_title(loc="left").replace("\n", " ") == finding
    assert said(axes).startswith(f"{finding}. unseen, Exact match, closed book: base 0.0, tuned 2.0")


def test_the_caption_says_whether_there_are_intervals() -> None:
    assert "95% intervals" in paired_scores(SCORES, INTERVALS).get_xlabel()
    assert "No intervals were taken" in paired_scores(SCORES).get_xlabel()
    assert "Whiskers" not in seen_unseen(SCORES).get_xlabel()


def test_a_system_that_was_not_asked_is_said_to_be_missing() -> None:
    axes = paired_scores({"seen": {"tuned": score(1)}})
    assert texts(axes) == ["Seen, 1 product", "● tuned", "difference, points", *["base not asked"] * 3]
    assert "tuned 10.0, base not asked" in said(axes)


def test_chrf_is_on_the_same_scale() -> None:
    scores = {"seen": {"base": {"n": 2, "chrf": 10.0}, "tuned": {"n": 2, "chrf": 44.2}}}
    assert "+34.2" in texts(paired_scores(scores, metrics=["chrf"]))


@pytest.mark.parametrize(
    "draw", [lambda: paired_scores(SCORES, metrics=["loss"]), lambda: seen_unseen({}, None, "loss")]
)
def test_a_metric_without_a_scale_is_refused(draw: Callable[[], Any]) -> None:
    with pytest.raises(InputError, match="'loss' has no place on a scale from 0 to 100: choose among exact,"):
        draw()


@pytest.mark.parametrize("scores", [{}, {"seen": {}}, {"seen": {"base": {"n": 0, "exact": None}}}, {"general": {}}])
def test_scores_of_nothing_say_so(scores: dict[str, Any]) -> None:
    for axes in (paired_scores(scores), seen_unseen(scores)):
        assert texts(axes) == [said(axes)] == ["no product was asked"]


def test_every_system_goes_from_unseen_to_seen() -> None:
    scores = comparing.scores(ROWS)
    axes = seen_unseen(scores, comparing.intervals(ROWS))
    assert [label.get_text().split("\n")[0] for label in axes.get_xticklabels()] == ["unseen", "variant", "seen"]
    names = [f"{system.replace('_', ' ')} {100 * scores['seen'][system]['rouge_l']:.1f}" for system in LOOKS]
    assert texts(axes) == names
    assert len(marks(axes, "_")) == 3 * len(LOOKS)
    tuned = [f"{100 * scores[set_]['tuned']['rouge_l']:.1f} {set_}" for set_ in ("seen", "variant", "unseen")]
    assert axes.get_title(loc="left") == f"ROUGE-L of tuned: {', '.join(tuned)}"


def test_names_of_equal_scores_do_not_meet() -> None:
    same = {set_: {system: score() for system in LOOKS} for set_ in ("seen", "unseen")}
    heights = sorted(text.get_position()[1] for text in seen_unseen(same).texts)
    assert min(after - before for before, after in pairwise(heights)) > 5


def test_a_run_without_baselines_or_one_set_is_drawn_too() -> None:
    axes = seen_unseen({"seen": SCORES["seen"]})
    assert texts(axes) == ["base 10.0", "tuned 90.0"]
    assert axes.get_xlabel() == ""
    half = {"unseen": {"base": score()}, "seen": {"tuned": score(rouge_l=None), "base": score(rouge_l=None)}}
    assert "base 10.0 on unseen." in said(seen_unseen(half))


def test_systems_differ_without_colour() -> None:
    assert len({(look.marker, look.filled) for look in LOOKS.values()}) == len(LOOKS)
    grey = {name: Image.new("RGB", (1, 1), face).convert("L").getpixel((0, 0)) for name, (face, _) in FACES.items()}
    assert len({(grey[name] // 64, hatch) for name, (_, hatch) in FACES.items()}) == len(FACES)


def test_lengths_write_medians_and_what_the_limit_cut() -> None:
    rows = asked(
        {"base": answer("a b", stopped=False), "tuned": answer("a b c")},
        {"base": answer("a b c d"), "tuned": answer("a b c d e")},
        {"set": "general", "reference": "x", "base": answer("a " * 99)},
    )
    assert said(lengths(rows)) == (
        "Median length in words: true 4, base 3, tuned 4. True descriptions: from 4 to 4 words, median 4. "
        "Base, 2 answers: from 2 to 4 words, median 3, 50.0% cut at the limit of 20 tokens. "
        "Tuned, 2 answers: from 3 to 5 words, median 4, 0.0% cut at the limit of 20 tokens."
    )


def test_every_answer_is_in_a_bar_however_long() -> None:
    rows = asked(*({"base": answer("a " * (10 + place % 7))} for place in range(200)), {"base": answer("a " * 5000)})
    picture = lengths(rows)
    base = picture.axes[1]
    assert sum(bar.get_height() for bar in base.patches if hasattr(bar, "get_height")) == pytest.approx(100)
    assert base.get_xlim()[1] < 50
    assert "the last bar holds all longer than" in base.get_xlabel()


def test_what_is_recited_is_written_for_each_set() -> None:
    rows = asked(
        {"base": answer("a", share=[0, 1]), "tuned": answer("a", share=[9, 10])},
        {"base": answer("a", share=[1, 2]), "tuned": answer("", share=[0, 0])},
        {"set": "unseen", "base": answer("a"), "tuned": answer("a", share=[0.2, 1])},
        {"set": "own", "tuned": answer("a", share=[1, 1])},
    )
    assert said(copied(rows)) == (
        "Tuned recites (90% or more copied): 100.0% of seen, 0.0% of unseen products. base, unseen: nothing to count. "
        "base, seen: 0.0% of 2 answers copied to 90% or more. tuned, unseen: 0.0% of 1 answer copied to 90% or more. "
        "tuned, seen: 100.0% of 1 answer copied to 90% or more."
    )


def test_rows_of_an_old_run_have_no_copied_share() -> None:
    rows = asked({"base": answer("a b"), "tuned": answer("a")})
    assert said(copied(rows)) == "no answer was measured"
    assert said(copied([])) == "no answer was measured"
    assert said(lengths([])) == "no product was asked"


@pytest.mark.parametrize("rows", [ROWS[:1], ROWS[:50] * 20])
def test_one_row_and_a_thousand_are_drawn(rows: list[dict[str, Any]]) -> None:
    assert all(svg(drawn).startswith("<svg") for drawn in pictures(rows))


def test_the_same_rows_give_the_same_pictures_and_no_id_twice() -> None:
    texts = [svg(drawn) for drawn in pictures(ROWS)]
    assert texts[-1] == svg(copied(ROWS))
    ids = re.findall(r' id="([^"]+)"', "".join(texts))
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("draw", [lambda: seen_unseen(SCORES), lambda: copied(ROWS)])
def test_a_notebook_shows_axes_and_pictures_alike(draw: Callable[[], Any]) -> None:
    assert draw().figure._repr_png_().startswith(b"\x89PNG")


def test_no_word_is_small_and_none_leaves_the_paper() -> None:
    for drawn in pictures(ROWS):
        figure = drawn.figure
        assert isinstance(figure, Picture)
        figure.draw_without_rendering()
        words = [text for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")) if text.get_text()]
        assert min(text.get_fontsize() for text in words if text.get_visible()) >= 13
        box = figure.get_tightbbox()
        assert box.x0 >= -0.02 and box.y0 >= -0.02
        assert box.x1 <= figure.get_figwidth() + 0.02 and box.y1 <= figure.get_figheight() + 0.02


def test_paired_scores_and_seen_unseen_go_where_they_are_told() -> None:
    upper, lower = Figure().subplots(2)
    assert paired_scores(SCORES, INTERVALS, axes=upper) is upper
    assert seen_unseen(SCORES, axes=lower) is lower


@pytest.mark.parametrize(("corrected", "written"), [(0.01, "+9.7 [0.1, 22.4]"), (0.4, "≈ +9.7 [0.1, 22.4]")])
def test_what_holm_does_not_allow_may_be_chance(corrected: float, written: str) -> None:
    names = {"set": "variant", "of": "tuned", "less": "base", "metric": "rouge_l"}
    row = names | {"difference": 0.097, "low": 0.001, "high": 0.224, "p_holm": corrected}
    found = estimates.difference({}, {"differences": [row]}, "variant", ("base", "tuned"), "rouge_l")
    assert found.written == written
    assert found.direction == (corrected < 0.05)
