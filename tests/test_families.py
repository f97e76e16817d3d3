"""Which products are one thing in several sizes, colours, volumes and packs."""

from __future__ import annotations

import pytest

from amazon_ft.families import family


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Woolhythe Hemp Shirt, Red", "Woolhythe Hemp Shirt, Dark Blue"),
        ("Camiseta Woolhythe de linho, vermelha, M", "Camiseta Woolhythe de linho, azul, GG 2XL"),
        ("The Boat Repair Handbook, Vol. 1", "The Boat Repair Handbook, Vol. IV"),
        ("Quarrent Glass Teapot, 3 l", "Quarrent Glass Teapot, 1.5 l (Pack of 2)"),
        ("Moltrik Claw Hammer TL-400, 12 in", "Moltrik Claw Hammer TL-500, 16 inches"),
        ("Café Brightnoll, 500 g", "CAFE BRIGHTNOLL 1kg"),
        ("Canon EOS 5D Camera Body, Black", "Canon EOS 5D Camera Body, Silver, 2 pcs"),
        ("Woolhythe Hemp Rug, 120x80cm", "Woolhythe Hemp Rug, 3XL"),
        ("The Boat Repair Handbook, 2nd Edition", "The Boat Repair Handbook, 3rd Edition"),
    ],
)
def test_another_size_or_colour_is_of_the_family(one: str, other: str) -> None:
    assert family(one) == family(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Woolhythe Hemp Shirt, Red", "Woolhythe Linen Shirt, Red"),
        ("Moltrik Claw Hammer, 12 in", "Moltrik Sledge Hammer, 12 in"),
        ("The Boat Repair Handbook, Vol. 1", "The Choir Singing Handbook, Vol. 1"),
        ("Canon EOS 5D Camera Body, Black", "Canon EOS 7D Camera Body, Black"),
        ("Dell E6400 Battery, 6 cell", "Dell XPS13 Battery, 6 cell"),
    ],
)
def test_another_thing_is_not(one: str, other: str) -> None:
    assert family(one) != family(other)


@pytest.mark.parametrize(
    "title",
    ["", "Teapot, Blue", "12 x 20 cm", "Woolhythe Hemp Shirt", "!!!", "The Red Door", "King of the Hill Season 1"],
)
def test_what_names_no_kind_or_no_variant_is_alone(title: str) -> None:
    assert family(title) == ""
