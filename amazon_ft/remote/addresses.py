"""Find where a server is: Ollama's address as its own client finds it, or one that was given. Pure."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from amazon_ft.files import InputError

OLLAMA = "ollama"  # stands for its usual address
PORT = "11434"
PORTS = {"http": "80", "https": "443"}
EVERYWHERE = ("", "0.0.0.0", "::")  # where a server listens that is to be found here, too
HERE = "127.0.0.1"
# Somebody copies the address of one call, which is behind the server's own.
CALL = re.compile(r"((?<=/v1)/(models|completions|responses)|/chat/completions|/api/(chat|generate|tags|version))$")
LONG = 8  # characters from which on a value of a query is taken for a secret


@dataclass(frozen=True)
class Address:
    """Hold where a server is; what may name a person or hold a password is not shown."""

    url: str = field(repr=False)  # without a slash at its end

    @property
    def shown(self) -> str:
        """Give the address without user, password and query."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def place(self) -> str:
        """Give scheme, host and port alone: some paths hold a key, too."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def base(self) -> str:
        """Give what is in front of the path of a call."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl().rstrip("/")

    @property
    def query(self) -> dict[str, str]:
        """Give what every call has behind its path."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def local(self) -> bool:
        """Tell whether it is this machine, to which no proxy leads."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Give what must not be shown."""
        parts = urlsplit(self.url)
        values = [value for value in self.query.values() if len(value) >= LONG]
        return tuple(filter(None, (parts.password, parts.netloc.rpartition("@")[0], parts.query, *values)))

    @property
    def compatible(self) -> str:
        """Give where OpenAI's API is: at the path that was given, else at /v1."""
        return self.base if urlsplit(self.base).path else f"{self.base}/v1"

    @property
    def says_compatible(self) -> bool:
        """Tell whether the address itself names OpenAI's API."""
        return urlsplit(self.base).path.endswith("/v1")


def address(text: str) -> Address:
    """Read an address: "ollama", which OLLAMA_HOST may set, or one that begins with http:// or https://.

    Raises InputError for anything else.
    """
    if text.strip().casefold() == OLLAMA:
        return Address(_ollama(os.environ.get("OLLAMA_HOST", "")))
    given = text.strip().rstrip("/")
    try:
        whole = urlsplit(given).scheme in PORTS and bool(urlsplit(given).hostname) and urlsplit(given).port != 0
    except ValueError:
        whole = False
    if not whole:
        raise InputError(
            "the address of the server must be `ollama`, or begin with http:// or https:// and name a host, "
            "such as http://localhost:8000/v1."
        )
    return Address(_own(given))


def _own(url: str) -> str:
    """Give a server's own address, from this machine, where that of a call or of all interfaces was given."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    name, port = _split(place)
    if name in EVERYWHERE:
        place = f"{HERE}:{port}" if port else HERE
    path = CALL.sub("", parts.path.rstrip("/")).rstrip("/")
    return parts._replace(netloc=f"{user}{at}{place}", path=path).geturl()


def _ollama(host: str) -> str:
    """Read OLLAMA_HOST as Ollama does: scheme, port and host may each be missing."""
    text = host.strip().strip("\"'")
    scheme, named, rest = text.partition("://")
    if not named:
        scheme, rest = ("https", "ollama.com:443") if text == "ollama.com" else ("http", text)
    usual = PORTS.get(scheme, PORT) if named else PORT
    place, slash, path = rest.partition("/")
    name, port = _split(place)
    port = port if port.isdecimal() and int(port) <= 65535 else usual
    name = HERE if name in EVERYWHERE else name
    name = f"[{name}]" if ":" in name else name
    return f"{scheme}://{name}:{port}{slash}{path}".rstrip("/")


def _split(place: str) -> tuple[str, str]:
    bare = place.strip("[]")
    try:
        return str(ip_address(bare)), ""
    except ValueError:
        name, _, port = place.rpartition(":") if ":" in place else (place, "", "")
        return name.strip("[]"), port
