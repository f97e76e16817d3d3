"""Break a catalogue, the disk and the process in every way, and get one sentence or counted rows, never half a file."""

from __future__ import annotations

import gzip
import importlib.util
import io
import itertools
import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from amazon_ft import files
from amazon_ft.cleaning.counting import BAD_ROWS_SHOWN
from amazon_ft.cleaning.whole import Choices
from amazon_ft.cli import main
from amazon_ft.files import InputError
from amazon_ft.products import load
from amazon_ft.runs import Run
from amazon_ft.sources import packed

RNG = random.Random(11)
WORDS = ("steel", "glass", "wooden", "round", "large", "small", "quiet", "heavy", "green", "narrow", "simple")
GOOD = [
    json.dumps({
        "uid": f"{number:010}",
        "title": f"Mug {number}",
        "content": f"A {' '.join(RNG.choices(WORDS, k=9))} mug that holds {number + 100} ml.",
    })
    for number in range(40)
]  # fmt: skip
LINES = "".join(f"{line}\n" for line in GOOD).encode()
OUTPUTS = ("products.parquet", "rejected.parquet", "near_duplicates.parquet", "cleaning.json", "cleaning.html")
COMPARED = OUTPUTS[:4]


def _clean(source: Path, folder: Path, *options: str) -> int:
    return main(["clean", str(source), "--run", str(folder), "--workers", "1", *options])


def _refused(
    capsys: pytest.CaptureFixture[str], data: bytes, folder: Path, *options: str, name: str = "trn.json"
) -> str:
    """Clean `data`, see that it is refused in one sentence and that nothing is left of it, and give the sentence."""
    (folder / name).write_bytes(data)
    assert _clean(folder / name, folder / "run", *options) == 1
    said = capsys.readouterr()
    *before, sentence = re.split(r"[\r\n]+", said.err.rstrip("\n"))
    assert re.fullmatch(r"amazon-ft: .{20,}\.", sentence)
    assert not [line for line in before if line and not line.startswith("clean: ")]
    assert said.out == ""
    assert _left(folder / "run") == []
    return sentence


def _left(run: Path) -> list[str]:
    return sorted(path.name for path in run.iterdir()) if run.exists() else []


def _counted(
    capsys: pytest.CaptureFixture[str], data: bytes, folder: Path, *options: str, name: str = "trn.json"
) -> dict[str, Any]:
    """Clean `data`, see that every row is accounted for, and give the counts."""
    (folder / name).write_bytes(data)
    assert _clean(folder / name, folder / "run", *options) == 0, capsys.readouterr().err
    assert _left(folder / "run") == sorted([*OUTPUTS, "manifest.json"])
    run, said = Run(folder / "run"), capsys.readouterr().out
    counts: dict[str, Any] = json.loads(run.cleaning.read_text())
    assert counts["read"] == counts["kept"] + sum(counts["rejected"].values())
    assert counts["kept"] == len(list(load(run.products)))
    rejected = parquet.read_table(run.rejected)
    assert sorted(rejected["reason"].to_pylist()) == sorted(
        reason for reason, number in counts["rejected"].items() for _ in range(number)
    )
    assert all(line in said for line in counts["bad_rows"])
    return counts


def _zip(name: str = "trn.json", data: bytes = LINES, method: int = zipfile.ZIP_DEFLATED, mode: int = 0) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        info = zipfile.ZipInfo(name)
        info.compress_type, info.external_attr = method, mode << 16
        archive.writestr(info, data)
    return file.getvalue()


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]


def _numbers(counts: dict[str, Any]) -> list[int]:
    return [int(re.search(r" line (\d+): ", line)[1]) for line in counts["bad_rows"]]  # type: ignore[index]


# Damaged and strange files.


MANY = b"".join(
    json.dumps({"uid": str(number), "title": f"Mug {number}", "content": RNG.randbytes(40).hex()}).encode() + b"\n"
    for number in range(500)
)
PACKED = {
    "gzip": gzip.compress(MANY),
    "zip": _zip(data=MANY),
    "gzip in zip": _zip("LF-Amazon-1.3M/trn.json.gz", gzip.compress(MANY), zipfile.ZIP_STORED),
}


@pytest.mark.parametrize("kind", PACKED)
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    data = PACKED[kind]
    for place in random.Random(kind).sample(range(4, len(data) - 22), 20):
        assert "cut or damaged" in _refused(capsys, data[:place], tmp_path)


@pytest.mark.parametrize("kind", PACKED)
def test_a_flipped_byte_anywhere_in_the_data_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    data = PACKED[kind]
    end = data.index(b"PK\x01\x02") if kind != "gzip" else len(data)
    for place in random.Random(kind).sample(range(100, end), 10):
        assert "cut or damaged" in _refused(capsys, _flipped(data, place), tmp_path)


@pytest.mark.parametrize("place", [-8, -3])
def test_a_gzip_file_with_a_wrong_sum_or_size_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: int
) -> None:
    data = gzip.compress(LINES)
    assert "cut or damaged" in _refused(capsys, _flipped(data, len(data) + place), tmp_path)


def test_a_zip_with_a_wrong_sum_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = _zip(method=zipfile.ZIP_STORED)
    wrong = data.replace(zlib.crc32(LINES).to_bytes(4, "little"), b"\1\2\3\4")
    assert wrong != data
    assert "cut or damaged (Bad CRC-32" in _refused(capsys, wrong, tmp_path)


def test_a_torn_tail_after_gzip_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cut or damaged" in _refused(capsys, gzip.compress(LINES) + gzip.compress(LINES)[:30], tmp_path)


def _encrypted() -> bytes:
    data = bytearray(_zip())
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + place] |= 1
    return bytes(data)


def _deflate64() -> bytes:
    data = bytearray(_zip())
    for magic, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(magic) + place] = 9
    return bytes(data)


def _two() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.json", LINES)
        archive.writestr("b.json", LINES)
    return file.getvalue()


STRANGE: dict[str, tuple[bytes, str]] = {
    "an empty zip": (b"PK\x05\x06" + bytes(18), "holds nothing"),
    "a zip of nothing useful": (_zip("README.txt"), "holds README.txt"),
    "a zip of two catalogues": (_two(), "holds a.json, b.json"),
    "a zip of a link": (_zip("trn.json", b"/etc/passwd", mode=stat.S_IFLNK | 0o777), "holds nothing"),
    "an encrypted zip": (_encrypted(), "is encrypted"),
    "deflate64 in zip": (_deflate64(), "method other than deflate"),
    "bzip2 in zip": (_flipped(_zip(method=zipfile.ZIP_BZIP2), 120), "method other than deflate"),
    "lzma in zip": (_flipped(_zip(method=zipfile.ZIP_LZMA), 120), "method other than deflate"),
    "gzip in gzip": (gzip.compress(gzip.compress(LINES)), "packed again"),
    "zip in gzip": (gzip.compress(_zip()), "packed again"),
    "zip in zip": (_zip("trn.json", _zip()), "packed again"),
    "a web page": (b"<!DOCTYPE html>\n<html><title>Quota exceeded</title></html>\n", "a web page"),
    "a packed web page": (gzip.compress(b"\n\n<html></html>"), "a web page"),
    "an array": (b"[\n" + LINES.replace(b"}\n", b"},\n") + b"]\n", "one JSON array"),
    "one pretty object": (json.dumps(json.loads(GOOD[0]), indent=2).encode(), "the first row of"),
    "NUL bytes": (bytes(5_000), "neither JSON nor CSV"),
    "noise": (random.Random(3).randbytes(5_000), "neither JSON nor CSV"),
    "deep nesting at once": (b'{"title": "Mug", "content": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "the first row"),
    "no usable row": (b'{"uid": "1", "title": "", "content": "x"}\n', "no usable product"),
    "only bad rows but one": (b'{"title": ["x"], "content": "x"}\n{torn\n', "no usable product"),
}  # fmt: skip


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strange_file_gets_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    data, said = STRANGE[kind]
    assert said in _refused(capsys, data, tmp_path)


def test_noise_never_gets_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(8)
    heads = (b"", b"{", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"\x1f\x8b\x08\0", b"PAR1", b"uid,title,content\n")
    for head in heads * 5:
        _refused(capsys, head + rng.randbytes(rng.randrange(1, 400)), tmp_path)


def _parquet() -> bytes:
    rows = [json.loads(line) for line in GOOD]
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def test_a_damaged_parquet_file_is_refused_or_read_but_never_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = _parquet()
    for place in random.Random(4).sample(range(4, len(whole)), 20):
        assert "cut or damaged" in _refused(capsys, whole[:place], tmp_path)
    refused = 0
    for place in random.Random(5).sample(range(4, len(whole)), 40):
        (tmp_path / "trn.json").write_bytes(_flipped(whole, place))
        code = _clean(tmp_path / "trn.json", tmp_path / f"run{place}")
        said = capsys.readouterr().err
        if code:
            refused += 1
            assert re.search(r"amazon-ft: \S*trn\.json (is cut or damaged|has no column) .*\.\n$", said)
            assert _left(tmp_path / f"run{place}") == []
    assert refused >= 5


def test_a_parquet_file_of_invalid_utf8_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"caf\xe9"]).buffers())
    file = io.BytesIO()
    parquet.write_table(pa.table({"uid": ["1"], "title": ["Mug"], "content": bad}), file)
    assert "utf-8" in _refused(capsys, file.getvalue(), tmp_path)


def test_a_zip_bomb_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "MOST_UNPACKED", 3_000_000)
    monkeypatch.setattr(packed, "CHUNK", 100_000)
    bomb = LINES + b'{"title": "' + b"a" * 20_000_000
    for data in (gzip.compress(bomb), _zip(data=bomb), _zip("trn.json.gz", gzip.compress(bomb))):
        assert len(data) < 100_000
        assert "zip bombs" in _refused(capsys, data, tmp_path)


@pytest.mark.parametrize("name", ["../../trn.json", "/etc/trn.json", "..\\..\\trn.json", "C:/trn.json"])
def test_a_name_in_a_zip_writes_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    assert _counted(capsys, _zip(name), folder, name="mine.zip")["kept"] == 40
    assert {path.name for path in tmp_path.rglob("*")} == {"a", "b", "mine.zip", "run", "manifest.json", *OUTPUTS}


@pytest.mark.parametrize("name", ["text.gz", "trn.zip", "trn.parquet", "trn.csv"])
def test_the_bytes_count_and_not_the_name(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert _counted(capsys, LINES, tmp_path, name=name)["kept"] == 40


@pytest.mark.parametrize("data", [gzip.compress(LINES), _zip(), _parquet()])
def test_a_packed_file_may_be_called_json(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes) -> None:
    assert _counted(capsys, data, tmp_path)["kept"] == 40


# Bad rows among good ones.

TEXT = '"content": "A mug that holds tea and coffee, of plain steel."'
ROWS: dict[str, tuple[bytes, str | None]] = {
    "torn": (b'{"uid": "1", "ti', "not JSON"),
    "a NUL byte": (b'{"uid": "1", "title": "a\0b", %b}' % TEXT.encode(), "not JSON"),
    "NUL bytes alone": (bytes(512), "not JSON"),
    "invalid UTF-8": (b'{"uid": "1", "title": "caf\xe9", %b}' % TEXT.encode(), "not UTF-8"),
    "overlong UTF-8": (b'{"uid": "1", "title": "a\xc0\xafb", %b}' % TEXT.encode(), "not UTF-8"),
    "a raw surrogate": (b'{"uid": "1", "title": "a\xed\xa0\x80b", %b}' % TEXT.encode(), "not UTF-8"),
    "a high surrogate alone": (b'{"uid": "1", "title": "a\\ud800", %b}' % TEXT.encode(), "not JSON"),
    "a low surrogate alone": (b'{"uid": "1", "title": "\\udc00 a", %b}' % TEXT.encode(), "not JSON"),
    "surrogates reversed": (b'{"uid": "1", "title": "\\udc00\\ud800", %b}' % TEXT.encode(), "not JSON"),
    "NaN": (b'{"uid": "1", "title": "Mug", "content": NaN}', "not JSON"),
    "deep lists": (b'{"title": "Mug", %b, "x": %b%b}' % (TEXT.encode(), b"[" * 10_000, b"]" * 10_000), "not JSON"),
    "deep objects": (b'{"title": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}", "not JSON"),
    "an array": (b'["1", "Mug", "x"]', "no title"),
    "a text": (b'"Mug"', "no title"),
    "no title": (b'{"uid": "1", %b}' % TEXT.encode(), "no title"),
    "a list as title": (b'{"uid": "1", "title": ["Mug"], %b}' % TEXT.encode(), "title is not text"),
    "an object as title": (b'{"uid": "1", "title": {"en": "Mug"}, %b}' % TEXT.encode(), "title is not text"),
    "true as title": (b'{"uid": "1", "title": true, %b}' % TEXT.encode(), "title is not text"),
    "null as title": (b'{"uid": "1", "title": null, %b}' % TEXT.encode(), "empty title"),
    "a list as uid": (b'{"uid": [1], "title": "Mug", %b}' % TEXT.encode(), "uid is not text"),
    "no content": (b'{"uid": "1", "title": "Mug"}', "empty description"),
    "a number as title": (b'{"uid": "1", "title": 1984, %b}' % TEXT.encode(), None),
    "a number as uid": (b'{"uid": 12, "title": "Mug", %b}' % TEXT.encode(), None),
    "uid of zeros": (b'{"uid": "0000000000", "title": "Mug", %b}' % TEXT.encode(), None),
    "a byte order mark inside": (b'\xef\xbb\xbf{"uid": "1", "title": "Mug", %b}' % TEXT.encode(), "not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ROWS)
def test_a_bad_row_is_counted_with_its_line_and_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    row, reason = ROWS[kind]
    lines = [*GOOD[:20], "", *GOOD[20:]]
    data = b"\r\n".join(line.encode() for line in lines)
    at = data.index(GOOD[30].encode())
    counts = _counted(capsys, b"\xef\xbb\xbf" + data[:at] + row + b"\r\n" + data[at:], tmp_path)
    assert (counts["read"], counts["kept"]) == (41, 40 if reason else 41)
    assert counts["rejected"] == ({reason: 1} if reason else {})
    rejected = parquet.read_table(tmp_path / "run" / "rejected.parquet").to_pylist()
    assert [(each["row"], each["source"]) for each in rejected] == ([(32, "trn.json")] if reason else [])
    if reason and not reason.startswith("empty"):
        assert len(counts["bad_rows"]) == 1
        assert counts["bad_rows"][0].startswith(f"trn.json line 32: {reason}")


def test_the_last_of_equal_keys_wins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = f'{{"uid": "0", "title": "first", "uid": "0000000000", "title": "last", {TEXT}}}\n'
    assert _counted(capsys, row.encode(), tmp_path)["kept"] == 1
    (product,) = load(Run(tmp_path / "run").products)
    assert (product.uid, product.title) == ("0000000000", "last")


def test_a_torn_last_line_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = _counted(capsys, LINES[:-20], tmp_path)
    assert (counts["kept"], counts["rejected"], _numbers(counts)) == (39, {"not JSON": 1}, [40])


def test_bad_rows_of_a_csv_file_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "A mug that holds tea and coffee, of plain steel."
    rows = [
        *(b"uid;title;content", b'0000000000;"Mug";%b' % text.encode(), b"1;torn", b"", b"2;caf\xe9;x"),
        *(b"3;\xed\xa0\x80;x", b'4;"a\r\nb";%b' % text.encode()[:40], b"5;a\0b;%b" % text.encode()[:30], b"6;a;b;c"),
    ]
    counts = _counted(capsys, b"\r\n".join(rows), tmp_path)
    assert counts["rejected"] == {"not UTF-8": 2, "wrong number of fields": 2}
    assert _numbers(counts) == [3, 5, 6, 10]
    assert [row.uid for row in load(Run(tmp_path / "run").products)] == ["0000000000", "4", "5"]


def test_a_lost_quote_in_csv_does_not_eat_the_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = b'uid,title,content\n1,Mug,"never closed\n' + b"2,Cup,plain text of some length\n" * 600_000
    assert "quote that is not closed" in _refused(capsys, rows, tmp_path)


def test_bad_rows_are_shown_up_to_a_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = _counted(capsys, LINES + b"{torn\n" * 50, tmp_path)
    assert counts["rejected"] == {"not JSON": 50}
    assert _numbers(counts) == list(range(41, 41 + BAD_ROWS_SHOWN))


def test_strict_stops_at_the_first_bad_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = LINES + b'{"title": ["x"]}\n{torn\n' + LINES
    assert "trn.json line 41: title is not text: mend that line" in _refused(capsys, data, tmp_path, "--strict")
    assert _counted(capsys, LINES, tmp_path, "--strict")["kept"] == 40


def test_strict_names_the_first_bad_row_with_several_workers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "CHUNK", 1_000)
    data = LINES + b"{torn\n" + LINES + b"[]\n" + LINES
    assert "trn.json line 41: not JSON" in _refused(capsys, data, tmp_path, "--strict", "--workers", "2")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sample", "0"), "a sample of 0 rows"),
        (("--sample", "-1"), "a sample of -1 rows"),
        (("--workers", "0"), "0 workers"),
        (("--workers", "-2"), "-2 workers"),
        (("--shards", "0"), "shards of 0 rows"),
        (("--title-column", "uid"), "one column cannot be"),
        (("--title-column", "name"), "--title-column"),
    ],
)
def test_a_choice_that_cannot_be_gets_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    assert said in _refused(capsys, LINES, tmp_path, *options)


def test_an_unknown_policy_is_answered_with_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        _clean(tmp_path / "trn.json", tmp_path / "run", "--policy", "nope")
    assert refusal.value.code == 2  # as argparse answers any wrong option
    assert "invalid choice: 'nope'" in capsys.readouterr().err
    with pytest.raises(InputError, match="policy 'nope' is unknown: choose one of ours"):
        Choices(policy="nope")


# Memory, disk and process.

MEASURED = """
import json, resource, sys
from amazon_ft.cli import main
code = main(["clean", sys.argv[1], "--run", sys.argv[2], "--workers", "1"])
print(json.dumps([code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""


def _measured(source: Path, run: Path) -> int:
    done = subprocess.run([sys.executable, "-c", MEASURED, str(source), str(run)], capture_output=True, text=True)
    code, mebibytes = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return int(mebibytes)


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in KiB")
def test_a_line_of_50_mb_is_counted_in_bounded_memory(tmp_path: Path) -> None:
    plain, long = tmp_path / "plain.json.gz", tmp_path / "long.json.gz"
    plain.write_bytes(gzip.compress(LINES))
    line = b'{"uid": "1", "title": "Mug", "content": "' + b"a" * 50_000_000 + b'"}\n'
    long.write_bytes(gzip.compress(LINES + line, 1) + gzip.compress(LINES))
    base = _measured(plain, tmp_path / "plain")
    assert _measured(long, tmp_path / "long") - base < 250
    counts = json.loads(Run(tmp_path / "long").cleaning.read_text())
    assert (counts["read"], counts["kept"]) == (81, 40)
    assert counts["bad_rows"] == ["long.json.gz line 41: line too long"]


LIMITED = """
import resource, signal, sys
from amazon_ft.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(["clean", *sys.argv[2:]]))
"""


def _bytes(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in COMPARED}


@pytest.mark.skipif(os.name == "nt", reason="no limit on the size of a file")
def test_a_full_disk_at_any_file_leaves_nothing_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _counted(capsys, LINES + LINES[:900] + b"{torn\n" * 3, tmp_path)
    undisturbed = _bytes(tmp_path / "run")
    sizes = sorted({(tmp_path / "run" / name).stat().st_size for name in OUTPUTS})
    assert len(sizes) == len(OUTPUTS)
    for limit in (size - 1 for size in sizes):
        run = tmp_path / f"limit {limit}"
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(limit), str(tmp_path / "trn.json"), "--run", str(run)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert re.fullmatch(r"amazon-ft: .*File too large.*\.", done.stderr.splitlines()[-1])
        assert "Traceback" not in done.stderr
        assert _left(run) == []
        assert _clean(tmp_path / "trn.json", run) == 0
        assert _bytes(run) == undisturbed


def test_a_disk_that_fails_at_any_sync_leaves_whole_files_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _counted(capsys, LINES, tmp_path)
    undisturbed = _bytes(tmp_path / "run")
    really, failed = os.fsync, 0
    for turn in itertools.count():
        calls = itertools.count()

        def fsync(descriptor: int, calls: Any = calls, turn: int = turn) -> None:
            if next(calls) == turn:
                raise OSError(28, "No space left on device")
            really(descriptor)

        run = tmp_path / f"turn {turn}"
        monkeypatch.setattr(files.os, "fsync", fsync)
        code = _clean(tmp_path / "trn.json", run)
        monkeypatch.setattr(files.os, "fsync", really)
        if code == 0:
            break
        failed += 1
        assert "No space left on device" in capsys.readouterr().err.splitlines()[-1]
        left = {name: (run / name).read_bytes() for name in _left(run) if name not in ("manifest.json", OUTPUTS[4])}
        assert left == {name: data for name, data in undisturbed.items() if name in left}
        if turn % 4 == 0:
            assert _clean(tmp_path / "trn.json", run) == 0
            assert _bytes(run) == undisturbed
    assert failed > 10


@pytest.fixture(scope="module")
def synthetic() -> ModuleType:
    source = Path(__file__).parents[1] / "benchmarks" / "synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic_for_faults", source)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Started:
    """Run the command in its own process group, under a mark by which its processes are found."""

    def __init__(self, source: Path, run: Path, workers: int) -> None:
        self.mark = f"AMAZON_FT_TEST_MARK={os.getpid()}-{time.monotonic_ns()}"
        command = [
            sys.executable,
            "-m",
            "amazon_ft",
            "clean",
            str(source),
            "--run",
            str(run),
            "--workers",
            str(workers),
        ]
        name, _, value = self.mark.partition("=")
        # Closed by end(); a pipe would be held open by whatever outlives the command.
        self.said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=self.said,
            start_new_session=True,
            env={**os.environ, name: value},
        )
        mine = f".products.parquet.{self.process.pid}.tmp"
        while not (run / mine).exists() and self.process.poll() is None:
            time.sleep(0.005)
        self.writing_since = time.monotonic()

    def wait_for_a_worker(self) -> None:
        """Wait until the first worker process is there, not yet ready to answer a signal."""
        while self.process.poll() is None and not any(
            b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes() for process in self._processes()
        ):
            time.sleep(0.002)

    def end(self) -> tuple[int, str]:
        """Wait for the end of it and of all processes that it started, and give its exit code and what it said."""
        self.process.wait(timeout=60)
        patience = time.monotonic() + 5
        while (left := self._processes()) and time.monotonic() < patience:
            time.sleep(0.05)
        for process in left:
            os.kill(process, signal.SIGKILL)
        assert not left, "processes outlived the command"
        with self.said:
            self.said.seek(0)
            return self.process.returncode, self.said.read()

    def _processes(self) -> list[int]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:  # it has ended, or is not ours
                continue
        return found


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, synthetic: ModuleType
) -> tuple[Path, dict[str, bytes], float]:
    """Clean a mid-size catalogue in peace; give its path, what was written, and for how long it was written."""
    folder = tmp_path_factory.mktemp("undisturbed")
    source = folder / "trn.json.gz"
    synthetic.write(source, 20_000)
    started = Started(source, folder / "run", 1)
    code, said = started.end()
    assert code == 0, said
    return source, _bytes(folder / "run"), time.monotonic() - started.writing_since


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes under /proc")
@pytest.mark.parametrize(("kind", "moments"), [(signal.SIGINT, (0.02, 0.6)), (signal.SIGKILL, (0.3, 0.8))])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_run_can_be_done_again(
    tmp_path: Path,
    undisturbed: tuple[Path, dict[str, bytes], float],
    kind: signal.Signals,
    moments: tuple[float, ...],
    workers: int,
) -> None:
    source, expected, seconds = undisturbed
    run = tmp_path / "run"
    codes = []
    for moment in moments:
        started = Started(source, run, workers)
        time.sleep(moment * seconds)
        # Ctrl-C goes to all processes of a terminal, the out-of-memory killer picks one.
        (os.killpg if kind == signal.SIGINT else os.kill)(started.process.pid, kind)
        code, said = started.end()
        codes.append(code)
        if code == 1:
            assert said.splitlines()[-1] == "amazon-ft: stopped: run the same command again to go on."
            assert "Traceback" not in said
            assert _left(run) == []
    assert codes[0] == (1 if kind == signal.SIGINT else -signal.SIGKILL)
    code, said = Started(source, run, workers).end()
    assert code == 0, said
    assert _bytes(run) == expected
    assert _left(run) == sorted([*OUTPUTS, "manifest.json"])


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes under /proc")
def test_ctrl_c_while_workers_start_gets_one_sentence_from_the_command_alone(
    tmp_path: Path, undisturbed: tuple[Path, dict[str, bytes], float]
) -> None:
    started = Started(undisturbed[0], tmp_path / "run", 2)
    started.wait_for_a_worker()
    time.sleep(0.1)  # Python has begun there, and is still importing
    os.killpg(started.process.pid, signal.SIGINT)
    code, said = started.end()
    assert code == 1
    assert said.splitlines()[-1] == "amazon-ft: stopped: run the same command again to go on."
    assert not re.search("Traceback|Fatal", said)
    assert _left(tmp_path / "run") == []
