"""Compare the words of two texts: what is shared, what is copied in runs, what is said again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

RUN = 5  # words: shorter runs are shared by texts that know nothing of each other
MOST = 2_000  # words: copied runs are looked for in so many, as each word is searched for in the whole description
GRAM = 4  # words that, said again, are a repetition


def words(text: str) -> list[str]:
    """Split into lower-case words of any alphabet; rouge-score's own splitter drops every accented letter."""
    return re.findall(r"\w+", text.lower())


def rouge_1(answer: Sequence[str], truth: Sequence[str]) -> float:
    """Compute ROUGE-1: the F-measure of shared words, 0 to 1, as rouge-score does."""
    return _f_measure((Counter(answer) & Counter(truth)).total(), len(answer), len(truth))


def rouge_l(answer: Sequence[str], truth: Sequence[str]) -> float:
    """Compute ROUGE-L: the F-measure of the longest common subsequence, 0 to 1, as rouge-score does, only faster."""
    from rapidfuzz.distance import LCSseq

    return _f_measure(LCSseq.similarity(answer, truth), len(answer), len(truth))


def runs(answer: Sequence[str], truth: Sequence[str]) -> list[int]:
    """Give for each word of an answer how many words from it on stand in `truth` as one run."""
    said, known = _joined(answer), _joined(truth)
    starts = [0]
    for word in answer:
        starts.append(starts[-1] + len(word) + 1)
    reach, last = [], 0
    for first in range(len(answer)):
        last = max(first, last)
        while last < len(answer) and said[starts[first] : starts[last + 1] + 1] in known:
            last += 1
        reach.append(last - first)
    return reach


def copied(lengths: Sequence[int], least: int = RUN) -> int:
    """Count the words that are inside runs of at least `least` words, from the lengths of the runs at each word."""
    ends = [0]
    for place, length in enumerate(lengths):
        ends.append(max(ends[-1], place + length if length >= least else place))
    return sum(right > place for place, right in enumerate(ends[1:]))


def repeated(said: Sequence[str]) -> tuple[int, int]:
    """Count the 4-word runs of an answer that came before in it, and all of them."""
    grams = [tuple(said[place : place + GRAM]) for place in range(len(said) - GRAM + 1)]
    return len(grams) - len(set(grams)), len(grams)


def _f_measure(shared: int, said: int, true: int) -> float:
    return 2 * shared / (said + true) if shared else 0.0


def _joined(some: Sequence[str]) -> str:
    return " " + "".join(f"{word} " for word in some)
