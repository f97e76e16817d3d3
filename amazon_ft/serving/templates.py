"""Write a recipe's prompt as the Jinja chat template of those who serve its model: Transformers, vLLM, llama.cpp."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from amazon_ft.files import InputError
from amazon_ft.prompts import (
    Example,
    Message,
    TextTemplate,
    Tokenizer,
    free_question,
    neutral,
    prompt_ids,
    render,
    stop_token_id,
)
from amazon_ft.prompts.tokens import DATE
from amazon_ft.recipes import Recipe

# Characters for private use stand for what is filled in: no recipe's text holds them, and no template strips them.
SYSTEM, USER, ANSWER, REASONING, LATER = "\ue000\ue001\ue002\ue003\ue004"
MARK = re.compile(f"([{SYSTEM}-{LATER}])")
HEADING = re.compile(r"^#{2,6}[ \t]*\w[^\n{]*", re.MULTILINE)
ESCAPED = str.maketrans({"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
FILLED = {
    SYSTEM: "turn.system",
    USER: "turn.user",
    ANSWER: "last['content']",
    REASONING: "(last['reasoning_content'] or '')",
}

WRITTEN = """\
{{%- set turn = namespace(system={system}, user='') -%}}
{{%- for message in messages -%}}
{{%- if message['role'] == 'system' -%}}{{%- set turn.system = message['content'] -%}}
{{%- elif message['role'] == 'user' -%}}{{%- set turn.user = message['content'] -%}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- set last = messages[-1] -%}}
{{{{- {asked} -}}}}
{{%- if add_generation_prompt or last['role'] == 'assistant' -%}}{{{{- {ready} -}}}}{{%- endif -%}}
{{%- if last['role'] == 'assistant' -%}}
{answer}
{{{{- eos_token -}}}}
{{%- endif -%}}"""
REASONED = """\
{{%- if {between} in last['content'] -%}}{{{{- {whole} -}}}}
{{%- else -%}}{{{{- {parts} -}}}}
{{%- endif -%}}"""
ADD_SYSTEM = """\
{{%- if messages[0]['role'] != 'system' -%}}
{{%- set messages = [{{'role': 'system', 'content': {system}}}] + messages -%}}
{{%- endif %}}"""
SET_DATE = """\
{{%- set date_string = {date} %}}"""


class ChatTokenizer(Tokenizer, Protocol):
    """Name the part of a Transformers tokenizer that publishing its templates needs."""

    bos_token: str | None
    chat_template: Any

    def get_chat_template(self) -> str:
        """Give the tokenizer's own Jinja template for chats."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Give the text of tokens, control tokens included."""


def chat_template(recipe: Recipe, tokenizer: ChatTokenizer, *, for_gguf: bool = False) -> str:
    """Write a Jinja chat template that gives the trained prompt for a user's turn, and the trained answer after it.

    A system turn takes the place of the recipe's fixed instruction. A text template asks the last question alone, as
    it was trained; the reasoning stands in the answer's content or in its `reasoning_content`. `for_gguf` leaves out
    the space after BOS that llama.cpp puts itself. Raises InputError if the recipe is hosted, or if no template gives
    this tokenizer the trained tokens.
    """
    _refuse_hosted(recipe)
    if not isinstance(recipe.template, TextTemplate):
        source = _headed(recipe, tokenizer)
        _check(source, recipe, tokenizer)
        return source
    token, gap = _before(recipe, tokenizer)
    source = _written(recipe, token, gap, tokenizer)
    _check(source, recipe, tokenizer)
    return _written(recipe, token, "", tokenizer) if for_gguf else source


def stops(recipe: Recipe, tokenizer: ChatTokenizer) -> tuple[str, ...]:
    """Name the texts that end an answer: the stop token's and, of a text template, the prompt's first heading.

    No trained text holds that heading, so an answer that begins one has run over. Raises InputError if the recipe is
    hosted.
    """
    _refuse_hosted(recipe)
    stop = tokenizer.decode([stop_token_id(recipe.template, tokenizer)])
    heading = HEADING.search(recipe.template.prompt) if isinstance(recipe.template, TextTemplate) else None
    return (stop, heading[0].strip()) if heading else (stop,)


def opening(recipe: Recipe, tokenizer: ChatTokenizer) -> str:
    """Give what the chat template begins with and llama.cpp puts there itself: BOS, and a space after it if there is.

    It is empty where the trained prompt begins without BOS; that is what a GGUF's add_bos_token must say.
    """
    first = prompt_ids(free_question("x", recipe.asked), recipe.template, tokenizer)[:1]
    if not tokenizer.bos_token or tokenizer.decode(first) != tokenizer.bos_token:
        return ""
    return "".join(_before(recipe, tokenizer)) if isinstance(recipe.template, TextTemplate) else tokenizer.bos_token


def fixed_instruction(recipe: Recipe) -> str:
    """Give the instruction that all questions of a recipe share; empty where the question itself is the instruction."""
    instruction = recipe.asked[0].instruction
    return "" if "{title}" in instruction else neutral(instruction)


def framed(turns: list[Message], source: str, tokenizer: ChatTokenizer) -> str:
    """Give the characters that the chat template `source` makes of turns, up to where the answer begins.

    Raises InputError if the template refuses them.
    """
    from jinja2 import TemplateError

    template: dict[str, Any] = {"chat_template": source, "add_generation_prompt": turns[-1]["role"] != "assistant"}
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, **template))
    except TemplateError as error:
        raise InputError(
            f"the tokenizer's chat template refuses these turns ({error}): use a text template instead."
        ) from error


def _refuse_hosted(recipe: Recipe) -> None:
    if recipe.lora is None:
        raise InputError(
            f"{recipe.name} is trained and asked at a service that keeps the model: choose a local recipe to publish."
        )


def _marked(recipe: Recipe) -> Example:
    """Ask with marks for the user's text, for the fixed instruction where there is one, and for the answer."""
    asked = replace(free_question(USER, recipe.asked), output=ANSWER, reasoning=REASONING)
    return asked if USER in asked.instruction else replace(asked, instruction=SYSTEM)


def _headed(recipe: Recipe, tokenizer: ChatTokenizer) -> str:
    """Put before the tokenizer's own template what makes its prompt the trained one."""
    plain = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
    if render(_marked(recipe), recipe.template)["prompt"] != plain:
        raise InputError(
            f"the turns of {recipe.name} hold more than the instruction and the question, which no chat template can "
            "tell others: use a text template instead."
        )
    if not tokenizer.chat_template:
        raise InputError("this tokenizer has no chat template: use a text template instead.")
    own, instruction = tokenizer.get_chat_template(), fixed_instruction(recipe)
    head = SET_DATE.format(date=_literal(DATE)) if "date_string" in own else ""
    head += ADD_SYSTEM.format(system=_literal(instruction)) if instruction else ""
    return own if own.startswith(head) else head + own


def _written(recipe: Recipe, token: str, gap: str, tokenizer: ChatTokenizer) -> str:
    """Write a text template as a chat template that begins with the text of `token` and a gap."""
    row = render(_marked(recipe), recipe.template)
    asked, user, ready = str(row["prompt"]).rpartition(USER)
    begun = {"": "", tokenizer.bos_token: "bos_token + "}.get(token, f"{_literal(token)} + ")
    return WRITTEN.format(
        system=_literal(fixed_instruction(recipe)),
        asked=begun + _expression(gap + asked + user),
        ready=_expression(ready) or "''",
        answer=_answer(str(row["completion"])),
    )


def _answer(completion: str) -> str:
    """Write how an answer follows; one that holds its reasoning already follows as it is."""
    before, reasoning, rest = completion.partition(REASONING)
    between, _, after = rest.partition(ANSWER)
    if not reasoning:
        return f"{{{{- {_expression(completion)} -}}}}"
    whole = _expression(before + ANSWER + after)
    return REASONED.format(between=_literal(between), whole=whole, parts=_expression(completion))


def _expression(text: str) -> str:
    """Write a text with marks as a sum in Jinja."""
    return " + ".join(FILLED.get(part) or _literal(part) for part in MARK.split(text) if part)


def _literal(text: str) -> str:
    return f"'{text.translate(ESCAPED)}'"


def _before(recipe: Recipe, tokenizer: ChatTokenizer) -> tuple[str, str]:
    """Find what, as text, gives the tokens that the tokenizer puts before a text prompt: a token, and a gap.

    Raises InputError if no text does.
    """
    prompt = str(render(free_question("x", recipe.asked), recipe.template)["prompt"])
    whole, plain = _ids(prompt, tokenizer, add_special_tokens=True), _ids(prompt, tokenizer)
    token = tokenizer.decode(whole[: len(whole) - len(plain)])
    # A tokenizer may put a space before a text that nothing precedes.
    for gap in ("", " "):
        if _ids(token + gap + prompt, tokenizer) == whole:
            return token, gap
    raise InputError(
        "this tokenizer puts tokens around a prompt that a chat template cannot write: use a chat template in training."
    )


def _check(source: str, recipe: Recipe, tokenizer: ChatTokenizer) -> None:
    asked = "What is this?"
    published = _ids(framed([{"role": "user", "content": asked}], source, tokenizer), tokenizer)
    if published != prompt_ids(free_question(asked, recipe.asked), recipe.template, tokenizer):
        raise InputError(
            f"no chat template gives this tokenizer the trained prompt of {recipe.name}: use a text template instead."
        )


def _ids(text: str, tokenizer: ChatTokenizer, *, add_special_tokens: bool = False) -> list[int]:
    return list(tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"])
