"""Every number, model id and choice that makes one run differ from another, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.prompts import ChatTemplate, Question, Template, TextTemplate

TINY_LLAMA = "amazon-ft/tiny-llama"  # built on this machine by amazon_ft.sample, never downloaded
SAMPLING = ("random", "group_by_length", "sequential")
ALL_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

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


@dataclass(frozen=True)
class Lora:
    """Hold the low-rank adapter, in PEFT's names."""

    r: int = 16
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    target_modules: tuple[str, ...] = ALL_PROJECTIONS
    modules_to_save: tuple[str, ...] = ()
    ensure_weight_tying: bool = False

    def __post_init__(self) -> None:
        if self.r < 1 or not self.target_modules:
            raise ValueError("an adapter needs r of at least 1 and at least one of target_modules")
        if self.ensure_weight_tying and not self.modules_to_save:
            raise ValueError("ensure_weight_tying needs modules_to_save: without it nothing is tied")


@dataclass(frozen=True)
class Training:
    """Hold the optimisation, in TRL's names; the machine decides precision and the per-device batch."""

    effective_batch_size: int = 8  # per_device_train_batch_size x gradient_accumulation_steps
    learning_rate: float = 2e-4
    lr_scheduler_type: str = "linear"
    warmup_steps: int = 5
    num_train_epochs: int | None = None
    max_steps: int | None = None
    optim: str = "adamw_8bit"
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    max_length: int = 2048
    train_sampling_strategy: str = "random"
    packing: bool = False  # a step then takes effective_batch_size packs of max_length tokens, not as many rows
    early_stopping_patience: int | None = None  # evaluations without a lower held-out loss
    seed: int = 3407

    def __post_init__(self) -> None:
        if (self.num_train_epochs is None) == (self.max_steps is None):
            raise ValueError("set exactly one of max_steps and num_train_epochs")
        if self.effective_batch_size < 1 or self.learning_rate <= 0 or self.max_length < 2:
            raise ValueError("effective_batch_size, learning_rate and max_length must be positive")
        if (self.num_train_epochs or self.max_steps or 0) < 1:
            raise ValueError("max_steps or num_train_epochs must be at least 1")
        if self.train_sampling_strategy not in SAMPLING:
            raise ValueError(f"train_sampling_strategy is one of {', '.join(SAMPLING)}")
        if self.early_stopping_patience is not None and self.early_stopping_patience < 1:
            raise ValueError("early_stopping_patience must be at least 1, or None to train to the end")


@dataclass(frozen=True)
class HostedTraining:
    """Hold the hyperparameters of a hosted fine-tuning job, in OpenAI's names and bounds."""

    n_epochs: int = 1
    batch_size: int = 8
    learning_rate_multiplier: float = 1.0
    rows_per_job: int = 20_000

    def __post_init__(self) -> None:
        if not (1 <= self.n_epochs <= 50 and 1 <= self.batch_size <= 256 and self.learning_rate_multiplier > 0):
            raise ValueError("n_epochs is 1 to 50, batch_size 1 to 256, learning_rate_multiplier above 0")
        if self.rows_per_job < 1:
            raise ValueError("rows_per_job must be at least 1")


@dataclass(frozen=True)
class Generation:
    """Hold how the model is asked, in Transformers' names; temperature 0 is greedy."""

    max_new_tokens: int = 128
    temperature: float = 0.0
    seed: int = 3407


@dataclass(frozen=True)
class Recipe:
    """Hold everything that makes one run differ from another."""

    name: str
    base_model: str
    asked: tuple[Question, ...]
    template: Template
    training: Training | HostedTraining
    lora: Lora | None = Lora()
    generation: Generation = Generation()
    load_in_4bit: bool = True
    rows: int = 100_000  # training rows, sampled over the whole catalogue
    held_out_rows: int = 1_000  # validation rows, and as many test rows
    with_context: bool = False
    with_reasoning: bool = False

    def __post_init__(self) -> None:
        if not self.asked or self.rows < 1 or self.held_out_rows < 1:
            raise ValueError("a recipe needs a way to ask, rows and held_out_rows")
        if isinstance(self.training, HostedTraining) == (self.lora is not None):
            raise ValueError("a local recipe needs a lora and a hosted one has none")
        if self.with_reasoning and "{reasoning}" not in self.template.completion:
            raise ValueError("with_reasoning needs a template whose completion has {reasoning}")

    def as_dict(self) -> dict[str, Any]:
        """Give every value as plain data, for the manifest."""
        return asdict(self)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
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
            training=Training(
                effective_batch_size=16,
                learning_rate=4e-3,
                lr_scheduler_type="constant_with_warmup",
                num_train_epochs=32,
                optim="adamw_torch",
                max_length=192,
            ),
            generation=Generation(max_new_tokens=96),
            load_in_4bit=False,
            rows=64,
            held_out_rows=64,
        ),
        Recipe(
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
            with_reasoning=True,
        ),
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
            asked=tuple(Question("Answer from the catalogue entry alone.", style.input) for style in STYLES),
            template=CHAT,
            training=Training(max_steps=60),
            with_context=True,
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
