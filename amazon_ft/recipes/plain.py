"""Read a recipe back from the plain values that it gives of itself, with nothing taken on trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from amazon_ft.files import InputError
from amazon_ft.recipes.values import Recipe

LARGEST = 2**53  # in size: beyond that JSON's numbers are no whole ones
KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", NoneType: "nothing"}


def restored(values: Any) -> Recipe:
    """Make the recipe whose `as_dict`, once written as JSON, gave `values`.

    Raises InputError, with the place, for what is no recipe of this version: a name or a kind of value that it does not
    know, or values that contradict one another.
    """
    try:
        made = _made(Recipe, values, "the recipe")
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"the recipe contradicts itself ({error}): take one that amazon-ft wrote.") from error
    assert isinstance(made, Recipe)
    return made


def _made(kind: Any, value: Any, at: str) -> Any:
    if is_dataclass(kind):
        return _nested(kind, value, at)
    if get_origin(kind) is UnionType:
        return _made(_fitting(kind, value, at), value, at)
    if get_origin(kind) is tuple:
        return _several(get_args(kind), value, at)
    is_bool = isinstance(value, bool)
    if is_bool != (kind is bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise InputError(f"{at} is not {KINDS[kind]}: take a recipe that amazon-ft wrote.")
    if isinstance(value, int | float) and not abs(value) < LARGEST:
        raise InputError(f"{at} is out of all bounds: take a recipe that amazon-ft wrote.")
    return value


def _nested(kind: Any, value: Any, at: str) -> Any:
    parts = {part.name: part for part in fields(kind)}
    if not isinstance(value, Mapping):
        raise InputError(f"{at} is no {kind.__name__}: take a recipe that amazon-ft wrote.")
    if unknown := sorted(set(map(str, value)) - set(parts)):
        raise InputError(f"{at} holds {unknown[0][:40]!r}, which this version of amazon-ft does not know: update it.")
    needed = [name for name, part in parts.items() if part.default is MISSING]
    if missing := [name for name in needed if name not in value]:
        raise InputError(f"{at} lacks {missing[0]}: take a recipe that amazon-ft wrote.")
    kinds = get_type_hints(kind)
    return kind(**{name: _made(kinds[name], own, f"{at}'s {name}") for name, own in value.items()})


def _fitting(kind: Any, value: Any, at: str) -> Any:
    """Choose of several kinds the one that the value is: the dataclass that has all its names, nothing, or the rest."""
    kinds: list[Any] = list(get_args(kind))
    found: list[Any]
    if value is None:
        found = [one for one in kinds if one is NoneType]
    elif isinstance(value, Mapping):
        known = [one for one in kinds if is_dataclass(one)]
        found = [one for one in known if set(value) <= {part.name for part in fields(one)}]
    else:
        found = [one for one in kinds if one is not NoneType and not is_dataclass(one)]
    if not found:
        raise InputError(f"{at} is of no kind that this version of amazon-ft knows: update it.")
    return found[0]


def _several(kinds: tuple[Any, ...], value: Any, at: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{at} is no list: take a recipe that amazon-ft wrote.")
    each = [kinds[0]] * len(value) if kinds[1:] == (Ellipsis,) else list(kinds)
    if len(each) != len(value):
        raise InputError(f"{at} holds {len(value)} values and not {len(each)}: take a recipe that amazon-ft wrote.")
    return tuple(_made(kind, own, at) for kind, own in zip(each, value, strict=True))
