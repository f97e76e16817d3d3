"""Measure how long base and tuned take to answer: batched from one set of weights, and one question after another.

    python benchmarks/answering.py [--quick]

A Llama-3.2-1B of random weights in 4 bits answers 256 questions with 128 new tokens each, as base and as tuned model,
the way `amazon-ft compare` asks them, through Transformers and through Unsloth, a process each. Beside it, in the same
process: the tuned model alone (for the memory of one model), a few of the questions one by one, extrapolated, the same
questions again, asked and from the store, and how far the logits with the adapter off are from those of a model that
never had one. The last line is JSON. A full run needs a CUDA GPU and writes benchmarks/results/answering.json; --quick
does it with a tiny shape and few questions, also on a CPU, and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

RESULT = Path(__file__).with_name("results") / "answering.json"
FULL = {"shape": "llama-1b", "questions": 256, "new_tokens": 128, "alone": 8}
QUICK = {"shape": "nano", "questions": 8, "new_tokens": 16, "alone": 2}
WANTED = {"seconds_together": 12.0, "memory_of_one": 1.05}
TOLERANCE = 1e-3  # of the largest logit: kernels may add in another order


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--backend", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    size = QUICK if asked.quick else FULL
    if asked.backend:
        print(json.dumps(measured(asked.backend, asked.folder, size)))
        return
    import torch

    if not asked.quick and not torch.cuda.is_available():
        parser.error("a full run needs a CUDA GPU; --quick does not")
    backends = ["transformers", "unsloth"] if torch.cuda.is_available() and not asked.quick else ["transformers"]
    with tempfile.TemporaryDirectory() as folder:
        sides = {backend: _process(backend, folder, asked.quick) for backend in backends}
    chosen = sides["transformers"]  # what `amazon-ft compare` takes
    result = {
        "benchmark": "answering",
        "size": "quick" if asked.quick else "full",
        "machine": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        **size,
        "ours_seconds": chosen["together_seconds"],
        "one_by_one_seconds": chosen["one_by_one_seconds"],
        "ratio": round(chosen["one_by_one_seconds"] / chosen["together_seconds"], 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "sides": sides,
        "wanted": WANTED,
    }
    if not asked.quick:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


def _process(backend: str, folder: str, quick: bool) -> dict[str, Any]:
    command = [sys.executable, __file__, "--backend", backend, "--folder", folder, *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measured(backend: str, folder: Path, size: dict[str, Any]) -> dict[str, Any]:
    """Measure one backend in this process."""
    if backend == "unsloth":
        import unsloth  # noqa: F401
    import torch

    sys.path.insert(0, str(Path(__file__).parent))
    import random_models

    from amazon_ft import generation, models, prompts
    from amazon_ft.recipes import Generation, named

    published = named("llama-3.2-1b-question")
    on_gpu = torch.cuda.is_available()
    recipe = replace(
        published,
        base_model=str(random_models.save(size["shape"], folder, "bfloat16" if on_gpu else "float32")),
        generation=Generation(max_new_tokens=size["new_tokens"]),
        load_in_4bit=on_gpu,
    )
    examples = [prompts.free_question(title, recipe.asked) for title in _titles(random_models, size["questions"])]
    never = _logits(models.load(recipe, backend=backend), recipe, examples[0])
    loaded = models.load(recipe, adapter=_adapter(recipe, backend, folder), backend=backend)
    off, on = (_logits(loaded, recipe, examples[0], off=off) for off in (True, False))
    both = dict.fromkeys(("base", "tuned"), examples)
    store = generation.Store(folder / f"{backend}.jsonl")
    together, peak, answers = _timed(lambda: generation.answers(loaded, recipe, both, generation.Manner(store=store)))
    warm, _, _ = _timed(lambda: generation.answers(loaded, recipe, both))
    alone, alone_peak, _ = _timed(lambda: generation.answers(loaded, recipe, {"tuned": examples}))
    again, _, same = _timed(lambda: generation.answers(loaded, recipe, both, generation.Manner(store=store)))
    one_by_one, _, _ = _timed(
        lambda: [
            generation.answers(loaded, recipe, {system: [example]})
            for system in both
            for example in examples[: size["alone"]]
        ]
    )
    assert same == answers
    return {
        "together_seconds": round(together, 2),
        "together_warm_seconds": round(warm, 2),
        "tuned_alone_seconds": round(alone, 2),
        "one_by_one_seconds": round(one_by_one * size["questions"] / size["alone"], 1),
        "again_seconds": round(again, 3),
        "tokens": sum(answer.tokens for own in answers.values() for answer in own),
        "peak_gib": peak,
        "peak_gib_of_one_model": alone_peak,
        "memory_of_one": round(peak / alone_peak, 3) if alone_peak else None,
        "adapter_off_logits_differ_by": round((off - never).abs().max().item(), 6),
        "adapter_on_logits_differ_by": round((on - never).abs().max().item(), 3),
        "largest_logit": round(never.abs().max().item(), 2),
        "adapter_off_within_tolerance": bool((off - never).abs().max() <= TOLERANCE * never.abs().max()),
    }


def _titles(random_models: Any, number: int) -> list[str]:
    return [text.removeprefix(random_models.HEAD).split("\n")[0] for text in random_models.texts(number)]


def _adapter(recipe: Any, backend: str, folder: Path) -> Path:
    """Save an adapter that changes the answers."""
    import torch

    from amazon_ft import models

    loaded = models.add_adapter(models.load(recipe, backend=backend), recipe.lora, 3407)
    for name, weight in loaded.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=1e-2)
    models.save(loaded, folder / f"adapter-{backend}")
    return folder / f"adapter-{backend}"


def _logits(loaded: Any, recipe: Any, example: Any, *, off: bool = False) -> Any:
    from contextlib import nullcontext

    import torch

    from amazon_ft import models, prompts

    models.answering(loaded)
    ids = torch.tensor([prompts.prompt_ids(example, recipe.template, loaded.tokenizer)], device=loaded.model.device)
    with models.adapter_off(loaded) if off else nullcontext(), torch.inference_mode():
        return loaded.model(input_ids=ids, use_cache=False).logits.float().cpu()


def _timed(work: Any) -> tuple[float, float, Any]:
    import torch

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    done = work()
    if on_gpu:
        torch.cuda.synchronize()
    peak = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else 0.0
    return time.perf_counter() - started, round(peak, 3), done


if __name__ == "__main__":
    main()
