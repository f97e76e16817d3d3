from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import tomllib
from collections import namedtuple
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from amazon_ft import display, hardware
from amazon_ft.cli import main
from amazon_ft.hardware import doctor, driver, estimates, installed
from amazon_ft.hardware.doctor import Finding, examine, plain, table
from amazon_ft.recipes import named

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
T4 = "Tesla T4, 7.5, 15360, 15095, 550.54.15"
L4 = "NVIDIA L4, 8.9, 23034, 22563, 580.65.06"
HEADER = "| NVIDIA-SMI 550.54.15    Driver Version: 550.54.15    CUDA Version: 12.4 |"
GPU_SET = {
    **{"torch": "2.11.0+cu128", "transformers": "5.17.0", "trl": "1.14.2", "peft": "0.21.2", "datasets": "4.8.5"},
    **{"accelerate": "1.14.0", "huggingface_hub": "1.33.0", "unsloth": "2026.10.9", "bitsandbytes": "0.49.0"},
    "xformers": "0.0.35",
}
SECRET = "hf_" + "s3cret" * 30
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand on a machine without GPU, Colab, tokens or anything imported, where every package fits."""
    for key in (
        *(
            "COLAB_RELEASE_TAG",
            "CUDA_VISIBLE_DEVICES",
            "HF_TOKEN",
            "HUGGING_FACE_HUB_TOKEN",
            "HF_HOME",
            "HF_TOKEN_PATH",
        ),
        *("XDG_CACHE_HOME", "WANDB_API_KEY", "NETRC"),
    ):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(doctor, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage(100 * 2**30, 0, 100 * 2**30))
    _install(monkeypatch, GPU_SET)


def _install(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], **imported: str) -> None:
    """Have these packages, and of the others the version that the project names."""
    every = [Requirement(line) for line in [*PROJECT["dependencies"], *EXTRAS["train"]]]
    have = {need.name: re.sub(r"[^\d.].*", "", str(need.specifier)[2:]) for need in every} | {"amazon-ft": "0.1.0"}
    have |= versions
    requires = [*PROJECT["dependencies"]]
    requires += [f'{line}; extra == "{extra}"' for extra in EXTRAS for line in EXTRAS[extra]]

    def version(name: str) -> str:
        if not have.get(name):
            raise metadata.PackageNotFoundError(name)
        return have[name]

    needs = {"amazon-ft": requires, "torch": ["filelock", "nvidia-cudnn-cu13==9.19.0.56"]}
    facts = {"Requires-Python": PROJECT["requires-python"]}
    fake = SimpleNamespace(
        version=version,
        requires=needs.get,
        metadata=lambda name: facts,
        PackageNotFoundError=metadata.PackageNotFoundError,
    )
    monkeypatch.setattr(installed, "metadata", fake)
    modules = {name: SimpleNamespace(__version__=number) for name, number in imported.items()}
    monkeypatch.setattr(installed, "sys", SimpleNamespace(modules=modules))


def _smi(tmp_path: Path, listed: str = T4, *, header: str = HEADER, processes: str = "", code: int = 0) -> None:
    _script(
        tmp_path,
        f"case \"$*\" in\n*query-gpu*) printf '%s\\n' '{listed}'; exit {code};;\n"
        f"*compute-apps*) printf '%s' '{processes}';;\n*) printf '%s\\n' '{header}';;\nesac",
    )


def _script(tmp_path: Path, body: str) -> None:
    script = tmp_path / "bin" / "nvidia-smi"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)


def _found(folder: Path | str = "runs/demo") -> dict[str, Finding]:
    findings = examine(Path(folder))
    assert len({finding.what for finding in findings}) == len(findings)
    return {finding.what: finding for finding in findings}


def _colab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mounted: bool = False) -> Path:
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab_20260819")
    monkeypatch.setattr(doctor, "DRIVE", tmp_path / "drive")
    if mounted:
        (tmp_path / "drive" / "MyDrive").mkdir(parents=True)
    return tmp_path / "drive" / "MyDrive"


def test_a_t4_that_has_everything(tmp_path: Path) -> None:
    _smi(tmp_path)
    found = _found()
    assert found["GPU"].have == "Tesla T4"
    assert found["compute capability"].have == "7.5"
    assert found["GPU memory"].have == "14.7 of 15.0 GiB free"
    assert (found["precision"].have, found["precision"].ok) == ("float16", None)
    assert "bfloat16 needs sm_80" in found["precision"].do
    assert found["NVIDIA driver"].have == "550.54.15, runs CUDA up to 12.4"
    assert "525 or newer" in found["NVIDIA driver"].need
    must = [name for name, finding in found.items() if finding.ok]
    card = ["GPU", "compute capability", "GPU memory", "NVIDIA driver"]
    assert must == [*card, "Python", *doctor.TOLD, "bitsandbytes", "unsloth", "xformers", "disk"]
    assert not [finding for finding in found.values() if finding.ok is False]
    assert not [finding.do for finding in found.values() if finding.ok and finding.do]


def test_an_l4_computes_in_bfloat16(tmp_path: Path) -> None:
    _smi(tmp_path, L4)
    assert _found()["precision"].have == "bfloat16"
    machine = driver.seen_gpu().machine
    assert machine == hardware.Machine("cuda", "NVIDIA L4", (8, 9), 23034 * 2**20, 22563 * 2**20)


@pytest.mark.parametrize(
    ("visible", "name"),
    [(None, "Tesla T4"), ("1", "NVIDIA L4"), ("1,0", "NVIDIA L4"), (" 0", "Tesla T4"), ("GPU-8d3f", "Tesla T4")],
)
def test_of_two_gpus_the_first_visible_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, name: str
) -> None:
    _smi(tmp_path, f"{T4}\n{L4}")
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    gpu = _found()["GPU"]
    assert gpu.have.startswith(name)
    assert f"number {int(name != 'Tesla T4')} of 0 to 1" in gpu.have


@pytest.mark.parametrize("visible", ["", "-1", "2", "NoDevFiles"])
def test_a_hidden_gpu_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str) -> None:
    _smi(tmp_path, f"{T4}\n{L4}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    _colab(monkeypatch, tmp_path)
    found = _found()
    assert "hidden by CUDA_VISIBLE_DEVICES" in found["GPU"].have
    assert found["GPU"].ok is None
    assert "unset CUDA_VISIBLE_DEVICES" in found["GPU"].do
    assert "compute capability" not in found
    assert found["precision"].have == "float32"


def test_without_a_gpu_its_packages_are_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, {**GPU_SET, "torch": "2.13.0+cpu", "unsloth": "", "bitsandbytes": "0.40.0"})
    found = _found()
    assert found["GPU"].ok is None
    assert "no nvidia-smi" in found["GPU"].have
    assert "demo" in found["GPU"].do
    assert not {"compute capability", "GPU memory", "NVIDIA driver"} & set(found)
    assert found["torch"].ok
    for name, have in {"unsloth": "not installed", "bitsandbytes": "0.40.0", "xformers": "0.0.35"}.items():
        assert found[name] == Finding(name, have, "only with a GPU", None)


def test_colab_without_a_gpu_is_told_where_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _colab(monkeypatch, tmp_path)
    gpu = _found()["GPU"]
    assert gpu.ok is False
    assert "Runtime > Change runtime type > T4 GPU" in gpu.do


@pytest.mark.parametrize(
    ("listed", "code", "said"),
    [
        ("No devices were found", 6, "No devices were found"),
        ("NVIDIA-SMI has failed because it could not reach the driver.\n", 9, "NVIDIA-SMI has failed because"),
        ('Field "compute_cap" is not a valid field to query.\n', 2, 'Field "compute_cap" is not a valid field'),
        ("", 0, "nvidia-smi says: nothing"),
        ("one, two, three, four, five", 0, "one, two, three, four, five"),
        ("x" * 5000, 0, "x" * 200),
    ],
)
def test_a_failing_nvidia_smi_is_one_clear_line(tmp_path: Path, listed: str, code: int, said: str) -> None:
    _smi(tmp_path, listed, code=code)
    found = _found()
    assert said in found["GPU"].have
    assert "\n" not in found["GPU"].have
    assert len(found["GPU"].have) < 250
    assert found["GPU"].ok is False
    assert "NVIDIA driver until nvidia-smi lists a GPU" in found["GPU"].do
    assert "compute capability" not in found


@pytest.mark.parametrize("sleep", ["exec /bin/sleep 5", "/bin/sleep 5"])
def test_a_hanging_nvidia_smi_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleep: str) -> None:
    monkeypatch.setattr(driver, "PATIENCE", 0.3)
    _script(tmp_path, sleep)
    start = time.monotonic()
    gpu = _found()["GPU"]
    assert time.monotonic() - start < 4
    assert "no answer in 0.3 s" in gpu.have
    assert gpu.ok is False
    assert "restart the machine" in gpu.do


def test_an_nvidia_smi_that_may_not_run_is_one_clear_line(tmp_path: Path) -> None:
    _smi(tmp_path)
    (tmp_path / "bin" / "nvidia-smi").write_bytes(b"\x7fELF no program")
    gpu = _found()["GPU"]
    assert "cannot be run" in gpu.have
    assert gpu.ok is False


@pytest.mark.parametrize("cell", ["[N/A]", "[Not Supported]", "[Insufficient Permissions]"])
def test_what_the_driver_does_not_tell_is_said_to_be_untold(tmp_path: Path, cell: str) -> None:
    _smi(tmp_path, f"NVIDIA GB10, {cell}, {cell}, {cell}, {cell}")
    found = _found()
    assert found["GPU"].ok
    for what in ("compute capability", "GPU memory"):
        assert (found[what].have, found[what].ok) == ("not told by the driver", None)
    assert found["NVIDIA driver"].ok is None
    assert "precision" not in found
    machine = driver.seen_gpu().machine
    assert (machine.capability, machine.memory, machine.free) == (None, 0, 0)


def test_an_old_gpu_is_refused_with_a_way_on(tmp_path: Path) -> None:
    _smi(tmp_path, "Tesla P100, 6.0, 16384, 16000, 550.54.15")
    found = _found()["compute capability"]
    assert (found.have, found.need, found.ok) == ("6.0", "7.0 or more", False)
    assert "CUDA_VISIBLE_DEVICES=-1" in found.do


def test_the_oldest_gpu_that_will_do(tmp_path: Path) -> None:
    _smi(tmp_path, "Tesla V100-SXM2-16GB, 7.0, 16384, 16000, 550.54.15")
    assert _found()["compute capability"] == Finding("compute capability", "7.0", "7.0 or more", True)


@pytest.mark.parametrize(("free", "ok"), [(6144, True), (6143, False)])
def test_a_full_gpu_names_who_fills_it(tmp_path: Path, free: int, ok: bool) -> None:
    _smi(tmp_path, f"Tesla T4, 7.5, 15360, {free}, 550.54.15", processes="/usr/bin/python3, 812, 9000\n")
    memory = _found()["GPU memory"]
    assert memory.ok is ok
    assert memory.do == "9.0 GiB are held by /usr/bin/python3 (process 812): end it"


def test_a_full_gpu_of_colab_wants_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _colab(monkeypatch, tmp_path)
    _smi(tmp_path, "Tesla T4, 7.5, 15360, 1024, 550.54.15", processes="[N/A], [N/A], [N/A]\n")
    assert _found()["GPU memory"].do == (
        "14.0 GiB are held by a program or notebook that still runs: Runtime > Restart session"
    )


def test_a_gpu_with_too_little_left_is_amiss_though_most_is_free(tmp_path: Path) -> None:
    _smi(tmp_path, "NVIDIA T1000, 7.5, 8192, 5120, 550.54.15")
    memory = _found()["GPU memory"]
    assert memory.ok is False
    assert memory.do.startswith("3.0 GiB are held by")


def test_a_small_gpu_cannot_be_freed(tmp_path: Path) -> None:
    _smi(tmp_path, "NVIDIA T400, 7.5, 4096, 100, 550.54.15", processes="/usr/bin/python3, 812, 3900\n")
    memory = _found()["GPU memory"]
    assert memory.ok is False
    assert "small" in memory.do


@pytest.mark.parametrize(
    ("torch", "number", "ok", "need"),
    [
        ("2.11.0+cu128", "525.60.13", True, "525 or newer for the torch installed (CUDA 12)"),
        ("2.11.0+cu128", "524.99", False, "525 or newer for the torch installed (CUDA 12)"),
        ("2.11.0+cu130", "550.54.15", False, "580 or newer for the torch installed (CUDA 13)"),
        ("2.11.0", "579.1", False, "580 or newer for the torch installed (CUDA 13)"),
        ("2.11.0", "580.65.06", True, "580 or newer for the torch installed (CUDA 13)"),
        ("2.11.0+cu999", "580.65.06", None, ""),
        ("", "580.65.06", None, ""),
    ],
)
def test_the_driver_is_held_against_the_cuda_of_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch: str, number: str, ok: bool | None, need: str
) -> None:
    _smi(tmp_path, f"NVIDIA L4, 8.9, 23034, 22563, {number}", header="| CUDA UMD Version: 13.3 |")
    _install(monkeypatch, {**GPU_SET, "torch": torch})
    found = _found()["NVIDIA driver"]
    assert (found.have, found.ok, found.need) == (f"{number}, runs CUDA up to 13.3", ok, need)
    assert bool(found.do) is (ok is False)


def test_the_packages_of_a_fresh_colab_get_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _colab(monkeypatch, tmp_path)
    _smi(tmp_path)
    fresh = {
        "transformers": "5.15.0",
        "trl": "",
        "datasets": "4.0.0",
        "unsloth": "",
        "xformers": "",
        "pyarrow": "18.1.0",
    }
    _install(monkeypatch, {**GPU_SET, **fresh}, pyarrow="18.1.0")
    found = _found()
    command = "%pip install -q -r amazon-ft/requirements.txt ./amazon-ft"
    assert found["torch"].ok
    assert found["transformers"] == Finding("transformers", "5.15.0", "==5.17.0", False, command)
    assert found["trl"] == Finding("trl", "not installed", "==1.14.2", False, "the same command")
    assert found["datasets"].do == "Unsloth refuses the 4.0.0 that Colab brings; the same command"
    assert found["pyarrow"].do == "the same command, then Runtime > Restart session"
    assert found["unsloth"].ok is False
    assert found["xformers"] == Finding("xformers", "not installed", "==0.0.35 (optional)", None)
    assert not {"numpy", "jinja2", "matplotlib"} & set(found)


def test_elsewhere_the_command_names_the_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, {**GPU_SET, "peft": "0.20.0"}, peft="0.20.0")
    assert _found()["peft"].do == 'pip install -e ".[train]" in the folder of the project, then restart Python'
    _smi(tmp_path)
    assert '".[train,gpu]"' in _found()["peft"].do


def test_a_wrong_xformers_is_amiss_though_none_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _smi(tmp_path)
    _install(monkeypatch, {**GPU_SET, "xformers": "0.0.30"})
    assert _found()["xformers"].ok is False


def test_an_installed_version_that_is_not_the_loaded_one_wants_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, GPU_SET, pyarrow="18.1.0", torch="2.11.0+cu128", trl="1.14.2", numpy="", jinja2="3.1")
    found = _found()
    assert found["pyarrow"] == Finding("pyarrow", "21, but 18.1.0 is loaded", ">=21", False, "restart Python")
    assert found["torch"].ok
    assert found["trl"].ok
    assert not {"numpy", "jinja2"} & set(found)


@pytest.mark.parametrize(("colab", "sign"), [(True, "!"), (False, "")])
def test_a_torch_without_cuda_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colab: bool, sign: str
) -> None:
    _smi(tmp_path)
    if colab:
        _colab(monkeypatch, tmp_path)
    _install(monkeypatch, {**GPU_SET, "torch": "2.13.0+cpu", "trl": ""})
    found = _found()
    do = f'{sign}pip uninstall -y torch && pip install "torch>=2.11,<2.15"'
    assert found["torch"] == Finding("torch", "2.13.0+cpu", ">=2.11,<2.15, built for CUDA", False, do)
    assert "pip install" in found["trl"].do


def test_a_version_that_is_none_is_amiss_where_packaging_raises_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    contains = SpecifierSet.contains

    def strict(specifiers: SpecifierSet, item: str, prereleases: bool) -> bool:
        return contains(specifiers, Version(item), prereleases)

    monkeypatch.setattr(SpecifierSet, "contains", strict)
    _install(monkeypatch, {**GPU_SET, "torch": "unknown"})
    assert [name for name, finding in _found().items() if finding.ok is False] == ["torch"]


@pytest.mark.parametrize("version", ["2.15.0", "2.10.1", "unknown"])
def test_a_version_outside_is_amiss(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    _install(monkeypatch, {**GPU_SET, "torch": version})
    assert _found()["torch"].ok is False


def test_an_old_python_is_amiss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed.platform, "python_version", lambda: "3.10.14")
    python = _found()["Python"]
    assert (python.have, python.need, python.ok) == ("3.10.14", ">=3.11", False)
    assert python.do


def test_a_project_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, {"amazon-ft": ""})
    found = _found()
    assert found["amazon-ft"].ok is False
    assert "pip install" in found["amazon-ft"].do
    assert not {"Python", "torch"} & set(found)


@pytest.mark.parametrize(("free", "ok"), [(2 * 2**30, True), (2 * 2**30 - 1, False)])
def test_a_full_disk_is_amiss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, ok: bool) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: asked.append(path) or Usage(0, 0, free))
    disk = _found(tmp_path / "not" / "yet" / "there")["disk"]
    assert asked == [tmp_path]
    assert disk.ok is ok
    assert disk.have == "2.0 GiB free"
    assert bool(disk.do) is not ok


def test_drive_is_a_matter_of_colab_alone() -> None:
    assert "Google Drive" not in _found()


def test_a_drive_that_is_not_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _colab(monkeypatch, tmp_path)
    drive = _found()["Google Drive"]
    assert (drive.have, drive.ok) == ("not mounted", False)
    assert drive.do == f"from google.colab import drive; drive.mount('{tmp_path / 'drive'}')"


def test_a_run_beside_the_drive_ends_with_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = _colab(monkeypatch, tmp_path, mounted=True)
    beside = _found(tmp_path / "runs" / "demo")["Google Drive"]
    assert (beside.have, beside.ok) == ("mounted, the run is elsewhere", False)
    assert str(home / "amazon-ft" / "demo") in beside.do
    on_it = _found(home / "runs" / "demo")["Google Drive"]
    assert (on_it.have, on_it.ok, on_it.do) == ("mounted, the run is on it", True, "")


def test_ram_is_told_where_the_system_tells_it(tmp_path: Path) -> None:
    assert "RAM" not in _found()
    (tmp_path / "meminfo").write_text("MemTotal:       13314000 kB\nMemFree: 1 kB\nMemAvailable:   12582912 kB\n")
    assert _found()["RAM"] == Finding("RAM", "12.0 of 12.7 GiB free", "", None)


def test_no_token_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine example.org login me password other")
    empty = tmp_path / ".cache" / "huggingface" / "token"
    empty.parent.mkdir(parents=True)
    empty.touch()
    monkeypatch.setenv("HF_TOKEN", " ")
    for what in ("Hugging Face token", "W&B token"):
        assert (_found()[what].have, _found()[what].ok) == ("none seen", None)
    _colab(monkeypatch, tmp_path)
    assert "Colab secret" in _found()["Hugging Face token"].do
    monkeypatch.setenv("HF_TOKEN", SECRET)
    assert not _found()["Hugging Face token"].do


@pytest.mark.parametrize(
    ("what", "key", "file"),
    [
        ("Hugging Face token", "HF_TOKEN", None),
        ("Hugging Face token", "HUGGING_FACE_HUB_TOKEN", None),
        ("Hugging Face token", None, ".cache/huggingface/token"),
        ("Hugging Face token", "HF_HOME", "elsewhere/token"),
        ("Hugging Face token", "HF_TOKEN_PATH", "elsewhere/mine"),
        ("Hugging Face token", "XDG_CACHE_HOME", "elsewhere/huggingface/token"),
        ("W&B token", "WANDB_API_KEY", None),
        ("W&B token", None, ".netrc"),
        ("W&B token", "NETRC", "elsewhere/netrc"),
    ],
)
def test_a_token_is_seen_and_never_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
    key: str | None,
    file: str | None,
) -> None:
    if file:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(f"machine api.wandb.ai login user password {SECRET}" if "W&B" in what else SECRET)
    if key:
        whole = key in ("HF_TOKEN_PATH", "NETRC")
        monkeypatch.setenv(key, str(tmp_path / (file if whole else "elsewhere")) if file else SECRET)
    found = _found()[what]
    assert found.ok is None
    assert found.have == f"in {tmp_path / file}" if file else f"in the environment, as {key}"
    assert main(["doctor", "--run", str(tmp_path / "run")]) == 0
    findings = examine(tmp_path)
    shown = display.table(table(findings))
    for text in (repr(findings), repr(table(findings)), shown.html, shown.text, capsys.readouterr().out):
        assert what.replace("&", "") in text.replace("&amp;", "").replace("&", "")
        assert SECRET not in text
        assert SECRET[:8] not in text
        assert str(len(SECRET)) not in re.sub(re.escape(str(tmp_path)), "", text)


def test_rows_carry_marks_that_need_no_colour() -> None:
    rows = table([Finding("a", "1", "2", ok, "do") for ok in (True, False, None)])
    assert [row[""] for row in rows] == ["ok", "NO", "–"]
    assert rows[0] == {"": "ok", "what": "a", "here": "1", "needed": "2", "what to do": "do"}


def test_a_narrow_table_stands_in_columns() -> None:
    rows = [{"card": "T4", "minutes": "31"}, {"card": "NVIDIA L4", "minutes": "9"}]
    assert plain(rows).splitlines() == ["card       minutes", "T4         31", "NVIDIA L4  9"]
    assert plain([]) == ""


@pytest.mark.parametrize("below", ["c", ""])
def test_a_wide_table_says_all_within_its_columns(below: str) -> None:
    rows = [{"a": "one " * 30, "b": "two " * 30, "c": "three " * 60}, {"a": "1", "b": "2", "c": ""}]
    lines = plain(rows, below).splitlines()
    assert max(map(len, lines)) <= doctor.WIDTH
    assert lines[0].split() == (["a", "b"] if below else ["a", "b", "c"])
    assert lines[-1].split() == ["1", "2"]
    words = " ".join(lines).split()
    assert [words.count(word) for word in ("one", "two", "three", "->")] == [30, 30, 60, int(bool(below))]
    assert not below or not [line for line in lines if {"one", "three"} <= set(line.split())]


def test_a_cell_below_stays_below_where_there_is_room() -> None:
    rows = table([Finding("a", "1", "2", False, "mend it"), Finding("b", "1", "", True)])
    assert plain(rows, "what to do").splitlines()[1:3] == ["NO  a     1     2", "    -> mend it"]
    assert len(plain(rows, "what to do").splitlines()) == 4


@pytest.mark.parametrize("gpu", [True, False])
def test_the_verb_prints_the_table_and_never_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], gpu: bool
) -> None:
    _colab(monkeypatch, tmp_path)
    if gpu:
        _smi(tmp_path)
    assert main(["doctor", "--run", str(tmp_path / "run")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= doctor.WIDTH
    assert lines[0].split() == ["what", "here", "needed"]
    marked = [line.split()[1] for line in lines if line.startswith("NO ")]
    assert marked == (["Google"] if gpu else ["GPU", "Google"])
    assert lines[-1].startswith(f"Marked NO: {len(marked)}")
    assert not (tmp_path / "run").exists()


def test_the_verb_says_when_nothing_is_amiss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("Nothing is amiss")


@pytest.mark.parametrize("recipe", ["demo", "gpt-4o-mini-chat"])
def test_a_recipe_without_estimate_says_so(capsys: pytest.CaptureFixture[str], recipe: str) -> None:
    assert main(["doctor", "--recipe", recipe]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"No estimate for {recipe}."


@pytest.mark.parametrize("gpu", [True, False])
def test_the_verb_adds_what_a_recipe_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], gpu: bool
) -> None:
    asked: list[object] = []
    rows = [{"card": "T4", "minutes": "31"}]
    monkeypatch.setattr(estimates, "estimates", lambda *given: asked.extend(given) or rows)
    if gpu:
        _smi(tmp_path)
    assert main(["doctor", "--recipe", "phi-3-input-output"]) == 0
    assert plain(rows) in capsys.readouterr().out
    assert asked == [named("phi-3-input-output"), driver.seen_gpu().machine if gpu else None]


def test_looking_imports_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "trl", "datasets", "unsloth", "numpy", "pandas", "pyarrow", "matplotlib")
    code = (
        "import sys, json, pathlib; from amazon_ft.hardware import doctor; rows = doctor.examine(pathlib.Path('runs'));"
        f"print(json.dumps([len(rows), [name for name in {heavy} if name in sys.modules]]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    number, imported = json.loads(answer.stdout)
    assert number > 5
    assert imported == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-cpu.txt"])
def test_the_requirement_files_agree_with_the_metadata(name: str) -> None:
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    pinned = {pin.name: pin.specifier for pin in map(Requirement, filter(None, lines))}
    asked = [Requirement(line) for line in [*PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["gpu"]]]
    wide = {"torch"} if name == "requirements-cpu.txt" else set()
    for need in asked:
        if need.name in wide:
            (exact,) = pinned[need.name]
            assert exact.operator == "=="
            assert exact.version in need.specifier
        elif need.name in pinned:
            assert pinned[need.name] == need.specifier, need.name
    must = {Requirement(line).name for line in EXTRAS["train"]} - {"torch"}
    must |= {Requirement(line).name for line in EXTRAS["gpu"]} if name == "requirements.txt" else set()
    assert must <= set(pinned)
