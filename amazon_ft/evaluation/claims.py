"""Find what a text claims that it cannot know: a source that it was not given, numbers that stand in no entry."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from amazon_ft.evaluation.facts import quantities
from amazon_ft.retrieval.quoting import facts

AROUND = 60  # characters before and behind a noun in which what belongs to it stands
WORDS = re.compile(r"\w+")
POINTING = ("this", "that", "these")  # in this context


@dataclass(frozen=True)
class Wording:
    """Hold how one language speaks of a source: nouns, and parts of regular expressions around them."""

    sure: str  # for a text about a product
    unsure: str  # may mean the product itself, as a book's text, and count only where a source is meant
    the: str  # what makes them definite
    such: str  # adjectives
    given: str  # words that alone say that there is a source
    whose: str  # of the product: still the same source
    leads: str  # what leads to a source
    looks: str  # what leads to a source where the noun is a sure one
    says: str  # what a source does
    tells: str  # what a source does where the noun is a sure one
    foreign: str  # what comes next where no source is meant: the context of war


ENGLISH = Wording(
    sure="description descriptions listing listings context contexts entry blurb synopsis",
    unsure=(
        "text texts passage passages information info details data excerpt excerpts snippet snippets document documents"
        " page pages catalog catalogue source sources specification specifications specs summary record paragraph"
        " paragraphs input prompt"
    ),
    the=(
        r"the|its|your|th(?:is|at|ese)|(?:(?:the|this) )?(?:product|item|book|album|film|movie|set|kit|seller|publisher"
        r"|store|shop|amazon|manufacturer)['’]s"
    ),
    such=(
        r"(?:product|item|book|full|short|whole|official|original|brief|detailed|actual|catalog(?:ue)?|store|amazon"
        r"|online|seller|publisher|reference|background|input|source|same|entire|available|relevant)(?:['’]s)?"
    ),
    given=(
        r"(?:(?:that|which) (?:was|were|is|are|has been|have been) |i was |i am )?(?:provided|given|supplied|attached"
        r"|retrieved)|above|aforementioned|preceding|accompanying|at hand|in front of me"
        r"|(?:that )?(?:you|i|we|the user) (?:\w+ ){0,2}(?:provided|gave|given|supplied|shared|sent)"
    ),
    whose=r"of (?:the|this) (?:product|item|book|album|film|cd|dvd|set)|here|itself|field",
    leads=(
        r"according to|(?:based|going|relying|drawing) (?:\w+ )?(?:up)?on|as per|judging (?:by|from)|consistent with"
        r"|(?:stated|mentioned|specified|indicated|noted|written) (?:\w+ly )?(?:in|by|on|within)"
        r"|user (?:\w+ )?(?:provided|gave|given|shared|supplied)(?: me| us)?(?: with)?|(?:in|from) what"
    ),
    looks=(
        r"(?:described|listed|given|detailed|outlined|shown|found|highlighted|included|said|explained|seen)"
        r" (?:\w+ly )?(?:in|by|on|within)|from|in|within|per|(?:look|check|review|read|consult|refer|scan|examin|see)"
        r"(?:e|s|ing|ring)?(?: back)?(?: at| to| through| over)?"
    ),
    says=(
        r"(?:mention|say|state|specify|specifie|indicate|note|tell|confirm|suggest|imply|implie)s?|reads"
        r"|makes? (?:it )?clear|points? out"
        r"|do(?:es)?(?: not|n['’]t) (?:say|mention|state|specify|give|tell|list|include)"
    ),
    tells=(
        r"(?:describe|list|include|give|highlight|emphasi[sz]e|provide|explain|show|reveal|contain|lack|offer|detail"
        r"|focuse|talk|call|refer|claim|cite|present)s?"
    ),
    foreign=(
        r"(?:of|for|about|on|by|where|when|from|in(?! which)|to(?! be)|at|with(?!out)|which|that) "
        r"|\w+ing\b|(?:clues?|switch\w*|hall|level|door|fee|hand?book|guides?|writers?|menus?|windows?)\b"
    ),
)
PORTUGUESE = Wording(
    sure="descrição descrições anúncio contexto ficha entrada sinopse listagem",
    unsure=(
        "texto textos trecho trechos informação informações dados detalhes documento documentos página páginas catálogo"
        " fonte fontes resumo passagem especificação especificações registro enunciado"
    ),
    the=r"[oa]s?|ess[ea]s?|est[ea]s?|sua?|n[oa]s?|ness[ea]|nest[ea]|d[oa]s?|pel[oa]s?|à|ao",
    such=r"própri[oa]|breve|referid[oa]|mesm[oa]",
    given=(
        r"fornecid[oa]s?|dad[oa]s?|acima|apresentad[oa]s?|disponibilizad[oa]s?|disponíveis|recebid[oa]s?|anexad[oa]s?"
        r"|anterior(?:es)?|que (?:(?:me )?(?:foi|foram) \w+|você (?:me )?\w+u|recebi)"
    ),
    whose=r"d(?:[oa]|est[ea]|ess[ea]) (?:produto|item|livro|catálogo|anúncio|loja|álbum|filme|disco)|técnica|aqui",
    leads=(
        r"segundo|conforme|de acordo com|com base|base(?:ado|ada|ando-se)(?: em)?|a julgar|como consta|consta(?:m)?"
        r"|como (?:diz|indica|informa|menciona|descreve|afirma|mostra)m?|(?:mencion|inform|indic|cit|especific)ad[oa]s?"
    ),
    looks=(
        r"(?:descrit|list|fornec?id|mostrad|destacad|dit)(?:ad)?[oa]s?|a partir|olh\w+(?: para)?|lendo|consult\w+|li"
        r"|analis\w+|verific\w+|vejo"
    ),
    says=(r"(?:diz|menciona|afirma|informa|indica|especifica|cita|deixa claro|confirma|sugere|aponta|consta)(?:m|em)?"),
    tells=(
        r"(?:descreve|mostra|traz|lista|destaca|explica|revela|inclui|contém|fala|detalha|apresenta|oferece|fornece|dá)"
        r"(?:m|em)?"
    ),
    foreign=(
        r"(?:de|da|do|das|dos|em|sobre|para|por|pel[oa]s?|n[oa]s?|nest[ea]|com|que) "
        r"|(?:históric|polític|social|cultural|geral|franca?|técnic|livre|principa)\w*"
    ),
)
ADVERB = r"(?:also|only|even|just|never|further|both|not|\w+ly|do(?:es)?(?: not|n['’]t)|did(?: not|n['’]t)|can(?:not)?)"
ADVERBIO = r"(?:não|também|só|apenas|nem|nunca|já|\w+mente)"
# Numbers that count a text's own steps, and things that only a text has: they are no facts of a product.
STEPS = re.compile(
    r"(?:^|(?<=[.:;]\s))[ \t]*(?:[-*#]+[ \t]*)?\(?\d{1,2}[.)](?=\s)"
    r"|\b(?:step|passo|etapa|point|ponto|reason|razão) \d{1,2}\b|\b\d{1,2} (?:reasons|things|steps|points"
    r"|questions|aspects|factors|ways|possibilities|razões|motivos|coisas|passos|pontos|perguntas|aspectos|fatores|maneiras|possibilidades)\b",
    re.IGNORECASE | re.MULTILINE,
)
SPELLED = (
    "one two three four five six seven eight nine ten eleven twelve",
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
    "um dois três quatro cinco seis sete oito nove dez onze doze",
    "uma duas",
    "primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono décimo",
    "primeira segunda terceira quarta quinta sexta sétima oitava nona décima",
)
DIGITS = {word: str(number) for words in SPELLED for number, word in enumerate(words.split(), 1)}
WITH_DIGIT = re.compile(r"(?<!\S)[^\s\d]*+\d\S*")
WORD = re.compile(rf"\b(?:{'|'.join(DIGITS)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Reader:
    """Hold the expressions that find the claims of one language."""

    phrase: re.Pattern[str]
    leads: re.Pattern[str]
    looks: re.Pattern[str]
    says: re.Pattern[str]
    tells: re.Pattern[str]
    foreign: re.Pattern[str]


def _reader(word: Wording, adverb: str) -> Reader:
    sure, unsure = ("|".join(nouns.split()) for nouns in (word.sure, word.unsure))
    parts = {
        "phrase": rf"\b(?:(?P<the>{word.the}) (?:(?:title|name|título|nome)(?: and| e)(?: {word.the})? )?)?"
        rf"(?:(?P<given>{word.given}) )?(?:{word.such} ){{0,2}}(?:(?P<sure>{sure})|(?:{unsure}))\b"
        rf"(?: (?:{word.whose})\b)?(?: (?P<behind>{word.given})\b)?",
        "leads": rf"\b(?:{word.leads}) \Z",
        "looks": rf"\b(?:{word.looks}) \Z",
        "says": rf",? (?:{adverb} ){{0,3}}(?:{word.says})\b",
        "tells": rf",? (?:{adverb} ){{0,3}}(?:{word.tells})\b",
        "foreign": rf" (?:{word.foreign})",
    }
    return Reader(**{name: re.compile(part, re.IGNORECASE) for name, part in parts.items()})


NOUNS = {
    noun: reader
    for word, reader in ((ENGLISH, _reader(ENGLISH, ADVERB)), (PORTUGUESE, _reader(PORTUGUESE, ADVERBIO)))
    for noun in f"{word.sure} {word.unsure}".split()
}


def claims(text: str) -> list[str]:
    """List the phrases by which a text claims a source about a product, as "according to the description".

    In English and Portuguese; a phrase is given as it stands, its accents composed and its white space single.
    """
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return list(_claims(plain))


def unknown(text: str, entry: str) -> list[str]:
    """List the numbers and codes of a text that stand nowhere in `entry`, digits, words or thousands aside.

    The numbers of its own steps are none, nor is what it counts of its own, as in "2 reasons".
    """
    if not _missing(text, entry):
        return []
    missing = _missing(STEPS.sub(" ", text), entry)
    known = _values(WORD.sub(lambda word: DIGITS.get(word[0].casefold(), ""), entry)) if missing else set()
    return [fact for fact in missing if not (values := _values(fact)) or not values <= known]


def _missing(text: str, entry: str) -> list[str]:
    told, known = (" ".join(WITH_DIGIT.findall(some)) for some in (text, entry))  # no other word can hold a fact
    return [fact.text for fact in facts(told, known) if not fact.in_source]


def _values(text: str) -> set[str]:
    return {each.value for each in quantities(text)}


def _claims(text: str) -> Iterator[str]:
    for reader, phrase in _phrases(text):
        start, end = phrase.span()
        sure, the = bool(phrase["sure"]), phrase["the"]
        said = reader.says.match(text, end) or (reader.tells.match(text, end) if sure else None)
        if the and said:
            yield text[start : said.end()]
        elif (the or phrase["given"] or phrase["behind"]) and not reader.foreign.match(text, end):
            lead = _lead(text, start, reader, sure and bool(the) and the.casefold() not in POINTING)
            if lead or phrase["behind"] or (the and phrase["given"]):
                yield text[lead.start() if lead else start : end]


def _phrases(text: str) -> Iterator[tuple[Reader, re.Match[str]]]:
    """Find the phrases around the nouns, looking nowhere else: most texts have few."""
    done = 0
    for word in WORDS.finditer(text):
        reader = NOUNS.get(word[0].casefold())
        if reader and word.start() >= done:
            around = reader.phrase.finditer(text, max(done, word.start() - AROUND), word.end() + AROUND)
            if phrase := next((phrase for phrase in around if phrase.end() > word.start()), None):
                done = phrase.end()
                yield reader, phrase


def _lead(text: str, end: int, reader: Reader, sure: bool) -> re.Match[str] | None:
    start = max(0, end - AROUND)
    return reader.leads.search(text, start, end) or (reader.looks.search(text, start, end) if sure else None)
