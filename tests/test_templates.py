"""The chat template that others ask by gives the tokens that were trained, for every recipe and kind of tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import LLAMA_3_CHAT, R1_CHAT_THAT_OPENS_THE_THOUGHT, SHAPES, deepseek_r1, llama_3, phi_3, tiny_llama
from tokenizers import processors
from transformers import PreTrainedTokenizerFast

from amazon_ft.files import InputError
from amazon_ft.prompts import (
    ChatTemplate,
    Example,
    Question,
    TextTemplate,
    as_text,
    free_question,
    neutral,
    prompt_ids,
    render,
    stop_token_id,
)
from amazon_ft.recipes import RECIPES, Recipe
from amazon_ft.serving.templates import chat_template, fixed_instruction, opening, stops

LOCAL = {name: recipe for name, recipe in RECIPES.items() if recipe.lora}
every_recipe = pytest.mark.parametrize("recipe", LOCAL.values(), ids=LOCAL)
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)

SAID = (
    "What is the Café Olé mug?",
    "Qual é a descrição do produto Chaleira?",
    " \n\twhite space before and after \n\n",
    "it's 1/2\" wide, \\n is a backslash and \\' too",
    "{{ messages }}{% raw %}{# no comment #}{title} %s",
    "🪁👩‍🚒\u200b\xa0end",
)
NASTY = "Say 'yes', \"no\" or \\no\\.\nNext: {{ bos_token }} {% endif %} {# x #} %} }} “Olé”\r\n\ttab \\u0041"
DATED = (
    "{{- bos_token }}{%- if not date_string is defined %}{%- set date_string = strftime_now('%d %b %Y') %}{%- endif %}"
    "{%- if messages[0]['role'] == 'system' %}{%- set said = messages[0]['content'] | trim %}"
    "{%- set messages = messages[1:] %}{%- else %}{%- set said = '' %}{%- endif %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' + date_string + '\n\n' + said + '<|eot_id|>' }}"
) + LLAMA_3_CHAT.removeprefix("{{ bos_token }}")


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def assistant(text: str, **more: str) -> dict[str, str]:
    return {"role": "assistant", "content": text, **more}


@cache
def published(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> str:
    return chat_template(recipe, tokenizer)


def ids(turns: list[dict[str, str]], source: str, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    return list(
        tokenizer.apply_chat_template(turns, chat_template=source, add_generation_prompt=True, return_dict=False)
    )


def text(turns: list[dict[str, str]], source: str, tokenizer: PreTrainedTokenizerFast, *, ready: bool = False) -> str:
    return str(tokenizer.apply_chat_template(turns, chat_template=source, add_generation_prompt=ready, tokenize=False))


def trained(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, said: str, instruction: str | None = None) -> list[int]:
    asked = free_question(said, recipe.asked)
    if instruction is not None and "{title}" not in recipe.asked[0].instruction:
        asked = replace(asked, instruction=instruction)
    return prompt_ids(asked, recipe.template, tokenizer)


def own(template: TextTemplate | ChatTemplate, *asked: Question) -> Recipe:
    return replace(RECIPES["demo"], template=template, asked=asked)


@every_shape
@every_recipe
def test_a_question_becomes_the_tokens_of_training(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    source = published(recipe, tokenizer)
    for said in SAID:
        assert ids([user(said)], source, tokenizer) == trained(recipe, tokenizer, said)


@every_shape
@every_recipe
def test_a_system_turn_stands_for_the_fixed_instruction(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    turns = [system('Answer like it\'s 1999: "short".'), user(SAID[0])]
    expected = trained(recipe, tokenizer, SAID[0], turns[0]["content"])
    assert ids(turns, published(recipe, tokenizer), tokenizer) == expected
    told = "{title}" not in recipe.asked[0].instruction and "{instruction}" in str(recipe.template)
    assert (expected != trained(recipe, tokenizer, SAID[0])) == told


@every_shape
@every_recipe
def test_any_words_become_the_tokens_of_training(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    source = published(recipe, tokenizer)

    @settings(max_examples=8, deadline=None)
    @given(st.text(max_size=60).map(neutral).filter(str.strip))
    def said(words: str) -> None:
        assert ids([user(words)], source, tokenizer) == trained(recipe, tokenizer, words)

    said()


@every_shape
@every_recipe
def test_an_answered_turn_is_the_trained_answer_with_its_stop(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    source, answer = published(recipe, tokenizer), "It's 1/2\" wide.\nYes."
    asked = replace(free_question(SAID[0], recipe.asked), output=answer, reasoning="The mug is blue.")
    completion = as_text(render(asked, recipe.template), tokenizer)[1]
    prompt = text([user(SAID[0])], source, tokenizer, ready=True)
    stop = stops(recipe, tokenizer)[0]
    if isinstance(recipe.template, ChatTemplate):
        assert stop in completion
    else:
        completion += stop
    turns = [user(SAID[0]), assistant(answer, reasoning_content="The mug is blue.")]
    assert text(turns, source, tokenizer) == prompt + completion
    if recipe.reasoning:
        held = [user(SAID[0]), assistant(completion.removesuffix(stop))]
        assert text(held, source, tokenizer) == prompt + completion
        bare = text([user(SAID[0]), assistant(answer)], source, tokenizer)
        assert bare == prompt + f"\n</think>\n{answer}" + stop


@every_shape
@every_recipe
def test_a_prompt_without_an_answer_to_come_begins_the_one_with_it(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    source = published(recipe, tokenizer)
    plain, ready = (text([user(SAID[0])], source, tokenizer, ready=ready) for ready in (False, True))
    if isinstance(recipe.template, TextTemplate):
        assert plain.endswith(SAID[0]) and ready == plain + recipe.template.prompt.rpartition("}")[2]
    else:
        assert plain != ready


@every_shape
def test_a_text_template_asks_the_last_question_alone(shape: Callable) -> None:
    tokenizer, recipe = shape(), RECIPES["tinyllama-alpaca"]
    source = published(recipe, tokenizer)
    earlier = [user("What is a kettle?"), assistant("A pot.")]
    assert ids([*earlier, user(SAID[0])], source, tokenizer) == trained(recipe, tokenizer, SAID[0])
    told = [system("Be brief"), *earlier, user(SAID[0])]
    assert ids(told, source, tokenizer) == trained(recipe, tokenizer, SAID[0], "Be brief")
    again = text([*earlier, user(SAID[0]), assistant("A mug.")], source, tokenizer)
    assert "kettle" not in again and "pot" not in again and again.endswith(f"A mug.{tokenizer.eos_token}")


@every_shape
def test_a_chat_keeps_its_earlier_turns(shape: Callable) -> None:
    tokenizer, recipe = shape(), RECIPES["grounded"]
    turns = [user("What is a kettle?"), assistant("A pot."), user(SAID[0])]
    told = [system(recipe.asked[0].instruction), *turns]
    expected = tokenizer.apply_chat_template(told, add_generation_prompt=True, return_dict=False)
    assert ids(turns, published(recipe, tokenizer), tokenizer) == expected


@pytest.mark.parametrize("instruction", ["", NASTY])
@every_shape
def test_a_text_template_with_the_signs_of_jinja_keeps_them(instruction: str, shape: Callable) -> None:
    tokenizer = shape()
    template = TextTemplate(
        "nasty", f"{NASTY}\n### Do:\n{{instruction}}\n### On:\n{{input}}\n### Now: '", completion=f"{NASTY}: {{output}}"
    )
    recipe = own(template, Question(instruction, "{title}"))
    source = chat_template(recipe, tokenizer)
    assert ids([user(SAID[3])], source, tokenizer) == trained(recipe, tokenizer, SAID[3])
    answered = text([user(SAID[3]), assistant("Yes")], source, tokenizer)
    assert answered.endswith(f"### Now: '{NASTY}: Yes{tokenizer.eos_token}")


@every_shape
def test_a_chat_with_the_signs_of_jinja_in_its_instruction_keeps_them(shape: Callable) -> None:
    tokenizer = shape()
    recipe = own(ChatTemplate(), Question(NASTY, "{title}"))
    source = chat_template(recipe, tokenizer)
    assert ids([user(SAID[0])], source, tokenizer) == trained(recipe, tokenizer, SAID[0])


def test_an_instruction_that_looks_like_a_control_token_is_broken_as_in_training() -> None:
    recipe = own(ChatTemplate(), Question("Say <|eot_id|> and ### Response:", "{title}"))
    assert fixed_instruction(recipe) == "Say < |eot_id|> and # # # Response:"
    tokenizer = llama_3()
    assert ids([user("x")], chat_template(recipe, tokenizer), tokenizer) == trained(recipe, tokenizer, "x")


@every_shape
def test_the_words_may_stand_twice_or_before_the_instruction(shape: Callable) -> None:
    tokenizer = shape()
    twice = own(TextTemplate("twice", "# {instruction}\n# {input}\n="), Question("About {title}", "{title}"))
    before = own(TextTemplate("before", "Q: {input}\nAs: {instruction}\nA:"), Question("a seller", "{title}"))
    for recipe in (twice, before):
        source = chat_template(recipe, tokenizer)
        assert ids([user("a mug")], source, tokenizer) == trained(recipe, tokenizer, "a mug")
        turns = [system("a buyer"), user("a mug")]
        assert ids(turns, source, tokenizer) == trained(recipe, tokenizer, "a mug", "a buyer")


@pytest.mark.parametrize("name", ["demo", "grounded"])
def test_the_day_is_pinned_where_the_template_would_write_todays(name: str) -> None:
    tokenizer, recipe = llama_3(), RECIPES[name]
    tokenizer.chat_template = DATED
    source = chat_template(recipe, tokenizer)
    assert "Today Date: 26 Jul 2024" in text([user("x")], source, tokenizer)
    assert "26 Jul" not in tokenizer.apply_chat_template([user("x")], tokenize=False)
    for turns, instruction in (([user("x")], None), ([system("Be brief"), user("x")], "Be brief")):
        assert ids(turns, source, tokenizer) == trained(recipe, tokenizer, "x", instruction)


def test_a_template_that_needs_nothing_more_is_the_tokenizers_own() -> None:
    for shape in SHAPES.values():
        tokenizer = shape()
        assert chat_template(RECIPES["demo"], tokenizer) == tokenizer.chat_template


@every_recipe
def test_a_published_tokenizer_is_published_as_it_is(recipe: Recipe) -> None:
    tokenizer = llama_3()
    tokenizer.chat_template = DATED
    source = chat_template(recipe, tokenizer)
    tokenizer.chat_template = source
    assert chat_template(recipe, tokenizer) == source


def test_one_of_several_named_templates_is_taken() -> None:
    tokenizer = llama_3()
    tokenizer.chat_template = {"default": LLAMA_3_CHAT, "tool_use": "{{ 'tools' }}"}
    assert chat_template(RECIPES["grounded"], tokenizer).endswith(LLAMA_3_CHAT)


@pytest.mark.parametrize(
    ("name", "spaced"), [("llama_3", ""), ("tiny_llama", " "), ("phi_3", " "), ("deepseek_r1", "")]
)
def test_what_llama_cpp_puts_before_a_prompt_is_left_to_it(name: str, spaced: str) -> None:
    tokenizer, recipe = SHAPES[name](), RECIPES["tinyllama-alpaca"]
    begun = opening(recipe, tokenizer)
    assert begun == tokenizer.bos_token + spaced
    prompt = as_text(render(free_question("x", recipe.asked), recipe.template), tokenizer)[0]
    assert text([user("x")], chat_template(recipe, tokenizer), tokenizer, ready=True) == begun + prompt
    for_gguf = text([user("x")], chat_template(recipe, tokenizer, for_gguf=True), tokenizer, ready=True)
    assert for_gguf == tokenizer.bos_token + prompt


@pytest.mark.parametrize(
    ("name", "chat", "plain"),
    [
        ("llama_3", True, True),
        ("tiny_llama", False, True),  # its chat template writes no BOS, which a text alone gets
        ("deepseek_r1", True, True),
        ("chatml", False, False),
        ("tiny", False, False),
    ],
)
def test_bos_is_there_where_training_had_it(name: str, chat: bool, plain: bool) -> None:
    tokenizer = SHAPES[name]()
    assert bool(opening(RECIPES["grounded"], tokenizer)) == chat
    assert bool(opening(RECIPES["tinyllama-alpaca"], tokenizer)) == plain


def test_a_tokenizer_that_begins_with_another_token_is_followed() -> None:
    tokenizer, recipe = llama_3(), RECIPES["tinyllama-alpaca"]
    tokenizer.bos_token = "<|end_of_text|>"
    source = chat_template(recipe, tokenizer)
    assert "'<|begin_of_text|>' + 'Below" in source and "bos_token" not in source
    assert ids([user("x")], source, tokenizer) == trained(recipe, tokenizer, "x")
    assert opening(recipe, tokenizer) == ""


@pytest.mark.parametrize(
    ("name", "text_stops"),
    [
        ("tinyllama-alpaca", ("</s>", "### Instruction:")),
        ("phi-3-input-output", ("</s>", "### Input:")),
        ("demo-reasoning", ("</s>", "### Instruction:")),
        ("demo", ("</s>",)),
    ],
)
def test_an_answer_stops_at_its_token_and_at_a_new_prompt(name: str, text_stops: tuple[str, ...]) -> None:
    assert stops(RECIPES[name], tiny_llama()) == text_stops


@every_shape
@every_recipe
def test_the_first_stop_is_the_trained_stop_token(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    expected = stop_token_id(recipe.template, tokenizer)
    assert tokenizer.convert_tokens_to_ids(stops(recipe, tokenizer)[0]) == expected
    for heading in stops(recipe, tokenizer)[1:]:
        assert neutral(heading) != heading and heading in recipe.template.prompt


def test_a_text_template_without_headings_has_the_stop_token_alone() -> None:
    recipe = own(TextTemplate("plain", "Q: {input}\n####{instruction}\nA:"), Question("", "{title}"))
    assert stops(recipe, tiny_llama()) == ("</s>",)


@pytest.mark.parametrize("ask", [chat_template, stops])
def test_a_hosted_recipe_is_refused(ask: Callable) -> None:
    with pytest.raises(InputError, match="gpt-4o-mini-chat is trained and asked at a service"):
        ask(RECIPES["gpt-4o-mini-chat"], tiny_llama())


def test_a_chat_template_that_changes_an_answered_prompt_is_refused() -> None:
    tokenizer = deepseek_r1()
    tokenizer.chat_template = R1_CHAT_THAT_OPENS_THE_THOUGHT
    with pytest.raises(InputError, match="use a text template"):
        chat_template(RECIPES["grounded"], tokenizer)


def test_a_chat_template_that_knows_no_system_turn_is_refused_where_one_is_needed() -> None:
    tokenizer = phi_3()
    refuse = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
    tokenizer.chat_template = refuse + tokenizer.chat_template
    with pytest.raises(InputError, match=r"refuses these turns \(no system here\): use a text template"):
        chat_template(RECIPES["grounded"], tokenizer)
    assert ids([user("x")], chat_template(RECIPES["demo"], tokenizer), tokenizer)


def test_a_tokenizer_without_a_chat_template_is_refused_where_one_is_needed() -> None:
    tokenizer = tiny_llama()
    tokenizer.chat_template = None
    with pytest.raises(InputError, match="has no chat template"):
        chat_template(RECIPES["grounded"], tokenizer)
    source = chat_template(RECIPES["tinyllama-alpaca"], tokenizer)
    assert ids([user("x")], source, tokenizer) == trained(RECIPES["tinyllama-alpaca"], tokenizer, "x")


@pytest.mark.parametrize(
    "recipe",
    [
        own(ChatTemplate(user="Please: {input}"), Question(input="{title}")),
        own(ChatTemplate(), Question("What is {title}?")),
    ],
    ids=["words around the question", "the question in the system turn"],
)
def test_turns_that_say_more_than_the_question_are_refused(recipe: Recipe) -> None:
    with pytest.raises(InputError, match="the turns of demo hold more than the instruction and the question"):
        chat_template(recipe, tiny_llama())


def test_a_tokenizer_that_puts_a_token_after_every_prompt_is_refused() -> None:
    tokenizer = llama_3()
    begin, end = "<|begin_of_text|>", "<|end_of_text|>"
    both = [(token, tokenizer.convert_tokens_to_ids(token)) for token in (begin, end)]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=both
    )
    with pytest.raises(InputError, match="tokens around a prompt that a chat template cannot write"):
        chat_template(RECIPES["tinyllama-alpaca"], tokenizer)


def test_a_chat_template_that_gives_other_tokens_with_the_head_is_refused() -> None:
    tokenizer = llama_3()
    tokenizer.chat_template = "\n" + LLAMA_3_CHAT  # which a block before it would swallow
    with pytest.raises(InputError, match="no chat template gives this tokenizer the trained prompt of grounded"):
        chat_template(RECIPES["grounded"], tokenizer)


def test_a_fixed_instruction_is_what_every_question_shares() -> None:
    assert fixed_instruction(RECIPES["tinyllama-alpaca"]) == "Describe the product"
    assert fixed_instruction(RECIPES["llama-3.2-1b-question"]) == fixed_instruction(RECIPES["demo"]) == ""


def test_the_template_of_a_recipe_keeps_its_words() -> None:
    source = chat_template(RECIPES["tinyllama-alpaca"], tiny_llama())
    asked = Example("Describe the product", "a mug", "")
    assert "{{- bos_token + ' Below is an instruction" in source
    prompt = text([user("a mug")], source, tiny_llama(), ready=True)
    assert prompt == "<s> " + str(render(asked, RECIPES["tinyllama-alpaca"].template)["prompt"])
