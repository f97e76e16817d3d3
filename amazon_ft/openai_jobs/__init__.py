"""Hosted fine-tuning: export chat rows, check them, estimate the jobs, submit and follow them."""
