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
from amazon_ft.reasoning import mishaps, replies, wire
from amazon_ft.reasoning.authors import Cost, Heard, Trouble, Written
from amazon_ft.reasoning.dialects import USUAL, Compatible, Dialect, Manner, Native, Options, Request, Said, same
from amazon_ft.recipes import Reasoning
from amazon_ft.recipes.values import LANGUAGES
from amazon_ft.remote import addresses, errors
from amazon_ft.retrieval.passages import fit

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["Options", "Server", "connected"]

LOADED = ("load", "unload")  # why Ollama ended a reply in which nothing was to be said
DIALECTS: Mapping[str, Dialect] = {wire.NATIVE: Native(), wire.COMPATIBLE: Compatible()}


@dataclass
class Server:
    """Write rows with a model behind a server; neither key nor password shows in what it says of itself."""

    address: addresses.Address
    model: str
    reasoning: Reasoning = field(repr=False)
    options: Options
    found: wire.Found
    _client: AsyncOpenAI | None = field(default=None, repr=False)
    _manner: Manner = field(default=USUAL, repr=False)  # that this server has not refused

    @property
    def identity(self) -> Mapping[str, Any]:
        """Give all that decides a row beside the product.

        A server may be updated overnight, and in what manner it wants to be asked is found out midway: neither is here.
        """
        asked = self.reasoning
        prompts = [asked.prompt] if self.options.calls == "one" else [asked.question_prompt, asked.answer_prompt]
        return {
            "server": self.found.kind,
            "model": self.model,
            "digest": self.found.digest,
            "options": self.options.decisive,
            "prompts": prompts,
            "language": asked.language,
            "characters": asked.characters,
        }

    @property
    def told(self) -> Mapping[str, Any]:
        """Give the server's version, where it is, and in what manner an OpenAI-compatible one is asked by now."""
        manner = self._manner.told if self.found.kind == wire.COMPATIBLE else {}
        return {"version": self.found.version, "address": self.address.place, **manner}

    async def write(self, product: Product, seed: int, heard: Heard) -> Written:
        """Write the row of a product.

        Raises Trouble if there is none this time, and InputError if the model cannot be asked with these options.
        """
        values = {
            "title": product.title,
            "content": _read(product, self.reasoning.characters),
            "language": LANGUAGES[self.reasoning.language],
        }
        spent: list[Said] = []
        try:
            thought = await (self._at_once if self.options.calls == "one" else self._in_two)(values, seed, heard, spent)
        except Trouble as trouble:
            trouble.cost = _summed(spent)
            trouble.detail = errors.shown(trouble.detail, wire.secrets(self.address, self.found))
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
            said, manner = Said(), self._manner
            spent.append(said)
            try:
                async with asyncio.timeout(self.options.timeout):
                    await self._listen(request, manner, said, heard)
            except Exception as error:
                if self._gives_way(error, manner):
                    continue
                if not errors.foreign(error):
                    raise
                raise mishaps.trouble(error) from None
            self._check(said)
            return said

    async def _listen(self, request: Request, manner: Manner, said: Said, heard: Heard) -> None:
        speaks, kind = DIALECTS[self.found.kind], self.found.kind
        if self._client is None:
            self._client = wire.connection(self.address, kind, self.options.timeout, self.found.key)
        body = speaks.body(request, manner)
        async with aclosing(wire.messages(self._client, kind, speaks.path, body)) as messages:
            async for message in messages:
                if pieces := _heed(speaks, message, said):
                    heard(pieces)

    def _gives_way(self, error: Exception, manner: Manner) -> bool:
        """Tell whether a server refused the manner in which it was asked; another one is then used from now on.

        Raises InputError where a temperature or top_p would be left out that is not the API's own, which is 1: rows
        would be recorded as written otherwise than they were.
        """
        left = mishaps.other(manner, error) if self.found.kind == wire.COMPATIBLE else None
        if left is None:
            return False
        if lost := left.without & {name for name in ("temperature", "top_p") if getattr(self.options, name) != 1}:
            own = "temperature 1 and top_p 1" if "temperature" in lost else "top_p 1"
            raise InputError(f"{self.model} takes no {min(lost)}: ask with {own}, as it does by itself.")
        if self._manner == manner:  # else another request has found out before
            self._manner = left
        return True

    def _check(self, said: Said) -> None:
        if not said.messages and self.found.kind == wire.COMPATIBLE:
            detail = "The server gave nothing, as llama-cpp-python's does where a prompt is too long for its n_ctx."
            raise Trouble("an empty reply", detail, again="otherwise")
        if said.why in LOADED and not said.pieces:
            raise Trouble("the model was only loaded", again="later")
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

    Raises InputError if nobody answers there, the key is refused, the model is not there, or it is to be asked in two
    calls and cannot think.
    """
    where = addresses.address(address)
    return Server(where, model, reasoning, options, wire.find(where, model, thinks=options.calls == "two"))


def _read(product: Product, characters: int) -> str:
    """Give of a description the very text that the grounded style shows to the model that is trained."""
    return fit(" ".join(product.content.split()), "", characters).text


def _heed(speaks: Dialect, message: object, said: Said) -> int:
    """Add what a message says; return its pieces of text."""
    if not isinstance(message, Mapping):
        raise Trouble("garbage from the server", f"{str(message)!r} came.", again="later")
    if error := message.get("error"):
        raise Trouble("the server broke off", str(error), again="later")
    said.messages += 1
    return speaks.hear(message, said)


def _summed(spent: list[Said]) -> Cost:
    return sum((said.cost for said in spent), Cost())
