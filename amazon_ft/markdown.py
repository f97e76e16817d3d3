"""Show any text in Markdown so that it can break nothing, and fill a card's pattern, headed for the Hub. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from amazon_ft.files import InputError

if TYPE_CHECKING:
    from jinja2 import Template

LICENSE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


@lru_cache
def template(package: str, name: str) -> Template:
    """Read the pattern of a card from a package's files; whoever fills it must give every value that it names.

    A text from outside goes through a filter: words (in a sentence or a table), code, fenced, readable (as JSON).
    """
    from jinja2 import Environment, StrictUndefined

    source = files(package).joinpath(name).read_text(encoding="utf-8")
    house = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    house.filters |= {"code": code, "fenced": fenced, "words": words, "readable": readable}
    return house.from_string(source)


def front(values: Mapping[str, Any]) -> str:
    """Write a card's metadata, a line each; each value is JSON, which is YAML too, so that no text can break it."""
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())


def license_of(name: str, link: str) -> dict[str, str]:
    """Name a licence in the Hub's words: "unknown" without a name; "other" needs one, and may have a link.

    Raises InputError for what is no name, or no link.
    """
    if not name:
        if link:
            raise InputError("license_link needs license_name: say what the licence is called.")
        return {"license": "unknown"}
    if not LICENSE_NAME.fullmatch(name):
        raise InputError(f"license_name {name!r} is no name on the Hub: use lower-case letters, digits, '-' and '.'.")
    if link and not re.fullmatch(r"https?://[!-~]+|LICENSE(\.md)?", link):
        raise InputError(f"license_link {link!r} is neither an address that begins with https:// nor LICENSE.")
    return {"license": "other", "license_name": name} | ({"license_link": link} if link else {})


def readable(value: Any) -> str:
    """Write a value as JSON; of a text that is a literal of Python, too."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def shown(text: object) -> str:
    """Take out of a text what cannot be seen, and what would begin a new line."""
    return "".join(char for char in " ".join(str(text).split()) if char.isprintable())


def words(text: object) -> str:
    """Show a text from outside among words: Markdown's signs and addresses lose their meaning."""
    return re.sub(r"""([\\`*_{}\[\]<>#|~&$!+=:@^"])""", r"\\\1", shown(text))


def code(text: object) -> str:
    """Show a text from outside as code in a line."""
    seen = shown(text)
    fence = "`" * (_longest(seen) + 1)
    room = " " if seen.startswith("`") or seen.endswith("`") else ""
    return f"{fence}{room}{seen}{room}{fence}" if seen else "(not known)"


def fenced(text: object, language: str = "text") -> str:
    """Show a text from outside as lines of code."""
    seen = ("".join(filter(str.isprintable, line.expandtabs())) for line in str(text).splitlines())
    lines = "\n".join(seen)
    fence = "`" * max(3, _longest(lines) + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def _longest(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
