"""The recipes there are: the five published ones, the demo, and those that answer from a source."""

from __future__ import annotations

from dataclasses import replace

from amazon_ft.files import InputError
from amazon_ft.prompts import ChatTemplate, Question, TextTemplate
from amazon_ft.recipes.reasoning import BY_RULES, CLOSED, GROUNDED
from amazon_ft.recipes.values import Generation, Grounding, HostedTraining, Lora, Recipe, Training

TINY_LLAMA = "amazon-ft/tiny-llama"  # built on this machine by amazon_ft.sample, never downloaded

# Stanford Alpaca's two prompts (github.com/tatsu-lab/stanford_alpaca), the field's interchange format.
ALPACA = TextTemplate(
    name="alpaca",
    prompt=(
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request.\n\n"
        "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"
    ),
    prompt_without_input=(
        "Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.\n\n"
        "### Instruction:\n{instruction}\n\n### Response:\n"
    ),
)
INPUT_OUTPUT = TextTemplate(name="input-output", prompt="### Input:\n{input}\n\n### Output:\n")
REASONING = TextTemplate(
    name="reasoning",
    prompt="### Instruction:\n{instruction}\n\n### Question:\n{input}\n\n### Response:\n<think>\n",
    completion="{reasoning}\n</think>\n{output}",
)
CHAT = ChatTemplate()

STYLES = (
    Question(input="What is the description of product {title}?"),
    Question(input="Tell me about {title}."),
    Question(input="Qual é a descrição do produto {title}?"),
)
FROM_SOURCE = (
    "Answer from the catalogue entry alone. Quote its words between “ and ”, then name its number in brackets; "
    "if it does not hold the answer, say so."
)

IN_SECONDS = Training(
    effective_batch_size=16,
    learning_rate=4e-3,
    lr_scheduler_type="constant_with_warmup",
    num_train_epochs=32,
    optim="adamw_torch",
    max_length=192,
)
DEMO = Recipe(
    name="demo",
    base_model=TINY_LLAMA,
    asked=STYLES,
    template=CHAT,
    lora=Lora(
        lora_alpha=32,
        target_modules=("q_proj", "v_proj"),
        modules_to_save=("embed_tokens",),
        ensure_weight_tying=True,
    ),
    training=IN_SECONDS,
    generation=Generation(max_new_tokens=96),
    load_in_4bit=False,
    rows=64,
    held_out_rows=64,
)
R1 = Recipe(
    name="deepseek-r1-reasoning",
    base_model="unsloth/DeepSeek-R1-Distill-Llama-8B",
    asked=(
        Question(
            "You are a shopping assistant who knows the catalogue. Think before you answer.",
            "What is {title}?",
        ),
    ),
    template=REASONING,
    training=Training(num_train_epochs=2),
    generation=Generation(max_new_tokens=1200, temperature=0.2),
    rows=2_000,
    held_out_rows=200,
    reasoning=CLOSED,
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        DEMO,
        R1,
        Recipe(
            name="tinyllama-alpaca",
            base_model="unsloth/tinyllama-chat-bnb-4bit",
            asked=(Question("Describe the product", "{title}"),),
            template=ALPACA,
            training=Training(
                effective_batch_size=44,
                num_train_epochs=1,
                max_grad_norm=0.6,
                train_sampling_strategy="group_by_length",
            ),
        ),
        Recipe(
            name="llama-3.2-1b-question",
            base_model="unsloth/Llama-3.2-1B-Instruct-bnb-4bit",
            asked=(Question("What is the description of product {title}?"),),
            template=ALPACA,
            training=Training(max_steps=60),
        ),
        Recipe(
            name="phi-3-input-output",
            base_model="unsloth/Phi-3-mini-4k-instruct-bnb-4bit",
            asked=(Question(input="{title}"),),
            template=INPUT_OUTPUT,
            lora=Lora(r=32, lora_alpha=64),
            training=Training(warmup_steps=10, num_train_epochs=1),
        ),
        Recipe(
            name="gpt-4o-mini-chat",
            base_model="gpt-4o-mini-2024-07-18",
            asked=(Question("Act as sales representative", "{title}"),),
            template=CHAT,
            lora=None,
            training=HostedTraining(learning_rate_multiplier=0.6),
            load_in_4bit=False,
            rows=40_000,
        ),
        Recipe(
            name="grounded",
            base_model="unsloth/Llama-3.2-1B-Instruct-bnb-4bit",
            asked=tuple(Question(FROM_SOURCE, style.input) for style in STYLES),
            template=CHAT,
            training=Training(max_steps=60),
            grounding=Grounding(),
        ),
        replace(
            R1,
            name="deepseek-r1-grounded",
            asked=(
                Question(
                    "You are a shopping assistant. Read the catalogue entry and think before you answer.",
                    "What is {title}?",
                ),
            ),
            reasoning=GROUNDED,
        ),
        replace(
            DEMO,
            name="demo-reasoning",
            asked=R1.asked,
            template=REASONING,
            training=replace(IN_SECONDS, num_train_epochs=48, max_length=256),
            generation=Generation(max_new_tokens=128),
            rows=40,
            held_out_rows=24,
            reasoning=BY_RULES,
        ),
    )
}


def named(name: str) -> Recipe:
    """Look a recipe up by name.

    Raises InputError, with the names there are, if there is none of that name.
    """
    if name not in RECIPES:
        raise InputError(f"there is no recipe {name!r}: choose one of {', '.join(RECIPES)}.")
    return RECIPES[name]
