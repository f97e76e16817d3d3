"""Hold what people ask about a product, in both languages, and how a description's sentence answers it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facet:
    """Hold one thing to ask about a product: questions with {title}, and the pattern of a sentence that answers."""

    name: str
    english: tuple[str, ...]
    portuguese: tuple[str, ...]
    evidence: str = ""  # a regular expression; without one the whole description answers


def _facet(name: str, english: str, portuguese: str, evidence: str = "") -> Facet:
    return Facet(name, tuple(english.split(" / ")), tuple(portuguese.split(" / ")), evidence)


COLOURS = (
    "black|white|red|blue|green|yellow|orange|purple|violet|pink|brown|gr[ae]y|ivory|navy|teal|maroon|beige|gold|silver"
    "|turquoise|cyan|magenta|burgundy|charcoal|cream|khaki|tan|clear|natural"
)
MATERIALS = (
    "(?:stainless |forged |chrome |tool |hard |brushed |carbon )?steel|(?:cast )?iron|alumini?um|brass|bronze|copper"
    "|zinc|tin|nylon|polyester|polypropylene|plastic|vinyl|pvc|rubber|silicone|leather|cotton|wool|linen|hemp|viscose"
    "|alpaca|silk|felt|denim|canvas|wood|oak|cedar|beech|birch|maple|pine|walnut|willow|bamboo|cork|glass|crystal"
    "|ceramic|porcelain|stoneware|enamel|terracotta|clay|stone|cardboard|paper|card|acrylic|foam|resin|polyresin"
    "|titanium|elastomer|metal|fabric|fleece|spandex|microfiber|sterling silver|neoprene|rattan|jute|rope"
)
LENGTH = r"(?:mm|cm|m|km|met(?:re|er)s?|inch(?:es)?|in\.|ft|f(?:oo|ee)t|yards?|\"|”|'')(?!\w)"
WEIGHT = r"(?:g|kg|mg|lbs?|oz|grams?|kilos?|kilograms?|ounces?|pounds?)\b"
VOLUME = r"(?:l|ml|cl|lit(?:re|er)s?|millilit(?:re|er)s?|gallons?|quarts?|pints?|fl\.? ?oz|cups?|fluid ounces?)\b"
YEAR = r"(?:1[5-9]|20)\d\d\b(?!\s(?:sheets|copies|pages))"
MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
NUMBER = r"\d[\d.,/-]{0,11}"
SMALL = "(?:one|two|three|four|five|six|eight|ten|twelve|\\d+)"
CARRIER = (
    "vhs|blu-?rays?|cd-roms?|vinyl record|(?:audio ?)?cassettes?|mp3|paperbacks?|hard ?(?:cover|back)s?|e-?books?"
    "|board book|spiral[- ]bound|mass market"
)

DESCRIPTION = _facet(
    "description",
    "What is the description of product {title}? / Tell me about {title}. / What is {title} about? /"
    " Describe {title}. / What can you tell me about {title}? / What kind of product is {title}? /"
    " Can you describe {title} for me? / I want to know more about {title}.",
    "Qual é a descrição do produto {title}? / Fale sobre {title}. / O que é {title}? / Descreva {title}. /"
    " O que você sabe sobre {title}? / Que tipo de produto é {title}? / Do que se trata {title}? /"
    " Quero saber mais sobre {title}.",
)
FACETS = (
    _facet(
        "price",
        "How much does {title} cost? / What is the price of {title}? / {title}: how much is it? /"
        " How much is {title}? / How expensive is {title}?",
        "Quanto custa {title}? / Qual é o preço de {title}? / {title} custa quanto? / Qual é o valor de {title}? /"
        " Por quanto vocês vendem {title}?",
        r"(?:\b(?:price[ds]?|costs?|sells?|sold|retails?|msrp|rrp|pay|only|for|at)\b[^.$€£]{0,40}"
        r"|^\s*)[$€£]\s?(?!\d[\d,.]*\s?(?:million|billion|trillion|worth|bills?)\b)\d|\b(?:price"
        r"|costs?)\b[^.]{0,30}\b\d+(?:[.,]\d\d)?\s(?:dollars|euros|pounds)\b",
    ),
    _facet(
        "weight",
        "How much does {title} weigh? / What is the weight of {title}? / {title}: how heavy is it? /"
        " How heavy is {title}?",
        "Quanto pesa {title}? / Qual é o peso de {title}? / {title} pesa quanto? / {title} é pesado?",
        rf"\b(?:weigh(?:s|ing|t|ts)?|as light as)\b[^.!?]{{0,25}}?\b{NUMBER}\s?-?{WEIGHT}|\b{NUMBER}\s?-?(?:lbs?|kg"
        rf"|pounds?|ounces?|grams?|oz)\.?\s(?:in weight|weight)\b",
    ),
    _facet(
        "size",
        "What are the dimensions of {title}? / How big is {title}? / What size is {title}? /"
        " What does {title} measure? / How wide is {title}? / How tall is {title}?",
        "Quais são as dimensões de {title}? / Quanto mede {title}? / Qual é o tamanho de {title}? /"
        " {title} mede quanto? / Quais são as medidas de {title}? / Qual é a altura de {title}?",
        rf"\b(?:measur(?:es?|ing)|dimensions?|diameter|length|width|height"
        rf"|sizes?)\b[^.!?]{{0,30}}?{NUMBER}\s?-?{LENGTH}|{NUMBER}\s?-?{LENGTH}\W{{0,2}}(?:long|wide|high|tall|deep"
        rf"|thick|diameter|in diameter|round|square)\b|{NUMBER}\s?-?(?:{LENGTH})?\s?(?:[a-z]\s)?(?:x|×"
        rf"|by)\s?{NUMBER}\s?-?{LENGTH}",
    ),
    _facet(
        "colour",
        "What colour is {title}? / What color is {title}? / Which colours does {title} come in? /"
        " What is the colour of {title}? / {title}: what colours are there?",
        "De que cor é {title}? / Qual é a cor de {title}? / {title} é de que cor? / Em que cores existe {title}? /"
        " Quais são as cores de {title}?",
        rf"\bcolou?rs?\b\s?(?::|is|are|in|-)\s?(?:\w+\s){{0,2}}(?:{COLOURS})\b"
        rf"|\b(?:{COLOURS})\W+(?:in\s)?colou?r(?:ed)?\b|\b(?:comes?|available"
        rf"|sold)\b[^.]{{0,15}}\sin\s(?:an?\s)?(?!clear|natural)(?:{COLOURS})\b|\b(?:grip|lining|handle"
        rf"|cover)\s(?:is|are)\s(?:{COLOURS})\b|\b(?:{COLOURS})\s(?:lining|cover|grip|handle)\b|\b(?:this"
        rf"|one)\s(?!clear|natural)(?:{COLOURS})\s(?:[\w&'’/]+\s){{1,4}}(?:of|in|box)\b|\bin one (?:{COLOURS}) box\b",
    ),
    _facet(
        "material",
        "What is {title} made of? / Which material is {title} made from? / What is the material of {title}? /"
        " {title}: what is it made of?",
        "De que é feito {title}? / Do que é feita {title}? / Qual é o material de {title}? /"
        " {title} é feito de quê? / {title} é de que material?",
        rf"\b(?:made|makes|built|constructed|crafted|forged|sewn|woven|construct(?:ed|ion))\b[^.!?]{{0,50}}?\b(?:of"
        rf"|from|with|in|out of)\b[^.!?,]{{0,35}}?\b(?:{MATERIALS})\b|\bmaterials?(?:\(s\))?\s?(?::|is|-)\s?\w"
        rf"|\b\d+%\s(?:\w+\s)?(?:{MATERIALS})\b|\bpieces\sof\s(?:{MATERIALS})\b|\b(?:{MATERIALS})\s(?:construction"
        rf"|body|case|housing|frame)\b",
    ),
    _facet(
        "author",
        "Who wrote {title}? / Who is the author of {title}? / Who made {title}? / {title}: who is it by? /"
        " Which artist recorded {title}? / Which brand makes {title}?",
        "Quem escreveu {title}? / Quem é o autor de {title}? / Quem fez {title}? / {title} é de quem? /"
        " Qual é o artista de {title}? / Qual é a marca de {title}?",
        r"(?-i:\b(?:[Ww]ritten|[Aa]uthored|[Ii]llustrated|[Rr]ecorded|[Pp]erformed|[Mm]anufactured|[Dd]irected"
        r"|[Dd]esigned|[Ss]tory|tale|film|course|tracks|voice|songs with \w+(?: \w+)?|book on [^,.]+|[Tt]h(?:is"
        r"|e) (?:[\w&'’/-]+ ){0,2}[\w'’]+),? by [A-ZÀ-Þ][\w.'’-]+|^(?!He |She |It |This |They "
        r"|The )(?:[A-ZÀ-Þ][\w'’.-]+ |& |the ){1,4}(?:is (?:the|an?) (?:[\w-]+ ){0,3}(?:author|writer|novelist"
        r"|journalist|artist|poet|historian)\b|tells of a|(?:teaches|covers) [^.]* in \d|(?:makes|sells|designs"
        r"|builds|tests|mixes) (?:this|its|every)\b|packs \d|puts \d)|\b(?:comes )?from [A-ZÀ-Þ][\w ]+ (?:fits"
        r"|works|takes|lasts|with a)\b)",
    ),
    _facet(
        "length",
        "How many pages does {title} have? / How long is {title}? / What is the running time of {title}? /"
        " {title}: how many pages is it? / How many minutes does {title} last? / How many tracks are on {title}?",
        "Quantas páginas tem {title}? / Qual é a duração de {title}? / {title} tem quantas páginas? /"
        " Quanto tempo dura {title}? / Quantas faixas tem {title}? / Qual é o número de páginas de {title}?",
        r"^(?!.*\b(?:yields?|print|cartridges?|per)\b).*?\b\d+[- ]?pages?\b(?! of papers)|\bpages\s?:\s?\d"
        r"|\b\d+ pp\b|\b\d+ (?:tracks|songs)\b|\b\d+[- ](?:minutes? (?:long|in all|film|tape|video)|minute (?:film"
        r"|tape|video|course))|\b(?:running|playing) time\b",
    ),
    _facet(
        "date",
        "When was {title} published? / In which year did {title} come out? / When did {title} come out? /"
        " What is the publication date of {title}? / {title}: what year is it from? / When was {title} recorded?",
        "Quando foi publicado {title}? / Em que ano saiu {title}? / De que ano é {title}? /"
        " Qual é a data de publicação de {title}? / {title} foi lançado em que ano? / Quando {title} foi gravado?",
        rf"\b(?:published|printed|released|recorded|filmed|shot|appeared|issued|reissue|premiered|film"
        rf"|produced)\b[^.!?;]{{0,40}}?\s\(?(?:(?:{MONTHS})\s)?(?:\d\d?,\s)?{YEAR}|\bcopyright\s(?:\(c\)\s"
        rf"|©\s)?{YEAR}(?!\s(?:reed|cahners))|\b(?:an?|the|this)\s{YEAR}\s(?:\w+\s)?(?:classic|edition|novel|film"
        rf"|book|album|release|recording)\b",
    ),
    _facet(
        "warranty",
        "How long is the warranty of {title}? / Does {title} have a warranty? / Is there a guarantee on {title}? /"
        " {title}: is it guaranteed?",
        "Qual é a garantia de {title}? / {title} tem garantia? / De quanto tempo é a garantia de {title}? /"
        " Há garantia para {title}?",
        r"\bwarrant(?:y|ies)\b(?!\s(?:cards?|claims?))|\b(?:years?|months?|lifetime|back|satisfaction|limited|full"
        r"|our|this)\sguarantee\b|\bguarantee[ds]\b[^.!?]{0,40}\bfor\s\d+\s(?:years?|months?)|\bmoney[- ]back\b",
    ),
    _facet(
        "age",
        "What age is {title} for? / Is {title} suitable for children? / For what ages is {title} recommended? /"
        " {title}: is it good for kids? / Can kids use {title}?",
        "Para que idade é {title}? / {title} serve para crianças? / {title} é indicado para que idade? /"
        " Qual é a faixa etária de {title}? / Crianças podem usar {title}?",
        r"\bages?\s(?:of\s)?\d+(?:\s?(?:-|–|to|and|through|&|\+)|\s?years)|\b\d+\s?(?:-|–"
        r"|to)\s?\d+\syears\b(?!\s(?:of|ago|later))|\b(?:for|suits)\s(?:young\s)?(?:children|kids|toddlers"
        r"|babies)\s(?:of|aged|ages|from|up|over|under)\b|\bgr\.\s\d|\bpre-?school-\s?grade|\bgrades?\s(?:\d"
        r"|k)\s?-\s?\d|\b(?:for|of)\s(?:readers of\s)?all\sages\b|\bfor\s\d+\sto\s\d+\schildren\b",
    ),
    _facet(
        "format",
        "Is {title} available on VHS? / Is {title} a DVD or a cassette? / Does {title} come on CD? /"
        " Is {title} a paperback or a hardcover? / In which format is {title} sold? / Can I get {title} on DVD?",
        "{title} está disponível em VHS? / {title} é em DVD ou em fita cassete? / Existe {title} em CD? /"
        " {title} tem capa dura ou capa mole? / Em que formato é vendido {title}? / Tem {title} em DVD?",
        rf"\b(?:{CARRIER})\b(?!\s(?:players?|recorders?|drives?|racks?))|(?-i:(?<!custom )\b(?:CD"
        rf"|DVD)s?\b)(?!\s(?:players?|recorders?|drives?|racks?))",
    ),
    _facet(
        "pack",
        "How many pieces are in {title}? / What is in the box of {title}? / What does {title} come with? /"
        " How many come in a pack of {title}? / {title}: what is included?",
        "Quantas peças tem {title}? / O que vem na caixa de {title}? / {title} vem com o quê? /"
        " Quantas unidades vêm no pacote de {title}? / {title} tem quantas peças?",
        rf"\b(?:packs?|box|boxes|sets?|package|case|bag|carton)\s(?:of|contains|includes"
        rf"|holds)\s(?:about\s)?{SMALL}\b|(?<!\$)(?<!up to )\b{SMALL}(?:\s|-)(?:per (?:box|pack|case|bag|carton)"
        rf"|pieces?|packs?|count|ct|sheets?|pcs)\b(?!\s(?:long|capacity))|\b(?:includes|comes with|contains"
        rf"|consists of)\s(?:the\s)?{SMALL}\s(?!out|of|%)\w|\bpackage (?:includes|contains)\b|\bin the box\b"
        rf"|\bincluded:",
    ),
    _facet(
        "origin",
        "Where is {title} made? / Which country does {title} come from? / What is the country of origin of {title}? /"
        " {title}: where does it come from? / Where was {title} recorded?",
        "Onde é feito {title}? / De onde vem {title}? / Qual é o país de origem de {title}? / {title} é feito onde? /"
        " Onde foi fabricado {title}?",
        r"(?-i:\b(?:[Mm]ade|[Mm]anufactured|[Ff]orged|[Ss]ewn|[Pp]rinted|[Pp]roduced|[Aa]ssembled|[Ff]ilmed"
        r"|[Rr]ecorded|[Ww]oven|[Hh]andmade|[Ss]hot) in (?:the )?(?!All|January|February|March|April|May|June|July"
        r"|August|September|October|November|December)[A-ZÀ-ÞŁ]|\b(?:[Mm]akes|mixes|builds|designs) (?:this|its?"
        r"|every)\b[^.!?]{0,60} in [A-ZÀ-ÞŁ]\w+|\bmade of \w+(?: \w+)? in [A-ZÀ-ÞŁ]|\b[Cc]ountry of [Oo]rigin\b"
        r"|\b[Ii]mported from\b)",
    ),
    _facet(
        "power",
        "Does {title} need batteries? / How many watts does {title} use? / What kind of battery does {title} take? /"
        " {title}: how long does the battery last? / How is {title} powered?",
        "{title} precisa de pilhas? / Quantos watts tem {title}? / Que bateria usa {title}? /"
        " Qual é a voltagem de {title}? / {title} funciona a pilhas?",
        r"\b\d+(?:\.\d+)?\s?-?(?:v|volts?|vac|vdc|w|watts?|mah|amps?)\b(?!/)|\b(?:aaa?|lithium|li-ion|alkaline"
        r"|rechargeable|9v)\W{0,2}(?:\w+\s)?batter|\bbatter(?:y|ies)\s(?:not\s)?(?:life|included|powered|operated"
        r"|required)|\brequires\s[^.]{0,20}batter|\bon one charge\b",
    ),
    _facet(
        "care",
        "How do I wash {title}? / Is {title} machine washable? / Can {title} go in the dishwasher? /"
        " How should I clean {title}? / {title}: how do I care for it?",
        "Como se lava {title}? / {title} pode ir à máquina de lavar? / Posso lavar {title} na máquina? /"
        " Como devo limpar {title}? / {title} vai ao lava-louças?",
        r"\b(?:machine|hand)[- ]?wash|\bwashable\b|\bdishwasher[- ]?safe|\bdishwasher\b|\bwash\s(?:it|in|with|at"
        r"|separately|before)\b|\bdry[- ]clean|\b(?:easy|easily|simple)\s(?:to\s)?(?:clean|wipe)|\b(?:clean"
        r"|wipe)s?\s(?:it\s)?(?:with|easily|off|clean)\b|\btumble dry",
    ),
    _facet(
        "capacity",
        "How much does {title} hold? / What is the capacity of {title}? / How many litres does {title} hold? /"
        " {title}: how much fits in it? / What is the volume of {title}?",
        "Qual é a capacidade de {title}? / Quanto cabe em {title}? / Quantos litros leva {title}? /"
        " {title} leva quantos litros? / Qual é o volume de {title}?",
        rf"\b(?:holds?|capacity|bottle of|contains|fits?)\b[^.!?]{{0,35}}?\b{NUMBER}\s?-?(?:{VOLUME}|kg|sheets?"
        rf"|files?|cds|discs)|\b{NUMBER}\s?-?(?:{VOLUME})\W{{0,2}}(?:capacity|bottle|tank|jar|can)\b"
        rf"|\b{NUMBER}\s?-?(?:sheet|quart|gallon|lit(?:er|re)|cup|ounce|oz|ml)\s(?:\w+\s)?(?:capacity|bottles?"
        rf"|cups?|jars?|pots?|tank)\b|\bcapacity\s(?:of|:|is)\s",
    ),
)
