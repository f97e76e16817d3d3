"""The recipes' values, one by one, and the contradictions that cannot be written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass, replace
from typing import Any

import pytest

from amazon_ft.files import InputError
from amazon_ft.prompts import ChatTemplate, Question, TextTemplate
from amazon_ft.recipes import (
    BY_RULES,
    CLOSED,
    RECIPES,
    RULES,
    TINY_LLAMA,
    Generation,
    Grounding,
    HostedTraining,
    Lora,
    Reasoning,
    Recipe,
    Training,
    named,
)
from amazon_ft.recipes import GROUNDED as GROUNDED_STYLE
from amazon_ft.recipes.published import ALPACA, CHAT, FROM_SOURCE, INPUT_OUTPUT, REASONING, STYLES
from amazon_ft.recipes.values import ALL_PROJECTIONS

DEMO, GROUNDED, HOSTED = RECIPES["demo"], RECIPES["grounded"], RECIPES["gpt-4o-mini-chat"]
REASONED = RECIPES["deepseek-r1-reasoning"]
LOCAL = [recipe for recipe in RECIPES.values() if recipe is not HOSTED]

TABLE: dict[str, dict[str, Any]] = {
    "demo": {
        "base_model": "amazon-ft/tiny-llama",
        "asked": STYLES,
        "template": CHAT,
        "load_in_4bit": False,
        "grounding": None,
        "reasoning": None,
        "training.lr_scheduler_type": "constant_with_warmup",
        "training.learning_rate": 4e-3,
        "training.effective_batch_size": 16,
        "training.max_steps": None,
        "lora.r": 16,
        "lora.lora_alpha": 32,
        "lora.target_modules": ("q_proj", "v_proj"),
        "lora.modules_to_save": ("embed_tokens",),
        "lora.ensure_weight_tying": True,
        "generation.temperature": 0.0,
    },
    "deepseek-r1-reasoning": {
        "base_model": "unsloth/DeepSeek-R1-Distill-Llama-8B",
        "asked": (
            Question(
                instruction="You are a shopping assistant who knows the catalogue. Think before you answer.",
                input="What is {title}?",
            ),
        ),
        "template": REASONING,
        "load_in_4bit": True,
        "grounding": None,
        "reasoning": CLOSED,
        "lora.r": 16,
        "lora.lora_alpha": 16,
        "lora.lora_dropout": 0.0,
        "lora.target_modules": ALL_PROJECTIONS,
        "training.effective_batch_size": 8,
        "training.warmup_steps": 5,
        "training.learning_rate": 2e-4,
        "training.lr_scheduler_type": "linear",
        "training.optim": "adamw_8bit",
        "training.weight_decay": 0.01,
        "training.num_train_epochs": 2,
        "training.max_steps": None,
        "training.seed": 3407,
        "generation.max_new_tokens": 1200,
        "generation.temperature": 0.2,
    },
    "tinyllama-alpaca": {
        "base_model": "unsloth/tinyllama-chat-bnb-4bit",
        "asked": (Question(instruction="Describe the product", input="{title}"),),
        "template": ALPACA,
        "load_in_4bit": True,
        "grounding": None,
        "reasoning": None,
        "rows": 100_000,
        "training.effective_batch_size": 44,
        "training.warmup_steps": 5,
        "training.num_train_epochs": 1,
        "training.max_steps": None,
        "training.learning_rate": 2e-4,
        "training.max_grad_norm": 0.6,
        "training.weight_decay": 0.01,
        "training.lr_scheduler_type": "linear",
        "training.train_sampling_strategy": "group_by_length",
    },
    "llama-3.2-1b-question": {
        "base_model": "unsloth/Llama-3.2-1B-Instruct-bnb-4bit",
        "asked": (Question(instruction="What is the description of product {title}?", input=""),),
        "template": ALPACA,
        "load_in_4bit": True,
        "grounding": None,
        "reasoning": None,
        "lora.r": 16,
        "lora.lora_alpha": 16,
        "lora.target_modules": ALL_PROJECTIONS,
        "training.effective_batch_size": 8,
        "training.warmup_steps": 5,
        "training.num_train_epochs": None,
        "training.max_steps": 60,
        "training.learning_rate": 2e-4,
    },
    "phi-3-input-output": {
        "base_model": "unsloth/Phi-3-mini-4k-instruct-bnb-4bit",
        "asked": (Question(instruction="", input="{title}"),),
        "template": INPUT_OUTPUT,
        "load_in_4bit": True,
        "grounding": None,
        "reasoning": None,
        "rows": 100_000,
        "lora.r": 32,
        "lora.lora_alpha": 64,
        "training.effective_batch_size": 8,
        "training.warmup_steps": 10,
        "training.num_train_epochs": 1,
        "training.max_steps": None,
        "training.learning_rate": 2e-4,
        "training.seed": 3407,
    },
    "gpt-4o-mini-chat": {
        "base_model": "gpt-4o-mini-2024-07-18",
        "asked": (Question(instruction="Act as sales representative", input="{title}"),),
        "template": CHAT,
        "lora": None,
        "load_in_4bit": False,
        "grounding": None,
        "reasoning": None,
        "rows": 40_000,
        "training": HostedTraining(n_epochs=1, batch_size=8, learning_rate_multiplier=0.6, rows_per_job=20_000),
    },
    "grounded": {
        "base_model": "unsloth/Llama-3.2-1B-Instruct-bnb-4bit",
        "template": CHAT,
        "load_in_4bit": True,
        "grounding": Grounding(),
        "reasoning": None,
        "lora.r": 16,
        "lora.lora_alpha": 16,
        "lora.target_modules": ALL_PROJECTIONS,
        "training.effective_batch_size": 8,
        "training.warmup_steps": 5,
        "training.max_steps": 60,
        "training.learning_rate": 2e-4,
    },
    "deepseek-r1-grounded": {
        "base_model": "unsloth/DeepSeek-R1-Distill-Llama-8B",
        "template": REASONING,
        "grounding": None,
        "reasoning": GROUNDED_STYLE,
        "training.num_train_epochs": 2,
        "rows": 2_000,
    },
    "demo-reasoning": {
        "base_model": "amazon-ft/tiny-llama",
        "template": REASONING,
        "grounding": None,
        "reasoning": BY_RULES,
        "training.max_length": 256,
        "generation.max_new_tokens": 128,
    },
}


def value(recipe: Recipe, path: str) -> Any:
    found: Any = recipe
    for name in path.split("."):
        found = getattr(found, name)
    return found


def test_the_table_has_the_nine_recipes() -> None:
    assert list(RECIPES) == list(TABLE) and len(TABLE) == 9
    assert all(named(name) is RECIPES[name] and RECIPES[name].name == name for name in TABLE)


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, row in TABLE.items() for path in row])
def test_each_value_of_the_table(name: str, path: str) -> None:
    assert value(RECIPES[name], path) == TABLE[name][path]


def test_the_constants_that_the_table_names() -> None:
    assert TINY_LLAMA == "amazon-ft/tiny-llama"
    assert {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"} == set(ALL_PROJECTIONS)
    assert len(ALL_PROJECTIONS) == 7
    assert [style.input for style in STYLES] == [
        "What is the description of product {title}?",
        "Tell me about {title}.",
        "Qual é a descrição do produto {title}?",
    ]
    assert ChatTemplate(system="{instruction}", user="{input}", completion="{output}") == CHAT


def test_the_demo_trains_in_seconds() -> None:
    assert isinstance(DEMO.training, Training)
    assert DEMO.rows * (DEMO.training.num_train_epochs or 0) <= 5_000
    assert max(DEMO.training.max_length, DEMO.generation.max_new_tokens) <= 256


def test_grounded_is_the_question_recipe_asked_from_a_source_in_english_and_portuguese() -> None:
    assert isinstance(GROUNDED.template, ChatTemplate)
    assert (GROUNDED.training, GROUNDED.lora) == (
        RECIPES["llama-3.2-1b-question"].training,
        RECIPES["llama-3.2-1b-question"].lora,
    )
    assert tuple(question.input for question in GROUNDED.asked) == tuple(style.input for style in STYLES)
    assert {question.instruction for question in GROUNDED.asked} == {FROM_SOURCE}


@pytest.mark.parametrize("style", [CLOSED, GROUNDED_STYLE, BY_RULES], ids=["closed", "grounded", "by rules"])
def test_every_prompt_for_reasoning_rows_holds_the_product_and_the_language(style: Reasoning) -> None:
    for prompt in (style.prompt, style.question_prompt, style.answer_prompt):
        assert all("{" + name + "}" in prompt for name in ("title", "content", "language"))


def test_only_the_grounded_style_lets_the_reasoning_cite_the_entry() -> None:
    assert (CLOSED.reads_entry, GROUNDED_STYLE.reads_entry, BY_RULES.reads_entry) == (False, True, False)
    assert "speak of no description, context" in CLOSED.prompt and "speak of no description" in CLOSED.answer_prompt
    assert "speak of no" not in GROUNDED_STYLE.prompt + GROUNDED_STYLE.answer_prompt
    assert (BY_RULES.server, CLOSED.server) == (RULES, "ollama")


def test_two_hosted_jobs_take_the_hosted_rows() -> None:
    assert isinstance(HOSTED.training, HostedTraining)
    assert HOSTED.rows == 2 * HOSTED.training.rows_per_job


@pytest.mark.parametrize("recipe", LOCAL, ids=lambda recipe: recipe.name)
def test_a_local_recipe_has_an_adapter_and_one_length_of_training(recipe: Recipe) -> None:
    assert isinstance(recipe.training, Training) and isinstance(recipe.lora, Lora)
    assert (recipe.training.num_train_epochs is None) != (recipe.training.max_steps is None)


CONTRADICTIONS: dict[str, tuple[Callable[[], object], str]] = {
    "neither steps nor epochs": (lambda: Training(), "exactly one of max_steps and num_train_epochs"),
    "both steps and epochs": (
        lambda: Training(max_steps=60, num_train_epochs=1),
        "exactly one of max_steps and num_train_epochs",
    ),
    "no steps": (lambda: Training(max_steps=0), "at least 1"),
    "fewer than no epochs": (lambda: Training(num_train_epochs=-1), "at least 1"),
    "no batch": (lambda: Training(max_steps=1, effective_batch_size=0), "must be positive"),
    "no learning rate": (lambda: Training(max_steps=1, learning_rate=0.0), "must be positive"),
    "no length": (lambda: Training(max_steps=1, max_length=1), "must be positive"),
    "no rank": (lambda: Lora(r=0), "at least 1"),
    "nothing to adapt": (lambda: Lora(target_modules=()), "at least one of target_modules"),
    "tying nothing": (lambda: Lora(ensure_weight_tying=True), "modules_to_save"),
    "no hosted epoch": (lambda: HostedTraining(n_epochs=0), "n_epochs is 1 to 50"),
    "51 hosted epochs": (lambda: HostedTraining(n_epochs=51), "n_epochs is 1 to 50"),
    "no hosted batch": (lambda: HostedTraining(batch_size=0), "batch_size 1 to 256"),
    "a hosted batch of 257": (lambda: HostedTraining(batch_size=257), "batch_size 1 to 256"),
    "no hosted learning rate": (
        lambda: HostedTraining(learning_rate_multiplier=0.0),
        "learning_rate_multiplier above 0",
    ),
    "a hosted job without rows": (lambda: HostedTraining(rows_per_job=0), "rows_per_job"),
    "hosted with an adapter": (lambda: replace(HOSTED, lora=Lora()), "a hosted one has none"),
    "local without an adapter": (lambda: replace(GROUNDED, lora=None), "a local recipe needs a lora"),
    "local values, hosted training": (lambda: replace(GROUNDED, training=HostedTraining()), "a hosted one has none"),
    "reasoning that is not answered": (lambda: replace(REASONED, template=ALPACA), "has {reasoning}"),
    "reasoning that is not chatted": (lambda: replace(REASONED, template=CHAT), "has {reasoning}"),
    "reasoning and grounding": (lambda: replace(REASONED, grounding=Grounding()), "not both"),
    "a prompt without the title": (lambda: replace(CLOSED, question_prompt="What is it?"), "needs {title}"),
    "a prompt without the facts": (lambda: replace(CLOSED, prompt="{title}?"), "prompt needs {content}"),
    "an answer to no question": (lambda: replace(CLOSED, answer_prompt="{title} {content}"), "needs {question}"),
    "an unknown language": (lambda: replace(CLOSED, language="tlh"), "one of en, pt"),
    "more than all leading": (lambda: replace(CLOSED, most_leading=1.1), "a share"),
    "hardly anything read": (lambda: replace(CLOSED, characters=199), "at least 200"),
    "no words at all": (lambda: replace(CLOSED, response_words=(0, 3)), "range of words"),
    "words from end to beginning": (lambda: replace(CLOSED, reasoning_words=(30, 3)), "range of words"),
    "no way to ask": (lambda: replace(DEMO, asked=()), "a way to ask"),
    "no rows": (lambda: replace(DEMO, rows=0), "rows"),
    "no rows held out": (lambda: replace(DEMO, held_out_rows=0), "held_out_rows"),
    "a question without a title": (lambda: Question("Describe the product", "it"), "needs {title}"),
    "a question without words": (lambda: Question(), "needs {title}"),
}


@pytest.mark.parametrize(("made", "sentence"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_refused_with_a_sentence(made: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        made()
    assert not isinstance(refused.value, InputError) and " " in str(refused.value)


@pytest.mark.parametrize(
    "made",
    [
        lambda: HostedTraining(n_epochs=50, batch_size=256, learning_rate_multiplier=0.001, rows_per_job=1),
        lambda: Training(max_steps=1, effective_batch_size=1, max_length=2),
        lambda: Lora(r=1, target_modules=("q_proj",), modules_to_save=("embed_tokens",), ensure_weight_tying=True),
        lambda: Question(instruction="{title}"),
        lambda: replace(CLOSED, language="pt", most_leading=1.0, characters=200, response_words=(1, 1)),
        lambda: replace(REASONED, template=replace(CHAT, completion="{reasoning} {output}")),
        lambda: replace(HOSTED, training=Training(max_steps=1), lora=Lora()),
    ],
)
def test_what_is_just_within_bounds_is_accepted(made: Callable[[], object]) -> None:
    assert made()


def test_a_classroom_variant_changes_what_it_says_and_nothing_else() -> None:
    made = replace(GROUNDED, rows=500, training=replace(GROUNDED.training, max_steps=5))
    assert (made.rows, value(made, "training.max_steps")) == (500, 5)
    assert replace(made, rows=GROUNDED.rows, training=GROUNDED.training) == GROUNDED
    assert made != GROUNDED and RECIPES["grounded"] is GROUNDED and GROUNDED.rows == 100_000
    assert hash(made) != hash(GROUNDED)


def parts(recipe: Recipe) -> list[Any]:
    inner = [recipe.training, recipe.generation, recipe.template, *recipe.asked]
    return [recipe, *inner, *(part for part in (recipe.lora, recipe.grounding) if part)]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_is_frozen_to_its_last_part(recipe: Recipe) -> None:
    for part in parts(recipe):
        assert is_dataclass(part)
        for field in fields(part):
            with pytest.raises(FrozenInstanceError):
                setattr(part, field.name, None)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_comes_back_equal_from_json(recipe: Recipe) -> None:
    record = json.loads(json.dumps(recipe.as_dict()))
    assert record.keys() == {field.name for field in fields(Recipe)}
    assert listed(recipe.as_dict()) == record
    assert rebuilt(record, recipe) == recipe


def listed(made: Any) -> Any:
    if isinstance(made, dict):
        return {name: listed(part) for name, part in made.items()}
    return [listed(part) for part in made] if isinstance(made, tuple | list) else made


def tupled(record: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(part) if isinstance(part, list) else part for name, part in record.items()}


def rebuilt(record: dict[str, Any], recipe: Recipe) -> Recipe:
    lora = record["lora"] and tupled(record["lora"])
    inner = {
        "asked": tuple(Question(**question) for question in record["asked"]),
        "template": type(recipe.template)(**record["template"]),
        "training": type(recipe.training)(**record["training"]),
        "lora": Lora(**lora) if lora else None,
        "generation": Generation(**record["generation"]),
        "grounding": record["grounding"] and Grounding(**record["grounding"]),
        "reasoning": record["reasoning"] and Reasoning(**tupled(record["reasoning"])),
    }
    return Recipe(**record | inner)


def test_the_record_of_a_variant_differs_wherever_the_variant_does() -> None:
    for recipe, part, change in [
        (GROUNDED, "training", {"seed": 1}),
        (GROUNDED, "lora", {"r": 8}),
        (GROUNDED, "generation", {"temperature": 0.7}),
        (GROUNDED, "template", {"user": "Q: {input}"}),
        (HOSTED, "training", {"n_epochs": 2}),
    ]:
        variant = replace(recipe, **{part: replace(getattr(recipe, part), **change)})
        expected = {**recipe.as_dict(), part: {**asdict(getattr(recipe, part)), **change}}
        assert variant.as_dict() == expected != recipe.as_dict()


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputError, match="no recipe 'phi-4'") as refused:
        named("phi-4")
    assert all(name in str(refused.value) for name in RECIPES)


@pytest.mark.parametrize("template", [ALPACA, INPUT_OUTPUT, REASONING, CHAT], ids=lambda template: template.name)
def test_a_template_knows_the_examples_fields_alone(template: TextTemplate | ChatTemplate) -> None:
    patterns = "".join(text for name, text in asdict(template).items() if name != "name")
    known = dict.fromkeys(("instruction", "input", "output", "context", "source", "reasoning"), "")
    assert "{" not in patterns.format_map(known)  # which also raises for a name that is not known
    assert "{output}" in template.completion and "{output}" not in patterns.replace(template.completion, "")
