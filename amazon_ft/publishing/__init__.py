"""Publish a trained model: adapter, merged weights, GGUF, Ollama, a card, and proof that each answers as trained."""
