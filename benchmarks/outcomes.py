"""Say what came of questions about titles: shares for each kind and language, by noise, and by threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from titles import KINDS, Asked

THRESHOLDS = [round(0.4 + 0.02 * step, 2) for step in range(20)] + [round(0.8 + 0.01 * step, 2) for step in range(20)]


@dataclass(frozen=True)
class Answer:
    """Hold what came of a question: the kind of match, its score, whether another is close, and milliseconds;
    the uids of the candidates, of the engine's first title, and of rapidfuzz's among the engine's."""

    kind: str
    score: float
    close: bool
    uids: list[str]
    engine: list[str]
    again: list[str]
    ms: float


Told = tuple[Asked, Answer]


def right(asked: Asked, answer: Answer) -> bool:
    """Tell whether the first candidate is the product asked for."""
    return not set(asked.uids).isdisjoint(answer.uids[:1])


def offered(asked: Asked, answer: Answer) -> bool:
    """Tell whether the product asked for is given, or among those from which the user chooses."""
    return right(asked, answer) or (answer.close and not set(asked.uids).isdisjoint(answer.uids))


def table(told: Sequence[Told]) -> list[dict[str, Any]]:
    """Give, for each kind and language, the shares of what came of its questions."""
    groups: dict[tuple[str, str], list[Told]] = {}
    for asked, answer in told:
        groups.setdefault((asked.kind, asked.language), []).append((asked, answer))
    return [{"kind": kind, "language": language, **_row(group)} for (kind, language), group in groups.items()]


def _row(told: Sequence[Told]) -> dict[str, Any]:
    kinds = {f"{kind}_share": share(answer.kind == kind for _, answer in told) for kind in ("found", "ambiguous")}
    row = {"n": len(told), **kinds, "turned_away": share(answer.kind == "absent" for _, answer in told)}
    if not told[0][0].uids:
        return row
    given = [(asked, answer) for asked, answer in told if answer.kind == "found"]
    chosen = [not set(asked.uids).isdisjoint(answer.uids) for asked, answer in told if answer.kind == "ambiguous"]
    return row | {
        "top1": share(right(*pair) for pair in told),
        "engine_top1": share(not set(asked.uids).isdisjoint(answer.engine) for asked, answer in told),
        "rapidfuzz_top1": share(not set(asked.uids).isdisjoint(answer.again) for asked, answer in told),
        "right_when_found": share(right(*pair) for pair in given),
        "right_among_ambiguous": share(chosen),
    }


def share(hits: Iterable[bool]) -> float | None:
    """Give the share of hits; None without a question."""
    counted = list(hits)
    return round(sum(counted) / len(counted), 4) if counted else None


def by_noise(told: Sequence[Told]) -> dict[str, dict[str, float | None]]:
    """Give top-1 of each kind for the questions with each noise, and for those without any."""
    names = sorted({name for asked, _ in told for name in asked.noise})
    hits: dict[str, dict[str, float | None]] = {}
    for kind in KINDS:
        own = [pair for pair in told if pair[0].kind == kind]
        each = {name: share(right(*pair) for pair in own if name in pair[0].noise) for name in names}
        hits[kind] = each | {"none": share(right(*pair) for pair in own if not pair[0].noise)}
    return {kind: shares for kind, shares in hits.items() if any(hit is not None for hit in shares.values())}


def curve(told: Sequence[Told]) -> list[dict[str, float | None]]:
    """Give precision and recall, and what absent products get, for each score from which on a product is given."""
    real = [pair for pair in told if pair[0].uids]
    absent = [answer for asked, answer in told if not asked.uids]
    points = []
    for threshold in THRESHOLDS:
        answered = [offered(*pair) for pair in told if pair[1].score >= threshold]
        points.append(
            {
                "threshold": threshold,
                "precision": share(answered),
                "recall": share(pair[1].score >= threshold and offered(*pair) for pair in real),
                "turned_away": share(pair[1].score < threshold for pair in real),
                "found": share(pair[1].score >= threshold and not pair[1].close for pair in real),
                "absent_found": share(answer.score >= threshold and not answer.close for answer in absent),
            }
        )
    return points


def latency(answers: Iterable[Answer]) -> dict[str, float]:
    """Give the middle and the 99th hundredth of the milliseconds taken."""
    taken = [answer.ms for answer in answers]
    return {f"p{part}_ms": round(float(np.percentile(taken, part)), 2) for part in (50, 99)}
