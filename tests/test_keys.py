from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from servers import MODEL, FaultServer

from amazon_ft.files import InputError
from amazon_ft.reasoning import wire
from amazon_ft.remote import keys
from amazon_ft.remote.addresses import address

NAME = "TEST_REMOTE_KEY"


class Secrets(ModuleType):
    """Stand in for Colab's secrets of one day: what lies there, or why nothing comes."""

    class SecretNotFoundError(Exception):
        pass

    class NotebookAccessError(Exception):
        pass

    value: str | type[Exception] = ""

    def get(self, name: str) -> str:
        if isinstance(self.value, str):
            return self.value
        raise self.value


class Newer(Secrets):
    class TimeoutException(Exception):
        pass


def colab(patch: pytest.MonkeyPatch, secrets: Secrets, value: Any) -> None:
    secrets.value = value
    package = ModuleType("google.colab")
    vars(package)["userdata"] = secrets
    patch.setitem(sys.modules, "google", ModuleType("google"))
    patch.setitem(sys.modules, "google.colab", package)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (NAME, wire.KEY):
        monkeypatch.delenv(name, raising=False)


def test_no_key_is_no_error() -> None:
    assert keys.key(NAME) == ""


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Secrets, Secrets.SecretNotFoundError),
        (Secrets, Secrets.NotebookAccessError),
        (Newer, Newer.TimeoutException),
        (Secrets, ""),
    ],
)
def test_a_secret_that_colab_does_not_give_is_none(
    monkeypatch: pytest.MonkeyPatch, kind: type[Secrets], value: Any
) -> None:
    colab(monkeypatch, kind("userdata"), value)
    assert keys.key(NAME) == ""
    monkeypatch.setenv(NAME, "from-here\n")
    assert keys.key(NAME) == "from-here"


def test_a_mistake_behind_colabs_secrets_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    colab(monkeypatch, Secrets("userdata"), ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        keys.key(NAME)


def test_nobody_is_asked_unless_the_caller_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts: list[str] = []
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(keys, "getpass", lambda prompt: prompts.append(prompt) or "typed ")
    assert keys.key(NAME) == "" and not prompts
    assert keys.key(NAME, ask=True) == "typed" and len(prompts) == 1
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    assert keys.key(NAME, ask=True) == "" and len(prompts) == 1


@pytest.mark.parametrize("text", ["sk-one…two", "“sk-one”", "sk one", "sk-one\nsk-two", "sk\x00"])
def test_what_is_no_key_is_refused_from_wherever_it_comes(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    colab(monkeypatch, Secrets("userdata"), text)
    with pytest.raises(InputError, match=f"{NAME} holds a character") as refused:
        keys.key(NAME)
    assert "sk" not in str(refused.value)


def test_who_writes_rows_has_a_key_of_colab_too_and_ollama_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    colab(monkeypatch, Secrets("userdata"), "sk-of-colab")
    with FaultServer(speaks="openai", key="sk-of-colab") as server:
        found = wire.find(address(server.url), MODEL, thinks=False)
        assert found.key == "sk-of-colab" and found.key not in repr(found)
    with FaultServer() as server:
        wire.find(address(server.url), MODEL, thinks=False)
        assert "sk-of-colab" not in {each.key for each in server.requests}
