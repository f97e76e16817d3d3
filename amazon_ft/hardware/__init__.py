"""Measure the machine, say what was found, and plan a training for it."""

from amazon_ft.hardware.machine import Machine, Precision, measure, optimizer, precision

__all__ = ["Machine", "Precision", "measure", "optimizer", "precision"]
