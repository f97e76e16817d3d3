"""Score a comparison: measures of every answer, tables, intervals, checks, and the answers that failed."""

from amazon_ft.evaluation.checks import NotComparable, check_prompts, check_same, check_unseen
from amazon_ft.evaluation.claims import claims
from amazon_ft.evaluation.failures import Failure, Reason, failures, why
from amazon_ft.evaluation.intervals import PAIRS, TESTED, holm, intervals, sign_test
from amazon_ft.evaluation.measures import measured, signature
from amazon_ft.evaluation.scoring import SCORES, SETS, SIMILARITY, score_table
from amazon_ft.evaluation.similarity import Similarity

__all__ = [
    "PAIRS",
    "SCORES",
    "SETS",
    "SIMILARITY",
    "TESTED",
    "Failure",
    "NotComparable",
    "Reason",
    "Similarity",
    "check_prompts",
    "check_same",
    "check_unseen",
    "claims",
    "failures",
    "holm",
    "intervals",
    "measured",
    "score_table",
    "sign_test",
    "signature",
    "why",
]
