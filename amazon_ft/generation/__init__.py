"""Ask a model, base and tuned from one set of weights, and keep what it said."""

from amazon_ft.generation.answering import Listener, Manner, answers, generate, room, tokens
from amazon_ft.generation.losses import losses
from amazon_ft.generation.speaking import Local, Speaker
from amazon_ft.generation.store import Answer, Store

__all__ = [
    "Answer",
    "Listener",
    "Local",
    "Manner",
    "Speaker",
    "Store",
    "answers",
    "generate",
    "losses",
    "room",
    "tokens",
]
