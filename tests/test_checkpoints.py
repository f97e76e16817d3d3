"""Break checkpoints, the disk and the process in every way, and always find the newest one that is whole."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import save_file

from amazon_ft.files import InputError
from amazon_ft.training import checkpoints
from amazon_ft.training.checkpoints import KEPT, MARGIN, RECORD, Checkpoint, keep, newest, seal

IDENTITY = {"base_model": "tiny", "recipe": {"training": {"learning_rate": 2e-4, "modules": ("q_proj", "v_proj")}}}
Usage = namedtuple("Usage", "total used free")

# What a killed process runs: it makes checkpoints, keeps them, and says so.
LOOP = """
import shutil, sys
from itertools import count
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_checkpoints import IDENTITY, make, keep
local, shelf, first = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
for step in count(first):
    kept = keep(make(local, step, size=300_000), shelf)
    print(kept.step, flush=True)
    shutil.rmtree(local / f"checkpoint-{step}")
"""

# Keep step 3 on a fresh copy of the shelf, killed at the first event that touches the disk, the second, and so on.
KILLED = """
import os, shutil, signal, sys
from pathlib import Path
import numpy, safetensors
from amazon_ft.training.checkpoints import Checkpoint, keep
local, shelf, copies = (Path(argument) for argument in sys.argv[1:])

def keep_until(last, copy):
    seen = 0
    def count(event, args):
        nonlocal seen
        if event == "open" or event.startswith(("os.", "shutil.")):
            seen += 1
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    keep(Checkpoint(local / "checkpoint-3", 3), copy)
    os._exit(0)

for last in range(1, 500):
    copy = shutil.copytree(shelf, copies / f"{last:03d}")
    child = os.fork() or keep_until(last, copy)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def unsealed(shelf: Path, step: int, *, size: int = 64, state: int | None = None) -> Path:
    """Write what the Trainer writes."""
    folder = shelf / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    save_file({"lora_A": numpy.full(size, step, numpy.float32)}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"r": 16}')
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        (folder / name).write_bytes(f"{name} {step} ".encode() * size)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step if state is None else state}))
    return folder


def make(shelf: Path, step: int, *, size: int = 64) -> Checkpoint:
    return seal(unsealed(shelf, step, size=size), IDENTITY)


def names(shelf: Path) -> list[str]:
    return sorted(path.name for path in shelf.iterdir())


def said_once(capsys: pytest.CaptureFixture[str]) -> str:
    """Give the one sentence that was printed."""
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(".")
    return line


@pytest.fixture
def local(tmp_path: Path) -> Path:
    return tmp_path / "local"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "drive"


def test_a_sealed_checkpoint_records_its_step_identity_and_files(local: Path) -> None:
    folder = unsealed(local, 7)
    (folder / "nested").mkdir()
    (folder / "nested" / "vocab.json").write_text("{}")
    (folder / f".{RECORD}.999999999.tmp").write_text("left by a killed process")
    assert seal(folder, IDENTITY) == Checkpoint(folder, 7)
    record = json.loads((folder / RECORD).read_text())
    assert record["step"] == 7
    assert record["identity"] == json.loads(json.dumps(IDENTITY))
    assert set(record["files"]) == {
        *("adapter_model.safetensors", "adapter_config.json", "optimizer.pt", "scheduler.pt", "rng_state.pth"),
        *("trainer_state.json", "nested/vocab.json"),
    }
    assert record["files"]["nested/vocab.json"] == {
        "bytes": 2,
        "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    }


def test_sealing_again_records_the_files_as_they_are(local: Path) -> None:
    made = make(local, 7)
    (made.folder / "optimizer.pt").write_bytes(b"trained once more")
    seal(made.folder, IDENTITY)
    assert RECORD not in json.loads((made.folder / RECORD).read_text())["files"]
    assert newest([local], IDENTITY) == made


@pytest.mark.parametrize("state", [None, "", "{", "[]", "[1]", "{}", '{"global_step": "7"}', '{"global_step": null}'])
def test_a_folder_without_a_readable_step_is_not_sealed(local: Path, state: str | None) -> None:
    folder = unsealed(local, 7)
    (folder / "trainer_state.json").unlink()
    if state is not None:
        (folder / "trainer_state.json").write_text(state)
    with pytest.raises(InputError, match=r"checkpoint-7 cannot be sealed \(it.* trainer_state\.json.*\): let the"):
        seal(folder, IDENTITY)
    assert not (folder / RECORD).exists()


def test_a_kept_checkpoint_is_the_sealed_one_byte_for_byte(local: Path, shelf: Path) -> None:
    folder = unsealed(local, 12)
    (folder / "nested").mkdir()
    (folder / "nested" / "vocab.json").write_text("{}")
    kept = keep(seal(folder, IDENTITY), shelf)
    assert kept == Checkpoint(shelf / "step-00000012", 12)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert [path.relative_to(kept.folder) for path in sorted(kept.folder.rglob("*")) if path.is_file()] == files
    assert all((folder / name).read_bytes() == (kept.folder / name).read_bytes() for name in files)
    assert names(shelf) == ["step-00000012"]


def _truncate(name: str) -> Callable[[Path], object]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _change(name: str, **values: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        plain = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(plain | values))

    return change


def _reseal(breaks: Callable[[Path], object]) -> Callable[[Path], object]:
    """Break a checkpoint before it is sealed, so that its hashes hold."""

    def broken(folder: Path) -> None:
        (folder / RECORD).unlink()
        breaks(folder)
        seal(folder, IDENTITY)

    return broken


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated weights": (_truncate("adapter_model.safetensors"), "its adapter_model.safetensors has "),
    "truncated optimizer": (_truncate("optimizer.pt"), "its optimizer.pt has "),
    "flipped byte": (
        lambda folder: _flip(folder / "adapter_model.safetensors"),
        "its adapter_model.safetensors is not",
    ),
    "flipped optimizer": (lambda folder: _flip(folder / "optimizer.pt"), "its optimizer.pt is not what was written"),
    "no optimizer": (lambda folder: (folder / "optimizer.pt").unlink(), "it has no optimizer.pt"),
    "no weights": (lambda folder: (folder / "adapter_model.safetensors").unlink(), "no adapter_model.safetensors"),
    "a folder for a file": (
        lambda folder: ((folder / "optimizer.pt").unlink(), (folder / "optimizer.pt").mkdir()),
        "it has no optimizer.pt",
    ),
    "sealed truncated": (_reseal(_truncate("adapter_model.safetensors")), "adapter_model.safetensors does not open"),
    "sealed empty": (
        _reseal(lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"")),
        "adapter_model.safetensors does not open",
    ),
    "sealed without weights": (
        _reseal(lambda folder: (folder / "adapter_model.safetensors").unlink()),
        "it has no safetensors file",
    ),
    "empty state": (lambda folder: (folder / "trainer_state.json").write_text(""), "its trainer_state.json is torn"),
    "no state": (lambda folder: (folder / "trainer_state.json").unlink(), "it has no trainer_state.json"),
    "state of another step": (_change("trainer_state.json", global_step=19), "its trainer_state.json step 19"),
    "record of another step": (_change(RECORD, step=19), "its checkpoint.json step 19"),
    "sealed state of another step": (_reseal(_change("trainer_state.json", global_step=19)), "its name says step 20"),
    "torn record": (_truncate(RECORD), "its checkpoint.json is torn"),
    "empty record": (lambda folder: (folder / RECORD).write_text(""), "its checkpoint.json is torn"),
    "record of zeros": (lambda folder: (folder / RECORD).write_bytes(bytes(500)), "its checkpoint.json is torn"),
    "record without files": (lambda folder: (folder / RECORD).write_text('{"step": 20}'), "checkpoint.json is torn"),
    "record of wrong types": (
        _change(RECORD, files={"optimizer.pt": {"bytes": "x", "sha256": ""}}),
        "checkpoint.json is torn",
    ),
    "record is a list": (lambda folder: (folder / RECORD).write_text("[20]"), "its checkpoint.json is torn"),
    "no record": (lambda folder: (folder / RECORD).unlink(), "it has no checkpoint.json"),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
@pytest.mark.parametrize("where", ["local", "shelf"])
def test_a_broken_checkpoint_is_named_and_the_older_whole_one_is_found(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str], breakage: str, where: str
) -> None:
    breaks, reason = BREAKAGES[breakage]
    older, broken = make(local, 10), make(local, 20)
    if where == "shelf":
        kept = [keep(older, shelf), keep(broken, shelf)]
        shutil.rmtree(local)
        older, broken = (checkpoint for checkpoint in kept if checkpoint)
    breaks(broken.folder)
    assert newest([local, shelf, older.folder.parent], IDENTITY) == older
    said = said_once(capsys)
    assert f"{broken.folder}, " in said
    assert reason in said


def test_a_folder_renamed_to_another_step_is_broken(local: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older = make(local, 10)
    make(local, 20).folder.rename(local / "checkpoint-30")
    assert newest([local], IDENTITY) == older
    assert "its name says step 30, its checkpoint.json step 20" in said_once(capsys)


def test_an_unreadable_file_makes_a_checkpoint_broken_and_does_not_stop_the_search(
    local: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = make(local, 10), make(local, 20)
    _unreadable(monkeypatch, newer.folder)
    assert newest([local], IDENTITY) == older
    assert "Input/output error" in said_once(capsys)


def _unreadable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    digest = checkpoints.digest

    def failing(path: Path) -> str:
        if path.parent == folder:
            raise OSError(errno.EIO, "Input/output error")
        return digest(path)

    monkeypatch.setattr(checkpoints, "digest", failing)


def test_nothing_to_find_is_none_and_nothing_is_said(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local.mkdir()
    (local / "runs").mkdir()
    (local / "checkpoint-5").write_text("a file")
    make(local, 6).folder.rename(local / ".step-00000006.123.tmp")
    make(local, 7).folder.rename(local / "old-checkpoint-7")
    assert newest([local, shelf], IDENTITY) is None
    assert newest([], IDENTITY) is None
    assert capsys.readouterr().out == ""


def test_only_broken_ones_is_none(local: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unsealed(local, 5)
    assert newest([local], IDENTITY) is None
    assert "has no checkpoint.json" in said_once(capsys)


def test_a_shelf_that_cannot_be_read_is_refused(local: Path, shelf: Path) -> None:
    make(local, 5)
    shelf.write_text("no folder")
    with pytest.raises(InputError, match="drive cannot be read"):
        newest([local, shelf], IDENTITY)


def test_the_highest_step_wins_by_number_wherever_it_lies(local: Path, shelf: Path) -> None:
    ninth, tenth = make(local, 9), make(local, 10)
    assert newest([local, shelf], IDENTITY) == tenth
    kept = keep(tenth, shelf)
    shutil.rmtree(tenth.folder)
    assert newest([local, shelf], IDENTITY) == kept
    assert newest([local], IDENTITY) == ninth


def test_the_first_shelf_wins_the_same_step(local: Path, shelf: Path) -> None:
    made = make(local, 5)
    kept = keep(made, shelf)
    assert newest([local, shelf], IDENTITY) == made
    assert newest([shelf, local], IDENTITY) == kept


def test_a_broken_local_one_leaves_the_same_step_on_the_drive(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make(local, 5)
    kept = keep(made, shelf)
    _flip(made.folder / "optimizer.pt")
    assert newest([local, shelf], IDENTITY) == kept
    assert "checkpoint-5" in said_once(capsys)


def test_another_training_is_refused_with_the_difference(local: Path) -> None:
    make(local, 5)
    training = {"learning_rate": 1e-4, "modules": ["q_proj", "v_proj"]}
    with pytest.raises(InputError) as refused:
        newest([local], IDENTITY | {"recipe": {"training": training}})
    assert str(refused.value) == (
        f"the checkpoints in {local} belong to another training "
        "(recipe.training.learning_rate was 0.0002, now 0.0001): "
        f"choose another run folder, or delete {local} to start over."
    )


def test_identities_are_compared_as_json(local: Path) -> None:
    made = make(local, 5)
    lists = {"base_model": "tiny", "recipe": {"training": {"learning_rate": 2e-4, "modules": ["q_proj", "v_proj"]}}}
    assert newest([local], lists) == made
    assert newest([local], IDENTITY) == made


def test_the_kept_newest_whole_ones_stay(local: Path, shelf: Path) -> None:
    for step in (5, 9, 10, 11):
        assert keep(make(local, step), shelf)
    assert KEPT == 2
    assert names(shelf) == ["step-00000010", "step-00000011"]
    assert names(local) == ["checkpoint-10", "checkpoint-11", "checkpoint-5", "checkpoint-9"]


def test_broken_ones_do_not_count_and_go(local: Path, shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for step in (5, 9):
        keep(make(local, step), shelf)
    _flip(shelf / "step-00000009" / "optimizer.pt")
    (shelf / "step-00000099").mkdir()
    keep(make(local, 10), shelf)
    assert names(shelf) == ["step-00000005", "step-00000010"]
    assert capsys.readouterr().out == ""


def test_rotation_touches_nothing_else_and_no_newer_whole_one(local: Path, shelf: Path) -> None:
    keep(make(local, 50), shelf)
    (shelf / "notes").mkdir()
    (shelf / "step-by-step.txt").write_text("a student's own file")
    make(shelf, 3)
    for step in (5, 6, 7):
        keep(make(local, step), shelf)
    assert names(shelf) == [
        *("checkpoint-3", "notes", "step-00000006", "step-00000007", "step-00000050", "step-by-step.txt")
    ]


def test_a_newer_whole_one_stays_even_where_only_one_is_kept(
    local: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "KEPT", 1)
    for step in (50, 5, 6):
        keep(make(local, step), shelf)
    assert names(shelf) == ["step-00000006", "step-00000050"]


def test_a_copy_is_read_once_and_the_one_before_it_once(
    local: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drive is slow."""
    for step in (5, 6):
        keep(make(local, step), shelf)
    made, read, digest = make(local, 7), [], checkpoints.digest
    monkeypatch.setattr(checkpoints, "digest", lambda path: read.append(path.parent.name) or digest(path))
    keep(made, shelf)
    assert read == 6 * [f".step-00000007.{os.getpid()}.tmp"] + 6 * ["step-00000006"]


def test_one_that_cannot_be_read_now_is_not_removed(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (5, 6):
        keep(make(local, step), shelf)
    _unreadable(monkeypatch, shelf / "step-00000006")
    assert keep(make(local, 7), shelf) == Checkpoint(shelf / "step-00000007", 7)
    assert names(shelf) == ["step-00000005", "step-00000006", "step-00000007"]
    assert "Step 7 was kept, but older checkpoints" in said_once(capsys)


def test_what_killed_processes_left_is_removed_and_a_living_one_is_left_alone(local: Path, shelf: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    living = f".step-00000002.{os.getppid()}.tmp"
    for name in (f".step-00000001.{ended.pid}.tmp", f".step-00000005.{ended.pid}.tmp", living):
        (shelf / name).mkdir(parents=True)
        (shelf / name / "optimizer.pt").write_bytes(b"half")
    keep(make(local, 5), shelf)
    assert names(shelf) == [living, "step-00000005"]


def test_the_same_step_is_not_copied_twice(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(local, 5)
    kept = keep(made, shelf)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 0))
    before = (shelf / "step-00000005" / RECORD).stat().st_ino
    assert keep(made, shelf) == kept
    assert (shelf / "step-00000005" / RECORD).stat().st_ino == before
    assert capsys.readouterr().out == ""


def test_the_same_step_broken_or_of_another_training_is_copied_again(local: Path, shelf: Path) -> None:
    made = make(local, 5)
    keep(made, shelf)
    (shelf / "step-00000005" / "optimizer.pt").unlink()
    kept = keep(made, shelf)
    assert newest([shelf], IDENTITY) == kept
    keep(seal(made.folder, {"base_model": "other"}), shelf)
    assert newest([shelf], {"base_model": "other"}) == kept


def test_too_little_room_is_said_before_anything_is_written(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(local, 5)
    size = sum(path.stat().st_size for path in made.folder.iterdir() if path.name != RECORD)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, size + MARGIN - 1))
    assert keep(made, shelf) is None
    said = said_once(capsys)
    assert "64 MB are free there and 64 MB are needed: delete old run folders and empty the drive's trash" in said
    assert "training goes on" in said
    assert f"{made.folder} stays" in said
    assert names(shelf) == []
    assert newest([local], IDENTITY) == made
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, size + MARGIN))
    assert keep(made, shelf)


@pytest.mark.parametrize("number", range(1, 8))
def test_a_disk_that_fills_up_in_the_middle_leaves_what_was_there(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    older = [keep(make(local, step), shelf) for step in (5, 6)]
    _break_copies(monkeypatch, number, _full)
    assert keep(make(local, 7), shelf) is None
    said = said_once(capsys)
    assert "Step 7 was not kept in" in said
    assert "No space left on device" in said
    assert names(shelf) == ["step-00000005", "step-00000006"]
    assert newest([shelf], IDENTITY) == older[1]


def _full(target: Path) -> None:
    os.truncate(target, target.stat().st_size // 2)
    raise OSError(errno.ENOSPC, "No space left on device")


def _break_copies(monkeypatch: pytest.MonkeyPatch, number: int, breaks: Callable[[Path], object]) -> None:
    """Let the copy of the `number`-th file go wrong."""
    copyfile, copied = shutil.copyfile, []

    def breaking(source: Path, target: Path) -> None:
        copyfile(source, target)
        copied.append(target)
        if len(copied) == number:
            breaks(target)

    monkeypatch.setattr(shutil, "copyfile", breaking)


@pytest.mark.parametrize("number", range(1, 8))
def test_a_copy_that_differs_gets_no_name(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    older = [keep(make(local, step), shelf) for step in (5, 6)]
    _break_copies(monkeypatch, number, _alter)
    assert keep(make(local, 7), shelf) is None
    assert "is not what was written" in said_once(capsys)
    assert names(shelf) == ["step-00000005", "step-00000006"]
    assert newest([shelf], IDENTITY) == older[1]


def _alter(path: Path) -> None:
    """Change a copy so that it still reads."""
    if path.name == RECORD:
        path.write_text(path.read_text().replace("tiny", "tine"))
    elif path.name == "trainer_state.json":
        path.write_text('{"global_step":7 }')
    else:
        _flip(path)


def test_a_drive_that_is_gone_is_not_made_anew(local: Path, shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make(local, 5)
    assert keep(made, shelf / "run" / "checkpoints") is None
    assert "No such file or directory" in said_once(capsys)
    assert not shelf.exists()


def test_what_was_not_sealed_or_changed_since_is_not_kept(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keep(Checkpoint(unsealed(local, 5), 5), shelf) is None
    assert "it has no checkpoint.json" in said_once(capsys)
    made = make(local, 6)
    _flip(made.folder / "optimizer.pt")
    assert keep(made, shelf) is None
    assert "its optimizer.pt is not what was written" in said_once(capsys)
    assert keep(Checkpoint(make(local, 7).folder, 8), shelf) is None
    assert "its name says step 8" in said_once(capsys)
    assert names(shelf) == []


def test_killed_at_random_moments_the_newest_kept_one_is_whole(
    local: Path, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moments, step = random.Random(5), 0
    for _ in range(6):
        command = [sys.executable, "-c", LOOP, str(Path(__file__).parent), str(local), str(shelf), str(step + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            first = process.stdout.readline()
            time.sleep(moments.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
            kept = int([first, *process.stdout.read().split()][-1])
        found = newest([shelf], IDENTITY)
        assert found
        assert kept <= found.step <= kept + 1
        assert capsys.readouterr().out == ""
        step = found.step + 1
        shutil.rmtree(local)


def test_killed_at_every_touch_of_the_disk_the_newest_one_is_whole(
    local: Path, shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {step: make(local, step) for step in (1, 2, 3, 4)}
    for step in (1, 2):
        keep(made[step], shelf)
    copies = tmp_path / "copies"
    subprocess.run([sys.executable, "-c", KILLED, str(local), str(shelf), str(copies)], check=True)
    found_after = []
    for copy in sorted(copies.iterdir()):
        found = newest([copy], IDENTITY)
        assert found
        found_after.append(found.step)
        assert keep(made[4], copy)
        assert names(copy) == [f"step-0000000{found.step}", "step-00000004"]
        assert capsys.readouterr().out == ""
    assert found_after == sorted(found_after)
    assert set(found_after) == {2, 3}
    assert 50 < len(found_after) < 499
