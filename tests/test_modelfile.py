"""The Modelfile makes Ollama read the tokens that were trained, and decode as the recipe says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SHAPES, llama_3, tiny, tiny_llama
from test_templates import DATED, LOCAL, NASTY, SAID, assistant, every_recipe, every_shape, own, system, trained, user
from transformers import PreTrainedTokenizerFast

from amazon_ft.files import InputError
from amazon_ft.prompts import ChatTemplate, Question, TextTemplate
from amazon_ft.recipes import RECIPES, Generation, Recipe, Training
from amazon_ft.serving import modelfile as room
from amazon_ft.serving.modelfile import go_template, modelfile, takes_adapter
from amazon_ft.serving.templates import chat_template, fixed_instruction, opening, stops

ACTION = re.compile(r"\{\{ (.*?) \}\}", re.DOTALL)
SIGN = re.compile(r"\\U([0-9a-f]{8})")
SYSTEM = 'Answer like it\'s 1999: "short".'

# Renders as Ollama does: each answered turn as a whole, the last one up to .Response.
GO = """
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
	"text/template/parse"
)

type Case struct {
	Template string
	Turns    []map[string]string
}

func upTo(list *parse.ListNode) bool {
	for at, node := range list.Nodes {
		found := false
		switch node := node.(type) {
		case *parse.ActionNode:
			found = node.String() == "{{.Response}}"
		case *parse.IfNode:
			found = upTo(node.List)
		}
		if found {
			list.Nodes = list.Nodes[:at+1]
			return true
		}
	}
	return false
}

func render(asked Case) string {
	var text strings.Builder
	for number, turn := range asked.Turns {
		made := template.Must(template.New("").Option("missingkey=zero").Parse(asked.Template))
		if number == len(asked.Turns)-1 {
			upTo(made.Tree.Root)
		}
		if err := made.Execute(&text, turn); err != nil {
			panic(err)
		}
	}
	return text.String()
}

func main() {
	var cases []Case
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	texts := []string{}
	for _, asked := range cases {
		texts = append(texts, render(asked))
	}
	json.NewEncoder(os.Stdout).Encode(texts)
}
"""


def turn(prompt: str, system: str = "", response: str = "") -> dict[str, str]:
    return {"System": system, "Prompt": prompt, "Response": response}


def rendered(template: str, turns: list[dict[str, str]]) -> str:
    """Render the part of Go's template language that is used, as Ollama does: the last turn up to .Response."""
    answered = "".join("".join(parts(template, one)) for one in turns[:-1])
    return answered + "".join(parts(template, turns[-1], up_to=True))


def parts(template: str, values: dict[str, str], *, up_to: bool = False) -> Iterator[str]:
    shown = [True]
    for number, piece in enumerate(ACTION.split(template)):
        if number % 2 == 0:
            assert "{{" not in piece
            yield piece if all(shown) else ""
        elif match := re.fullmatch(r"if (not )?\.(\w+)", piece):
            shown.append(bool(values[match[2]]) is not bool(match[1]))
        elif piece == "else":
            shown.append(not shown.pop())
        elif piece == "end":
            shown.pop()
        elif piece == ".Response" and up_to:
            yield values["Response"] if all(shown) else ""
            return
        else:
            yield valued(piece, values) if all(shown) else ""
    assert shown == [True]


def valued(piece: str, values: dict[str, str]) -> str:
    if piece.startswith("."):
        return values[piece[1:]]
    assert piece[0] == piece[-1] == '"' and '"' not in piece[1:-1]
    return SIGN.sub(lambda match: chr(int(match[1], 16)), piece[1:-1])


def read(text: str) -> list[tuple[str, str]]:
    """Read a Modelfile by Ollama's rules: a value ends with a line and, where it began with quotes, after quotes."""
    commands: list[tuple[str, str]] = []
    lines = iter("".join(sign for sign in text if sign.isprintable() or sign == "\n").split("\n"))
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        name, _, value = line.partition(" ")
        if name == "PARAMETER":
            name, _, value = value.partition(" ")
        while (found := unquoted(value.strip())) is None:
            value += "\n" + next(lines)
        commands.append((name, found))
    return commands


def unquoted(value: str) -> str | None:
    for quotes in ('"""', '"'):
        if value.startswith(quotes):
            ended = len(value) >= 2 * len(quotes) and value.endswith(quotes)
            return value[len(quotes) : -len(quotes)] if ended else None
    return value


def one(commands: list[tuple[str, str]], name: str) -> str:
    [value] = [value for command, value in commands if command == name]
    return value


def by_llama_cpp(text: str, recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Tokenize as llama.cpp does, which puts BOS and an SPM tokenizer's first space there itself."""
    bos = [tokenizer.bos_token_id] if opening(recipe, tokenizer) else []
    return [*bos, *tokenizer(text, add_special_tokens=False)["input_ids"]]


@cache
def written(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> list[tuple[str, str]]:
    return read(modelfile(recipe, tokenizer, "./model.gguf"))


def by_ollama(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, said: str, told: str | None = None) -> list[int]:
    commands = written(recipe, tokenizer)
    default = dict(commands).get("SYSTEM", "")
    text = rendered(one(commands, "TEMPLATE"), [turn(said, default if told is None else told)])
    return by_llama_cpp(text, recipe, tokenizer)


@every_shape
@every_recipe
def test_ollama_reads_the_tokens_of_training(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    trims = isinstance(recipe.template, ChatTemplate) and "| trim" in tokenizer.chat_template  # as Go cannot
    for said in (said.strip() if trims else said for said in SAID):
        assert by_ollama(recipe, tokenizer, said) == trained(recipe, tokenizer, said)
    assert by_ollama(recipe, tokenizer, SAID[0], SYSTEM) == trained(recipe, tokenizer, SAID[0], SYSTEM)


@every_shape
@every_recipe
def test_ollama_reads_any_words_as_they_are(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    template = one(written(recipe, tokenizer), "TEMPLATE")

    @settings(max_examples=10, deadline=None)
    @given(st.text(min_size=1))
    def said(words: str) -> None:
        assert words in rendered(template, [turn(words)])

    said()


@pytest.mark.skipif(not shutil.which("go"), reason="needs Go")
def test_go_itself_renders_the_same(tmp_path: Path) -> None:
    cases = [
        {"Template": one(written(recipe, tokenizer), "TEMPLATE"), "Turns": turns}
        for recipe in [*LOCAL.values(), *NASTY_ONES]
        for tokenizer in (shape() for shape in SHAPES.values())
        for turns in (
            *([turn(said)] for said in SAID),
            [turn(SAID[0], SYSTEM)],
            [turn("a kettle?", SYSTEM, "A pot."), turn(SAID[0])],
        )
    ]
    program = tmp_path / "render.go"
    program.write_text(GO, encoding="utf-8")
    ended = subprocess.run(["go", "run", program], input=json.dumps(cases), capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == [rendered(case["Template"], case["Turns"]) for case in cases]


@every_shape
@every_recipe
def test_a_text_template_asks_the_last_question_alone(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    template, default = one(written(recipe, tokenizer), "TEMPLATE"), fixed_instruction(recipe)
    turns = [turn("What is a kettle?", default, "A pot."), turn(SAID[0])]
    text = by_llama_cpp(rendered(template, turns), recipe, tokenizer)
    if isinstance(recipe.template, TextTemplate):
        assert text == trained(recipe, tokenizer, SAID[0])
    else:
        told = [system(default)] if default else []
        whole = [*told, user("What is a kettle?"), assistant("A pot."), user(SAID[0])]
        source = chat_template(recipe, tokenizer)
        assert text == tokenizer.apply_chat_template(
            whole, chat_template=source, add_generation_prompt=True, return_dict=False
        )


def test_a_dated_header_stands_before_the_first_turn_alone() -> None:
    tokenizer, recipe = llama_3(), RECIPES["grounded"]
    tokenizer.chat_template = DATED
    template = go_template(recipe, tokenizer)
    first = rendered(template, [turn("x", fixed_instruction(recipe))])
    assert by_llama_cpp(first, recipe, tokenizer) == trained(recipe, tokenizer, "x")
    talk = [turn("x", fixed_instruction(recipe), "y"), turn("z")]
    assert rendered(template, talk).count("26 Jul 2024") == 1
    # Without an instruction a first turn looks like a later one, and needs the header.
    demo = go_template(RECIPES["demo"], tokenizer)
    asked = rendered(demo, [turn("x")])
    assert by_llama_cpp(asked, RECIPES["demo"], tokenizer) == trained(RECIPES["demo"], tokenizer, "x")


def nasty(instruction: str) -> Recipe:
    text = NASTY + ' """quoted"""\nand at the end of a line """\n`back` {{{ }}} \xa0\u200b🪁 "" {'
    template = TextTemplate("nasty", f'"""{text}\n### Do:\n{{instruction}}\n### On: {{input}}"""\n{{{{ {text}"')
    return own(template, Question(instruction, "{title}"))


NASTY_ONES = (nasty(""), nasty("Say {{ .System }} `so` {and} {{so}}"))


@pytest.mark.parametrize("recipe", NASTY_ONES, ids=["without an instruction", "with one"])
@every_shape
def test_texts_with_the_signs_of_go_and_of_modelfiles_stay_what_they_are(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    for said in SAID:
        assert by_ollama(recipe, tokenizer, said) == trained(recipe, tokenizer, said)
        assert by_ollama(recipe, tokenizer, said, "Be brief") == trained(recipe, tokenizer, said, "Be brief")


@pytest.mark.parametrize("text", ['ends """\nthere', "no\xa0space", "a\rb", "\x00"])
def test_an_instruction_that_no_modelfile_can_hold_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="a Modelfile cannot hold"):
        modelfile(own(ChatTemplate(), Question(text, "{title}")), tiny(), "./model.gguf")


@pytest.mark.parametrize("text", ['"""', '""', 'a "b" """c""" d', "two\nlines ", '"quoted"', '"'])
def test_an_instruction_with_quotes_is_read_back(text: str) -> None:
    recipe = own(ChatTemplate(), Question(text, "{title}"))
    assert one(read(modelfile(recipe, tiny(), "./model.gguf")), "SYSTEM") == text


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(['"', '"""', "\n", " ", "a", "{", "{{", "}}", "\xa0", "`", "é"]), min_size=1))
def test_a_modelfile_holds_a_text_or_refuses_it(signs: list[str]) -> None:
    text = "".join(signs)
    quoted = room._quoted(room._safe(text))
    [(_, found)] = read(f"TEMPLATE {quoted}\n")
    assert rendered(found, [turn("")]) == text
    try:
        plain = room._quoted(text)
    except InputError:
        return
    assert read(f"SYSTEM {plain}\nPARAMETER seed 1\n") == [("SYSTEM", text), ("seed", "1")]


@every_shape
@every_recipe
def test_every_value_is_the_recipes(recipe: Recipe, shape: Callable) -> None:
    tokenizer = shape()
    commands = written(recipe, tokenizer)
    values = dict(commands)
    assert values["FROM"] == "./model.gguf" and "ADAPTER" not in values
    assert values.get("SYSTEM", "") == fixed_instruction(recipe)
    assert values["TEMPLATE"] == go_template(recipe, tokenizer)
    assert tuple(value for name, value in commands if name == "stop") == stops(recipe, tokenizer)
    generation, training = recipe.generation, recipe.training
    assert float(values["temperature"]) == generation.temperature and float(values["top_p"]) == generation.top_p
    assert (values["top_k"], values["repeat_penalty"]) == ("0", "1.0")
    assert (int(values["seed"]), int(values["num_predict"])) == (generation.seed, generation.max_new_tokens)
    assert isinstance(training, Training) and int(values["num_ctx"]) >= max(2048, training.max_length)
    known = {"FROM", "TEMPLATE", "SYSTEM", "stop", "temperature", "top_p", "top_k", "repeat_penalty", "seed"}
    assert set(values) <= known | {"num_predict", "num_ctx"}


def test_numbers_are_whole_and_a_long_answer_has_its_room() -> None:
    generation = Generation(max_new_tokens=5000, temperature=0.35, top_p=0.95, seed=1234567890)
    commands = dict(read(modelfile(replace(RECIPES["demo"], generation=generation), tiny(), "./model.gguf")))
    assert commands["seed"] == "1234567890" and commands["temperature"] == "0.35" and commands["top_p"] == "0.95"
    prompt = len(trained(RECIPES["demo"], tiny(), "x"))
    assert int(commands["num_ctx"]) == prompt + 5000
    long = replace(RECIPES["demo"], training=replace(RECIPES["demo"].training, max_length=4096))
    assert dict(read(modelfile(long, tiny(), "./model.gguf")))["num_ctx"] == "4096"


def test_it_begins_with_what_it_is_and_ends_with_a_line() -> None:
    text = modelfile(RECIPES["tinyllama-alpaca"], tiny_llama(), "./tiny model.gguf", "./adapter")
    assert text.startswith(
        "# The recipe tinyllama-alpaca on unsloth/tinyllama-chat-bnb-4bit.\nFROM ./tiny model.gguf\n"
    )
    assert text.endswith("\n") and "\n\nPARAMETER" not in text
    values = dict(read(text))
    assert values["FROM"] == "./tiny model.gguf" and values["ADAPTER"] == "./adapter"
    assert list(values)[:4] == ["FROM", "ADAPTER", "TEMPLATE", "SYSTEM"]


@pytest.mark.parametrize("source", ["", "a\nPARAMETER seed 1", '"x', " x", "x\u200b.gguf"])
def test_a_path_that_no_modelfile_can_hold_is_refused(source: str) -> None:
    with pytest.raises(InputError, match="a Modelfile cannot hold"):
        modelfile(RECIPES["demo"], tiny(), source)


@pytest.mark.parametrize("write", [go_template, lambda recipe, tokenizer: modelfile(recipe, tokenizer, "./x.gguf")])
def test_a_hosted_recipe_is_refused(write: Callable) -> None:
    with pytest.raises(InputError, match="gpt-4o-mini-chat is trained and asked at a service"):
        write(RECIPES["gpt-4o-mini-chat"], tiny())


PLAIN: dict[str, Any] = {
    "peft_type": "LORA",
    "bias": "none",
    "use_dora": False,
    "use_rslora": False,
    "modules_to_save": None,
    "rank_pattern": {},
    "alpha_pattern": {},
    "target_modules": ["q_proj", "v_proj", "down_proj"],
}


@pytest.mark.parametrize("architecture", ["LlamaForCausalLM", "MistralForCausalLM", "Gemma2ForCausalLM"])
def test_a_plain_adapter_of_a_known_family_is_taken(architecture: str) -> None:
    assert takes_adapter(architecture, PLAIN) is None
    assert takes_adapter(architecture, PLAIN, "0.12.10") is None
    assert takes_adapter(architecture, PLAIN, "ollama version is 0.33.2") is None


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"modules_to_save": ["embed_tokens"]}, "plain LoRA only, and this adapter has modules_to_save"),
        ({"use_dora": True, "use_rslora": True}, "this adapter has use_dora, use_rslora"),
        ({"rank_pattern": {"q_proj": 4}}, "this adapter has rank_pattern"),
        ({"bias": "all"}, "no adapter that trains a bias"),
        ({"peft_type": "IA3"}, "LoRA adapters only, not IA3"),
        ({"target_modules": ["q_proj", "lm_head", "embed_tokens"]}, "this one is on embed_tokens, lm_head"),
        ({"target_modules": "all-linear"}, "this one is on all-linear"),
    ],
)
def test_another_adapter_is_to_be_merged(other: dict[str, Any], reason: str) -> None:
    said = takes_adapter("LlamaForCausalLM", {**PLAIN, **other})
    assert said and reason in said and said.endswith("merge this one, and give Ollama the GGUF of that")


@pytest.mark.parametrize("architecture", ["Phi3ForCausalLM", "Qwen2ForCausalLM", "GemmaForCausalLM", ""])
def test_an_adapter_of_another_family_is_to_be_merged(architecture: str) -> None:
    said = takes_adapter(architecture, PLAIN)
    assert said and f"Llama, Mistral and Gemma 2 models only, not of {architecture}: merge this one" in said


@pytest.mark.parametrize("version", ["0.33.3", "0.34.1", "ollama version is 0.40.0", "1.0.0"])
def test_newer_ollama_takes_no_adapters(version: str) -> None:
    said = takes_adapter("LlamaForCausalLM", PLAIN, version)
    assert said and "takes no adapters: merge this one" in said and "version is" not in said
