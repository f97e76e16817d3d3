"""Plan each optimiser step before the training starts: which rows, in how many pieces, what is recomputed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, islice
from math import ceil, inf

from amazon_ft.files import InputError
from amazon_ft.hardware import Machine
from amazon_ft.hardware.machine import GIB
from amazon_ft.hardware.memory import Memory, Shape, memory
from amazon_ft.recipes import Lora, Training

MEGABATCH = 50  # steps whose rows are sorted together by length, as in Transformers' LengthGroupedSampler
MOST_USED = 0.92  # of the free memory: the rest is for fragments
START = {"cpu": 128, "cuda": 2_000}  # tokens that could be computed while a micro-batch is started
AGAIN = 0.5  # of a layer's work: one product more, beside one forward and one backward through frozen weights
TYPICAL = 0.95  # of the micro-batches are no longer than the one that decides about unpacking


@dataclass(frozen=True)
class Plan:
    """Hold how each optimiser step is computed on this machine; its examples are the recipe's.

    `micro_batches` counts the tokens, pads included, of each micro-batch of the first epoch, the longest that
    the rows allow before them. `budget` is GPU memory in bytes, infinite on a CPU.
    """

    per_device_train_batch_size: int
    gradient_accumulation_steps: int
    padding_free: bool
    unpacked: bool
    memory: Memory
    budget: float
    micro_batches: tuple[int, ...]
    recompute_all: bool = False

    def kept(self, tokens: int) -> int:
        """Give how many layers of a micro-batch of `tokens` are not recomputed in the backward pass."""
        if self.recompute_all:
            return 0
        return self.memory.layers if self.budget == inf else self.memory.kept(tokens, self.budget)

    @property
    def peak(self) -> float:
        """Predict the peak of GPU memory in bytes."""
        return max(self.memory.peak(tokens, self.kept(tokens)) for tokens in set(self.micro_batches))

    @property
    def recomputed(self) -> float:
        """Give the share of all layers' work that is done twice."""
        some = self.micro_batches[1:]
        kept = sum(tokens * self.kept(tokens) for tokens in some)
        return 1 - kept / (sum(some) * self.memory.layers)


def order(lengths: Sequence[int], training: Training, epoch: int) -> list[int]:
    """Give the order in which an epoch takes the rows: a matter of seed, epoch and lengths alone."""
    places = list(range(len(lengths)))
    if training.train_sampling_strategy == "sequential":
        return places
    random.Random(f"{training.seed}/{epoch}").shuffle(places)
    if training.train_sampling_strategy == "group_by_length":
        groups = _pieces(places, MEGABATCH * training.effective_batch_size)
        return list(chain.from_iterable(sorted(group, key=lambda place: -lengths[place]) for group in groups))
    return places


def steps_an_epoch(rows: int, training: Training) -> int:
    """Count the optimiser steps that go once through `rows`."""
    return ceil(rows / training.effective_batch_size)


def steps(rows: int, training: Training) -> int:
    """Count the optimiser steps of the whole training."""
    return training.max_steps or (training.num_train_epochs or 1) * steps_an_epoch(rows, training)


def batches(lengths: Sequence[int], training: Training) -> Iterator[list[int]]:
    """Yield the rows of one optimiser step after the other."""
    epochs = range(ceil(steps(len(lengths), training) / steps_an_epoch(len(lengths), training)))
    every = (_pieces(order(lengths, training, epoch), training.effective_batch_size) for epoch in epochs)
    return islice(chain.from_iterable(every), steps(len(lengths), training))


def tokens_seen(lengths: Sequence[int], training: Training) -> list[int]:
    """Give the tokens, without pads, seen after 0, 1, 2 ... optimiser steps."""
    return list(accumulate((sum(lengths[row] for row in batch) for batch in batches(lengths, training)), initial=0))


def plan(
    shape: Shape, lora: Lora, training: Training, lengths: Sequence[int], machine: Machine, backend: str, four_bit: bool
) -> Plan:
    """Choose the fastest micro-batch that fits, recompute as little as memory allows, then unpack the weights.

    Raises InputError if not even one row fits.
    """
    packed = memory(shape, lora, backend, four_bit=four_bit)
    on_gpu = machine.device == "cuda"
    budget = MOST_USED * machine.free if on_gpu else inf
    padding_free = training.packing or (on_gpu and backend == "unsloth")
    cuts = [_cut(size, packed, budget, training, lengths, padding_free) for size in _sizes(training)]
    fitting = [cut for cut in cuts if packed.peak(cut.micro_batches[0]) <= budget]
    if not fitting:
        raise InputError(
            f"a row of {max(lengths):,} tokens takes {packed.peak(max(lengths)) / GIB:.1f} GiB and "
            f"{budget / GIB:.1f} GiB are there: lower max_length, choose a smaller base model, or free the GPU "
            "(restart the session)."
        )
    fastest = min(fitting, key=lambda cut: _work(cut, START[machine.device]))
    return _unpacked(fastest, memory(shape, lora, backend, four_bit=False)) if four_bit else fastest


def lighter(plan: Plan, training: Training, lengths: Sequence[int]) -> Plan | None:
    """Give the next plan after an out-of-memory: recompute every layer, then halve the micro-batch; None at the end.

    The rows of a step stay the same.
    """
    if not plan.recompute_all:
        return replace(plan, recompute_all=True)
    smaller = [size for size in _sizes(training) if size < plan.per_device_train_batch_size]
    if not smaller:
        return None
    cut = _cut(smaller[0], plan.memory, plan.budget, training, lengths, plan.padding_free)
    return replace(cut, recompute_all=True, unpacked=plan.unpacked)


def reasons(plan: Plan) -> list[str]:
    """Say in sentences what was chosen and why."""
    size, times = plan.per_device_train_batch_size, plan.gradient_accumulation_steps
    said = [
        f"{size * times} rows a step as {times} x {size}: the recipe's effective batch, cut as it runs fastest here"
    ]
    if plan.padding_free:
        said.append("padding-free: the rows of a micro-batch lie one behind the other, and no time goes into pads")
    elif times > 1:
        said.append("within a step, rows of like length share a micro-batch: fewer pads, the same gradient")
    if plan.budget == inf:
        return said
    said.append(
        f"{plan.recomputed:.0%} of the layers' work is recomputed in the backward pass (gradient checkpointing), "
        "chosen for each micro-batch by its tokens: short ones keep what long ones have no room for"
    )
    if plan.unpacked:
        said.append("4-bit weights are unpacked once instead of in every layer of every step: the same values, faster")
    said.append(
        f"the longest micro-batch has {plan.micro_batches[0]:,} tokens; predicted peak {plan.peak / GIB:.1f} GiB "
        f"of {plan.budget / GIB:.1f} GiB"
    )
    return said


def rows_of_step(step: int, lengths: Sequence[int], training: Training) -> list[int]:
    """Name the rows of optimiser step `step`, counted from 1."""
    epoch, place = divmod(step - 1, steps_an_epoch(len(lengths), training))
    start = place * training.effective_batch_size
    return order(lengths, training, epoch)[start : start + training.effective_batch_size]


def places(plan: Plan, training: Training, lengths: Sequence[int], epoch: int) -> list[int]:
    """Give the rows of an epoch in the order in which the plan's micro-batches take them."""
    steps = _pieces(order(lengths, training, epoch), training.effective_batch_size)
    return list(chain.from_iterable(_within(step, lengths, plan.padding_free) for step in steps))


def _cut(
    size: int, takes: Memory, budget: float, training: Training, lengths: Sequence[int], padding_free: bool
) -> Plan:
    first = order(lengths, training, 0)
    steps = _pieces(first, training.effective_batch_size)
    pieces = chain.from_iterable(_pieces(_within(step, lengths, padding_free), size) for step in steps)
    longest = sorted(range(len(lengths)), key=lambda row: -lengths[row])[:size]
    counted = tuple(_tokens(piece, lengths, padding_free) for piece in (longest, *pieces))
    return Plan(size, training.effective_batch_size // size, padding_free, False, takes, budget, counted)


def _work(cut: Plan, start: int) -> float:
    """Count what an epoch costs, in tokens that are computed once."""
    return sum(cut.micro_batches[1:]) * (1 + AGAIN * cut.recomputed) + start * len(cut.micro_batches)


def _within(step: list[int], lengths: Sequence[int], padding_free: bool) -> list[int]:
    """Order the rows of one step: where rows are padded, neighbours in length share a micro-batch."""
    return step if padding_free else sorted(step, key=lambda row: -lengths[row])


def _unpacked(plan: Plan, takes: Memory) -> Plan:
    typical = sorted(plan.micro_batches)[int(TYPICAL * (len(plan.micro_batches) - 1))]
    fits = takes.kept(typical, plan.budget) == takes.layers and takes.peak(plan.micro_batches[0]) <= plan.budget
    return replace(plan, unpacked=True, memory=takes) if fits else plan


def _tokens(rows: Sequence[int], lengths: Sequence[int], padding_free: bool) -> int:
    some = [lengths[row] for row in rows]
    return sum(some) if padding_free else len(some) * max(some)


def _sizes(training: Training) -> list[int]:
    effective = training.effective_batch_size
    return [size for size in range(effective, 0, -1) if effective % size == 0]


def _pieces(rows: list[int], size: int) -> Iterator[list[int]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
