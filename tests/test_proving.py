"""Hold that nothing counts as proven but what was read, as it is, against the adapter as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from amazon_ft.files import InputError, write_json
from amazon_ft.runs import Run, hashed, record_step
from amazon_ft.serving.parity import Parity, Reading
from amazon_ft.steps import proving

FILES = ("model-F16.gguf", "model-Q8_0.gguf")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give a run whose two GGUF files were read as the trained model."""
    run = Run(tmp_path / "run")
    files = [run.publication("gguf") / name for name in FILES]
    for path in (run.adapter / "adapter_model.safetensors", *files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    _checked(run, FILES)
    return run


def _checked(run: Run, read: tuple[str, ...]) -> None:
    readings = [Reading(f"Transformers, {name}", "gguf", "same", 2, 2, 1.0, file=name) for name in read]
    write_json(run.parity, Parity(tuple(readings), {}).as_dict())
    trained = {proving.TRAINED: hashed(run, [run.adapter])["adapter"]}
    files = hashed(run, [run.publication("gguf") / name for name in FILES])
    record_step(run, proving.CHECK, {"inputs": files, "settings": trained}, [run.parity])


def test_every_file_that_was_read_is_proven(run: Run) -> None:
    proving.check_proven(run, "gguf")


def test_a_file_that_nobody_could_read_is_not_proven_by_another(run: Run) -> None:
    _checked(run, FILES[:1])
    with pytest.raises(InputError, match=r"nothing has shown that model-Q8_0\.gguf reads as the trained model"):
        proving.check_proven(run, "gguf")


def test_what_was_checked_against_another_adapter_is_not_proven(run: Run) -> None:
    (run.adapter / "adapter_model.safetensors").write_bytes(b"trained anew")
    with pytest.raises(InputError, match=r"adapter is not what .*model-F16\.gguf was checked against: do .* first"):
        proving.check_proven(run, "gguf")


def test_a_form_that_is_not_there_is_not_proven(run: Run) -> None:
    with pytest.raises(InputError, match="nothing has shown that merged reads as the trained model"):
        proving.check_proven(run, "merged")
