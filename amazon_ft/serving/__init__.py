"""A model as others ask it: its template in their languages, GGUF, llama.cpp, Ollama, and proof that it is the same."""
