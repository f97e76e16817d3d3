"""Find what a text states that can be checked: numbers with their units, model codes, names."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from amazon_ft.products import normalised
from amazon_ft.retrieval.quoting import CODE, NUMBER, TIMES, TOKEN
from amazon_ft.retrieval.quoting import facts as stated

# kind -> unit -> how it is written, in English and Portuguese.
UNITS = {
    "length": {
        "mm": "mm|millimeter|millimeters|millimetre|millimetres|milímetro|milímetros",
        "cm": "cm|cms|centimeter|centimeters|centimetre|centimetres|centímetro|centímetros",
        "m": "meter|meters|metre|metres|metro|metros",
        "inch": "inch|inches|polegada|polegadas|pol",
        "foot": "ft|foot|feet|pé|pés",
        "yard": "yd|yds|yard|yards|jarda|jardas",
    },
    "weight": {
        "mg": "mg|milligram|milligrams|miligrama|miligramas",
        "g": "gr|gram|grams|gramme|grammes|grama|gramas",
        "kg": "kg|kgs|kilo|kilos|kilogram|kilograms|quilo|quilos|quilograma|quilogramas",
        "oz": "oz|ounce|ounces|onça|onças",
        "lb": "lb|lbs|pound|pounds|libra|libras",
    },
    "volume": {
        "ml": "ml|milliliter|milliliters|millilitre|millilitres|mililitro|mililitros",
        "l": "liter|liters|litre|litres|litro|litros",
        "fl oz": "fl oz|fl. oz|fluid ounce|fluid ounces|onça fluida|onças fluidas",
        "pint": "pint|pints",
        "quart": "qt|qts|quart|quarts",
        "gallon": "gal|gallon|gallons|galão|galões",
        "cup": "cup|cups|xícara|xícaras",
    },
    "time": {
        "second": "sec|secs|second|seconds|segundo|segundos",
        "minute": "min|mins|minute|minutes|minuto|minutos",
        "hour": "hr|hrs|hour|hours|hora|horas",
        "day": "day|days|dia|dias",
        "week": "week|weeks|semana|semanas",
        "month": "month|months|mês|meses",
        "year": "yr|yrs|year|years|ano|anos",
    },
    "power": {
        "watt": "watt|watts",
        "kw": "kw|kilowatt|kilowatts",
        "hp": "hp|horsepower|cavalos",
        "volt": "volt|volts",
        "amp": "amp|amps|ampere|amperes|ampère|ampères",
        "mah": "mah",
        "hz": "hz|hertz",
        "mhz": "mhz",
        "ghz": "ghz",
    },
    "storage": {
        "kb": "kb|kilobyte|kilobytes",
        "mb": "mb|megabyte|megabytes",
        "gb": "gb|gig|gigs|gigabyte|gigabytes",
        "tb": "tb|terabyte|terabytes",
        "megapixel": "mp|megapixel|megapixels",
    },
    "count": {
        "page": "page|pages|pp|pg|pgs|pág|págs|página|páginas",
        "piece": "piece|pieces|pc|pcs|peça|peças|count|ct|unit|units|unidade|unidades",
        "pack": "pack|packs|pk|pacote|pacotes",
    },
    "share": {"%": "percent|per cent|por cento"},
    "money": {"dollar": "usd|dollar|dollars|dólar|dólares", "real": "brl|reais", "euro": "eur|euro|euros"},
}
SHORT = {"g": "g", "m": "m", "l": "l", "L": "l", "h": "hour", "W": "watt", "V": "volt"}  # these letters in this case
SIGNS = {"%": "%", "”": "inch", '"': "inch", "$": "dollar", "us$": "dollar", "r$": "real"}
SIGNS |= {"€": "euro", "£": "pound sterling"}
CONTAINERS = {"pack": "pack|packs|pacote", "piece": "set|box|kit|case|conjunto|caixa|jogo"}  # "pack of 6", "kit com 6"

LONGEST = 30  # characters: a fraction with more digits than that is kept as it is written
SHARED = 64  # texts kept: all systems' answers in a row are compared with one description

NAMES = {word: unit for units in UNITS.values() for unit, words in units.items() for word in words.split("|")} | SIGNS
LENGTHS = frozenset(UNITS["length"])
# "12 in" is a length only where "born in 1982 in Quebec" and "4-in-1" cannot be meant.
INCH = r"-?in\b(?!-)|\s+in(?=\.|\s*[x×,;)]|\s*\Z|\s+(?:long|wide|tall|high|deep|thick|diameter)\b)"
WORDS = "|".join(sorted((re.escape(name) for name in NAMES if name not in SIGNS), key=len, reverse=True))
AFTER = rf"(?P<in>(?i:{INCH}))|[\s-]?(?P<word>(?i:{WORDS})|[{''.join(SHORT)}])(?!\w)|\s?(?P<sign>[%\"”€])"
BOX = "|".join(f"(?P<{unit}>{words})" for unit, words in CONTAINERS.items())
BEFORE = rf"(?P<money>(?i:us\$|r\$)|[$€£])\s?|(?i:\b(?:{BOX})\s(?:of|with|de|com)\s)"
# 5'4" and 1 1/2 and .5 are one number each, as 1,200 and 3/4 are.
DIGITS = rf"\d+'\d+|\d+[ -]\d+/\d+|(?<![\w.])\.\d+|{NUMBER.pattern}"
QUANTITY = re.compile(rf"(?:{BEFORE})?(?P<number>{DIGITS})(?:{AFTER})?")
BETWEEN = re.compile(r"\s*(?:(?P<times>[x×]|by|por)|-|–|to|a|até)\s*", re.IGNORECASE)
THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
PORTUGUESE = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,}")
PLAIN = str.maketrans({"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "’": "'", "\u2032": "'", "\u2033": '"'})
# A capitalised word after another word and not after a full stop.
NAME = re.compile(r"(?<=[\w,;&)’'\"”] )[^\W\d_]\w+")


@dataclass(frozen=True)
class Quantity:
    """Hold a number in one spelling and its unit; no unit is ""."""

    value: str
    unit: str


@lru_cache(maxsize=SHARED)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Give the numbers of a text with their units, in order: 12 ounces is 12 oz, in "10 x 20 cm" both are cm.

    Digits inside a model code are no number. A comma between thousands goes, one before decimals becomes a point;
    1.200 is read as English writes it.
    """
    plain = _without_codes(TIMES.sub(" x ", text.translate(PLAIN)))
    found = list(QUANTITY.finditer(plain))
    closing = _closing(plain)
    units = [_unit(match, closing) for match in found]
    for place in range(len(found) - 2, -1, -1):
        between = BETWEEN.fullmatch(plain, found[place].end(), found[place + 1].start())
        if between and not units[place] and (not between["times"] or units[place + 1] in LENGTHS):
            units[place] = units[place + 1]
    return tuple(Quantity(_value(match["number"]), unit) for match, unit in zip(found, units, strict=True))


def precision(said: Collection[Quantity], true: Collection[Quantity]) -> tuple[int, int]:
    """Count the different quantities said that are true, and all of them: the unit must be right where it is known."""
    known, different = set(true), set(said)
    return sum(each in known or Quantity(each.value, "") in known for each in different), len(different)


def recall(said: Collection[Quantity], true: Collection[Quantity]) -> tuple[int, int]:
    """Count the different true quantities that were said, and all of them: one with a unit must be said with it."""
    given, numbers, different = set(said), {each.value for each in said}, set(true)
    return sum(each in given if each.unit else each.value in numbers for each in different), len(different)


def codes(text: str, source: str) -> dict[str, bool]:
    """Give each model code of a text, as SP-857, and whether it stands in `source`."""
    if not CODE.search(text):
        return {}
    return {fact.text: fact.in_source for fact in stated(text, source) if CODE.search(fact.text)}


def names(text: str, source: str) -> dict[str, bool]:
    """Give each capitalised word that starts no sentence, and whether it stands in `source`, accents and case aside."""
    known = _words(source)
    found = NAME.findall(_without_codes(text))
    words = dict.fromkeys(word for word in found if word[0].isupper())
    return {word: normalised(word) in known for word in words}


@lru_cache(maxsize=SHARED)
def _words(text: str) -> frozenset[str]:
    return frozenset(normalised(text).split())


def _without_codes(text: str) -> str:
    if not CODE.search(text):
        return text
    return TOKEN.sub(lambda token: "_" * len(token[0]) if CODE.search(token[0]) else token[0], text)


def _unit(match: re.Match[str], closing: set[int]) -> str:
    if "'" in match["number"]:
        return "foot"
    container = next((unit for unit in CONTAINERS if match[unit]), "")
    if match["in"]:
        return "inch"
    if match["word"]:
        return SHORT.get(match["word"]) or NAMES[match["word"].casefold()]
    if match["sign"] and match.start("sign") not in closing:
        return NAMES[match["sign"]]
    return NAMES[match["money"].casefold()] if match["money"] else container


def _closing(text: str) -> set[int]:
    """Find the quotation marks that close a quotation: what follows a number outside of one is an inch."""
    closing, opened = set(), False
    for mark in re.finditer('["“”]', text):
        if opened and mark[0] != "“":
            closing.add(mark.start())
            opened = False
        elif mark[0] == "“" or not text[mark.start() - 1 : mark.start()].isdigit():
            opened = True
    return closing


def _value(number: str) -> str:
    if "/" in number:
        return _fraction(number)
    if PORTUGUESE.fullmatch(number):
        number = number.replace(".", "").replace(",", ".")
    elif THOUSANDS.fullmatch(number):
        number = number.replace(",", "")
    elif re.fullmatch(r"\d+,\d+", number):
        number = number.replace(",", ".")
    return _short(number) if number.count(".") == 1 else number


def _fraction(number: str) -> str:
    """Give 1 1/2 and 3/4 as decimals; what is no proper fraction, as 24/7 and a date, stays as it is written."""
    match = re.fullmatch(r"(?:(\d+)[ -])?(\d+)/(\d+)", number) if len(number) <= LONGEST else None
    if not match or int(match[2]) >= int(match[3]):
        return number
    return _short(f"{float(int(match[1] or 0) + Fraction(int(match[2]), int(match[3]))):.6f}")


def _short(number: str) -> str:
    whole, _, part = number.partition(".")
    return f"{whole or '0'}.{part.rstrip('0')}".rstrip(".")
