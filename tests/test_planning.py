"""Plan trainings for machines that are not here: the steps are the recipe's, the memory and the pace the machine's."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, pairwise
from math import ceil, inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amazon_ft import hardware
from amazon_ft.files import InputError
from amazon_ft.hardware import Machine, planning
from amazon_ft.hardware.estimates import AROUND, CARDS, CHARACTERS_A_TOKEN, MEAN, MEDIAN, REASONING, estimates, typical
from amazon_ft.hardware.memory import GIB, LLAMA_3_1B, LLAMA_3_8B, PHI_3_MINI, TINYLLAMA, Memory, memory
from amazon_ft.hardware.planning import AGAIN, MEGABATCH, MOST_USED, START, Plan
from amazon_ft.recipes import RECIPES, TINY_LLAMA, HostedTraining, Lora, Recipe, Training, named
from amazon_ft.recipes.values import SAMPLING

CPU = Machine("cpu", "CPU", None)
LORA = Lora()
BACKENDS = ("unsloth", "transformers")
MODELS = {
    "llama-1b": (LLAMA_3_1B, LORA),
    "llama-8b": (LLAMA_3_8B, LORA),
    "phi-3": (PHI_3_MINI, Lora(r=32)),
    "tinyllama": (TINYLLAMA, LORA),
}
ON_GPU = [
    recipe
    for recipe in RECIPES.values()
    if recipe.base_model != TINY_LLAMA and not isinstance(recipe.training, HostedTraining)
]

RECORDED = Path(__file__).parents[1] / "benchmarks" / "results" / "memory.json"  # on a GPU, by benchmarks/memory.py
POINTS = [point for point in json.loads(RECORDED.read_text())["points"] if point["measured_gib"]]


def gpu(free: float) -> Machine:
    return Machine("cuda", "some GPU", (8, 0), 80 * GIB, int(free * GIB))


def planned(
    training: Training, lengths: Sequence[int], machine: Machine, backend: str = "unsloth", four_bit: bool = True
) -> Plan:
    """Plan for the small Llama; 4-bit weights need a GPU."""
    return planning.plan(LLAMA_3_1B, LORA, training, lengths, machine, backend, four_bit and machine is not CPU)


def cost(plan: Plan) -> float:
    """Count an epoch's tokens, those that are computed again, and what starting each micro-batch takes."""
    start = START["cpu" if plan.budget == inf else "cuda"]
    return sum(plan.micro_batches[1:]) * (1 + AGAIN * plan.recomputed) + start * len(plan.micro_batches)


def ladder(plan: Plan, training: Training, lengths: Sequence[int]) -> list[Plan]:
    """Give the plan and all those that follow out of memory after out of memory."""
    rungs: list[Plan] = [plan]
    while next_ := planning.lighter(rungs[-1], training, lengths):
        rungs.append(next_)
        assert len(rungs) <= 1 + training.effective_batch_size + 1
    return rungs


def cut(rows: Sequence[int], size: int) -> list[set[int]]:
    return [set(rows[start : start + size]) for start in range(0, len(rows), size)]


some_lengths = st.lists(st.integers(2, 2048), min_size=1, max_size=150)
some_machines = st.one_of(st.just(CPU), st.floats(2.5, 140).map(gpu))
some_backends = st.sampled_from(BACKENDS)
some_trainings = st.builds(
    lambda size, strategy, seed, packing, epochs, more: Training(
        effective_batch_size=size,
        train_sampling_strategy=strategy,
        seed=seed,
        packing=packing,
        num_train_epochs=epochs,
        max_steps=None if epochs else more,
    ),
    st.integers(1, 48),
    st.sampled_from(SAMPLING),
    st.integers(0, 2**31),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 3)),
    st.integers(1, 60),
)


@settings(max_examples=120, deadline=None)
@given(some_lengths, some_trainings, some_machines, some_backends, st.booleans())
def test_the_steps_are_the_recipes_on_every_machine(
    lengths: list[int], training: Training, machine: Machine, backend: str, four_bit: bool
) -> None:
    try:
        chosen = planned(training, lengths, machine, backend, four_bit)
    except InputError:
        assert memory(LLAMA_3_1B, LORA, backend, four_bit=four_bit).peak(max(lengths)) > MOST_USED * machine.free
        return
    batches = [set(batch) for batch in planning.batches(lengths, training)]
    an_epoch = planning.steps_an_epoch(len(lengths), training)
    steps = planning.steps(len(lengths), training)
    assert len(batches) == steps == (training.max_steps or (training.num_train_epochs or 0) * an_epoch)
    for plan in ladder(chosen, training, lengths):
        size, times = plan.per_device_train_batch_size, plan.gradient_accumulation_steps
        assert size * times == training.effective_batch_size
        taken: list[set[int]] = []
        for epoch in range(ceil(steps / an_epoch)):
            places = planning.places(plan, training, lengths, epoch)
            assert sorted(places) == list(range(len(lengths)))
            taken += cut(places, training.effective_batch_size)
        assert taken[:steps] == batches


@settings(max_examples=80, deadline=None)
@given(some_lengths, some_trainings)
def test_every_way_to_count_steps_agrees(lengths: list[int], training: Training) -> None:
    batches = list(planning.batches(lengths, training))
    an_epoch, size = planning.steps_an_epoch(len(lengths), training), training.effective_batch_size
    for number, batch in enumerate(batches):
        assert planning.rows_of_step(number + 1, lengths, training) == batch
        last = number % an_epoch == an_epoch - 1
        assert len(batch) == ((len(lengths) - 1) % size + 1 if last else size)
    seen = planning.tokens_seen(lengths, training)
    assert seen[0] == 0
    assert [after - before for before, after in pairwise(seen)] == [
        sum(lengths[row] for row in batch) for batch in batches
    ]
    for start in range(0, len(batches) - an_epoch + 1, an_epoch):
        assert sorted(chain(*batches[start : start + an_epoch])) == list(range(len(lengths)))


def test_the_order_is_that_of_seed_and_epoch() -> None:
    training = Training(max_steps=1, seed=3407)
    # Whoever goes on with a checkpoint in another Python meets the same rows.
    assert planning.order([9] * 10, training, 0) == [2, 9, 5, 0, 6, 8, 4, 1, 7, 3]
    assert planning.order([9] * 10, training, 1) == [7, 6, 0, 3, 8, 5, 4, 1, 2, 9]
    other = replace(training, seed=1)
    orders = [planning.order([9] * 50, each, epoch) for each in (training, other) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    in_line = replace(training, train_sampling_strategy="sequential")
    assert planning.order([9] * 10, in_line, 5) == list(range(10))


def test_the_order_does_not_depend_on_the_hash_seed() -> None:
    code = (
        "from amazon_ft.hardware import planning; from amazon_ft.recipes import Training;"
        "print([planning.order(range(1, 300), Training(max_steps=1, train_sampling_strategy=way), 1)"
        " for way in ('random', 'group_by_length')])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_grouping_puts_neighbours_in_length_together() -> None:
    training = Training(effective_batch_size=4, max_steps=1, train_sampling_strategy="group_by_length")
    lengths = [(row * 7919) % 1009 + 2 for row in range(1000)]
    order = planning.order(lengths, training, 0)
    group = MEGABATCH * 4
    for start in range(0, len(order), group):
        some = [lengths[row] for row in order[start : start + group]]
        assert some == sorted(some, reverse=True)
        assert some[0] > 900  # a group is drawn from all rows: it is not a stretch of the sorted ones
        assert some[-1] < 100
    assert planning.order(lengths, training, 1) != order
    grouped, mixed = (
        sum(len(batch) * max(lengths[row] for row in batch) for batch in planning.batches(lengths, one_epoch))
        for way in ("group_by_length", "random")
        for one_epoch in [Training(effective_batch_size=4, num_train_epochs=1, train_sampling_strategy=way)]
    )
    assert grouped < 1.05 * sum(lengths) < mixed / 1.4


def test_within_a_padded_step_neighbours_in_length_share_a_micro_batch() -> None:
    training = Training(effective_batch_size=16, max_steps=4)
    lengths = [2000 if row % 2 else 20 for row in range(64)]
    plan = planned(training, lengths, CPU, "transformers")
    plan = replace(plan, per_device_train_batch_size=4, gradient_accumulation_steps=4)
    for step in cut(list(range(64)), 16):
        places = planning.places(plan, training, lengths, 0)
        some = [lengths[places[place]] for place in sorted(step)]
        assert some == sorted(some, reverse=True)


@settings(max_examples=150, deadline=None)
@given(some_lengths, some_trainings, st.floats(2.5, 40), st.floats(0, 40), some_backends, st.booleans())
def test_more_memory_is_never_slower_and_the_peak_stays_below_the_budget(
    lengths: list[int], training: Training, free: float, more: float, backend: str, four_bit: bool
) -> None:
    try:
        small = planned(training, lengths, gpu(free), backend, four_bit)
    except InputError:
        return
    large = planned(training, lengths, gpu(free + more), backend, four_bit)
    for plan, machine in ((small, gpu(free)), (large, gpu(free + more))):
        assert plan.peak <= plan.budget <= MOST_USED * machine.free
        assert plan.micro_batches[0] == max(plan.micro_batches)
        assert 0 <= plan.recomputed <= 1
        assert plan.peak == max(plan.memory.peak(tokens, plan.kept(tokens)) for tokens in plan.micro_batches)
        assert [plan.kept(tokens) for tokens in plan.micro_batches] == [
            plan.memory.kept(tokens, plan.budget) for tokens in plan.micro_batches
        ]
    # The weights are unpacked last, within what is left: two plans compare by what came before.
    packed = memory(LLAMA_3_1B, LORA, backend, four_bit=four_bit)
    assert cost(replace(large, memory=packed)) <= cost(replace(small, memory=packed))
    if small.per_device_train_batch_size == large.per_device_train_batch_size:
        assert replace(large, memory=packed).recomputed <= replace(small, memory=packed).recomputed
    for tokens in large.micro_batches:
        assert packed.kept(tokens, small.budget) <= packed.kept(tokens, large.budget)


@settings(max_examples=80, deadline=None)
@given(some_lengths, some_trainings, st.floats(3, 40), some_backends)
def test_no_other_micro_batch_that_fits_is_faster(
    lengths: list[int], training: Training, free: float, backend: str
) -> None:
    try:
        plan = planned(training, lengths, gpu(free), backend, four_bit=False)
    except InputError:
        return
    larger = replace(plan, per_device_train_batch_size=training.effective_batch_size + 1)
    for other in ladder(larger, training, lengths)[2:]:
        if other.memory.peak(other.micro_batches[0]) <= plan.budget:
            assert cost(plan) <= cost(replace(other, recompute_all=False))


def test_a_smaller_micro_batch_is_chosen_where_a_larger_one_would_be_computed_twice() -> None:
    recipe = named("phi-3-input-output")
    assert isinstance(recipe.training, Training)
    assert recipe.lora
    plan = planning.plan(PHI_3_MINI, recipe.lora, recipe.training, typical(recipe), gpu(14.5), "transformers", True)
    assert plan.per_device_train_batch_size == 4
    assert plan.recomputed < 0.2


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_ladder_goes_down_and_ends(backend: str) -> None:
    training = Training(effective_batch_size=12, max_steps=10)
    lengths = list(range(100, 400))
    first = planned(training, lengths, gpu(60), backend)
    assert (first.unpacked, first.recompute_all, first.recomputed) == (True, False, 0.0)
    rungs = ladder(first, training, lengths)
    assert [(rung.per_device_train_batch_size, rung.gradient_accumulation_steps) for rung in rungs] == [
        *((12, 1), (12, 1), (6, 2), (4, 3), (3, 4), (2, 6), (1, 12))
    ]
    for rung in rungs[1:]:
        assert (rung.recompute_all, rung.recomputed) == (True, 1.0)
        assert (rung.unpacked, rung.memory, rung.padding_free) == (True, first.memory, first.padding_free)
        assert {rung.kept(tokens) for tokens in rung.micro_batches} == {0}
        assert sum(rung.micro_batches[1:]) >= sum(lengths)
    peaks = [rung.peak for rung in rungs]
    assert peaks == sorted(peaks, reverse=True)
    assert len(set(peaks)) == len(peaks)


def test_on_a_cpu_nothing_is_recomputed_and_the_ladder_works_all_the_same() -> None:
    training = Training(effective_batch_size=4, max_steps=10)
    plan = planned(training, [10] * 40, CPU, "transformers")
    assert (plan.budget, plan.recomputed, plan.kept(10**9)) == (inf, 0.0, LLAMA_3_1B.num_hidden_layers)
    again = planning.lighter(plan, training, [10] * 40)
    assert again
    assert (again.recomputed, again.kept(1)) == (1.0, 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_that_does_not_fit_is_refused_in_one_sentence(backend: str) -> None:
    training = Training(max_steps=10)
    with pytest.raises(InputError) as refused:
        planned(training, [100, 2048, 7], gpu(1.5), backend)
    assert re.fullmatch(
        r"a row of 2,048 tokens takes \d\.\d GiB and 1\.4 GiB are there: lower max_length, choose a smaller base "
        r"model, or free the GPU \(restart the session\)\.",
        str(refused.value),
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_budget_is_used_to_the_last_byte(backend: str) -> None:
    training = Training(effective_batch_size=4, max_steps=10)
    lengths = [100, 2048, 7, 500, 1000, 60]
    takes = memory(LLAMA_3_1B, LORA, backend, four_bit=True)

    def just(tokens: int, more: float) -> Machine:
        return gpu((takes.peak(tokens) + more) / MOST_USED / GIB)

    assert planned(training, lengths, just(2048, 100), backend).per_device_train_batch_size == 1
    with pytest.raises(InputError):
        planned(training, lengths, just(2048, -100), backend)
    short = [10] * 40  # a start costs more than all that is computed again
    sizes = [planned(training, short, just(40, more), backend).per_device_train_batch_size for more in (-100, 100)]
    assert sizes == [2, 4]


def test_weights_are_unpacked_only_where_nothing_else_suffers() -> None:
    training = Training(max_steps=10)
    lengths = [1000] * 64
    four_bit = [planned(training, lengths, gpu(free)) for free in (5, 10, 12, 40)]
    assert [plan.unpacked for plan in four_bit] == sorted(plan.unpacked for plan in four_bit)
    assert {plan.unpacked for plan in four_bit} == {False, True}
    for plan in four_bit:
        assert plan.memory == memory(LLAMA_3_1B, LORA, "unsloth", four_bit=not plan.unpacked)
        assert not plan.unpacked or plan.recomputed == 0
    assert not planned(training, lengths, gpu(40), four_bit=False).unpacked
    assert not planned(training, lengths, CPU, "transformers").unpacked


def test_weights_stay_packed_where_the_longest_rows_need_the_room() -> None:
    training = Training(effective_batch_size=1, max_steps=10)
    lengths = [50] * 199 + [4000]
    tight, roomy = planned(training, lengths, gpu(2.8 / MOST_USED)), planned(training, lengths, gpu(3.3 / MOST_USED))
    assert (tight.unpacked, roomy.unpacked) == (False, True)


def test_recomputed_is_a_share_of_the_rows_and_not_of_the_longest_ones_alone() -> None:
    takes = Memory(layers=8, fixed=0.0, per_token=1.0, per_kept_layer=1.0)
    plan = Plan(1, 1, True, False, takes, 100.0, (100, 10, 10, 20))
    assert [plan.kept(tokens) for tokens in (100, 10, 20)] == [0, 8, 4]
    assert plan.recomputed == pytest.approx(1 - (10 * 8 + 10 * 8 + 20 * 4) / (40 * 8))
    assert plan.peak == 100.0


def test_pads_are_counted_where_there_are_pads() -> None:
    training = Training(effective_batch_size=2, max_steps=1, train_sampling_strategy="sequential")
    lengths = [10, 30, 50, 20, 5]
    for backend, machine, packing, expected in (
        ("unsloth", gpu(40), False, (80, 40, 70, 5)),
        ("transformers", gpu(40), False, (100, 60, 100, 5)),
        ("transformers", CPU, False, (100, 60, 100, 5)),
        ("transformers", CPU, True, (80, 40, 70, 5)),
    ):
        plan = planned(replace(training, packing=packing), lengths, machine, backend)
        fixed = replace(plan, recompute_all=True, per_device_train_batch_size=4)
        two = planning.lighter(fixed, training, lengths)
        assert two
        assert (two.per_device_train_batch_size, two.micro_batches) == (2, expected)
        assert plan.padding_free == (packing or backend == "unsloth")


def test_the_reasons_say_what_was_chosen() -> None:
    training = Training(max_steps=10)
    lengths = [1000] * 64
    cpu = planning.reasons(planned(training, lengths, CPU, "transformers"))
    assert cpu[0].startswith("8 rows a step as ")
    assert not [line for line in cpu if "GiB" in line or "recomputed" in line]
    plan = planned(training, lengths, gpu(40))
    said = "\n".join(planning.reasons(plan))
    assert "8 rows a step as 1 x 8" in said
    assert "padding-free" in said
    assert "0% of the layers' work is recomputed" in said
    assert "unpacked once" in said
    assert f"8,000 tokens; predicted peak {plan.peak / GIB:.1f} GiB of 36.8 GiB" in said
    assert "unpacked" not in "\n".join(planning.reasons(planned(training, lengths, gpu(5))))


@settings(max_examples=200, deadline=None)
@given(
    st.builds(Memory, st.integers(1, 80), st.floats(0, 9e9), st.floats(1, 1e6), st.floats(1, 1e6)),
    *(st.integers(1, 20_000), st.floats(0, 2e11), st.floats(0, 2e11)),
)
def test_more_memory_keeps_more_layers_and_none_below_a_quarter(
    takes: Memory, tokens: int, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert takes.kept(tokens, low) <= takes.kept(tokens, high)
    assert takes.kept(tokens + 1, high) <= takes.kept(tokens, high)
    kept = takes.kept(tokens, high)
    assert kept == 0 or takes.layers / 4 <= kept <= takes.layers
    assert kept == 0 or takes.peak(tokens, kept) <= high * (1 + 1e-9)
    if kept < takes.layers:  # one more would be too much, or too few to matter
        more = max(kept + 1, ceil(takes.layers / 4))
        assert takes.peak(tokens, more) > high * (1 - 1e-9)


def test_a_quarter_of_the_layers_is_worth_keeping() -> None:
    takes = Memory(layers=20, fixed=0.0, per_token=1.0, per_kept_layer=1.0)
    assert [takes.kept(10, 10.0 * (1 + layers)) for layers in range(-1, 23)] == [*[0] * 6, *range(5, 21), 20, 20]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: " ".join(map(str, list(point.values())[:4])))
def test_the_memory_model_predicts_what_was_measured(point: dict[str, Any]) -> None:
    shape, lora = MODELS[point["model"]]
    takes = memory(shape, lora, point["backend"], four_bit=True)
    assert takes.peak(point["tokens"], point["kept"]) / GIB == pytest.approx(point["measured_gib"], rel=0.15)


@pytest.mark.parametrize(("own", "then"), [(None, "expandable_segments:True"), ("backend:native", "backend:native")])
def test_memory_grows_in_segments_from_the_first_look_on(
    own: str | None, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", own or "")
    if own is None:
        monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF")
    hardware.measure()
    assert os.environ["PYTORCH_CUDA_ALLOC_CONF"] == then


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("model", MODELS)
def test_enough_was_measured_to_tell(backend: str, model: str) -> None:
    some = [point for point in POINTS if (point["backend"], point["model"]) == (backend, model)]
    assert {point["kept"] for point in some} == {0, MODELS[model][0].num_hidden_layers}
    assert max(point["tokens"] for point in some) >= 4 * min(point["tokens"] for point in some)


def test_shapes_have_as_many_weights_as_their_names_say() -> None:
    sizes = {LLAMA_3_1B: 1.236e9, LLAMA_3_8B: 8.030e9, TINYLLAMA: 1.100e9, PHI_3_MINI: 3.821e9}
    for shape, size in sizes.items():
        tables = shape.table * (1 if shape.tie_word_embeddings else 2)
        assert shape.linear + tables == pytest.approx(size, rel=1e-3)
    assert LLAMA_3_8B.trained(LORA) == 41_943_040
    assert PHI_3_MINI.trained(Lora(r=32)) == 59_768_832
    two = Lora(r=8, target_modules=("q_proj", "v_proj"), modules_to_save=("embed_tokens",))
    assert TINYLLAMA.trained(two) == 22 * 8 * (2048 + 2048 + 2048 + 256) + 32000 * 2048


def test_four_bit_weights_take_about_a_quarter() -> None:
    packed, plain = (memory(LLAMA_3_8B, LORA, "unsloth", four_bit=four_bit) for four_bit in (True, False))
    assert plain.fixed - packed.fixed == pytest.approx(LLAMA_3_8B.linear * (2 - 0.5166), rel=1e-3)
    assert replace(plain, fixed=packed.fixed) == packed


def test_a_trained_weight_takes_ten_bytes() -> None:
    small, large = (memory(LLAMA_3_8B, Lora(r=r), "unsloth", four_bit=True) for r in (16, 32))
    assert large.fixed - small.fixed == 10 * LLAMA_3_8B.trained(Lora(r=16))
    assert replace(large, fixed=small.fixed) == small


@pytest.mark.parametrize("recipe", ON_GPU, ids=lambda recipe: recipe.name)
def test_every_gpu_recipe_is_estimated_on_the_cards_that_students_have(recipe: Recipe) -> None:
    rows = estimates(recipe)
    assert [row["GPU"] for row in rows] == ["T4", "L4", "A100"]
    hours = []
    for row in rows:
        card = CARDS[row["GPU"]].machine
        peak, there = map(float, re.fullmatch(r"([\d.]+) of ([\d.]+) GiB", row["memory"]).groups())  # type: ignore[union-attr]
        assert 0 < peak <= MOST_USED * there + 0.1
        assert there == pytest.approx(card.free / GIB, abs=0.05)
        assert re.fullmatch(r"\d+ x \d+ rows, weights (unpacked once|4-bit), \d+% recomputed", row["plan"])
        number, unit = re.fullmatch(r"about ([\d.]+) (min|h)", row["time"]).groups()  # type: ignore[union-attr]
        hours.append(float(number) / (60 if unit == "min" else 1))
        assert row["recipe"] == recipe.name
    assert hours == sorted(hours, reverse=True)
    if isinstance(recipe.training, Training) and recipe.training.num_train_epochs and recipe.rows > 10_000:
        assert hours[0] > 1.5 * hours[1] > 3 * hours[2]


def test_what_is_hosted_or_unknown_has_no_estimate() -> None:
    assert estimates(named("gpt-4o-mini-chat")) == []
    assert estimates(named("demo")) == []
    assert estimates(replace(named("grounded"), base_model="somebody/else")) == []


def test_this_machine_is_estimated_too() -> None:
    recipe = named("phi-3-input-output")
    assert len(estimates(recipe, CPU)) == 3

    def last(name: str, free: float = 40) -> dict[str, str]:
        return estimates(recipe, Machine("cuda", name, (8, 0), 40 * GIB, int(free * GIB)))[3]

    assert last("NVIDIA A100-SXM4-40GB")["GPU"] == "this GPU: NVIDIA A100-SXM4-40GB"
    assert re.fullmatch(r"about \d+ min", last("NVIDIA A100-SXM4-40GB")["time"])
    assert last("Tesla T4")["time"].endswith(" h")
    for other in ("NVIDIA L40S", "Quadro T400", "Some GPU"):  # an L40S is no L4
        assert last(other)["time"] == "not known for this GPU"
    small = last("Tesla T4", free=2)
    assert (small["memory"], small["time"]) == ("too small", "")
    assert small["plan"].startswith("a row of ")


def test_own_rows_are_estimated_as_they_are() -> None:
    recipe = named("phi-3-input-output")
    short, long = (estimates(recipe, lengths=[length] * 500)[0] for length in (50, 2000))
    assert short["time"] != long["time"]
    assert "100% recomputed" not in short["plan"]


def test_typical_rows_are_as_long_as_the_catalogues() -> None:
    recipe = named("phi-3-input-output")
    assert isinstance(recipe.training, Training)
    lengths = typical(recipe)
    assert statistics.median(lengths) == pytest.approx((AROUND + MEDIAN) / CHARACTERS_A_TOKEN, rel=0.01)
    assert statistics.mean(lengths) == pytest.approx((AROUND + MEAN) / CHARACTERS_A_TOKEN, rel=0.02)
    assert lengths == typical(recipe)
    short = replace(recipe, training=replace(recipe.training, max_length=300))
    assert max(typical(short)) == 300
    thinking = typical(named("deepseek-r1-reasoning"))
    assert statistics.median(thinking) == statistics.median(lengths) + REASONING
    assert max(thinking) == 2048


@pytest.mark.parametrize(
    ("model", "name", "gib", "most"),
    [
        ("llama-1b", "llama-3.2-1b-question", 14, 13),
        ("llama-8b", "deepseek-r1-reasoning", 14, 9.5),
        ("llama-8b", "deepseek-r1-reasoning", 21.5, 21),
        ("tinyllama", "tinyllama-alpaca", 14, 13),
        ("phi-3", "phi-3-input-output", 14, 13),
    ],
)
def test_rows_that_are_all_long_stay_within_a_small_card(model: str, name: str, gib: float, most: float) -> None:
    recipe = named(name)
    assert isinstance(recipe.training, Training)
    assert recipe.lora is not None
    shape, _ = MODELS[model]
    plan = planning.plan(shape, recipe.lora, recipe.training, [2048] * 200, gpu(gib), "unsloth", True)
    assert plan.peak / GIB <= most
