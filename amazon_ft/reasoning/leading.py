"""Tell which questions give their answer away."""

from __future__ import annotations

import re

from amazon_ft.retrieval.passages import content_words, sentences

YES = {
    "en": re.compile(
        r"\W*(?:yes|yeah|yep|indeed|correct|certainly|absolutely|definitely|of course|sure|that['’]s right|exactly)\b"
        r"|\W*(?:you|it|they|he|she|this|that|we) (?:can|could|is|are|was|were|do|does|did|has|have|will|would)"
        r"\s*[,.;:!–—]",
        re.IGNORECASE,
    ),
    "pt": re.compile(
        r"\W*(?:sim|claro|com certeza|certamente|exatamente|isso mesmo|correto|de fato|sem dúvida)\b"
        r"|\W*(?:ele |ela |você |isso )?\w+,? sim\b",
        re.IGNORECASE,
    ),
}
NO = {
    "en": re.compile(
        r"\b(?:no|not|never|neither|nor|none|unfortunately|without|cannot|lacks?)\b|n['’]t\b", re.IGNORECASE
    ),
    "pt": re.compile(r"\b(?:não|nunca|jamais|nem|nenhum|nenhuma|infelizmente|sem(?! dúvida))\b", re.IGNORECASE),
}
INDEED = {
    "en": re.compile(r"\b(?:indeed|definitely|certainly|absolutely)\b", re.IGNORECASE),
    "pt": re.compile(r"\b(?:de fato|realmente|com certeza|certamente)\b", re.IGNORECASE),
}
OR = {"en": re.compile(r"\bor\b", re.IGNORECASE), "pt": re.compile(r"\bou\b", re.IGNORECASE)}
AUXILIARIES = (
    r"(?:is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)(?:n['’]t)?"
)
# Polite forms that ask for more than yes or no.
POLITE = (
    r"(?:can|could|would|will) you (?:please |kindly )?(?:tell|describe|explain|say|share|give|help|list|name|let"
    r"|remind|recommend|summari[sz]e)"
    r"|do you know (?:what|which|who|when|where|why|how)|(?:may|can|could) i (?:ask|know)"
)
ENGLISH = re.compile(rf"(?:\A|[,:;–—] )\W*(?:(?:so|and|but|well|hi|hello) )?(?!{POLITE}){AUXILIARIES}\b", re.IGNORECASE)
TAG = re.compile(rf", (?:right|correct|yes|no|true|{AUXILIARIES} (?:it|they|he|she|not))\W*\Z", re.IGNORECASE)
WHAT = re.compile(r"\b(?:what|which|who|whom|whose|when|where|why|how)\b", re.IGNORECASE)
# Portuguese asks for yes or no by the question mark alone: a word that asks for more stands first or last.
QUE = r"(?:o que|que|quê|qual|quais|quem|quando|onde|aonde|como|quant[oa]s?|por que|por quê|cadê)"
PREPOSITION = r"(?:a|ao|até|com|de|do|da|em|no|na|para|por|sobre|desde)"
ASKED = re.compile(
    rf"(?:\A|[,:;–—] )\W*(?:(?:e|mas|então|oi|olá) )?(?:{PREPOSITION} )?{QUE}\b|\b{QUE}(?: \w+)?\W*\Z", re.IGNORECASE
)
POLIDO = re.compile(
    r"\b(?:pode|poderia|podia|consegue) (?:me |nos |por favor )*(?:dizer|falar|descrever|explicar|contar|informar|dar"
    r"|listar|resumir)|\b(?:sabe|saberia) (?:me dizer )?(?:o que|qual|quem|quando|onde|como|quant)",
    re.IGNORECASE,
)


def leading(question: str, response: str, title: str, language: str) -> bool:
    """Tell whether yes or no would answer a question and its response confirms what the question itself says.

    A response confirms with a yes, or without a negation in its first sentence with an "indeed" or a content word of
    the question, the title's aside. A choice between two things ("a DVD or a cassette?") is not led; nor is a question
    that is denied.
    """
    bare = _without(question, title)
    if not _yes_or_no(bare, language):
        return False
    first = _first(response)
    if YES[language].match(first):
        return True
    plain = _without(first, title)
    shared = (set(content_words(bare)) & set(content_words(plain))) - set(content_words(title))
    return bool(shared or INDEED[language].search(plain)) and not NO[language].search(plain)


def _yes_or_no(question: str, language: str) -> bool:
    """Tell whether all that is asked can be answered by yes or no; the title is already an X."""
    parts = [question[span.start : span.end] for span in sentences(question)]
    asked = [part for part in parts if part.endswith("?")] or parts
    return bool(asked) and all(_closed(each, language) for each in asked)


def _closed(sentence: str, language: str) -> bool:
    if OR[language].search(sentence):
        return False
    if language == "pt":
        return sentence.endswith("?") and not ASKED.search(sentence) and not POLIDO.search(sentence)
    start = ENGLISH.search(sentence)
    if start and not WHAT.search(sentence, 0, start.start()):
        return True
    return bool(TAG.search(sentence)) and not WHAT.match(sentence)


def _first(response: str) -> str:
    spans = sentences(response)
    return response[spans[0].start : spans[0].end] if spans else ""


def _without(text: str, title: str) -> str:
    """Put X for the title, whose own words and full stops are no part of what is said."""
    folded, own = text.lower(), title.lower()
    if not title or len(folded) != len(text):  # some letters grow
        return re.sub(re.escape(title), "X", text, flags=re.IGNORECASE) if title else text
    parts, start = list[str](), 0
    while (place := folded.find(own, start)) >= 0:
        parts.append(text[start:place])
        start = place + len(own)
    return "X".join([*parts, text[start:]])
