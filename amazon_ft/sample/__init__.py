"""Invent a small catalogue with the real one's dirt, and the talk of the shop that sells it."""
