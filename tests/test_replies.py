from __future__ import annotations

import json
import time

import pytest

from amazon_ft.reasoning.authors import FIELDS, Trouble
from amazon_ft.reasoning.replies import QUESTION_SCHEMA, SCHEMA, answered, question, thought

ROW = {"Question": "What is a Lamp for?", "Complex_CoT": "It has a bulb. So it lights.", "Response": "It gives light."}
TEXT = json.dumps(ROW)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        f"\n  {TEXT}\n",
        json.dumps(ROW, indent=2),
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}\n```",
        f"Here you are: {TEXT} Anything else?",
        f"<think>Let me see {{a}} and {{}}.</think>\n{TEXT}",
        f"Let me see {{a}}.</think>\n{TEXT}",
        f"<think></think>{TEXT}",
        f"<think>\n</think>```json\n{TEXT}\n```",
        f'As {{asked}}: {{"mood": "good"}} {TEXT}',
        json.dumps(ROW | {"Mood": "good"}),
        json.dumps({name: f" {text}\n" for name, text in ROW.items()}),
    ],
)
def test_a_row_is_found_however_it_is_wrapped(content: str) -> None:
    assert thought(content).model_dump() == ROW


def test_a_closing_tag_inside_of_the_json_is_text() -> None:
    row = ROW | {"Complex_CoT": "I close </think> here {so}."}
    assert thought(json.dumps(row)).model_dump() == row


def test_line_ends_inside_of_strings_are_read() -> None:
    assert thought(TEXT.replace("bulb. So", "bulb.\nSo")).Complex_CoT == "It has a bulb.\nSo it lights."


@pytest.mark.parametrize(
    ("content", "thinking", "reason"),
    [
        ("", "", "empty answer"),
        (" \n", "", "empty answer"),
        ("", TEXT, "nothing but thinking"),
        (f"<think>{TEXT}", "", "nothing but thinking"),
        (f"<think>{TEXT}</think>", "", "nothing but thinking"),
        (TEXT[:60], "", "invalid JSON"),
        (f"```json\n{TEXT[:-4]}\n```", "", "invalid JSON"),
        ("It is a lamp.", "", "invalid JSON"),
        ("[1, 2]", "", "invalid JSON"),
        ('{"a": 1}', "", "invalid JSON"),
        ('{"Question": "q?", "Complex_CoT": "r"}', "", "wrong fields"),
        (json.dumps(ROW | {"Response": None}), "", "wrong fields"),
        (json.dumps(ROW | {"Response": "  "}), "", "wrong fields"),
        (json.dumps(ROW | {"Question": ["q"]}), "", "wrong fields"),
        (json.dumps(ROW | {"Question": "a \ud800 b"}), "", "wrong fields"),
        (json.dumps(ROW | {"Complex_CoT": ""}), "", "wrong fields"),
        (json.dumps(ROW | {"Complex_CoT": ""}), "I thought.", "the model thought beside the JSON"),
        ("I thought.</think>" + json.dumps(ROW | {"Complex_CoT": " "}), "", "the model thought beside the JSON"),
    ],
)
def test_what_is_no_row_is_trouble_that_another_seed_may_end(content: str, thinking: str, reason: str) -> None:
    with pytest.raises(Trouble) as caught:
        thought(content, thinking)
    assert (caught.value.reason, caught.value.again) == (reason, "otherwise")


def test_reasoning_in_the_json_counts_though_the_model_thought_beside_it() -> None:
    assert thought(TEXT, "Now I write JSON.").Complex_CoT == ROW["Complex_CoT"]


@pytest.mark.parametrize("content", ["{" * 200_000, '{"a":' * 50_000, "[" * 100_000, "{}" * 100_000])
def test_text_that_is_made_to_be_hard_takes_no_time(content: str) -> None:
    start = time.process_time()
    with pytest.raises(Trouble, match="invalid JSON"):
        thought(content)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("content", ['{"Question": "Why?"}', '```json\n{"Question": " Why? "}\n```', TEXT])
def test_the_question_of_the_first_call_is_read(content: str) -> None:
    assert question(content) == ("Why?" if "Why" in content else ROW["Question"])


@pytest.mark.parametrize("content", ['{"Question": ""}', '{"Response": "x"}', "Why?", ""])
def test_without_a_question_the_first_call_is_trouble(content: str) -> None:
    with pytest.raises(Trouble):
        question(content)


@pytest.mark.parametrize(
    ("content", "thinking"),
    [
        ("It gives light.", "It has a bulb."),
        ("<think>\nIt has a bulb.\n</think>\n\nIt gives light.", ""),
        ("It has a bulb.</think>It gives light.", ""),
    ],
)
def test_what_was_thought_is_the_reasoning_of_the_second_call(content: str, thinking: str) -> None:
    row = answered("Why?", content, thinking).model_dump()
    assert row == dict(zip(FIELDS, ("Why?", "It has a bulb.", "It gives light."), strict=True))


@pytest.mark.parametrize(
    ("content", "thinking", "reason"),
    [
        ("", "It has a bulb.", "nothing but thinking"),
        ("<think>It has a bulb.", "", "nothing but thinking"),
        ("", "", "empty answer"),
        ("It gives light.", "", "no thinking"),
    ],
)
def test_a_second_call_without_both_parts_is_trouble(content: str, thinking: str, reason: str) -> None:
    with pytest.raises(Trouble) as caught:
        answered("Why?", content, thinking)
    assert (caught.value.reason, caught.value.again) == (reason, "otherwise")


@pytest.mark.parametrize(("schema", "fields"), [(SCHEMA, FIELDS), (QUESTION_SCHEMA, FIELDS[:1])])
def test_the_schemas_describe_each_field_and_keep_to_what_strict_servers_take(schema: dict, fields: tuple) -> None:
    assert tuple(schema["properties"]) == tuple(schema["required"]) == fields
    assert schema["additionalProperties"] is False
    for each in schema["properties"].values():
        assert set(each) == {"type", "title", "description"}
        assert len(each["description"].split()) > 5
