"""Build the tiny base model: a Llama with its own tokenizer, pre-trained on shop talk in seconds on a CPU."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from amazon_ft.files import cache, replacing
from amazon_ft.sample.shop_talk import conversations

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaConfig, PreTrainedTokenizerFast

PAD, END, SYSTEM, USER, ASSISTANT = CONTROL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
VOCABULARY = 2048
CONVERSATIONS = 12_000
BLOCK = 128  # tokens
BATCH = 8  # blocks
STEPS = 250
LEARNING_RATE = 4e-3
SEED = 3407


def cached() -> Path:
    """Give the folder of the tiny model, built first if it is not in the cache."""
    folder = cache() / f"tiny-llama-{_fingerprint()}"
    if not folder.exists():
        with replacing(folder) as temporary:
            build(temporary)
    return folder


def build(folder: Path) -> None:
    """Train tokenizer and model and save both in Hugging Face's format."""
    from transformers import LlamaForCausalLM, set_seed

    set_seed(SEED)
    talk = list(conversations(CONVERSATIONS, SEED))
    tokenizer = _tokenizer(talk)
    model = LlamaForCausalLM(_config(tokenizer))
    _pretrain(model, _blocks(talk, tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer(talk: list[tuple[str, str]]) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(CONTROL), initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator((turn for pair in talk for turn in pair), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def _config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _blocks(talk: list[tuple[str, str]], tokenizer: PreTrainedTokenizerFast) -> Tensor:
    import torch

    texts = [f"{USER}{question}{END}{ASSISTANT}{answer}{END}" for question, answer in talk]
    ids = [id_ for row in tokenizer(texts)["input_ids"] for id_ in row]
    return torch.tensor(ids[: len(ids) // BLOCK * BLOCK]).view(-1, BLOCK)


def _pretrain(model: Any, blocks: Tensor) -> None:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, STEPS, pct_start=0.1)
    model.train()
    for batch in tqdm(_batches(blocks), total=STEPS, desc="pre-train the tiny base model", unit="step"):
        model(input_ids=batch, labels=batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def _batches(blocks: Tensor) -> Iterator[Tensor]:
    import torch

    random = torch.Generator().manual_seed(SEED)
    for _ in range(STEPS):
        yield blocks[torch.randint(len(blocks), (BATCH,), generator=random)]


def _fingerprint() -> str:
    sources = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in {".py", ".json"})
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
