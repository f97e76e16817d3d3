"""Merge an adapter into the 16-bit weights of its base model, weight by weight."""
