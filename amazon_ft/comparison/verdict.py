"""What scores and intervals mean, in sentences that claim no difference that chance could have made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amazon_ft.comparison.metrics import metric as known_metric

MEMORISED = 0.5  # share of exact answers from which on "by heart" is a fair word
SOME = 0.1  # share of exact answers that chance and common phrases do not reach
CLOSER = 0.05  # gain in ROUGE-L below which the wording has not visibly moved
SURE = 0.05  # a corrected p from which on a difference may be chance
CHANCE = "no difference can be told from chance"

Intervals = Mapping[str, Any]


def findings(scores: Mapping[str, Any], intervals: Intervals | None = None) -> list[str]:
    """Say in words what the scores of each set mean, and those with the source; with `intervals`, how sure it is."""
    known = intervals or {}
    sentences = (
        _on_seen(scores.get("seen", {}), known),
        _on_variants(scores.get("variant", {}), known),
        _on_unseen(scores.get("unseen", {}), known),
        _on_source(scores.get("unseen", {}), known),
        _on_general(scores.get("general", {}), known),
    )
    return [sentence for sentence in sentences if sentence]


def difference(intervals: Intervals, set_: str, of: str, less: str, metric: str) -> Mapping[str, Any] | None:
    """Find the difference of two systems in a metric of a set; None if there is none with an interval."""
    wanted = (set_, of, less, metric)
    rows = intervals.get("differences", ())
    fits = (row for row in rows if (row["set"], row["of"], row["less"], row["metric"]) == wanted)
    return next((row for row in fits if None not in (row["difference"], row["low"], row["high"])), None)


def told(row: Mapping[str, Any]) -> bool:
    """Tell whether a difference can be told from chance: its interval leaves out 0, and if tested, p_holm is small."""
    corrected = row.get("p_holm")
    return bool(row["low"] > 0 or row["high"] < 0) and (corrected is None or corrected < SURE)


def _on_seen(seen: Mapping[str, Any], intervals: Intervals) -> str:
    tuned, base = seen.get("tuned", {}), seen.get("base", {})
    if not tuned.get("n"):
        return "No product of the training rows was asked, so nothing here shows what the model memorised."
    if tuned.get("exact") is None:
        return ""
    row = difference(intervals, "seen", "tuned", "base", "exact")
    known = base.get("exact") is not None
    beside = f"; the base model {_percent(base['exact'])}{_bracketed(row, intervals)}" if known else ""
    said = (
        f"On {tuned['n']:,} of the products that it was trained on, the tuned model gives {_percent(tuned['exact'])} "
        f"of the descriptions word for word{beside}."
    )
    if tuned["exact"] >= MEMORISED:
        return said
    if tuned["exact"] >= SOME:
        return f"{said} It has memorised only a part of them."
    return f"{said} It has not memorised them{_moved(tuned, base, intervals)}."


def _moved(tuned: Mapping[str, Any], base: Mapping[str, Any], intervals: Intervals) -> str:
    """Say whether the training has moved the wording, as far as an interval can tell."""
    if base.get("rouge_l") is None:
        return ""
    row = difference(intervals, "seen", "tuned", "base", "rouge_l")
    change = f"(ROUGE-L {_percent(base['rouge_l'])} before, {_percent(tuned['rouge_l'])} after{_tail(row, intervals)})"
    if row and told(row) and row["low"] > 0:
        return f", though its wording has come closer to them {change}"
    if row and row["high"] < CLOSER:
        return f", and its wording has hardly come closer to them {change}: the training has not taken hold"
    return f", and whether its wording has come closer to them cannot be told from chance {change}"


def _on_variants(variant: Mapping[str, Any], intervals: Intervals) -> str:
    tuned = variant.get("tuned", {})
    if tuned.get("exact") is None:
        return ""
    said = (
        f"On {_counted(tuned['n'], 'variant')} of trained products, other sizes, colours or volumes, it gives "
        f"{_percent(tuned['exact'])} word for word: {_numbers(tuned)}."
    )
    return " ".join(filter(None, [said, _against_base("variant", intervals)]))


def _on_unseen(unseen: Mapping[str, Any], intervals: Intervals) -> str:
    tuned = unseen.get("tuned", {})
    if not tuned.get("n"):
        return "No held-out product was asked, so nothing here shows what it does with products it never saw."
    if tuned.get("exact") is None:
        return ""
    asked = _counted(tuned["n"], "product")
    said = f"On {asked} it never saw it gives {_percent(tuned['exact'])} word for word: {_numbers(tuned)}."
    return " ".join(filter(None, [said, _against_base("unseen", intervals)]))


def _on_source(unseen: Mapping[str, Any], intervals: Intervals) -> str:
    reading, quoting = unseen.get("tuned_with_source", {}), unseen.get("extractive", {})
    if reading.get("exact") is None or quoting.get("exact") is None:
        return ""
    said = (
        f"With the catalogue entry to read it gives {_percent(reading['exact'])} word for word"
        f"{_inventing(reading, 'invents')}; the entry's own words, without any model, "
        f"are right in {_percent(quoting['exact'])}{_inventing(quoting, 'invent')}"
    )
    row = difference(intervals, "unseen", "tuned_with_source", "extractive", "exact")
    return f"{said}; reading less quoting, word for word: {_told(row, intervals)}." if row else f"{said}."


def _inventing(system: Mapping[str, Any], verb: str) -> str:
    number = system.get("invented_numbers")
    return "" if number is None else f" and {verb} {number:.1f} numbers an answer"


def _on_general(general: Mapping[str, Any], intervals: Intervals) -> str:
    tuned, base = general.get("tuned", {}), general.get("base", {})
    if not tuned.get("n") or tuned.get("right") is None:
        return ""
    asked = f"On {_counted(tuned['n'], 'general question')}"
    if not base.get("n") or base.get("right") is None:
        return f"{asked} the tuned model is right in {_percent(tuned['right'])}."
    row = difference(intervals, "general", "tuned", "base", "right")
    said = (
        f"{asked} the base model is right in {_percent(base['right'])}, the tuned model in {_percent(tuned['right'])}"
    )
    meant = ": it has forgotten some of what it knew" if row and told(row) and row["high"] < 0 else ""
    return " ".join(filter(None, [f"{said}{_bracketed(row, intervals)}{meant}.", _surprise(tuned, base, intervals)]))


def _surprise(tuned: Mapping[str, Any], base: Mapping[str, Any], intervals: Intervals) -> str:
    """Say whether the right answers have become less likely, where an interval can tell."""
    row = difference(intervals, "general", "tuned", "base", "loss")
    if row is None or not told(row):
        return ""
    way = "more" if row["low"] > 0 else "less"
    before, after = base.get("perplexity"), tuned.get("perplexity")
    known = before is not None and after is not None
    change = f"perplexity {before:,.1f} before, {after:,.1f} after; " if known else ""
    return f"The right answers surprise it {way} than the base model ({change}loss {_change(row, intervals)})."


def _against_base(set_: str, intervals: Intervals) -> str:
    """Say whether the wording has come closer to the truth, where an interval can tell."""
    row = difference(intervals, set_, "tuned", "base", "rouge_l")
    if row is None:
        return ""
    if not told(row):
        return f"Between its wording and the base model's there, {CHANCE} (ROUGE-L {_change(row, intervals)})."
    way = "closer to" if row["low"] > 0 else "further from"
    return f"Its wording there is {way} the truth than the base model's (ROUGE-L {_change(row, intervals)})."


def _numbers(tuned: Mapping[str, Any]) -> str:
    precision = tuned.get("number_precision")
    if precision is None:
        return "there, its answers state no numbers"
    return f"there, {_percent(1 - precision)} of the numbers it states do not stand in the true description"


def _bracketed(row: Mapping[str, Any] | None, intervals: Intervals) -> str:
    if row is None:
        return ""
    return f" ({_told(row, intervals)})"


def _told(row: Mapping[str, Any], intervals: Intervals) -> str:
    return f"{_change(row, intervals)}{'' if told(row) else f': {CHANCE}'}"


def _tail(row: Mapping[str, Any] | None, intervals: Intervals) -> str:
    return f"; {_change(row, intervals)}" if row else ""


def _change(row: Mapping[str, Any], intervals: Intervals) -> str:
    """Write a difference with its interval, in percentage points or in the metric's own unit."""
    metric = known_metric(row["metric"])
    unit = " points" if "%" in metric.format else ""
    low, high = metric.change(row["low"]), metric.change(row["high"])
    return f"{metric.change(row['difference'])}{unit}, {intervals.get('level', 0.95):.0%} interval {low} to {high}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    whole = f"{share:.0%}"
    # 0% and 100% must mean none and all.
    return f"{min(max(share, 0.001), 0.999):.1%}" if whole in ("0%", "100%") and 0 < share < 1 else whole
