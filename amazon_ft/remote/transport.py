"""Go straight to a server on this machine, past the proxies that the surroundings name for others."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from amazon_ft.remote.addresses import Address

Client = TypeVar("Client")


def direct(where: Address, client: Callable[..., Client], **options: Any) -> Client | None:
    """Make a `client` of httpx that uses no proxy, where the address is this machine; None where it is another."""
    return client(trust_env=False, verify=_certificates(), **options) if where.local else None


@cache
def _certificates() -> ssl.SSLContext:
    """Read this machine's certificates once: for each client anew that takes longer than a look at a server."""
    return ssl.create_default_context()
