"""Name every file of a run once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Run:
    """Name the files of one run folder."""

    folder: Path

    @property
    def manifest(self) -> Path:
        """Name the record of what made each file."""
        return self.folder / "manifest.json"

    @property
    def products(self) -> Path:
        """Name the cleaned catalogue."""
        return self.folder / "products.parquet"

    @property
    def titles(self) -> Path:
        """Name the folder of the title index; it can be made again from the cleaned catalogue."""
        return self.folder / "titles"

    @property
    def rejected(self) -> Path:
        """Name the rows that are no usable product, each with its place and the reason."""
        return self.folder / "rejected.parquet"

    @property
    def near_duplicates(self) -> Path:
        """Name the products whose description is nearly that of another one, with their cluster and split."""
        return self.folder / "near_duplicates.parquet"

    @property
    def cleaning(self) -> Path:
        """Name the counts of the cleaning: read, kept, rejected by reason."""
        return self.folder / "cleaning.json"

    @property
    def cleaning_page(self) -> Path:
        """Name the page that shows the counts of the cleaning."""
        return self.folder / "cleaning.html"

    @property
    def shards(self) -> Path:
        """Name the folder of the cleaned catalogue in shards."""
        return self.folder / "shards"

    @property
    def reasoning(self) -> Path:
        """Name the question / reasoning / response rows that a reasoning recipe trains on."""
        return self.folder / "reasoning.jsonl"

    @property
    def reasoning_ledger(self) -> Path:
        """Name what was written about each product, kept or not, and what it took: one JSON object a line."""
        return self.folder / "reasoning_ledger.jsonl"

    @property
    def reasoning_rejected(self) -> Path:
        """Name the rows that the gate or a person rejected, and what failed, each with the reason."""
        return self.folder / "reasoning_rejected.jsonl"

    @property
    def reasoning_reviews(self) -> Path:
        """Name what people decided about reasoning rows, one JSON object a line."""
        return self.folder / "reasoning_reviews.jsonl"

    @property
    def dataset(self) -> Path:
        """Name the folder of the reasoning rows as a data set with its card, ready to be published."""
        return self.folder / "dataset"

    def rows(self, split: str) -> Path:
        """Name the Alpaca rows of `split`, one of SPLITS."""
        return self.folder / f"{split}.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Name the folder of checkpoints that survive the session; empty once the adapter is there."""
        return self.folder / "checkpoints"

    @property
    def failed_step(self) -> Path:
        """Name the record of the step whose loss was no number, with its rows."""
        return self.folder / "failed_step.json"

    @property
    def adapter(self) -> Path:
        """Name the folder of the trained adapter and its tokenizer."""
        return self.folder / "adapter"

    @property
    def training_log(self) -> Path:
        """Name the log of losses: one JSON object a line."""
        return self.folder / "training_log.jsonl"

    @property
    def answers(self) -> Path:
        """Name the answers of base and tuned, one product a line."""
        return self.folder / "answers.jsonl"

    @property
    def scores(self) -> Path:
        """Name the scores by set and system."""
        return self.folder / "scores.json"

    @property
    def page(self) -> Path:
        """Name the comparison page."""
        return self.folder / "comparison.html"

    @property
    def intervals(self) -> Path:
        """Name the intervals of the scores and of their differences."""
        return self.folder / "intervals.json"

    @property
    def answer_cache(self) -> Path:
        """Name what models have answered so far, by model, prompt and decoding; it can be made again."""
        return self.folder / "answer_cache.jsonl"

    @property
    def own_answers(self) -> Path:
        """Name the answers to questions that a user typed, one a line, in the shape of the answers."""
        return self.folder / "own_answers.jsonl"

    @property
    def votes(self) -> Path:
        """Name the blind votes, one a line, in the order they were cast."""
        return self.folder / "votes.jsonl"

    @property
    def answers_parquet(self) -> Path:
        """Name the answers with their scores as a Parquet table, one answer a row."""
        return self.folder / "answers.parquet"

    @property
    def answers_csv(self) -> Path:
        """Name the same table as CSV."""
        return self.folder / "answers.csv"

    @property
    def llm_comparator(self) -> Path:
        """Name the answers of base and tuned in the format of LLM Comparator."""
        return self.folder / "llm_comparator.json"

    @property
    def hosted(self) -> Path:
        """Name the folder of what a hosted fine-tuning job is given, and of what is known about the jobs."""
        return self.folder / "hosted"

    def hosted_shard(self, number: int, of: int) -> Path:
        """Name the chat rows of one hosted job, counted from 1, of as many as there are."""
        return self.hosted / f"train-{number}-of-{of}.jsonl"

    @property
    def hosted_validation(self) -> Path:
        """Name the chat rows by which hosted jobs are validated."""
        return self.hosted / "validation-rows.jsonl"

    @property
    def hosted_checks(self) -> Path:
        """Name what was checked of the chat rows, and what was found."""
        return self.hosted / "checks.json"

    @property
    def hosted_estimate(self) -> Path:
        """Name the tokens that hosted jobs would train, and what they would cost at the price that was given."""
        return self.hosted / "estimate.json"

    @property
    def hosted_jobs(self) -> Path:
        """Name what is known about hosted jobs: files, jobs, models, seeds, hyperparameters, times."""
        return self.hosted / "jobs.json"

    @property
    def published(self) -> Path:
        """Name the folder of what can be published."""
        return self.folder / "published"

    def publication(self, kind: str) -> Path:
        """Name the folder of one form of the model, ready to be published: adapter, merged or gguf."""
        return self.published / kind

    def card(self, kind: str) -> Path:
        """Name the folder of the card of one form, with its pictures."""
        return self.published / "cards" / kind

    @property
    def published_rows(self) -> Path:
        """Name the folder of the prompts as a data set with its card."""
        return self.published / "rows"

    @property
    def parity(self) -> Path:
        """Name what each published form answered beside the trained model."""
        return self.published / "parity.json"
