"""One row of the comparison as HTML: answers side by side, what is wrong with them, and their source. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from amazon_ft.comparison import embedded
from amazon_ft.comparison.names import BASELINES
from amazon_ft.panel import labels
from amazon_ft.panel.language import Labels
from amazon_ft.panel.pieces import badge, box, folded, grid, mark, note, remark, soft, text, whole

Row = Mapping[str, Any]

MODELS = ("base", "tuned", "base_with_source", "tuned_with_source")
GENERAL = "general"  # the set whose reference is a short answer, not a description
CARET = "▍"


def card(row: Row, language: str = "en", why: Sequence[str] = ()) -> Markup:
    """Show a row: every model's answer, the source with its quote, the true description, the baselines folded.

    `why` says what is wrong with the row, in the user's language.
    """
    words = labels.of(language)
    models = [_answer(row, system, words) for system in MODELS if system in row]
    above = (_head(row, words), _missing(row, words), *(note(one, "warn") for one in why))
    return whole(words.lang, *above, grid(models), _sources(row, words), _baselines(row, words), _legend(words))


def coming(question: str, texts: Mapping[str, str | None], language: str = "en") -> Markup:
    """Show answers while they come, side by side by system; None is one that has not begun."""
    words = labels.of(language)
    boxes = [
        box(system, _who(system, words), remark(words.waiting) if said is None else text(f"{said}{CARET}"))
        for system, said in texts.items()
    ]
    return whole(words.lang, asked(question, "", words), grid(boxes))


def asked(question: str, title: str, words: Labels) -> Markup:
    """Show what was asked, about which product."""
    about = Markup('<h4 lang="">{}</h4>').format(title) if title else Markup()
    return Markup('{}<p>{} <span lang="">{}</span></p>').format(about, soft(words.asked), question)


def answer_text(said: str, words: Labels, kind: str = "") -> Markup:
    """Show an answer without marks."""
    return text(said, kind) if said.strip() else remark(words.empty)


def truth_name(row: Row, words: Labels) -> str:
    """Say what the reference of a row is."""
    return words.accepted if row["set"] == GENERAL else words.true


def _head(row: Row, words: Labels) -> Markup:
    name = row["set"]
    line = Markup('<div class="aft-head">{}{}</div>').format(badge(words.set_(name), "set"), soft(words.meaning(name)))
    return line + asked(row["question"], row["title"], words)


def _missing(row: Row, words: Labels) -> Markup:
    kind = row.get("retrieval", {}).get("kind", "found")
    if row["set"] == GENERAL or kind not in ("absent", "ambiguous"):
        return Markup()
    return note(words.absent if kind == "absent" else words.ambiguous, "warn")


def _answer(row: Row, system: str, words: Labels) -> Markup:
    answer = row[system]
    parts = [_who(system, words, _pace(answer, words)), _marked(row, answer, words)]
    badges = [badge(said, kind) for said, kind in _badges(row, answer, words)]
    if badges:
        parts.append(Markup('<p class="aft-badges">{}</p>').format(Markup().join(badges)))
    if quote := answer.get("quote"):
        parts.append(folded(text(f"“{quote['text']}”"), words.quote))
    if answer.get("reasoning"):
        parts.append(folded(text(answer["reasoning"], "long"), words.reasoning))
    return box(system, *parts)


def _who(system: str, words: Labels, pace: str = "") -> Markup:
    return Markup("<h5>{} {}</h5>").format(words.system(system), soft(pace) if pace else "")


def _pace(answer: Row, words: Labels) -> str:
    tokens, seconds = answer.get("tokens", 0), answer.get("seconds", 0)
    return words.pace(tokens, tokens / seconds if seconds else 0) if tokens else ""


def _marked(row: Row, answer: Row, words: Labels) -> Markup:
    """Mark words that differ from the truth, and facts as they were checked; where neither is known, mark nothing."""
    if not answer["text"].strip() or row["set"] == GENERAL:
        return answer_text(answer["text"], words)
    return text(Markup().join(mark(kind, part) for kind, part in embedded.marked_answer(row, answer)))


def _badges(row: Row, answer: Row, words: Labels) -> Iterable[tuple[str, str]]:
    if row["set"] != GENERAL and row["reference"] and embedded.same(answer["text"], row["reference"]):
        yield words.word_for_word, "good"
    right = embedded.value(answer, "right")
    if right is not None:
        yield (words.right, "good") if right else (words.wrong, "warn")
    if invented := embedded.invented(row, answer):
        yield words.invented.format(invented=", ".join(invented)), "warn"
    copied = embedded.value(answer, "copied")
    if copied:
        yield words.fill(words.copied, share=copied), ""
    if embedded.ended(row, answer):
        yield words.user_ended, ""
    elif answer["cell"] in MODELS:
        yield (words.stopped, "") if answer["stopped"] else (words.cut, "warn")


def _sources(row: Row, words: Labels) -> Markup:
    """Show the entry that answers were checked against; then the truth, if it is another text."""
    readers = [row[system] for system in embedded.QUOTING if system in row]
    content, truth = row.get("content", ""), row["reference"]
    entry = _entry(row, readers, words) if content and readers else Markup()
    if not truth or (entry and embedded.same(content, truth)):
        return entry
    return entry + box("source", Markup("<h5>{}</h5>").format(truth_name(row, words)), text(truth, "long"))


def _entry(row: Row, readers: Sequence[Row], words: Labels) -> Markup:
    content, uid = row["content"], readers[0]["uid"]
    name = words.entry_true if embedded.same(content, row["reference"]) else words.entry
    match = words.fill(words.matches, score=row.get("retrieval", {}).get("score", 0))
    head = Markup("<h5>{} {}</h5>").format(f"{name}: {readers[0]['title']} [{uid}]", soft(match))
    whole_ = all(answer.get("whole", True) for answer in readers)
    passages = Markup() if whole_ else Markup("<p>{}</p>").format(soft(words.passages))
    return box("source", head, text(_quoted(row), "long"), passages)


def _quoted(row: Row) -> Markup:
    """Mark what the first reader that quotes the entry took from it."""
    content = row["content"]
    start, end = next(iter(embedded.quotes(row)), (0, 0))
    inside = mark("quote" if end else "", content[start:end])
    return Markup("{}{}{}").format(content[:start], inside, content[end:])


def _baselines(row: Row, words: Labels) -> Markup:
    boxes = [_answer(row, system, words) for system in BASELINES if system in row]
    return folded(grid(boxes), words.others) if boxes else Markup()


def _legend(words: Labels) -> Markup:
    said = {
        "differs": words.legend_differs,
        "found": words.legend_found,
        "invented": words.legend_invented,
        "quote": words.legend_quote,
    }
    each = Markup(" ").join(mark(kind, what) for kind, what in said.items())
    return Markup('<p class="aft-legend aft-soft">{}</p>').format(each)
