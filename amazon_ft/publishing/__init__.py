"""Publish a model: a card that tells the truth, the Hub, and what others published there."""
