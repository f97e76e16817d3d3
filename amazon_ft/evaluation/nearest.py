"""Find the description that an answer is nearest to, by TF-IDF cosine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amazon_ft.evaluation.overlap import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TIE = 1e-9  # of the cosine: sums in another order differ by less


@dataclass(frozen=True)
class Descriptions:
    """Hold for each word the descriptions that have it, and its weight in each; a description has length 1."""

    number: int
    postings: dict[str, tuple[NDArray[np.intp], NDArray[np.float64]]]
    rarity: dict[str, float]


def weighed(texts: Sequence[str]) -> Descriptions:
    """Weigh the words of descriptions: how often each stands in one, times the logarithm of how rare it is."""
    import numpy as np

    counts = [Counter(words(text)) for text in texts]
    known = Counter(word for count in counts for word in count)
    rarity = {word: float(1 + np.log((1 + len(texts)) / (1 + number))) for word, number in known.items()}
    places: dict[str, list[int]] = {word: [] for word in known}
    weights: dict[str, list[float]] = {word: [] for word in known}
    for place, count in enumerate(counts):
        length = sum((number * rarity[word]) ** 2 for word, number in count.items()) ** 0.5
        for word, number in count.items():
            places[word].append(place)
            weights[word].append(number * rarity[word] / length)
    postings = {word: (np.array(places[word]), np.array(weights[word])) for word in known}
    return Descriptions(len(texts), postings, rarity)


def nearest(text: str, descriptions: Descriptions) -> int | None:
    """Give the place of the description that `text` is nearest to; None if two are, or if it shares no word."""
    import numpy as np

    count = Counter(word for word in words(text) if word in descriptions.postings)
    if not count:
        return None
    held = [descriptions.postings[word] for word in count]
    own = np.array([number * descriptions.rarity[word] for word, number in count.items()])
    weights = np.concatenate([weight for _, weight in held]) * np.repeat(own, [len(weight) for _, weight in held])
    near = np.bincount(np.concatenate([places for places, _ in held]), weights, descriptions.number)
    best = int(near.argmax())
    return best if (near >= near[best] * (1 - TIE)).sum() == 1 else None
