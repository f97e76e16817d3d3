"""Take a product catalogue to a fine-tuned language model and an honest before/after comparison."""

__version__ = "0.1.0"
