from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from weakref import ref

import pytest
import torch

from amazon_ft import generation, hardware, models, prompts, steps
from amazon_ft.files import InputError, digest, read_jsonl
from amazon_ft.generation import Answer
from amazon_ft.hardware import Precision, planning
from amazon_ft.hardware.planning import Plan
from amazon_ft.models import Loaded
from amazon_ft.recipes import RECIPES, TINY_LLAMA, Generation, Recipe, Training, named
from amazon_ft.runs import Run
from amazon_ft.training import trainer
from amazon_ft.training.rows import Rows, tokenized
from amazon_ft.training.trainer import Places, train

DEMO = named("demo")
LOCAL = [recipe for recipe in RECIPES.values() if isinstance(recipe.training, Training)]


@pytest.fixture(scope="module")
def base() -> Loaded:
    return models.load(DEMO)


@pytest.fixture(scope="module")
def tuned(walked: Run) -> Loaded:
    return models.load(DEMO, adapter=walked.adapter)


@pytest.fixture(scope="module")
def asked(walked: Run, base: Loaded) -> list[list[int]]:
    examples = [*steps.rows(walked, "train")[:4], *steps.rows(walked, "test")[:4]]
    return [prompts.prompt_ids(example, DEMO.template, base.tokenizer) for example in examples]


def _plan(recipe: Recipe, loaded: Loaded, tokens: Rows) -> Plan:
    return planning.plan(
        *(models.shape(loaded), recipe.lora, recipe.training, tokens.lengths),
        *(hardware.measure(), loaded.backend, loaded.four_bit),
    )


def _logits(loaded: Loaded, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = loaded.model.eval()(input_ids=torch.tensor([ids])).logits
    return logits


def _answers(loaded: Loaded, asked: list[list[int]], decoding: Generation, stop: int) -> list[Answer]:
    known = {place: one for batch in generation.generate(loaded, asked, decoding, stop) for place, one in batch.items()}
    return [known[place] for place in range(len(asked))]


def test_the_adapter_switched_off_is_the_never_adapted_model(
    base: Loaded, tuned: Loaded, asked: list[list[int]]
) -> None:
    stop = prompts.stop_token_id(DEMO.template, base.tokenizer)
    with models.adapter_off(tuned):
        for ids in asked:
            assert torch.equal(_logits(tuned, ids), _logits(base, ids))
        answers = _answers(tuned, asked, DEMO.generation, stop)
    assert answers == _answers(base, asked, DEMO.generation, stop)
    assert not torch.allclose(_logits(tuned, asked[0]), _logits(base, asked[0]), atol=0.1)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_trainable_weights_are_float32_in_any_precision(
    dtype: str, monkeypatch: pytest.MonkeyPatch, walked: Run, tmp_path: Path
) -> None:
    monkeypatch.setattr(hardware, "precision", lambda machine: Precision(dtype, "forced"))
    loaded = models.add_adapter(models.load(DEMO), DEMO.lora, seed=1)
    here = replace(loaded, precision=Precision("float32", "a CPU has no float16 to train in"))
    tokens = tokenized(steps.rows(walked, "train")[:4], DEMO.training, DEMO.template, loaded.tokenizer)
    built = trainer._trainer(here, DEMO.training, _plan(DEMO, loaded, tokens), tokens, tokens, tmp_path, [])
    kinds = {(weight.requires_grad, weight.dtype) for weight in built.model.parameters()}
    assert kinds == {(True, torch.float32), (False, getattr(torch, dtype))}


def test_batched_answers_equal_single_ones_in_the_order_asked(tuned: Loaded, asked: list[list[int]]) -> None:
    stop = prompts.stop_token_id(DEMO.template, tuned.tokenizer)
    assert len({len(ids) for ids in asked}) > 1
    single = [_answers(tuned, [ids], DEMO.generation, stop)[0] for ids in asked]
    assert _answers(tuned, asked, DEMO.generation, stop) == single


def test_an_answer_says_whether_it_stopped_by_itself(tuned: Loaded, asked: list[list[int]]) -> None:
    stop = prompts.stop_token_id(DEMO.template, tuned.tokenizer)
    [whole] = _answers(tuned, asked[:1], DEMO.generation, stop)
    [short] = _answers(tuned, asked[:1], Generation(max_new_tokens=5), stop)
    assert (whole.stopped, short.stopped, short.tokens) == (True, False, 5)
    assert whole.tokens > 5
    assert whole.text.startswith(short.text)
    assert "<|" not in whole.text


def test_sampling_is_repeatable_by_seed(base: Loaded, asked: list[list[int]]) -> None:
    stop = prompts.stop_token_id(DEMO.template, base.tokenizer)
    warm = [_answers(base, asked, Generation(32, temperature=1.0, seed=seed), stop) for seed in (1, 1, 2)]
    assert warm[0] == warm[1] != warm[2]


def test_the_log_has_what_a_curve_needs(walked: Run) -> None:
    log = read_jsonl(walked.training_log)
    losses = [line for line in log if "loss" in line]
    assert [line["step"] for line in losses] == list(range(1, len(losses) + 1))
    assert all({"learning_rate", "tokens", "seconds"} <= set(line) for line in losses)
    assert losses[-1]["tokens"] > losses[0]["tokens"] > 0
    assert losses[-1]["loss"] < losses[0]["loss"] / 10
    assert len([line for line in log if "eval_loss" in line]) >= 8


@pytest.mark.parametrize("recipe", LOCAL, ids=lambda recipe: recipe.name)
def test_every_local_recipe_goes_through_the_same_code(recipe: Recipe, tmp_path: Path, walked: Run) -> None:
    training = replace(recipe.training, max_steps=2, num_train_epochs=None, max_length=256)
    small = replace(recipe, base_model=TINY_LLAMA, training=training, generation=Generation(max_new_tokens=4))
    loaded = models.add_adapter(models.load(small), small.lora, training.seed)
    rows = steps.rows(walked, "train")[: 2 * training.effective_batch_size]
    tokens = tokenized(rows, training, small.template, loaded.tokenizer)
    places = Places(*(tmp_path / name for name in ("log", "work", "shelf", "failed")))
    plan, made_of = _plan(small, loaded, tokens), small.as_dict()
    train(loaded, training, plan, tokens, tokens.first(4), places, made_of, started=time.monotonic())
    assert len([line for line in read_jsonl(places.log) if "loss" in line]) == 2
    answers = generation.answers(loaded, small, dict.fromkeys(("base", "tuned"), rows[:2]))
    assert {system: len(given) for system, given in answers.items()} == {"base": 2, "tuned": 2}


def test_a_model_that_nobody_holds_is_gone_before_another_is_loaded(walked: Run) -> None:
    first = models.load(DEMO, adapter=walked.adapter)
    generation.losses(first, DEMO, steps.rows(walked, "test")[:1])
    gone = ref(first.model)
    del first
    models.load(DEMO)
    assert gone() is None


def test_an_unknown_base_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="neither a folder here nor to be had from the hub"):
        models.load(replace(DEMO, base_model="nobody/no-such-model"))


TRAIN_SHORTLY = """
import sys
import time
from dataclasses import replace
from pathlib import Path
from amazon_ft import steps
from amazon_ft.recipes import named
from amazon_ft.runs import Run
demo = named("demo")
short = replace(demo, training=replace(demo.training, max_steps=5, num_train_epochs=None))
run = Run(Path(sys.argv[1]))
steps.clean(run); steps.format_rows(run, short); steps.train(run, short)
"""


def test_fresh_processes_train_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        subprocess.run(
            [sys.executable, "-c", TRAIN_SHORTLY, str(tmp_path / name)],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": str(len(name) + len(digests))},
        )
        digests.add(digest(tmp_path / name / "adapter" / "adapter_model.safetensors"))
    assert len(digests) == 1
