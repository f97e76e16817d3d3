"""Find clusters of near-duplicate descriptions: MinHash over three-word shingles, in numpy on Arrow's own bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Hashes = NDArray[np.uint64]

SHINGLE = 3  # words; one changed word in 60 leaves a Jaccard similarity of 0.9, two leave 0.8
BUCKETS = 64  # one minimum each: the estimate's standard deviation is 0.05 at a similarity of 0.8
BANDS = 16  # of 64 / 16 = 4 minima: two texts at 0.8 meet in some band with probability 0.9998, at 0.3 with 0.12
EQUAL_BUCKETS = 50  # of 64: a similarity of 0.78, so that few pairs at 0.85 fall below by chance and none at 0.5 rises
# Of fewer words, one changed word ("Blue mug, 300 ml", "Red mug, 300 ml") is another product, and too few shingles are
# there to estimate from: such texts cluster only if their words are the same.
SHORT = 16
CHUNK = 1 << 19  # bytes of text at a time, so that what is computed from them stays in the processor's cache
ONCE_FREED = 31 << 20  # bytes, never written: just under the 32 MiB up to which glibc learns
PAIRS = 1 << 16  # pairs compared at a time: 4 MiB of bucket bytes a side

CASE_BIT = 0x20  # of ASCII, and in UTF-8 also of Latin-1's accented letters
EMPTY = np.uint64(2**64 - 1)
BUCKET_SHIFT = np.uint64(64 - (BUCKETS - 1).bit_length())
HALF = np.uint64(32)
# Odd and without a pattern: digits of the golden ratio, of pi and of the square roots of small primes.
MIX = np.array(
    [0x9E3779B97F4A7C15, 0x243F6A8885A308D3, 0x6A09E667F3BCC909, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B],
    dtype=np.uint64,
)


@dataclass(frozen=True)
class _Sketch:
    """Hold, a row: whether it has text, BANDS keys that near-duplicates share, and one byte of every minimum."""

    filled: NDArray[np.bool_]
    bands: NDArray[np.uint32]
    marks: Bytes


def clusters(batches: Iterable[pa.Array | pa.ChunkedArray]) -> Numbers:
    """Give each description the row number of its cluster's first member: its own if it is alone.

    Case (of ASCII and Latin-1), punctuation and white space do not count, equal texts always meet, and empty ones
    never do. A cluster is what pairs of similar texts connect: its ends may differ more than two neighbours do.
    """
    # glibc hands large freed arrays back to the system and pays for fresh pages again, half of the time here, until it
    # has once seen a larger array freed.
    np.empty(ONCE_FREED, np.uint8)
    sketch = _merged([_sketched(data, offsets) for batch in batches for data, offsets in _chunks(batch)])
    root = np.arange(len(sketch.filled))
    for band in range(BANDS):
        left, right = _candidates(sketch, band)
        open_ = root[left] != root[right]
        left, right = left[open_], right[open_]
        similar = _similar(sketch.marks, left, right)
        root = _connected(root, left[similar], right[similar])
    return root


def _chunks(batch: pa.Array | pa.ChunkedArray) -> Iterator[tuple[Bytes, Numbers]]:
    """Yield the bytes of about CHUNK bytes of whole rows and, for n rows, their n + 1 offsets from 0."""
    for array in batch.chunks if isinstance(batch, pa.ChunkedArray) else [batch]:
        if not len(array):
            continue
        large = array.cast(pa.large_string())  # its values stay where they are; of a slice, its offset may not
        _, ends, values = large.buffers()
        offsets = np.frombuffer(ends, np.int64)[large.offset : large.offset + len(large) + 1]
        data = np.frombuffer(values or b"", np.uint8)
        rows = np.searchsorted(offsets, np.arange(offsets[0], offsets[-1], CHUNK))
        cuts = np.unique([0, *rows, len(array)])
        for first, last in pairwise(cuts):
            start, end = offsets[first], offsets[last]
            yield data[start:end], offsets[first : last + 1] - start


def _sketched(data: Bytes, offsets: Numbers) -> _Sketch:
    words, bounds = _words(data, offsets)
    shingles = _shingles(words, bounds)
    minima = _minima(shingles, bounds)
    exact = np.flatnonzero(np.diff(bounds) < SHORT)
    prints = _fingerprints(data, offsets, words + shingles, bounds)[exact]
    minima[exact] = _mixed(np.add.outer(prints, np.arange(BUCKETS, dtype=np.uint64)))
    # A band takes buckets that lie apart: neighbours may have been filled from the same one.
    keys = sum(part * mix for part, mix in zip(np.split(minima, BUCKETS // BANDS, axis=1), MIX, strict=False))
    return _Sketch(np.diff(offsets) > 0, (keys >> HALF).astype(np.uint32), minima.astype(np.uint8))


def _words(data: Bytes, offsets: Numbers) -> tuple[Hashes, Numbers]:
    """Hash every word, case folded, and give for n rows the n + 1 numbers of the words that they begin with.

    Of a word longer than 16 bytes, eight at each end and the length count.
    """
    folded = np.zeros(len(data) // 8 * 8 + 24, np.uint8)  # whole eights, and two more to read past the end
    np.bitwise_or(data, CASE_BIT, out=folded[: len(data)])
    letter = _letters(data, folded[: len(data)])
    begins, ends = letter.copy(), letter.copy()
    begins[1:] = letter[1:] > letter[:-1]
    ends[:-1] = letter[:-1] > letter[1:]
    begins[offsets], ends[offsets - 1] = letter[offsets], letter[offsets - 1]
    first, last = np.flatnonzero(begins), np.flatnonzero(ends)
    size = last - first + 1
    hashes = _eight(folded, first) << (64 - 8 * np.minimum(size, 8)).view(np.uint64)
    long = np.flatnonzero(size > 8)
    hashes[long] = hashes[long] * MIX[1] + _eight(folded, last[long] - 7) + size[long].view(np.uint64)
    return _mixed(hashes), np.searchsorted(first, offsets)


def _letters(data: Bytes, folded: Bytes) -> NDArray[np.bool_]:
    """Mark the bytes of words, with one False more: ASCII letters and digits, and what is not ASCII.

    The first byte of a long UTF-8 character (0xE0 and up) parts words, as Chinese and Japanese have no spaces.
    """
    letter = np.zeros(len(data) + 1, np.bool_)
    letter[:-1] = (folded - ord("a") < 26) | (data - ord("0") < 10) | (data - 0x80 < 0x60)
    curly = np.flatnonzero((data[:-2] == 0xE2) & (data[1:-1] == 0x80))  # U+2000 to U+203F: quotation marks, dashes
    letter[curly + 1] = letter[curly + 2] = False
    return letter


def _eight(padded: Bytes, at: Numbers) -> Hashes:
    """Load the eight bytes from each position; numpy is slow on unaligned ones, so from two aligned loads."""
    aligned, index, shift = padded.view(np.uint64), at >> 3, ((at & 7) << 3).view(np.uint64)
    loaded: Hashes = (aligned[index] >> shift) | (aligned[index + 1] << (64 - shift))  # a shift by 64 gives 0
    return loaded


def _mixed(hashes: Hashes) -> Hashes:
    hashes = hashes * MIX[0]
    hashes ^= hashes >> np.uint64(29)
    hashes *= MIX[1]
    hashes ^= hashes >> HALF
    return hashes


def _shingles(words: Hashes, bounds: Numbers) -> Hashes:
    """Hash each word with the two that follow it; EMPTY where they are another row's."""
    padded = np.concatenate([words, np.zeros(SHINGLE - 1, np.uint64)])
    shingles = words * MIX[2]
    for step in range(1, SHINGLE):
        shingles += padded[step : step + len(words)] * MIX[2 + step]
    shingles = np.concatenate([_mixed(shingles), np.zeros(SHINGLE - 1, np.uint64)])
    for step in range(1, SHINGLE):
        shingles[bounds[1:] - step] = EMPTY  # in a row without words, what another row has emptied or the padding
    return shingles[: len(words)]


def _minima(shingles: Hashes, bounds: Numbers) -> Hashes:
    """Give (rows, BUCKETS) minima, by one permutation; an empty bucket takes the next filled one's."""
    rows = len(bounds) - 1
    slots = np.repeat(np.arange(0, rows * BUCKETS, BUCKETS), np.diff(bounds))
    slots += (shingles >> BUCKET_SHIFT).view(np.int64)
    minima = np.full((rows, BUCKETS), EMPTY)
    np.minimum.at(minima.reshape(-1), slots, shingles)
    step = 1
    while step < BUCKETS:
        np.copyto(minima, np.roll(minima, -step, axis=1), where=minima == EMPTY)
        step *= 2
    return minima


def _fingerprints(data: Bytes, offsets: Numbers, hashes: Hashes, bounds: Numbers) -> Hashes:
    """Sum each row's hashes; of a text without words, hash the bytes."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes)])[bounds]
    prints = np.diff(sums)
    for row in np.flatnonzero((np.diff(bounds) == 0) & (np.diff(offsets) > 0)):
        text = data[offsets[row] : offsets[row + 1]].tobytes()
        prints[row] = int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
    return prints


def _merged(sketches: list[_Sketch]) -> _Sketch:
    if not sketches:
        return _Sketch(np.zeros(0, np.bool_), np.zeros((0, BANDS), np.uint32), np.zeros((0, BUCKETS), np.uint8))
    return _Sketch(
        np.concatenate([sketch.filled for sketch in sketches]),
        np.concatenate([sketch.bands for sketch in sketches]),
        np.concatenate([sketch.marks for sketch in sketches]),
    )


def _candidates(sketch: _Sketch, band: int) -> tuple[Numbers, Numbers]:
    """Pair each row of equal key with the one before it and the first of its group: at most two pairs a row.

    The next band's key orders a group, so that of many look-alikes the most alike stand together. The row number
    makes every sorted value different, so that no two sorting algorithms disagree.
    """
    rows = np.flatnonzero(sketch.filled)
    bits = np.uint64(len(sketch.filled).bit_length())
    order = sketch.bands[rows, band].astype(np.uint64) << HALF
    order |= (sketch.bands[rows, (band + 1) % BANDS].astype(np.uint64) << bits) & np.uint64(2**32 - 1)
    order |= rows.view(np.uint64)
    order.sort()
    rows = (order & ((np.uint64(1) << bits) - np.uint64(1))).view(np.int64)
    key = order >> HALF
    met = np.flatnonzero(key[1:] == key[:-1]) + 1
    new = np.arange(len(key))
    new[met] = 0
    leader = np.maximum.accumulate(new)[met]
    return np.concatenate([rows[met], rows[met]]), np.concatenate([rows[met - 1], rows[leader]])


def _similar(marks: Bytes, left: Numbers, right: Numbers) -> NDArray[np.bool_]:
    """Tell which pairs share at least EQUAL_BUCKETS minima, by their bytes (0.1 of 64 are equal by chance)."""
    similar = np.zeros(len(left), np.bool_)
    for start in range(0, len(left), PAIRS):
        part = slice(start, start + PAIRS)
        similar[part] = np.count_nonzero(marks[left[part]] == marks[right[part]], axis=1) >= EQUAL_BUCKETS
    return similar


def _connected(root: Numbers, left: Numbers, right: Numbers) -> Numbers:
    """Join the clusters of each pair: the smallest row of a cluster stays its root."""
    while True:
        low, high = np.minimum(root[left], root[right]), np.maximum(root[left], root[right])
        if not (low < high).any():
            return root
        np.minimum.at(root, high, low)
        while (root[root] != root).any():
            root = root[root]
