"""What a recipe is made of: frozen values in the names of TRL, PEFT and OpenAI, contradictions refused."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from amazon_ft.prompts import Question, Template

SAMPLING = ("random", "group_by_length", "sequential")
LANGUAGES = {"en": "English", "pt": "Brazilian Portuguese"}  # in which reasoning rows are written
ALL_PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


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
    top_p: float = 1.0
    seed: int = 3407

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ValueError("max_new_tokens is at least 1, temperature at least 0, top_p above 0 and at most 1")


@dataclass(frozen=True)
class Grounding:
    """Hold how rows with a source are made: shares of all rows, and the most characters of a description to read."""

    unsaid: float = 0.2  # the entry does not hold the answer
    other: float = 0.1  # the entry is that of another product
    distracted: float = 0.2  # another entry stands beside the right one
    characters: int = 4000

    def __post_init__(self) -> None:
        shares = (self.unsaid, self.other, self.distracted)
        if not (all(0 <= share <= 1 for share in shares) and sum(shares) < 1):
            raise ValueError("unsaid, other and distracted are shares whose sum is below 1: the rest is answered")
        if self.characters < 200:
            raise ValueError("characters must be at least 200: fewer hold no answer")


@dataclass(frozen=True)
class Reasoning:
    """Hold how reasoning rows are asked for, what the trained model may read, and which rows are let through.

    The prompts are patterns with {title}, {content}, {language} and, in the second of two calls, {question}.
    """

    style: str
    prompt: str  # asks for question, reasoning and answer at once
    question_prompt: str  # the first of two calls asks for a question alone
    answer_prompt: str  # the second one answers it; what the model thinks meanwhile is the reasoning
    reads_entry: bool  # the catalogue entry stands in the trained prompt, so that the reasoning may cite it
    teacher: str  # the model that writes the rows, unless another one is named
    server: str = "ollama"  # where it is asked: "ollama", the address of another server, or "rules" for no model
    language: str = "en"
    most_leading: float = 0.1  # share of yes/no questions that give their answer away
    question_words: tuple[int, int] = (3, 60)
    reasoning_words: tuple[int, int] = (15, 900)
    response_words: tuple[int, int] = (1, 300)
    characters: int = 4000  # of a description that are read

    def __post_init__(self) -> None:
        if not all("{title}" in text for text in (self.prompt, self.question_prompt, self.answer_prompt)):
            raise ValueError("each prompt for reasoning rows needs {title}")
        if "{content}" not in self.prompt or "{question}" not in self.answer_prompt:
            raise ValueError("prompt needs {content} and answer_prompt needs {question}")
        if self.language not in LANGUAGES or not 0 <= self.most_leading <= 1 or self.characters < 200:
            raise ValueError(
                f"language is one of {', '.join(LANGUAGES)}, most_leading a share, characters at least 200"
            )
        for low, high in (self.question_words, self.reasoning_words, self.response_words):
            if not 1 <= low <= high:
                raise ValueError("each range of words is at least 1, and its end not below its beginning")


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
    grounding: Grounding | None = None
    reasoning: Reasoning | None = None

    def __post_init__(self) -> None:
        if not self.asked or self.rows < 1 or self.held_out_rows < 1:
            raise ValueError("a recipe needs a way to ask, rows and held_out_rows")
        if isinstance(self.training, HostedTraining) == (self.lora is not None):
            raise ValueError("a local recipe needs a lora and a hosted one has none")
        if self.reasoning and "{reasoning}" not in self.template.completion:
            raise ValueError("reasoning needs a template whose completion has {reasoning}")
        if self.reasoning and self.grounding:
            raise ValueError("set reasoning or grounding, not both: each decides alone what the rows are")

    def as_dict(self) -> dict[str, Any]:
        """Give every value as plain data, for the manifest."""
        return asdict(self)
