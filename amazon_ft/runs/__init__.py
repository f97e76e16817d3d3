"""A run: one folder, the name of every file in it, and the record of what made each."""

from amazon_ft.runs.layout import SPLITS, Run
from amazon_ft.runs.record import claim, differences, hashed, manifest, once, record_step, say

__all__ = ["SPLITS", "Run", "claim", "differences", "hashed", "manifest", "once", "record_step", "say"]
