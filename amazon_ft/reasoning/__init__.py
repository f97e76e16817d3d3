"""Rows of question, reasoning and answer: written by a local language model, sifted, reviewed, kept."""
