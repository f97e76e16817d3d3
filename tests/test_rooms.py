"""Hold the floor plan as data: who may import whom, which door a heavy guest uses, what the README draws."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from amazon_ft.recipes import RECIPES, HostedTraining

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "amazon_ft"

# From the ground floor up: a room imports only rooms above it in this list.
FLOORS = (
    "files",
    "markdown",
    "products",
    "sample.words",
    "sample.dirt",
    "sample.catalogue",
    "sources.chunks",
    "sources.packed",
    "sources.tables",
    "sources.downloads",
    "sources.reading",
    "cleaning.rules",
    "cleaning.policies",
    "cleaning.counting",
    "cleaning.batches",
    "cleaning.pipeline",
    "cleaning.duplicates",
    "cleaning.twins",
    "cleaning.whole",
    "cleaning.report",
    "families",
    "prompts.records",
    "prompts.tokens",
    "recipes.values",
    "recipes.reasoning",
    "recipes.published",
    "recipes.plain",
    "runs.layout",
    "runs.record",
    "retrieval.facets",
    "retrieval.passages",
    "retrieval.quoting",
    "retrieval.grounding",
    "retrieval.phrases",
    "retrieval.index",
    "retrieval.fitting",
    "retrieval.wording",
    "retrieval.matching",
    "retrieval.answers",
    "hardware.machine",
    "hardware.driver",
    "hardware.installed",
    "hardware.doctor",
    "hardware.memory",
    "hardware.planning",
    "hardware.estimates",
    "evaluation.facts",
    "evaluation.wordings",
    "evaluation.claims",
    "evaluation.overlap",
    "evaluation.nearest",
    "evaluation.measures",
    "evaluation.scoring",
    "evaluation.intervals",
    "evaluation.checks",
    "evaluation.similarity",
    "evaluation.failures",
    "remote.addresses",
    "remote.errors",
    "remote.keys",
    "remote.transport",
    "remote.snapshots",
    "reasoning.authors",
    "reasoning.dialects",
    "reasoning.mishaps",
    "reasoning.wire",
    "reasoning.replies",
    "reasoning.servers",
    "reasoning.rules",
    "reasoning.ledger",
    "reasoning.pace",
    "reasoning.queueing",
    "reasoning.running",
    "reasoning.asking",
    "reasoning.leading",
    "reasoning.faults",
    "reasoning.gate",
    "reasoning.reviews",
    "reasoning.card",
    "merging.weights",
    "publishing.forms",
    "publishing.refusals",
    "publishing.hub",
    "serving.templates",
    "serving.kinds",
    "serving.dressing",
    "serving.modelfile",
    "comparison.names",
    "comparison.metrics",
    "comparison.marking",
    "comparison.verdict",
    "comparison.boards",
    "comparison.embedded",
    "comparison.exports",
    "comparison.page",
    "plots.drawing",
    "plots.estimates",
    "plots.training",
    "plots.catalogue",
    "plots.retrieving",
    "plots.comparing",
    "plots.memorising",
    "plots.spreading",
    "display",
    "panel.votes",
    "panel.language",
    "panel.labels",
    "panel.pieces",
    "panel.cards",
    "panel.ballots",
    "panel.choosing",
    "panel.drafts",
    "panel.plain",
    "sample.shop_talk",
    "sample.tiny_model",
    "adapters",
    "models",
    "merging.bases",
    "merging.sums",
    "merging.planning",
    "merging.writing",
    "serving.fetching",
    "serving.convert_to_gguf",
    "serving.quantize_gguf",
    "serving.ask_gguf",
    "serving.llama_cpp",
    "serving.ollama",
    "serving.parity",
    "serving.readers",
    "training.rows",
    "training.checkpoints",
    "training.log",
    "training.picture",
    "training.wandb_log",
    "training.steering",
    "training.trainer",
    "generation.store",
    "generation.batches",
    "generation.answering",
    "generation.losses",
    "generation.speaking",
    "publishing.adapter_configs",
    "publishing.vetting",
    "publishing.facts",
    "publishing.pictures",
    "publishing.card",
    "publishing.rows",
    "openai_jobs.findings",
    "openai_jobs.chats",
    "openai_jobs.leaks",
    "openai_jobs.tokens",
    "openai_jobs.checks",
    "openai_jobs.estimates",
    "openai_jobs.export",
    "openai_jobs.calendar",
    "openai_jobs.curves",
    "openai_jobs.lineage",
    "openai_jobs.orders",
    "openai_jobs.wire",
    "openai_jobs.uploads",
    "openai_jobs.jobs",
    "openai_jobs.following",
    "openai_jobs.speaking",
    "steps.sampling",
    "steps.reasoning",
    "steps.preparing",
    "steps.training",
    "steps.questions",
    "steps.recording",
    "steps.rehearsal",
    "steps.hosting",
    "steps.tuned",
    "steps.forms",
    "steps.asking",
    "steps.proving",
    "steps.baselines",
    "steps.reporting",
    "steps.comparing",
    "steps.publishing",
    "panel.state",
    "panel.controls",
    "panel.looking",
    "panel.hearing",
    "panel.asking",
    "panel.voting",
    "panel.reviewing",
    "panel.widgets",
    "conversation",
    "cli.verbs",
    "cli.road",
    "cli.reasoning",
    "cli.hosting",
    "cli.publishing",
    "cli.main",
)
PLOTS = ("drawing", "training", "catalogue", "retrieving", "comparing", "memorising", "spreading")
DOORS = {
    "llama_cpp": {"serving.ask_gguf", "serving.quantize_gguf"},
    "gguf": {"serving.kinds"},
    "unsloth": {"models", "adapters"},
    "peft": {"adapters"},
    "trl": {"training.trainer", "training.rows"},
    "datasets": {"training.rows", "sources.tables"},
    "transformers": {
        *("models", "adapters", "generation.answering", "sample.tiny_model", "training.trainer"),
        "evaluation.similarity",
        *("training.log", "training.picture", "training.wandb_log", "training.steering"),
        *("serving.readers", "serving.dressing"),
    },
    "safetensors": {"training.checkpoints", "merging.writing"},
    "wandb": {"training.wandb_log"},
    "tokenizers": {"sample.tiny_model"},
    "torch": {
        "hardware.machine",
        "adapters",
        "models",
        "generation.answering",
        "generation.losses",
        "evaluation.similarity",
        "sample.tiny_model",
        "training.trainer",
        "training.log",
        "training.steering",
        "merging.writing",
        "serving.readers",
    },
    "pyarrow": {
        "products",
        "sources.tables",
        "cleaning.batches",
        "cleaning.pipeline",
        "cleaning.duplicates",
        "cleaning.twins",
        "comparison.exports",
        "retrieval.index",
    },
    "numpy": {
        *("cleaning.batches", "cleaning.pipeline", "cleaning.duplicates", "cleaning.twins"),
        *("evaluation.intervals", "evaluation.nearest"),
    },
    "xxhash": {"sources.chunks", "cleaning.batches"},
    "msgspec": {"products", "sources.chunks", "sample.dirt", "sample.catalogue"},
    "isal": {"sources.packed"},
    "tantivy": {"retrieval.index"},
    "rapidfuzz": {"retrieval.fitting", "evaluation.overlap"},
    "gdown": {"sources.downloads"},
    "sacrebleu": {"evaluation.measures"},
    "matplotlib": {f"plots.{room}" for room in PLOTS},
    "jinja2": {"comparison.page", "cleaning.report", "markdown", "serving.templates"},
    "markupsafe": {
        *("comparison.marking", "comparison.page", "cleaning.report"),
        *(f"panel.{room}" for room in ("pieces", "cards", "ballots", "drafts", "plain", "voting", "widgets")),
    },
    "ipywidgets": {"panel.controls"},
    "openai": {"reasoning.wire", "reasoning.servers", "openai_jobs.wire"},
    "pydantic": {"reasoning.replies"},
    "py3langid": {"reasoning.faults"},
    "huggingface_hub": {"remote.snapshots", "merging.bases", "publishing.hub", "publishing.refusals"},
    "httpx": {"remote.snapshots", "publishing.refusals"},
}
PURE = (
    "files",
    "markdown",
    "publishing.forms",
    "publishing.adapter_configs",
    "publishing.card",
    "products",
    "sources.reading",
    "cleaning.rules",
    "cleaning.policies",
    "cleaning.counting",
    "cleaning.whole",
    "cleaning.report",
    "prompts",
    "recipes",
    "families",
    "runs",
    "retrieval.answers",
    "hardware.doctor",
    "hardware.estimates",
    "merging.planning",
    "serving.llama_cpp",
    "serving.ollama",
    "serving.parity",
    "remote.keys",
    "remote.errors",
    "remote.transport",
    "training.checkpoints",
    "evaluation",
    "comparison",
    "display",
    "panel.votes",
    "panel.cards",
    "generation.store",
    "generation.batches",
    "cli",
)
HEAVY = (
    *("torch", "transformers", "datasets", "trl", "peft", "unsloth", "openai"),
    *("numpy", "pandas", "matplotlib", "pyarrow", "gdown", "tantivy", "rapidfuzz"),
)
PUBLISHED_LINES = 250


def _room(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


ROOMS = {_room(path): path for path in sorted(PACKAGE.rglob("*.py")) if path.stem not in {"__init__", "__main__"}}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_every_room_is_on_the_plan() -> None:
    assert set(ROOMS) == set(FLOORS)


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    below = set(FLOORS[: FLOORS.index(room)])
    own = {name.removeprefix("amazon_ft.") for name in _imports(ROOMS[room]) if name.startswith("amazon_ft.")}
    assert {name for name in own if name in FLOORS} <= below


@pytest.mark.parametrize("guest", DOORS)
def test_a_heavy_guest_uses_its_own_door(guest: str) -> None:
    users = {room for room, path in ROOMS.items() if guest in {name.split(".")[0] for name in _imports(path)}}
    assert users <= DOORS[guest]


def test_pure_rooms_import_without_a_heavy_guest() -> None:
    code = (
        f"import sys, json; [__import__('amazon_ft.' + room) for room in {PURE}];"
        f"print(json.dumps([guest for guest in {HEAVY} if guest in sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == []


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_has_one_subject(room: str) -> None:
    assert len(ROOMS[room].read_text(encoding="utf-8").splitlines()) <= PUBLISHED_LINES


def test_functions_fit_in_the_eye() -> None:
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for path in ROOMS.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    )
    assert lengths[len(lengths) // 2] < 10
    assert lengths[-1] <= 45


def _readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_draws_this_tree() -> None:
    drawn = re.search(r"```text\n(amazon-ft/\n.*?)```", _readme(), re.DOTALL)
    assert drawn
    names = {line.split("#")[0].strip().rstrip("/") for line in drawn[1].splitlines()[1:]}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in tracked.splitlines() if not line.startswith(".") or line.startswith(".ci")}
    rooms = {room.split(".")[0] if "." in room else f"{room}.py" for room in FLOORS}
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.py")}
    assert names == top | rooms | notebooks


def test_the_readme_lists_these_recipes() -> None:
    rows = dict(re.findall(r"^\| `([\w.-]+)` \| (.+) \|$", _readme(), re.MULTILINE))
    assert set(rows) == set(RECIPES)
    for name, recipe in RECIPES.items():
        assert f"`{recipe.base_model}`" in rows[name]
        training = recipe.training
        batch = training.batch_size if isinstance(training, HostedTraining) else training.effective_batch_size
        rate = (
            f"learning_rate_multiplier {training.learning_rate_multiplier}"
            if isinstance(training, HostedTraining)
            else f"lr {training.learning_rate:g}"
        )
        assert f"batch {batch}" in rows[name]
        assert rate in rows[name]
        assert f"{recipe.rows:,} rows" in rows[name]


def test_the_readme_tells_what_the_benchmark_measured() -> None:
    sides = json.loads((ROOT / "benchmarks" / "results" / "cleaning.json").read_text(encoding="utf-8"))["sides"]
    told = set(re.findall(r"\| (\d+) \((\d+) by the clock\) \| ([\d,]+) MB \|", _readme()))
    measured = {
        (f"{side['cpu_seconds']:.0f}", f"{side['wall_seconds']:.0f}", f"{side['peak_rss_mb']:,}")
        for side in sides.values()
    }
    assert told
    assert told <= measured


def test_the_readme_tells_how_fast_training_was_measured() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "training.json").read_text(encoding="utf-8"))
    told = re.findall(
        r"^\| [^|]+ \| ([\d,]+) \| ([\d,]+) \| \*\*([\d.]+)\*\* \| (?:\*\*([\d.]+)\*\*)? ?\| ([\d.]+) GiB \|$",
        _readme(),
        re.MULTILINE,
    )
    whole = {(pair["model"], pair["cap_gib"]): pair for pair in result["pairs"] if pair["sms"] == 0}
    slices = {(pair["model"], pair["cap_gib"]): pair for pair in result["pairs"] if pair["sms"] == 8}
    assert told == [
        (
            *(f"{pair['tokens_per_second'][side]:,.0f}" for side in ("stock", "ours")),
            f"{pair['ratio']:.1f}",
            f"{slices[case]['ratio']:.1f}" if case in slices else "",
            f"{pair['reserved_gib']['ours']:.1f}",
        )
        for case, pair in whole.items()
    ]
    assert f"{result['packing'][0]['tokens_per_second']:,.0f} on the 1B model" in _readme()


def test_the_readme_tells_how_well_products_are_found() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "retrieval.json").read_text(encoding="utf-8"))
    table = {(row["kind"], row["language"]): row for row in result["ours"]["table"]}
    told = re.findall(
        r"^\| [^|]*titles[^|]* \| ([\d.]+)% \| ([\d.]+)% \| ([\d.]+)% \| ([\d.]+)% \|$", _readme(), re.MULTILINE
    )
    assert told == [
        tuple(
            f"{100 * share:.1f}"
            for share in (
                *(table[kind, language]["top1"] for language in ("en", "pt")),
                *(table[kind, "en"][name] for name in ("engine_top1", "turned_away")),
            )
        )
        for kind in ("long", "hard", "real")
    ]
