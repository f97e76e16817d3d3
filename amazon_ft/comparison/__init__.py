"""Answers side by side: the words that differ, what the scores say, one page to keep, and tables for other tools."""

from amazon_ft.comparison.exports import llm_comparator, table, write_tables
from amazon_ft.comparison.marking import marked, segments
from amazon_ft.comparison.metrics import HEADLINES, METRICS, Metric, metric
from amazon_ft.comparison.names import BASELINES, SETS, SYSTEMS, Name, Text, in_order, named
from amazon_ft.comparison.page import page
from amazon_ft.comparison.verdict import findings

__all__ = [
    "BASELINES",
    "HEADLINES",
    "METRICS",
    "SETS",
    "SYSTEMS",
    "Metric",
    "Name",
    "Text",
    "findings",
    "in_order",
    "llm_comparator",
    "marked",
    "metric",
    "named",
    "page",
    "segments",
    "table",
    "write_tables",
]
