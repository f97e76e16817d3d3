"""Measure training: the recipe as student notebooks run it, and as amazon-ft runs it, in turns on one GPU.

    python benchmarks/training.py [--quick] [--models NAME ...] [--sms N ...] [--cap GIB] [--turns N] [--steps N]

Both sides train the same rows in the same order with the recipe's own values on a model of random weights in the real
shape; the figure is tokens, without pads, a second. `--sms 8` gives each side a slice of 8 multiprocessors (about the
arithmetic of an L4). Without a GPU, and with --quick, a tiny model shows that the benchmark works. JSON comes last.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import Any

STARTED = time.monotonic()
RECIPES = {
    "nano": "llama-3.2-1b-question",
    "llama-1b": "llama-3.2-1b-question",
    "llama-8b": "deepseek-r1-reasoning",
    "tinyllama": "tinyllama-alpaca",
    "phi-3": "phi-3-input-output",
}
STOCK_BATCH = 2  # rows at a time in the student notebooks, accumulated to the effective batch
GIB = 2**30


@dataclass(frozen=True)
class Side:
    """Hold one training to be measured in a process of its own."""

    name: str  # stock, ours, packing
    model: str
    sms: int = 0  # multiprocessors; 0 for the whole GPU
    cap_gib: float = 0  # of GPU memory; 0 for all of it
    steps: int = 20
    warm: int = 5  # steps, at the start, that are not timed
    long: bool = False  # every row longer than max_length
    fp16: bool = False
    backend: str = ""
    batch: int = 0  # an effective batch other than the recipe's


class Timer:
    """Take the time of each step on the device's clock, and wait where a slice of the GPU needs it."""

    def __init__(self, wait: Callable[[], object]) -> None:
        self.wait, self.seconds, self.losses, self.first = wait, list[float](), list[float](), 0.0

    def callback(self) -> Any:
        """Give what the trainer calls."""
        from transformers import TrainerCallback

        timer = self

        class Watch(TrainerCallback):  # type: ignore[misc]
            def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
                timer.wait()
                self.began = time.monotonic()

            def on_pre_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
                timer.wait()  # bitsandbytes works on the default stream, which does not wait for a slice's stream

            def on_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
                timer.wait()

            def on_step_end(self, *args: Any, **kwargs: Any) -> None:
                timer.seconds.append(time.monotonic() - self.began)
                timer.first = timer.first or time.monotonic() - STARTED

            def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
                if "loss" in logs:
                    timer.losses.append(logs["loss"])

        return Watch()


def measure(side: Side, folder: Path) -> dict[str, Any]:
    """Train one side and give its figures."""
    if side.backend != "transformers" and _gpu() and side.model != "nano":
        import unsloth  # noqa: F401  before TRL
    import torch
    import trl  # noqa: F401

    imported = time.monotonic()
    sys.stdin.readline()  # wait for the turn
    global STARTED
    STARTED += time.monotonic() - imported
    wait: Callable[[], object] = (lambda: None) if not torch.cuda.is_available() else torch.cuda.synchronize
    if side.cap_gib:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(side.cap_gib * GIB / total)
    timer = Timer(wait)
    run = stock if side.name == "stock" else ours
    lengths, told = run(side, folder, timer)
    timed = slice(side.warm, side.steps)
    batch = told.pop("rows_a_step")
    tokens = [sum(lengths[step * batch : (step + 1) * batch]) for step in range(side.steps)]
    return {
        **asdict(side),
        "tokens_per_second": round(sum(tokens[timed]) / sum(timer.seconds[timed]), 1),
        "seconds_to_first_step": round(timer.first, 1),
        "reserved_gib": round(torch.cuda.max_memory_reserved() / GIB, 2) if torch.cuda.is_available() else None,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "losses": [round(loss, 5) for loss in timer.losses],
        **told,
    }


def recipe_of(side: Side, path: Path) -> Any:
    """Give the recipe with the model, the number of steps and the order that both sides share."""
    from amazon_ft.recipes import named

    recipe = named(RECIPES[side.model])
    values = {"max_steps": side.steps, "num_train_epochs": None, "train_sampling_strategy": "sequential"}
    if side.batch:
        values["effective_batch_size"] = side.batch
    training = replace(recipe.training, **values, packing=side.name == "packing")
    return replace(recipe, base_model=str(path), training=training, load_in_4bit=side.model != "nano")


def stock(side: Side, folder: Path, timer: Timer) -> tuple[list[int], dict[str, Any]]:
    """Train as the student notebooks do: two rows at a time, every layer recomputed."""
    import random_models
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    recipe = recipe_of(side, folder / side.model)
    training, lora = recipe.training, recipe.lora
    dtype = torch.float16 if side.fp16 else torch.bfloat16
    lora_values = {"r": lora.r, "lora_alpha": lora.lora_alpha, "lora_dropout": 0.0}
    lora_values["target_modules"] = list(lora.target_modules)
    if _gpu() and side.model != "nano":
        from unsloth import FastLanguageModel

        model, tokenizer = FastLanguageModel.from_pretrained(
            recipe.base_model, max_seq_length=training.max_length, dtype=dtype, load_in_4bit=True
        )
        model = FastLanguageModel.get_peft_model(
            model, bias="none", use_gradient_checkpointing="unsloth", random_state=training.seed, **lora_values
        )
    else:
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

        tokenizer = AutoTokenizer.from_pretrained(recipe.base_model)
        model = AutoModelForCausalLM.from_pretrained(recipe.base_model, dtype=torch.float32)
        set_seed(training.seed)
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora_values))
    texts = random_models.texts(side.steps * training.effective_batch_size, every_long=side.long)
    rows = Dataset.from_list([{"text": text + tokenizer.eos_token} for text in texts])
    on_gpu = _gpu()
    config = SFTConfig(
        output_dir=str(folder / "stock"),
        per_device_train_batch_size=STOCK_BATCH,
        gradient_accumulation_steps=training.effective_batch_size // STOCK_BATCH,
        max_steps=side.steps,
        learning_rate=training.learning_rate,
        warmup_steps=training.warmup_steps,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        lr_scheduler_type=training.lr_scheduler_type,
        optim="adamw_8bit" if on_gpu else "adamw_torch",
        seed=training.seed,
        train_sampling_strategy="sequential",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        dataset_text_field="text",
        max_length=training.max_length,
        fp16=side.fp16,
        bf16=on_gpu and not side.fp16,
        use_cpu=not on_gpu,
        gradient_checkpointing=on_gpu,
        disable_tqdm=True,
    )
    with slice_of(side.sms):
        trainer = SFTTrainer(
            model=model, args=config, train_dataset=rows, processing_class=tokenizer, callbacks=[timer.callback()]
        )
        _reset_peak()
        trainer.train()
    lengths = [len(row) for row in trainer.train_dataset["input_ids"]]
    return lengths, {"rows_a_step": training.effective_batch_size}


def ours(side: Side, folder: Path, timer: Timer) -> tuple[list[int], dict[str, Any]]:
    """Train the same rows through the package."""
    from amazon_ft import hardware, models
    from amazon_ft.files import digest
    from amazon_ft.hardware import planning

    if side.fp16:
        hardware.precision = lambda machine: hardware.Precision("float16", "as on a Tesla T4")
    recipe = recipe_of(side, folder / side.model)
    training = recipe.training
    machine = hardware.measure()
    loaded = models.load(recipe, backend=side.backend or None)
    import random_models

    from amazon_ft.training.rows import Rows, packed
    from amazon_ft.training.trainer import Places, train

    number = side.steps * training.effective_batch_size * (12 if training.packing else 1)
    texts = random_models.texts(number, every_long=side.long)
    ids = [loaded.tokenizer(text + loaded.tokenizer.eos_token).input_ids[: training.max_length] for text in texts]
    rows = Rows(
        ids, [[-100, *row[1:]] for row in ids], [[len(row)] for row in ids], [[str(n)] for n in range(len(ids))]
    )
    if training.packing:
        rows = packed(rows, training)
    four_bit = loaded.four_bit
    plan = planning.plan(models.shape(loaded), recipe.lora, training, rows.lengths, machine, loaded.backend, four_bit)
    print("\n".join(planning.reasons(plan)))
    loaded = models.add_adapter(models.unpack(loaded) if plan.unpacked else loaded, recipe.lora, training.seed)
    run = folder / f"run-{os.getpid()}"
    run.mkdir(parents=True)
    places = Places(run / "log.jsonl", run / "work", run / "checkpoints", run / "failed.json")
    with slice_of(side.sms):
        _reset_peak()
        trained = train(
            loaded,
            training,
            plan,
            rows,
            rows.first(1),
            places,
            {"rows": digest(Path(__file__))},
            started=STARTED,
            checkpoint_minutes=60,
            watchers=[timer.callback()],
        )
    trainable = {str(weight.dtype) for weight in loaded.model.parameters() if weight.requires_grad}
    return rows.lengths, {
        "rows_a_step": training.effective_batch_size,
        "batch": f"{plan.per_device_train_batch_size}x{plan.gradient_accumulation_steps}",
        "unpacked": plan.unpacked,
        "recomputed": round(plan.recomputed, 2),
        "predicted_gib": round(trained.plan.peak / GIB, 2) if _gpu() else None,
        "trained_dtypes": sorted(trainable),
    }


class slice_of:
    """Run the block on so many multiprocessors of the GPU; 0 is all of them."""

    def __init__(self, sms: int) -> None:
        self.sms = sms

    def __enter__(self) -> None:
        if self.sms:
            import torch

            torch.cuda.synchronize()
            self.context = torch.cuda.green_contexts.GreenContext.create(self.sms, 0)
            torch.cuda.set_stream(self.context.Stream())

    def __exit__(self, *error: object) -> None:
        if self.sms:
            import torch

            torch.cuda.synchronize()


def _reset_peak() -> None:
    if _gpu():
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()


def _gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def start(side: Side, folder: Path) -> subprocess.Popen[str]:
    """Start the process of one side: it imports what it needs, then waits for its turn."""
    command = [sys.executable, __file__, "--side", json.dumps(asdict(side)), "--folder", str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, cwd=Path(__file__).parent, **pipes)  # type: ignore[call-overload]


def run(sides: list[Side], folder: Path) -> list[dict[str, Any]]:
    """Measure sides one after the other, each in a process of its own; what went wrong there is a result too."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    results = []
    process = start(sides[0], folder)
    for place, side in enumerate(sides):
        current, process = process, start(sides[place + 1], folder) if place + 1 < len(sides) else process
        said, erred = current.communicate("go\n")
        name = "-".join(str(value) for value in asdict(side).values() if value)
        (logs / f"{place:02}-{name}.txt").write_text(said + erred)
        if current.returncode:
            results.append({**asdict(side), "failed": erred.strip().splitlines()[-1][:300]})
        else:
            results.append(dict(json.loads(said.strip().splitlines()[-1])))
        told = {key: value for key, value in results[-1].items() if key not in ("losses", "steps", "warm")}
        print(json.dumps(told), file=sys.stderr, flush=True)
    return results


def compared(stocks: list[dict[str, Any]], ours: list[dict[str, Any]]) -> dict[str, Any]:
    """Compare what was measured of stock and ours, each run as often as the other, in turns."""
    first = {key: ours[0][key] for key in ("model", "sms", "cap_gib")}
    if failed := [result for result in (*stocks, *ours) if "failed" in result]:
        return {**first, "failed": failed}
    sides = {"stock": stocks, "ours": ours}

    def median(key: str) -> dict[str, float]:
        return {name: round(statistics.median(r[key] or 0 for r in results), 2) for name, results in sides.items()}

    speed, until = median("tokens_per_second"), median("seconds_to_first_step")
    return {
        **first,
        "tokens_per_second": speed,
        "ratio": round(speed["ours"] / speed["stock"], 2),
        "seconds_to_first_step": {**until, "ratio": round(until["ours"] / until["stock"], 2)},
        "reserved_gib": median("reserved_gib"),
        "predicted_gib": ours[0]["predicted_gib"],
        "plan": {key: ours[0][key] for key in ("batch", "unpacked", "recomputed")},
        "largest_loss_difference": _apart(stocks[0], ours[0]),
        "stock_against_itself": _apart(stocks[0], stocks[-1]) if len(stocks) > 1 else None,
        "losses": {name: results[0]["losses"] for name, results in sides.items()},
    }


def _apart(one: dict[str, Any], other: dict[str, Any]) -> float:
    return round(max(abs(a - b) for a, b in zip(one["losses"], other["losses"], strict=True)), 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--models", nargs="+", choices=RECIPES, default=["llama-1b", "llama-8b", "tinyllama", "phi-3"])
    parser.add_argument("--sms", nargs="+", type=int, default=[0, 8])
    parser.add_argument("--turns", type=int, default=2, help="of each side; the median counts")
    parser.add_argument("--steps", type=int, default=20, help="five of them are not timed")
    parser.add_argument("--cap", type=float, default=0, help="GiB of GPU memory for each side (T4: 14, L4: 21.5)")
    parser.add_argument("--no-packing", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "amazon-ft-benchmark")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(measure(Side(**json.loads(asked.side)), asked.folder)))
        return
    sys.path.insert(0, str(Path(__file__).parent))
    import random_models

    quick = asked.quick or not _gpu()
    models = ["nano"] if quick else asked.models
    for model in models:
        random_models.save(model, asked.folder, "float32" if model == "nano" else "bfloat16")
    sizes = {"steps": 8, "warm": 2} if quick else {"steps": asked.steps, "cap_gib": asked.cap}
    cases = [(model, sms) for model in models for sms in ([0] if quick else asked.sms)]
    turns = ["stock", "ours"] * (1 if quick else asked.turns)
    sides = [Side(name, model, sms=sms, **sizes) for model, sms in cases for name in turns]
    packs = [] if quick or asked.no_packing else [Side("packing", model, steps=12, warm=4) for model in models]
    results = run(sides + packs, asked.folder)
    pairs = [
        compared(some[::2], some[1::2])
        for some in (results[place : place + len(turns)] for place in range(0, len(sides), len(turns)))
    ]
    shown = ("model", "tokens_per_second", "reserved_gib", "predicted_gib", "failed")
    result = {
        "benchmark": "training",
        "size": "quick" if quick else "full",
        "device": _device(),
        "versions": _versions(),
        "pairs": pairs,
        "packing": [{key: one[key] for key in shown if key in one} for one in results[len(sides) :]],
        "ratio": pairs[0].get("ratio"),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }
    print(json.dumps(result))


def _versions() -> dict[str, str]:
    names = ("torch", "unsloth", "transformers", "trl", "peft", "bitsandbytes")
    return {name: metadata.version(name) for name in names if find_spec(name)}


def _device() -> str:
    import torch

    return str(torch.cuda.get_device_name()) if _gpu() else f"CPU, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
