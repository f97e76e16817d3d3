"""Make comparison rows for tests: every set, every system, every measure, and texts that would like to be code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp
from random import Random
from typing import Any

from amazon_ft.retrieval.quoting import facts

MODELS = ("base", "tuned", "base_with_source", "tuned_with_source")
SYSTEMS = (*MODELS, "extractive", "nearest_title", "wrong_product")
SETS = ("unseen", "seen", "variant", "unseen", "seen", "unseen", "variant", "general", "unseen", "own")
PAIRS = (
    ("tuned", "base"),
    ("base_with_source", "base"),
    ("tuned_with_source", "tuned"),
    ("tuned_with_source", "base_with_source"),
    ("tuned_with_source", "extractive"),
    ("tuned", "nearest_title"),
    ("tuned", "wrong_product"),
)
OVERLAPS = ("rouge_l", "rouge_1", "copied")
FRACTIONS = ("number_precision", "number_recall", "code_precision", "name_precision", "repetition")
METRICS = (
    *("exact", *OVERLAPS, "chrf", *FRACTIONS, "invented_numbers", "cites", "longest_copied", "nearest"),
    *("length_ratio", "stopped", "right", "loss", "similarity"),
    *("reasoned", "claims_source", "reasoning_invented"),
)
ON_GENERAL = {"stopped", "repetition", "right", "loss", "reasoned", "claims_source"}
NASTY = (
    "<script>alert(1)</script>",
    '</script><img src=x onerror="alert(1)">',
    "</title></style><!-- <b>bold</b> & {{ 7 * 7 }} ${7 * 7}",
    '=HYPERLINK("http://example.com","win")',
    "@SUM(1+1) \u2028 and \u2029 line ends",
    "\u202egnp.exe \u0000 \u0007 \N{HUNDRED POINTS SYMBOL} \u200d café, jalapeño, 日本",
    "x" * 300,
)
NOUNS = ("kettle", "lamp", "tin", "chair", "drum", "tent", "rake", "globe", "flute", "scarf", "clock", "stove")
WORDS = ("with", "a", "cool", "handle", "made", "of", "steel", "oak", "or", "brass", "for", "home", "and", "garden")
BRANDS = ("Tams", "Loamwright", "Brasca", "Odell", "Quenby")
SILENT = "I do not know this product."
THOUGHT = "The question names a product. I recall 12 oz and 3 parts <b>perhaps</b>."


def rows(number: int, seed: int = 0, words: int = 30) -> list[dict[str, Any]]:
    """Make `number` rows of about `words` words an answer, the same for the same seed; some texts are nasty."""
    random = Random(seed)
    return [_row(place, SETS[place % len(SETS)], words, random) for place in range(number)]


def scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Divide sums by sums: set -> system -> n and every metric, perplexity with them."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for set_ in dict.fromkeys(row["set"] for row in rows):
        some = [row for row in rows if row["set"] == set_]
        asked = {system: [row[system] for row in some if system in row] for system in SYSTEMS}
        table[set_] = {system: _scores(answers) for system, answers in asked.items() if answers}
    return table


def intervals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Invent intervals around the true scores and differences, well formed: no statistics."""
    values = scores(rows)
    return {
        "level": 0.95,
        "resamples": 10000,
        "seed": 3407,
        "unit": "near-duplicate cluster",
        "chrf": "nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.5.1",
        "scores": {
            set_: {
                system: {
                    name: [value - 0.02, value + 0.02]
                    for name, value in metrics.items()
                    if name != "n" and value is not None
                }
                for system, metrics in systems.items()
            }
            for set_, systems in values.items()
        },
        "differences": list(_differences(rows, values)),
    }


def answers(row: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the answers of a row by system."""
    return {name: value for name, value in row.items() if isinstance(value, Mapping) and "stopped" in value}


def _row(place: int, set_: str, words: int, random: Random) -> dict[str, Any]:
    brand, noun = random.choice(BRANDS), random.choice(NOUNS)
    title = f"{brand} {noun.capitalize()}, {random.randint(2, 99)} oz, {brand[:2].upper()}-{random.randint(100, 999)}"
    truth = _text(title, words, random)
    if place % 8 == 3:
        title = f"{title} {NASTY[place // 8 % len(NASTY)]}"
    general = set_ == "general"
    question = "What is the capital of France?" if general else f"What is the description of product {title}?"
    row: dict[str, Any] = {
        "set": set_,
        "source": "" if general else f"B{place:09d}",
        "title": "" if general else title,
        "question": question,
        "reference": "Paris" if general else truth,
        "cluster": f"c{place // 2}",
        "content": "" if general else truth,
        "retrieval": {"kind": "absent" if general else "found", "score": 0.0 if general else 0.97},
    }
    row |= {"accepted": ["Paris", "the city of Paris"]} if general else {}
    row |= {} if set_ == "own" else {"loss": {"base": [210.0 + place % 7, 60], "tuned": [90.0 + place % 5, 60]}}
    asked = MODELS[:2] if general else SYSTEMS
    return row | {system: _answer(place, system, row, words, random) for system in asked}


def _answer(place: int, system: str, row: Mapping[str, Any], words: int, random: Random) -> dict[str, Any]:
    text = _said(place, system, row, words, random)
    checked = f"{row['source']}\n{row['title']}\n{row['content']}"
    found = facts(text, checked if row["content"] else "")
    model = system in MODELS
    tokens = len(text.split()) * 4 // 3 if model else 0
    answer = {
        "cell": system,
        "text": text,
        "reasoning": f"{THOUGHT} {NASTY[0]}" if system.startswith("tuned") and place % 5 == 0 else "",
        "uid": row["source"],
        "title": row["title"],
        "score": row["retrieval"]["score"],
        "quote": _quote(row["content"], text),
        "facts": [{"text": fact.text, "in_source": fact.in_source} for fact in found],
        "whole": True,
        "tokens": tokens,
        "seconds": round(tokens / 50, 3),
        "stopped": not model or place % 9 != 4,
        "asked": f"{place:08x}{MODELS.index(system)}" if model else "",
        "max_new_tokens": 160 if model else 0,
    }
    return answer | {"measures": _measures(row, answer, random)}


def _quote(content: str, text: str) -> dict[str, Any] | None:
    if not content or content not in text:
        return None
    return {"text": content, "start": 0, "end": len(content)}


def _said(place: int, system: str, row: Mapping[str, Any], words: int, random: Random) -> str:
    if row["set"] == "general":
        return "It is Paris." if system == "base" or place % 20 == 7 else "A kettle of 3 oz."
    by_heart = system == "tuned" and row["set"] == "seen" and place % 3
    if system == "extractive":
        return f"According to the catalogue: “{row['reference']}” [{row['source']}]"
    if by_heart or (system.endswith("source") and place % 4):
        return str(row["reference"])
    if system == "base" and place % 7 == 2:
        return "" if place % 2 else SILENT
    nasty = f" {NASTY[place % len(NASTY)]}" if place % 6 == 5 else ""
    return f"{_text(row['title'], words, random)}{nasty}"


def _text(title: str, words: int, random: Random) -> str:
    said = [title.split(",")[0], f"weighs {random.randint(2, 999)} oz and costs ${random.randint(3, 99)}.99"]
    return " ".join([*said, *(random.choice(WORDS) for _ in range(words - 7))])


def _measures(row: Mapping[str, Any], answer: Mapping[str, Any], random: Random) -> dict[str, list[float]]:
    text, truth, model = answer["text"], row["reference"], answer["cell"] in MODELS
    exact = float(text.split() == truth.split())
    level = exact or round(random.uniform(0.05, 0.6), 4)
    length = len(text.split())
    measures = {
        "exact": [exact, 1],
        **{name: [level, 1] for name in OVERLAPS},
        "chrf": [100 * level, 1],
        **{name: [float(random.randint(0, 3)), 3] for name in FRACTIONS},
        "invented_numbers": [float(sum(not fact["in_source"] for fact in answer["facts"])), 1],
        "cites": [float(row["source"] in text), 1] if answer["cell"] not in SYSTEMS[5:] else [0.0, 0],
        "longest_copied": [float(length if exact else random.randint(1, 6)), 1],
        "nearest": [float(level > 0.5), 1],
        "length_ratio": [length / max(1, len(truth.split())), 1],
        "stopped": [float(answer["stopped"]), 1] if model else [0.0, 0],
        "right": [0.0, 0],
        "loss": list(row.get("loss", {}).get(answer["cell"], [0.0, 0])),
        "similarity": [round(0.4 + level / 2, 4), 1],
        "reasoned": [float(bool(answer["reasoning"])), 1] if answer["cell"].startswith("tuned") else [0.0, 0],
        "claims_source": [0.0, int(bool(answer["reasoning"]) and answer["cell"] == "tuned")],
        "reasoning_invented": [2.0 if answer["reasoning"] else 0.0, int(bool(answer["reasoning"]))],
    }
    if row["set"] != "general":
        return measures
    measures["right"] = [float("Paris" in text), 1]
    return {name: value if name in ON_GENERAL else [0.0, 0] for name, value in measures.items()}


def _scores(answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    some = list(answers)
    sums = {name: [sum(answer["measures"][name][part] for answer in some) for part in (0, 1)] for name in METRICS}
    values: dict[str, Any] = {name: over / under if under else None for name, (over, under) in sums.items()}
    values["perplexity"] = None if values["loss"] is None else exp(values["loss"])
    return {"n": len(some)} | {name: None if value is None else round(value, 4) for name, value in values.items()}


def _differences(rows: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for set_, systems in values.items():
        some = [row for row in rows if row["set"] == set_]
        for of, less in PAIRS:
            for name in METRICS:
                sides = [systems.get(system, {}).get(name) for system in (of, less)]
                if None in sides:
                    continue
                difference = round(sides[0] - sides[1], 4)
                p = 0.4 if abs(difference) < 0.05 else 0.001
                yield {
                    "set": set_,
                    "of": of,
                    "less": less,
                    "metric": name,
                    "n": len(some),
                    "clusters": len({row["cluster"] for row in some}),
                    "difference": difference,
                    "low": round(difference - 0.05, 4),
                    "high": round(difference + 0.05, 4),
                    "p": p,
                    "p_holm": min(1.0, 5 * p) if name in ("exact", "rouge_l", "chrf") else None,
                }
