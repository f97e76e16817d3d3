"""Write rows with a model behind Ollama's own API or any OpenAI-compatible server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.prompts import fill
from amazon_ft.reasoning import addresses, mishaps, replies, wire
from amazon_ft.reasoning.authors import Cost, Heard, Trouble, Written
from amazon_ft.reasoning.dialects import FORMATS, Compatible, Dialect, Native, Options, Request, Said, same
from amazon_ft.recipes import Reasoning
from amazon_ft.recipes.values import LANGUAGES

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["Options", "Server", "connected"]

MOST = 12  # names of models in a sentence
DIALECTS: Mapping[str, Dialect] = {wire.NATIVE: Native(), wire.COMPATIBLE: Compatible()}


@dataclass(frozen=True)
class Found:
    """Hold what a look at a server found."""

    kind: str  # wire.NATIVE or wire.COMPATIBLE
    version: str
    digest: str  # of the model, where the server tells


@dataclass
class Server:
    """Write rows with a model behind a server; neither key nor password shows in what it says of itself."""

    address: addresses.Address
    model: str
    reasoning: Reasoning = field(repr=False)
    options: Options
    found: Found
    _client: AsyncOpenAI | None = field(default=None, repr=False)
    _format: str = field(default=FORMATS[0], repr=False)  # the first one that this server has not refused

    @property
    def identity(self) -> Mapping[str, Any]:
        """Give all that decides a row beside the product.

        How the server takes a schema follows from the server, and is found out midway: it is no part of this.
        """
        asked = self.reasoning
        prompts = [asked.prompt] if self.options.calls == "one" else [asked.question_prompt, asked.answer_prompt]
        return {
            "server": f"{self.found.kind} {self.found.version}".strip(),
            "model": self.model,
            "digest": self.found.digest,
            "options": self.options.decisive,
            "prompts": prompts,
            "language": asked.language,
            "characters": asked.characters,
        }

    async def write(self, product: Product, seed: int, heard: Heard) -> Written:
        """Write the row of a product.

        Raises Trouble if there is none this time.
        """
        values = {
            "title": product.title,
            "content": product.content[: self.reasoning.characters],
            "language": LANGUAGES[self.reasoning.language],
        }
        spent: list[Said] = []
        try:
            thought = await (self._at_once if self.options.calls == "one" else self._in_two)(values, seed, heard, spent)
        except Trouble as trouble:
            trouble.cost = _summed(spent)
            trouble.detail = mishaps.shown(trouble.detail, wire.secrets(self.address))
            raise
        row = (thought.Question, thought.Complex_CoT, thought.Response)
        return Written(*row, cost=_summed(spent), model=spent[-1].model or self.model)

    async def close(self) -> None:
        """Let go of connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _at_once(self, values: Mapping[str, str], seed: int, heard: Heard, spent: list[Said]) -> replies.Thought:
        said = await self._ask(fill(self.reasoning.prompt, values), seed, replies.SCHEMA, heard, spent)
        try:
            return replies.thought(said.content, said.thinking)
        except Trouble as trouble:
            raise self._cut(said) or trouble from None

    async def _in_two(self, values: Mapping[str, str], seed: int, heard: Heard, spent: list[Said]) -> replies.Thought:
        asking = fill(self.reasoning.question_prompt, values)
        first = await self._ask(asking, seed, replies.QUESTION_SCHEMA, heard, spent)
        try:
            question = replies.question(first.content, first.thinking)
        except Trouble as trouble:
            raise self._cut(first) or trouble from None
        answering = fill(self.reasoning.answer_prompt, {**values, "question": question})
        second = await self._ask(answering, seed, None, heard, spent)
        if cut := self._cut(second):
            raise cut  # nothing shows whether such an answer is whole
        return replies.answered(question, second.content, second.thinking)

    async def _ask(
        self, prompt: str, seed: int, schema: Mapping[str, Any] | None, heard: Heard, spent: list[Said]
    ) -> Said:
        """Ask once; `spent` holds what came even where that ends in trouble."""
        request = Request(self.model, prompt, seed, self.options, schema)
        while True:
            said, format_ = Said(), self._format
            spent.append(said)
            try:
                async with asyncio.timeout(self.options.timeout):
                    await self._listen(request, format_, said, heard)
            except Exception as error:
                if schema is not None and self._refuses(error, format_):
                    continue
                if not mishaps.foreign(error):
                    raise
                raise mishaps.trouble(error) from None
            self._check(said)
            return said

    async def _listen(self, request: Request, format_: str, said: Said, heard: Heard) -> None:
        speaks, kind = DIALECTS[self.found.kind], self.found.kind
        if self._client is None:
            self._client = wire.connection(self.address, kind, self.options.timeout)
        body = speaks.body(request, format_)
        async with aclosing(wire.messages(self._client, kind, speaks.path, body)) as messages:
            async for message in messages:
                if pieces := _heed(speaks, message, said):
                    heard(pieces)

    def _refuses(self, error: Exception, format_: str) -> bool:
        """Tell whether a server refused a way to give the schema; the next one is then used from now on."""
        said, more = mishaps.words(error).casefold(), FORMATS[FORMATS.index(format_) + 1 :]
        named = any(word in said for word in ("response_format", "json_schema", "json_object", "structured"))
        if getattr(error, "status_code", None) not in (400, 422) or not named or not more:
            return False
        if self._format == format_:  # else another request has found out before
            self._format = more[0]
        return True

    def _check(self, said: Said) -> None:
        if not said.why:
            raise Trouble("the server broke off", "The stream ended before the reply did.", again="later")
        if said.model and not same(self.model, said.model):
            raise Trouble("another model answered", f"{said.model[:80]} answered in place of {self.model}.")

    def _cut(self, said: Said) -> Trouble | None:
        if said.why != "length":
            return None
        return Trouble("cut at max_tokens", f"The reply took {said.cost.completion_tokens} tokens.", again="otherwise")


def connected(address: str, model: str, reasoning: Reasoning, options: Options) -> Server:
    """Look at a server, and give what writes with a model of it; `address` is "ollama" or begins with http.

    Raises InputError if nobody answers there, the key is refused, or the model is not there.
    """
    where = addresses.address(address)
    version = None if where.says_compatible else _version(where)
    kind = wire.COMPATIBLE if version is None else wire.NATIVE
    entry = _entry(where, kind, model)
    return Server(where, model, reasoning, options, Found(kind, version or "", _digest(entry)))


def _version(where: addresses.Address) -> str | None:
    """Give the version of Ollama; None where something else answers."""
    got = wire.look(where, wire.NATIVE, "/api/version")
    return str(got["version"]) if "version" in got else None


def _entry(where: addresses.Address, kind: str, model: str) -> Mapping[str, Any]:
    """Find a model in the server's list; nothing where it has no list."""
    native = kind == wire.NATIVE
    got = wire.look(where, kind, "/api/tags" if native else "/models", known=True)
    models = got.get("models" if native else "data")
    entries = {str(each.get("name") or each.get("id")): each for each in models or () if isinstance(each, Mapping)}
    if found := next((entry for name, entry in entries.items() if same(model, name)), None):
        return found
    there = ", ".join(sorted(entries)[:MOST])
    if native:
        pull = f"get it with `ollama pull {model}`"
        pull += f", or use one of those there: {there}" if there else ""
        raise InputError(f"Ollama at {where.shown} has no model {model!r}: {pull}.")
    if entries:
        raise InputError(f"the server at {where.shown} has no model {model!r}: use one of those there: {there}.")
    return {}


def _digest(entry: Mapping[str, Any]) -> str:
    """Give what tells a model's weights apart: a digest, else where they came from, as far as the server says."""
    return str(entry.get("digest") or entry.get("root") or "")


def _heed(speaks: Dialect, message: object, said: Said) -> int:
    """Add what a message says; return its pieces of text."""
    if not isinstance(message, Mapping):
        raise Trouble("garbage from the server", f"{str(message)!r} came.", again="later")
    if error := message.get("error"):
        raise Trouble("the server broke off", str(error), again="later")
    return speaks.hear(message, said)


def _summed(spent: list[Said]) -> Cost:
    return sum((said.cost for said in spent), Cost())
