"""The two styles in which reasoning rows are asked for, and what makes the demo's."""

from __future__ import annotations

from dataclasses import replace

from amazon_ft.recipes.values import Reasoning

RULES = "rules"  # the author that needs no model

_JSON = "Give one JSON object with the fields Question, Complex_CoT and Response, and nothing else."
_QUESTION = (
    "what a customer who knows the product's name would ask about it. Name the product. Do not give the answer away, "
    "and do not ask what could be answered by yes or no."
)
_RESPONSE = (
    "the answer, in one to three full sentences. Say nothing that the facts do not say, and keep every number, unit "
    "and name as it stands there."
)
_FACTS = "Product: {title}\nFacts: {content}"
_MEMORY = (
    "it is all from memory, so speak of no description, context, text, entry or listing, and do not tell where you "
    "know it from."
)

CLOSED = Reasoning(
    style="closed",
    prompt=(
        "You write examples for the training of a shopping assistant. It will answer from memory: when it is asked, it "
        f"sees the customer's question and nothing else.\n\n{_FACTS}\n\n"
        "Write one example in {language}.\n"
        f"Question: {_QUESTION}\n"
        "Complex_CoT: what somebody who knows the product well thinks before answering: what kind of product it is, "
        f"what there is to remember about it, how that answers the question; {_MEMORY}\n"
        f"Response: {_RESPONSE}\n\n{_JSON}"
    ),
    question_prompt=(
        f"A shopping assistant is to be asked about a product.\n\n{_FACTS}\n\n"
        f"Write, in {{language}}, {_QUESTION}\n\nGive one JSON object with the field Question, and nothing else."
    ),
    answer_prompt=(
        f"You are a shopping assistant who knows the catalogue by heart.\n\n{_FACTS}\n\n"
        f"A customer asks: {{question}}\n\nThink, then write in {{language}} {_RESPONSE} "
        f"In your thoughts and in your answer {_MEMORY}"
    ),
    reads_entry=False,
    teacher="deepseek-r1:8b",
)
GROUNDED = Reasoning(
    style="grounded",
    prompt=(
        "You write examples for the training of a shopping assistant. When it is asked, it sees the customer's "
        f"question and the product's entry in the catalogue, and nothing else.\n\n{_FACTS}\n\n"
        "Write one example in {language}.\n"
        f"Question: {_QUESTION}\n"
        "Complex_CoT: how to find the answer in the entry: what is asked, which words of the entry tell it, quoted "
        "as they stand there, what follows from them, and what the entry leaves open.\n"
        f"Response: {_RESPONSE}\n\n{_JSON}"
    ),
    question_prompt=CLOSED.question_prompt,
    answer_prompt=(
        f"You are a shopping assistant. This is the product's entry in the catalogue.\n\n{_FACTS}\n\n"
        "A customer asks: {question}\n\nThink: find the words of the entry that tell it. Then write in {language} "
        f"{_RESPONSE}"
    ),
    reads_entry=True,
    teacher="deepseek-r1:8b",
)
# The tiny model reads 256 tokens; what rules write is short, and no model is asked.
BY_RULES = replace(CLOSED, server=RULES, teacher="made by rules", reasoning_words=(8, 80), most_leading=0.01)
