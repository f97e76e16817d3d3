from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from amazon_ft.files import InputError
from amazon_ft.runs import Run, claim, manifest, once
from amazon_ft.runs import record as runs


def _step(run: Run, source: Path, settings: dict[str, Any] | None = None, text: str = "made") -> bool:
    return once(
        run,
        "clean",
        inputs=[source],
        settings=settings or {},
        outputs=[run.products],
        work=lambda: run.products.write_text(text),
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "trn.json"
    path.write_text("rows")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = tmp_path / "run"
    folder.mkdir()
    return Run(folder)


def test_a_step_done_twice_does_nothing_twice(run: Run, source: Path) -> None:
    assert _step(run, source) is True
    before = run.manifest.read_bytes()
    assert _step(run, source, text="made again") is False
    assert run.products.read_text() == "made"
    assert run.manifest.read_bytes() == before


def test_the_manifest_says_where_a_file_came_from(run: Run, source: Path) -> None:
    _step(run, source, {"shortest": 30})
    done = manifest(run)["steps"]["clean"]
    assert set(done) == {"inputs", "settings", "outputs", "seconds", "versions", "commit"}
    assert len(done["inputs"]["trn.json"]) == len(done["outputs"]["products.parquet"]) == 64
    assert done["settings"] == {"shortest": 30}
    assert "python" in done["versions"]


def test_the_commit_is_this_packages_and_nobody_elses(
    tmp_path: Path, run: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    monkeypatch.setattr(runs, "__file__", str(tmp_path / ".venv" / "amazon_ft" / "runs" / "record.py"))
    (tmp_path / ".venv" / "amazon_ft").mkdir(parents=True)
    _step(run, source)
    assert manifest(run)["steps"]["clean"]["commit"] is None
    monkeypatch.setattr(runs, "__file__", str(tmp_path / "amazon_ft" / "runs" / "record.py"))
    (tmp_path / "amazon_ft").mkdir()
    run.products.unlink()
    _step(run, source)
    assert len(manifest(run)["steps"]["clean"]["commit"]) == 40


def test_a_missing_input_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.json is missing"):
        _step(run, tmp_path / "nowhere.json")


@pytest.mark.parametrize("change", ["input", "settings"])
def test_another_input_or_setting_is_refused_with_the_difference(run: Run, source: Path, change: str) -> None:
    _step(run, source, {"shortest": 30})
    if change == "input":
        source.write_text("other rows")
    settings = {"shortest": 30 if change == "input" else 40}
    expected = r"trn\.json was" if change == "input" else "shortest was 30, now 40"
    with pytest.raises(InputError, match=expected):
        _step(run, source, settings)
    assert run.products.read_text() == "made"


def test_an_output_changed_by_hand_is_never_overwritten(run: Run, source: Path) -> None:
    _step(run, source)
    run.products.write_text("mine")
    with pytest.raises(InputError, match="has changed since step 'clean' wrote it"):
        _step(run, source)
    assert run.products.read_text() == "mine"


def test_the_next_step_refuses_an_input_that_its_step_did_not_write(run: Run, source: Path) -> None:
    _step(run, source)
    run.products.write_text("mine")
    with pytest.raises(InputError, match="is not the file that step 'clean' wrote"):
        once(run, "format", inputs=[run.products], settings={}, outputs=[], work=lambda: None)


def test_a_lost_output_is_made_again(run: Run, source: Path) -> None:
    _step(run, source)
    run.products.unlink()
    assert _step(run, source, text="made again") is True
    assert run.products.read_text() == "made again"


def test_a_step_that_fails_is_not_recorded(run: Run, source: Path) -> None:
    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        once(run, "clean", inputs=[source], settings={}, outputs=[run.products], work=fail)
    assert "clean" not in manifest(run)["steps"]
    assert _step(run, source) is True


def test_a_run_folder_belongs_to_one_recipe(run: Run) -> None:
    claim(run, {"name": "demo", "lora": {"r": 16}})
    claim(run, {"name": "demo", "lora": {"r": 16}})
    with pytest.raises(InputError, match=r"belongs to another recipe \(lora\.r was 16, now 8\)"):
        claim(run, {"name": "demo", "lora": {"r": 8}})


def test_a_damaged_manifest_is_named(run: Run) -> None:
    run.manifest.write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json is not JSON"):
        manifest(run)
    assert json.loads('{"recipe": null, "steps": {}}') == manifest(Run(run.folder / "new"))


def test_a_file_of_the_same_name_in_another_folder_is_another_file(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for path, step in ((run.adapter, "train"), (run.publication("adapter"), "dress")):
        path.parent.mkdir(exist_ok=True)
        path.write_text(step)
        runs.record_step(run, step, {}, [path])
    runs.hashed(run, [run.adapter, run.publication("adapter")])
    run.publication("adapter").write_text("changed")
    runs.hashed(run, [run.adapter])
    with pytest.raises(InputError, match="not the file that step 'dress' wrote"):
        runs.hashed(run, [run.publication("adapter")])
