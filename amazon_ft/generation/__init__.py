"""Ask a model, base and tuned from one set of weights, and keep what it said."""

from amazon_ft.generation.answering import Listener, Manner, answers, generate, room, tokens
from amazon_ft.generation.losses import losses
from amazon_ft.generation.store import Answer, Store

__all__ = ["Answer", "Listener", "Manner", "Store", "answers", "generate", "losses", "room", "tokens"]
