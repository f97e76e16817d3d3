"""Tell which products are one family: the same thing in another size, colour, volume or pack. Pure."""

from __future__ import annotations

import re

from amazon_ft.products import normalised


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SHORTEST = 2  # words that are left of a title, beside those that join others: fewer name no family
JOINING = _words("a an the of for and in with to on at by from e o os as um uma de da do das dos para com em no na por")
COLOURS = _words(
    "amber aqua azure beige black blue bronze brown burgundy charcoal chrome clear copper coral cream crimson cyan "
    "ebony emerald fuchsia gold golden gray green grey indigo ivory jade khaki lavender lilac lime magenta maroon "
    "mauve mint multicolor natural navy ochre olive orange peach pewter pink plum purple red rose rust sage sand "
    "scarlet silver slate tan taupe teal terracotta transparent turquoise violet walnut white yellow amarelo "
    "amarela azul bege branco branca cinza dourado laranja marrom prata preto preta rosa roxo verde vermelho "
    "vermelha dark light"
)
SIZES = _words(
    "pp gg xs s m l xl xxl xxxl small medium large extra mini jumbo king queen twin full single double size sizes "
    "petite tall regular short long wide narrow big giant compact travel pequeno medio grande tamanho"
)
COUNTS = _words(
    "pack packs pk pkg count ct piece pieces pcs pc set sets box boxes case roll rolls pair pairs dozen sheets vol "
    "volume volumes v no number part parts book edition ed disc discs season episode tome one two three four five "
    "six seven eight nine ten i ii iii iv vi vii viii ix x of de com and by volumes partes pecas unidades"
)
UNITS = _words(
    "mm cm m km in inch inches ft feet foot yd yard yards oz ounce ounces lb lbs pound pounds g gr gram grams kg mg "
    "ml cl l liter liters litre litres litros gal gallon qt quart pt pint fl w watt watts v volt volts gb mb tb hz "
    "ghz mhz amp amps mah hp psi degree degrees tracks pages minutes hour hours year years step"
)
ORDINALS = _words("st nd rd th")
TELLS_APART = COLOURS | SIZES | COUNTS | UNITS
# 12, 12oz, 10x20cm, 2XL and 3rd are sizes, numbers and volumes; 5D and E6400 are codes.
NUMBERED = re.compile(rf"\d+(?:x\d+)*(?:{'|'.join(sorted(SIZES | COUNTS | UNITS | ORDINALS))})?")


def family(title: str) -> str:
    """Reduce a title to what every size, colour, volume and pack of its product share.

    Empty where so little is left that strangers would share it.
    """
    words = normalised(title).split()
    shared = [word for word in words if word not in TELLS_APART and not NUMBERED.fullmatch(word)]
    naming = [word for word in shared if word not in JOINING]
    return " ".join(shared) if len(naming) >= SHORTEST and len(shared) < len(words) else ""
