"""The same road without a notebook: `amazon-ft <verb>`."""

from amazon_ft.cli.main import main

__all__ = ["main"]
