"""Read the key of a server: from the environment, from Colab's secrets, or from whoever sits at a terminal."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from getpass import getpass

from amazon_ft.files import InputError

REFUSALS = ("SecretNotFoundError", "NotebookAccessError", "TimeoutException")  # of Colab; older ones lack the last


def key(name: str, *, ask: bool = False) -> str:
    """Read the key that an environment variable, else a secret of Colab has by this name; "" where there is none.

    If it may `ask`, and somebody sits at a terminal, it is typed there, neither shown nor kept. Raises InputError for a
    character that no key has.
    """
    found = os.environ.get(name, "").strip() or _secret(name)
    if not found and ask and sys.stdin.isatty():
        found = getpass(f"{name} (it is not shown and not kept): ").strip()
    if not re.fullmatch(r"[\x21-\x7e]*", found):
        raise InputError(f"{name} holds a character that no key has: copy the key anew.")
    return found


def _secret(name: str) -> str:
    if "google.colab" not in sys.modules:
        return ""
    from google.colab import userdata

    with suppress(*(getattr(userdata, kind) for kind in REFUSALS if hasattr(userdata, kind))):
        return str(userdata.get(name) or "").strip()
    return ""
