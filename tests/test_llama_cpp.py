from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import numpy as np
import pytest
from serving import Heard, Served, head, reset, send

from amazon_ft import models
from amazon_ft.files import InputError
from amazon_ft.merging import bases
from amazon_ft.recipes import TINY_LLAMA
from amazon_ft.serving import fetching, kinds, llama_cpp
from amazon_ft.serving.convert_to_gguf import splits_alike
from amazon_ft.serving.kinds import KINDS, kind

INSIDE = str(fetching.INSIDE)
BASE = """
class TextModel:
    dir_model = None
    def get_vocab_base_pre(self, tokenizer):
        raise NotImplementedError("BPE pre-tokenizer was not recognized")
"""
# It does what the tests look at: asks for the name of the pre-tokenizer, and writes a file.
CONVERTER = """
import sys, time
from pathlib import Path
from conversion.base import TextModel

def main():
    model, _, path, _, kind, *_ = sys.argv[1:]
    said = TextModel()
    said.dir_model = Path(model)
    print("INFO: converting to", kind)
    Path(path).write_text("half")
    {body}
    Path(path).write_text(f"{{said.get_vocab_base_pre(None)}} {{kind}}")
"""


@dataclass
class Packages(Served):
    """Serve the archive; `cut` bytes of the first answer come before it breaks off."""

    archive: bytes = b""
    cut: int = 0
    ranges: bool = True
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: Heard, writer: asyncio.StreamWriter) -> bool:
        wanted = request.headers.get("range", "")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if not self.cut:
            return await send(writer, 206 if start else 200, self.archive[start:])
        writer.write(head(200, f"Content-Length: {len(self.archive)}\r\n") + self.archive[: self.cut])
        await writer.drain()
        await asyncio.sleep(0.2)
        self.cut = 0
        reset(writer)
        return False


def _archive(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return packed.getvalue()


ARCHIVE = _archive(
    {
        f"{INSIDE}/convert_hf_to_gguf.py": b"# the converter",
        f"{INSIDE}/conversion/base.py": os.urandom(300_000),
        f"{INSIDE}/gguf-py/gguf/__init__.py": b"# gguf",
        f"{INSIDE}/src/llama.cpp": b"not wanted",
        "llama_cpp_python-0.3.36/README.md": b"not wanted",
    }
)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give every test a cache of its own, and no llama.cpp from the surroundings."""
    monkeypatch.setenv("AMAZON_FT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    return tmp_path / "cache"


def _serving(monkeypatch: pytest.MonkeyPatch, server: Packages, body: bytes = ARCHIVE) -> None:
    monkeypatch.setattr(fetching, "PLACE", f"{server.url}/")
    monkeypatch.setattr(fetching, "SIZE", len(body))
    monkeypatch.setattr(fetching, "SHA256", hashlib.sha256(body).hexdigest())


def _inside(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_converter_is_fetched_once_and_only_what_it_needs_is_kept(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Packages(archive=ARCHIVE) as server:
        _serving(monkeypatch, server)
        folder = llama_cpp.converter()
        assert llama_cpp.converter() == folder
    assert server.asked == [""]
    assert _inside(folder) == {"convert_hf_to_gguf.py", "conversion/base.py", "gguf-py/gguf/__init__.py"}
    assert not list((own / "downloads").glob("*.part"))


def test_a_converter_that_was_partly_deleted_is_fetched_again(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Packages(archive=ARCHIVE) as server:
        _serving(monkeypatch, server)
        (own / "llama.cpp-0.3.36" / "conversion").mkdir(parents=True)
        assert (llama_cpp.converter() / "convert_hf_to_gguf.py").exists()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_breaks_off_is_gone_on_with(ranges: bool, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Packages(archive=ARCHIVE, cut=150_000, ranges=ranges) as server:
        _serving(monkeypatch, server)
        with pytest.raises(InputError, match=r"its first [\d,]+ bytes are kept: .* LLAMA_CPP"):
            llama_cpp.converter()
        assert not (own / "llama.cpp-0.3.36").exists()
        kept = next((own / "downloads").glob("*.part")).stat().st_size
        assert kept > 0
        assert (llama_cpp.converter() / "convert_hf_to_gguf.py").read_text() == "# the converter"
    assert server.asked == ["", f"bytes={kept}-"]


def test_what_is_not_the_package_is_not_kept_and_not_opened(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Packages(archive=ARCHIVE[:-1] + b"?") as server:
        _serving(monkeypatch, server)
        with pytest.raises(InputError, match=r"SHA-256 .* is not kept"):
            llama_cpp.converter()
    assert not list(own.rglob("*.part"))
    assert not (own / "llama.cpp-0.3.36").exists()


def test_without_a_network_the_sentence_says_what_to_do(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Packages() as server:
        _serving(monkeypatch, server)
    with pytest.raises(InputError, match=r"set LLAMA_CPP to the folder of a llama\.cpp checkout"):
        llama_cpp.converter()


def test_an_archive_writes_nothing_outside_the_folder(tmp_path: Path) -> None:
    files = {
        f"{INSIDE}/conversion/../../../../outside.py": b"1",
        f"{INSIDE}/../llama.cpp/conversion/other.py": b"2",
        f"/{INSIDE}/conversion/absolute.py": b"3",
        "../outside.py": b"4",
        f"{INSIDE}/conversion/good.py": b"5",
    }
    path = tmp_path / "a" / "archive.tar.gz"
    path.parent.mkdir()
    path.write_bytes(_archive(files, {f"{INSIDE}/conversion/link.py": "/etc/passwd"}))
    fetching.unpack(path, tmp_path / "a" / "b" / "folder")
    assert _inside(tmp_path) == {"a/archive.tar.gz", "a/b/folder/conversion/good.py"}


def test_llama_cpp_names_a_checkout_or_is_refused(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    with pytest.raises(InputError, match=r"LLAMA_CPP is .* which holds no convert_hf_to_gguf\.py"):
        llama_cpp.converter()
    (tmp_path / "convert_hf_to_gguf.py").touch()
    assert llama_cpp.converter() == tmp_path


@pytest.fixture
def checkout(tiny: str, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a checkout of llama.cpp that converts in no time, and knows no tokenizer."""
    folder = tmp_path / "checkout"
    (folder / "conversion").mkdir(parents=True)
    (folder / "conversion" / "base.py").write_text(BASE)
    _set(folder, "pass")
    monkeypatch.setenv("LLAMA_CPP", str(folder))
    return folder


def _set(checkout: Path, body: str) -> None:
    (checkout / "convert_hf_to_gguf.py").write_text(CONVERTER.format(body=body))


@pytest.fixture(scope="module")
def tiny() -> str:
    return models.locate(TINY_LLAMA)  # before a test has a cache of its own


@pytest.fixture
def model(tiny: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def _tokenizer(model: Path, **changes: Any) -> None:
    path = model / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_model_is_converted_and_its_tokenizer_named_as_llama_cpp_names_it(
    checkout: Path, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "gguf" / "model-f16.gguf"
    llama_cpp.make("F16", model, path)
    assert path.read_text() == "smollm f16"
    assert _inside(path.parent) == {path.name}


@pytest.mark.parametrize(
    "changes",
    [
        {"pre_tokenizer": None},
        {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}},
        {
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Digits", "individual_digits": False},
                    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
                ],
            }
        },
        {"normalizer": {"type": "NFKC"}},
    ],
    ids=["none", "no digits", "digits together", "a normalizer"],
)
def test_a_tokenizer_that_llama_cpp_does_not_know_stays_refused(
    changes: dict[str, Any], checkout: Path, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model-f16.gguf"
    path.write_text("earlier")
    assert splits_alike(model / "tokenizer.json")
    _tokenizer(model, **changes)
    assert not splits_alike(model / "tokenizer.json")
    with pytest.raises(InputError, match=r"does not know how the tokenizer of .* splits text: .* see .*log") as refused:
        llama_cpp.convert(model, path, "f16")
    assert str(refused.value).count("\n") == 0
    assert path.read_text() == "earlier"


def test_a_failed_conversion_leaves_the_earlier_file_and_its_log(checkout: Path, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "gguf" / "model-f16.gguf"
    llama_cpp.convert(model, path, "f16")
    _set(checkout, 'raise OSError(28, "No space left on device")')
    with pytest.raises(InputError, match=r"could not make model-f16\.gguf \(OSError: .*No space left on device\): see"):
        llama_cpp.convert(model, path, "f16")
    assert path.read_text() == "smollm f16"
    assert _inside(path.parent) == {path.name, "model-f16.gguf.log"}
    assert "converting to f16" in (path.parent / "model-f16.gguf.log").read_text()
    _set(checkout, "pass")
    llama_cpp.convert(model, path, "f16")
    assert _inside(path.parent) == {path.name}


def test_a_converter_that_writes_nothing_has_failed(checkout: Path, model: Path, tmp_path: Path) -> None:
    _set(checkout, "Path(path).unlink(); return")
    with pytest.raises(InputError, match=r"could not make x\.gguf"):
        llama_cpp.convert(model, tmp_path / "x.gguf", "bf16")


def test_a_kill_leaves_the_earlier_file_and_the_next_try_clears_up(checkout: Path, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "gguf" / "model-f16.gguf"
    llama_cpp.convert(model, path, "f16")
    _set(checkout, "time.sleep(60)")
    code = f"""if True:
        from pathlib import Path
        from amazon_ft.serving import llama_cpp
        llama_cpp.convert(Path({str(model)!r}), Path({str(path)!r}), "f16")
    """
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    until = time.monotonic() + 30
    while not list(path.parent.glob(".*.tmp")) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert path.read_text() == "smollm f16"
    assert list(path.parent.glob(".*.tmp"))
    _set(checkout, "pass")
    llama_cpp.convert(model, path, "f16")
    assert _inside(path.parent) == {path.name}


def test_a_converter_that_was_ended_says_so_and_no_half_line(checkout: Path, model: Path, tmp_path: Path) -> None:
    _set(checkout, "import os; print('Writing: 40%|', end='', flush=True); os.kill(os.getpid(), 9)")
    with pytest.raises(
        InputError, match=r"could not make x\.gguf \(ended by signal 9, as where memory is short\): see"
    ):
        llama_cpp.convert(model, tmp_path / "x.gguf", "f16")


def test_pieces_without_their_scores_are_refused(checkout: Path, model: Path, tmp_path: Path) -> None:
    path = model / "tokenizer.json"
    own = json.loads(path.read_text())
    path.write_text(json.dumps({**own, "model": {**own["model"], "byte_fallback": True}}))
    with pytest.raises(InputError, match=r"model has no tokenizer\.model, without which llama\.cpp would split text"):
        llama_cpp.convert(model, tmp_path / "x.gguf", "f16")
    (model / "tokenizer.model").touch()
    llama_cpp.convert(model, tmp_path / "x.gguf", "f16")


def test_code_in_the_folder_is_refused(checkout: Path, model: Path, tmp_path: Path) -> None:
    (model / "tokenization_own.py").write_text("raise SystemExit")
    with pytest.raises(InputError, match="is code, which the converter would run"):
        llama_cpp.convert(model, tmp_path / "x.gguf", "f16")


def test_a_full_disk_is_told_before_anything_is_written(
    checkout: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bases.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    with pytest.raises(InputError, match=r"model-f16\.gguf needs 2\.\d MiB .* 1\.0 MiB are free"):
        llama_cpp.convert(model, tmp_path / "model-f16.gguf", "f16")
    with pytest.raises(InputError, match=r"needs 4\.\d MiB"):
        llama_cpp.convert(model, tmp_path / "model-f32.gguf", "f32")
    assert not list(tmp_path.glob("*.gguf*"))


def test_a_folder_without_whole_weights_is_refused(checkout: Path, model: Path, tmp_path: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(InputError, match="no whole safetensors file"):
        llama_cpp.convert(model, tmp_path / "x.gguf", "f16")
    weights.unlink()
    with pytest.raises(InputError, match="safetensors"):
        llama_cpp.convert(model, tmp_path / "x.gguf", "f16")


def test_each_kind_is_made_in_its_own_way(checkout: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="q4_k_m is not made in this way: choose of f32, f16, bf16, q8_0"):
        llama_cpp.convert(model, tmp_path / "x.gguf", "q4_k_m")
    with pytest.raises(InputError, match="f16 is not made in this way"):
        llama_cpp.quantize(tmp_path / "x.gguf", tmp_path / "y.gguf", "f16")
    with pytest.raises(InputError, match="no kind of GGUF named 'q9_9': choose of f32"):
        llama_cpp.make("q9_9", model, tmp_path / "x.gguf")
    merged, whole = tmp_path / "merged", tmp_path / "model-f16.gguf"
    sources = {name: llama_cpp.source(name, merged, whole) for name in KINDS}
    assert {name for name, source in sources.items() if source == merged} == {"f32", "f16", "bf16", "q8_0"}
    assert set(sources.values()) == {merged, whole}


def _gguf(path: Path, rows: int = 64, width: int = 256) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    for name in ("token_embd.weight", "blk.0.ffn_up.weight"):
        writer.add_tensor(name, np.zeros((rows, width), dtype=np.float16))
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tool(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n{body}\n")
    path.chmod(0o755)
    return path


WRITES = "Path(sys.argv[2]).write_text(' '.join([*sys.argv[3:], Path(sys.argv[0]).parent.name]))"


def test_the_quantiser_is_looked_for_in_the_checkout_then_on_the_path(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _gguf(tmp_path / "model-f16.gguf")
    monkeypatch.setenv("PATH", str(_tool(tmp_path / "found" / "llama-quantize", WRITES).parent))
    llama_cpp.make("q4_k_m", source, tmp_path / "one.gguf")
    _tool(checkout / "build" / "bin" / "llama-quantize", WRITES)
    llama_cpp.make("Q5_K_M", source, tmp_path / "two.gguf")
    assert (tmp_path / "one.gguf").read_text() == "q4_k_m found"
    assert (tmp_path / "two.gguf").read_text() == "q5_k_m bin"
    (checkout / "build" / "bin" / "llama-quantize").chmod(0o644)  # which nobody can run
    llama_cpp.make("q6_k", source, tmp_path / "three.gguf")
    assert (tmp_path / "three.gguf").read_text() == "q6_k found"


def test_without_a_quantiser_the_sentence_names_both_ways(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _gguf(tmp_path / "model-f16.gguf")
    monkeypatch.setenv("PATH", str(tmp_path))
    python = _tool(tmp_path / "python", "sys.exit(1)")
    monkeypatch.setenv("AMAZON_FT_LLAMA_CPP", str(python))
    with pytest.raises(InputError, match=r"put llama-quantize on the PATH, or `pip install llama-cpp-python`"):
        llama_cpp.quantize(source, tmp_path / "x.gguf", "q4_k_m")
    monkeypatch.setenv("AMAZON_FT_LLAMA_CPP", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="which is no Python"):
        llama_cpp.quantize(source, tmp_path / "x.gguf", "q4_k_m")


def test_a_failed_quantisation_leaves_the_others(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gguf").mkdir()
    source = _gguf(tmp_path / "gguf" / "model-f16.gguf")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    _tool(tmp_path / "bin" / "llama-quantize", WRITES)
    llama_cpp.quantize(source, tmp_path / "gguf" / "model-q4_0.gguf", "q4_0")
    _tool(tmp_path / "bin" / "llama-quantize", "Path(sys.argv[2]).write_text('half'); sys.exit('out of memory')")
    with pytest.raises(InputError, match=r"could not make model-q6_k\.gguf \(out of memory\)"):
        llama_cpp.quantize(source, tmp_path / "gguf" / "model-q6_k.gguf", "q6_k")
    assert _inside(tmp_path / "gguf") == {"model-f16.gguf", "model-q4_0.gguf", "model-q6_k.gguf.log"}


def test_what_is_no_gguf_file_is_refused(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(_tool(tmp_path / "bin" / "llama-quantize", WRITES).parent))
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(_gguf(tmp_path / "whole.gguf").read_bytes()[:200])
    for text in (b"", b"no GGUF at all, but long enough to have a header", torn.read_bytes()):
        torn.write_bytes(text)
        with pytest.raises(InputError, match=r"torn\.gguf is no whole GGUF file"):
            llama_cpp.quantize(torn, tmp_path / "x.gguf", "q4_0")
    with pytest.raises(InputError, match="brings no chat template"):
        kinds.chat_template(tmp_path / "whole.gguf")


def test_bytes_are_predicted_from_the_shapes(tmp_path: Path, model: Path) -> None:
    source, weights = _gguf(tmp_path / "f16.gguf"), 64 * 256
    rest = source.stat().st_size - 2 * 2 * weights - 4 * 256
    assert kinds.from_gguf(source, kind("f16")) == pytest.approx(source.stat().st_size, rel=0.001)
    # The table of words scores them, too, and so has more bits.
    assert kinds.from_gguf(source, kind("q4_0")) == pytest.approx(rest + weights * (6.5625 + 4.5) / 8 + 1024, rel=0.001)
    assert kinds.from_folder(model, kind("f32")) > 1.9 * kinds.from_folder(model, kind("f16"))


def test_only_a_model_that_unsloth_runs_goes_its_way(tmp_path: Path) -> None:
    asked: list[Any] = []

    def save(folder: str, tokenizer: str, quantization_method: list[str]) -> None:
        asked.append((tokenizer, quantization_method))
        Path(f"{folder}_gguf").mkdir()
        Path(f"{folder}_gguf", "base.F16.gguf").write_bytes(b"GGUF")

    loaded: Any = SimpleNamespace(
        model=SimpleNamespace(save_pretrained_gguf=save), tokenizer="tokenizer", backend="transformers"
    )
    with pytest.raises(InputError, match="run by transformers, not by Unsloth"):
        llama_cpp.with_unsloth(loaded, tmp_path / "gguf", ["f16"])
    loaded.backend = "unsloth"
    llama_cpp.with_unsloth(loaded, tmp_path / "gguf", ["F16"])
    assert asked == [("tokenizer", ["f16"])]
    assert (tmp_path / "gguf" / "model-F16.gguf").read_bytes() == b"GGUF"
    with pytest.raises(InputError, match="Unsloth wrote no q4_k_m"):
        llama_cpp.with_unsloth(loaded, tmp_path / "gguf", ["q4_k_m"])
    assert [path.name for path in tmp_path.iterdir()] == ["gguf"]
