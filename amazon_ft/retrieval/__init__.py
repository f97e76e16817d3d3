"""Find the product that a question is about, read it, and quote it."""
