"""Small tokenizers with the shapes of the real ones: what is special, what is added, what is prepended and stripped.

Their merges are learnt from a few hundred invented sentences; their control tokens, post-processors and chat
templates follow what the model families document.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import chain

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from amazon_ft.sample.catalogue import products
from amazon_ft.sample.shop_talk import conversations
from amazon_ft.sample.tiny_model import _tokenizer as tiny_tokenizer

LLAMA_3_CHAT = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
ZEPHYR_CHAT = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + eos_token + '\n' }}"
    "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}"
)
PHI_3_CHAT = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
R1_CHAT = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}"
    "{% elif message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}"
    "{% else %}{{ '<｜Assistant｜>' + message['content'].split('</think>')[-1] + eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"
)
R1_CHAT_THAT_OPENS_THE_THOUGHT = R1_CHAT.replace("{{ '<｜Assistant｜>' }}", "{{ '<｜Assistant｜><think>\n' }}")
CHATML_CHAT = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MERGED = 700  # tokens in each learnt vocabulary


def llama_3() -> PreTrainedTokenizerFast:
    """Byte-level; the post-processor prepends <|begin_of_text|>; a turn ends with <|eot_id|>."""
    backend = byte_level("<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_1|>")
    backend.model.ignore_merges = True
    special(backend, "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|finetune_right_pad_id|>")
    prepend(backend, "<|begin_of_text|>")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        pad_token="<|finetune_right_pad_id|>",
        chat_template=LLAMA_3_CHAT,
        clean_up_tokenization_spaces=False,
    )


def tiny_llama() -> PreTrainedTokenizerFast:
    """SentencePiece; <s> is prepended; roles are plain text; a turn ends with </s> and a new line."""
    backend = sentencepiece()
    special(backend, "<unk>", "<s>", "</s>")
    prepend(backend, "<s>")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<unk>",
        chat_template=ZEPHYR_CHAT,
        clean_up_tokenization_spaces=False,
    )


def phi_3() -> PreTrainedTokenizerFast:
    """SentencePiece; control tokens eat the white space after them; a whole chat ends with <|end|> <|endoftext|>."""
    backend = sentencepiece()
    special(backend, "<unk>", "<s>", "<|endoftext|>")
    backend.add_tokens([AddedToken("</s>", rstrip=True, normalized=False)])
    special(backend, "<|assistant|>", "<|placeholder1|>", "<|system|>", "<|end|>", "<|user|>", rstrip=True)
    prepend(backend, "<s>")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        chat_template=PHI_3_CHAT,
        clean_up_tokenization_spaces=False,
    )


def deepseek_r1() -> PreTrainedTokenizerFast:
    """Byte-level; full-width bars; roles and <think> are added tokens that are not special."""
    backend = byte_level("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<|reserved_special_token_1|>")
    plain = ["<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"]
    backend.add_tokens([AddedToken(token, normalized=False) for token in plain])
    prepend(backend, "<｜begin▁of▁sentence｜>")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<｜begin▁of▁sentence｜>",
        eos_token="<｜end▁of▁sentence｜>",
        pad_token="<｜end▁of▁sentence｜>",
        chat_template=R1_CHAT,
        clean_up_tokenization_spaces=False,
    )


def chatml() -> PreTrainedTokenizerFast:
    """Byte-level; nothing is prepended; a turn ends with <|im_end|> and a new line."""
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_level("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHATML_CHAT,
        clean_up_tokenization_spaces=False,
    )


def tiny() -> PreTrainedTokenizerFast:
    """Our own tiny model's tokenizer, on less talk."""
    return tiny_tokenizer(list(conversations(300, seed=1)))


SHAPES = {build.__name__: cache(build) for build in (llama_3, tiny_llama, phi_3, deepseek_r1, chatml, tiny)}


@cache
def sentences() -> tuple[str, ...]:
    """Invent a few hundred sentences."""
    talk = chain.from_iterable(conversations(150, seed=1))
    catalogue = chain.from_iterable((product.title, product.content) for product in products(100))
    return (*talk, *catalogue)


def byte_level(*control: str) -> Tokenizer:
    """Train a byte-level BPE, as Llama 3, Qwen and DeepSeek have it."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=MERGED,
        special_tokens=list(control),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(sentences(), trainer)
    return backend


def sentencepiece() -> Tokenizer:
    """Train a BPE over words that begin with ▁, with bytes for unknown characters, as Llama 2 has it."""
    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre_tokenizers.Metaspace()
    learnt.train_from_iterator(sentences(), trainers.BpeTrainer(vocab_size=MERGED, show_progress=False))
    model = json.loads(learnt.to_str())["model"]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *model["vocab"]]
    backend = Tokenizer(
        models.BPE(
            vocab={piece: id_ for id_, piece in enumerate(pieces)},
            merges=[tuple(merge) for merge in model["merges"]],
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return backend


def special(backend: Tokenizer, *tokens: str, rstrip: bool = False) -> None:
    """Add control tokens."""
    backend.add_special_tokens([AddedToken(token, rstrip=rstrip, normalized=False, special=True) for token in tokens])


def prepend(backend: Tokenizer, token: str) -> None:
    """Let the post-processor put `token` before every text."""
    ids = [(token, backend.token_to_id(token))]
    backend.post_processor = processors.TemplateProcessing(single=f"{token} $A", special_tokens=ids)
