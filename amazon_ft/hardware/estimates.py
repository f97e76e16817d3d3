"""Tell before anything is downloaded what a recipe takes on the cards that students have: memory and time. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from amazon_ft.files import InputError
from amazon_ft.hardware import Machine, planning
from amazon_ft.hardware.machine import GIB
from amazon_ft.hardware.memory import PUBLISHED, Shape
from amazon_ft.recipes import Lora, Recipe, Training

# Descriptions of AmazonTitles-1.3MM: median and mean length in characters; a title and its template beside them.
MEDIAN, MEAN, AROUND, CHARACTERS_A_TOKEN = 398, 619, 250, 4.0
REASONING = 600  # tokens that a reasoning row has more
READ = 1.7  # descriptions in a row with a source: one to read, in one row of five another, and about half in the answer
SAMPLE = 2_000  # rows from which the plan is made
# Of what a card reaches in large 16-bit matrix products, a training step reaches half (benchmarks/training.py).
EFFICIENCY = 0.5
LAUNCHES = 0.006  # seconds a layer and micro-batch that the processor needs to feed the GPU


@dataclass(frozen=True)
class Card:
    """Hold a GPU as a free session offers it: memory that a process gets, and its speed."""

    machine: Machine
    products: float  # multiplications and additions a second in large 16-bit matrix products, as reached


def _card(name: str, capability: tuple[int, int], gib: float, tera: float) -> Card:
    return Card(Machine("cuda", name, capability, int(gib * GIB), int(gib * GIB)), tera * 1e12)


# Memory as torch reports it, less the driver's share; speed about 45% of the data sheet on the two small cards, which
# their power limits, and 70% on the large ones.
CARDS = {
    card.machine.name: card
    for card in (
        _card("T4", (7, 5), 14.5, 28),
        _card("L4", (8, 9), 22.0, 55),
        _card("A100", (8, 0), 39.2, 220),
        _card("H100", (9, 0), 79.0, 700),
        _card("H200", (9, 0), 139.0, 700),
    )
}
USUAL = ("T4", "L4", "A100")


def estimates(recipe: Recipe, machine: Machine | None = None, lengths: Sequence[int] = ()) -> list[dict[str, str]]:
    """Estimate memory and time of a recipe on a T4, an L4, an A100 and, if it has a GPU, on this machine.

    `lengths` are the rows' tokens; without them, those of typical rows are taken. A hosted recipe has none of this.
    """
    shape = PUBLISHED.get(recipe.base_model)
    if shape is None or not isinstance(recipe.training, Training) or recipe.lora is None:
        return []
    tokens = list(lengths) or typical(recipe)
    cards = {name: CARDS[name] for name in USUAL}
    if machine is not None and machine.device == "cuda":
        words = machine.name.replace("-", " ").split()  # an L40S is no L4
        known = next((card.products for name, card in CARDS.items() if name in words), math.nan)
        cards[f"this GPU: {machine.name}"] = Card(machine, known)
    return [_row(name, card, recipe, shape, recipe.training, recipe.lora, tokens) for name, card in cards.items()]


def typical(recipe: Recipe) -> list[int]:
    """Give the token lengths of typical rows: log-normal, as the catalogue's descriptions are, cut at max_length."""
    sigma = math.sqrt(2 * math.log(MEAN / MEDIAN))
    normal = NormalDist(math.log(MEDIAN), sigma)
    most = recipe.training.max_length if isinstance(recipe.training, Training) else 0
    more, times = REASONING if recipe.reasoning else 0, READ if recipe.grounding else 1
    characters = (math.exp(normal.inv_cdf((place + 0.5) / SAMPLE)) for place in range(SAMPLE))
    return [min(most, round((AROUND + times * number) / CHARACTERS_A_TOKEN) + more) for number in characters]


def seconds(
    shape: Shape, lora: Lora, training: Training, plan: planning.Plan, lengths: Sequence[int], rows: int, card: Card
) -> float:
    """Estimate how long the training computes: two products forward, two backward, and those that are done twice."""
    number = planning.steps(rows, training)
    tokens = number * training.effective_batch_size * sum(lengths) / len(lengths)
    passes = 4 * (shape.linear + shape.table) + 2 * plan.recomputed * shape.linear + 6 * shape.trained(lora)
    feeding = number * plan.gradient_accumulation_steps * shape.num_hidden_layers * LAUNCHES
    return max(tokens * passes / (card.products * EFFICIENCY), feeding)


def _row(
    name: str, card: Card, recipe: Recipe, shape: Shape, training: Training, lora: Lora, lengths: Sequence[int]
) -> dict[str, str]:
    row = {"recipe": recipe.name, "GPU": name}
    try:
        plan = planning.plan(shape, lora, training, lengths, card.machine, "unsloth", recipe.load_in_4bit)
    except InputError as error:
        return {**row, "memory": "too small", "plan": str(error), "time": ""}
    batch = f"{plan.gradient_accumulation_steps} x {plan.per_device_train_batch_size} rows"
    weights = "unpacked once" if plan.unpacked else "4-bit"
    long = seconds(shape, lora, training, plan, lengths, recipe.rows, card)
    return {
        **row,
        "memory": f"{plan.peak / GIB:.1f} of {card.machine.free / GIB:.1f} GiB",
        "plan": f"{batch}, weights {weights}, {plan.recomputed:.0%} recomputed",
        "time": _spoken(long),
    }


def _spoken(long: float) -> str:
    if math.isnan(long):
        return "not known for this GPU"
    return f"about {long / 3600:.1f} h" if long >= 3600 else f"about {max(1, round(long / 60))} min"
