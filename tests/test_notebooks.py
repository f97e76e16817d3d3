"""Hold the course: twins, thin cells, and every notebook run as a student runs it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient
from twins import NOTEBOOKS, twin

from amazon_ft.models import locate
from amazon_ft.recipes import RECIPES, TINY_LLAMA
from amazon_ft.runs import Run

ROOT = Path(__file__).parents[1]
SOURCES = sorted(NOTEBOOKS.glob("*.py"))
NAMES = [source.stem for source in SOURCES]
COURSE = "https://colab.research.google.com/github/amazon-ft/amazon-ft/blob/main/notebooks"
BLOCKS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try)
SLOWEST_CELL = 240  # seconds

Notebooks = list[tuple[str, bytes, bytes]]  # for each: what it printed, and after it the manifest and the page


def cells(source: Path, kind: str) -> list[str]:
    return [cell.source for cell in jupytext.read(source, fmt="py:percent").cells if cell.cell_type == kind]


def walk(names: list[str], folder: Path) -> Notebooks:
    """Run notebooks, each in a fresh kernel; give what each printed, and after it the manifest and the page."""
    made = Run(folder / "runs" / "demo")
    return [
        (run(name, folder), made.manifest.read_bytes(), made.page.read_bytes() if made.page.exists() else b"")
        for name in names
    ]


def run(name: str, folder: Path) -> str:
    notebook = nbformat.reads(twin(NOTEBOOKS / f"{name}.py"), as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    patience = {"startup_timeout": SLOWEST_CELL, "timeout": SLOWEST_CELL}
    NotebookClient(notebook, **patience, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


def test_the_course_is_complete() -> None:
    assert NAMES[:4] == ["01_clean", "02_format_alpaca", "03_train_t4", "04_compare"]
    assert NAMES[4:6] == ["05_reasoning", "06_openai"]
    assert [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))] == NAMES


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_the_twin_is_what_the_source_makes(source: Path) -> None:
    committed = source.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert committed == twin(source), "run `make notebooks`"


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_the_twin_has_no_outputs(source: Path) -> None:
    notebook = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_cells_are_thin(source: Path) -> None:
    for cell in cells(source, "code"):
        assert len(cell.splitlines()) <= 10, cell
        assert not [node for node in ast.walk(ast.parse(cell)) if isinstance(node, BLOCKS)], cell
        assert all(len(line) <= 100 or "@param" in line for line in cell.splitlines()), cell


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_a_notebook_opens_and_closes_as_its_siblings_do(source: Path) -> None:
    words, code = cells(source, "markdown"), cells(source, "code")
    assert words[0].startswith(f"# {int(source.stem[:2])}. ")
    assert f"({COURSE}/{source.stem}.ipynb)" in words[0]
    assert re.findall(r"\*\*(You .*?)\*\*", words[0]) == ["You will", "You will learn", "You need"]
    assert re.fullmatch(r"\*Em português: .*\.\*", words[0].splitlines()[-1])
    assert code[0] == cells(SOURCES[0], "code")[0]
    assert re.fullmatch(r'RUN = "runs/demo(-\w+)?"  # @param \{type:"string"\}', code[1].splitlines()[0])
    assert words[-2].startswith("## Check")
    assert "assert " in code[-1]
    link = re.search(r"^\*\*Next:\*\* .*\((\w+\.ipynb)\)", words[-1])
    assert link and (NOTEBOOKS / link[1]).exists()


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_recipes_to_choose_from_exist(source: Path) -> None:
    choices = re.findall(r"^RECIPE = .*# @param (\[.*\])$", source.read_text(encoding="utf-8"), re.MULTILINE)
    assert all(set(json.loads(names)) <= set(RECIPES) for names in choices)


def test_the_first_cell_touches_nothing_outside_colab(tmp_path: Path) -> None:
    alarm = (
        "import sys; sys.addaudithook(lambda event, _: event in ('os.system', 'subprocess.Popen') and sys.exit(event))"
    )
    ran = f"{alarm}\n{cells(SOURCES[0], 'code')[0]}"
    outside = subprocess.run([sys.executable, "-c", ran], cwd=tmp_path, capture_output=True, text=True, env={})
    assert (outside.returncode, outside.stdout, outside.stderr) == (0, "", "")
    colab = {"COLAB_RELEASE_TAG": "release"}
    inside = subprocess.run([sys.executable, "-c", ran], cwd=tmp_path, capture_output=True, text=True, env=colab)
    assert inside.stderr.strip() == "os.system"


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Future[Notebooks], Future[Notebooks]]]:
    """Run the fourth notebook alone and, beside it, the course: a kernel keeps one core busy."""
    locate(TINY_LLAMA)  # built once, not by two kernels at the same time
    alone, course = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("course")
    with ThreadPoolExecutor(2) as pool:
        yield pool.submit(walk, NAMES[3:4], alone), pool.submit(walk, [*NAMES, *NAMES], course)


def test_the_fourth_notebook_runs_alone(walks: tuple[Future[Notebooks], Future[Notebooks]]) -> None:
    [(text, _, _)] = walks[0].result()
    assert "compare: scores in runs/demo/scores.json" in text
    assert "already done" not in text


def test_the_course_runs_in_order_and_again_after_a_restart(walks: tuple[Future[Notebooks], Future[Notebooks]]) -> None:
    done = walks[1].result()
    first, again = done[: len(NAMES)], done[len(NAMES) :]
    assert "already done" not in first[0][0]
    assert all("already done" in text for text, _, _ in again)
    assert {manifest for _, manifest, _ in again} == {first[-1][1]}


def test_the_notebooks_write_the_page_that_the_command_writes(
    walks: tuple[Future[Notebooks], Future[Notebooks]], walked: Run
) -> None:
    pages = {walk.result()[-1][2] for walk in walks} | {walked.page.read_bytes()}
    assert len({re.sub(rb'"speed": ?[\d.]+', b"", page) for page in pages}) == 1
