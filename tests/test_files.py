from __future__ import annotations

import errno
from pathlib import Path

import pytest

from amazon_ft import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["scores.json"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    files.write_jsonl(path, [{"a": 1}])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_jsonl(path, [{"a": 2}])
    assert files.read_jsonl(path) == [{"a": 1}]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    for text in ("first", "second"):
        with files.replacing(folder) as temporary:
            temporary.mkdir()
            (temporary / "weights").write_text(text)
    assert (folder / "weights").read_text() == "second"
    assert [file.name for file in tmp_path.iterdir()] == ["adapter"]


def test_digest_sees_names_and_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("same")
    assert files.digest(tmp_path / "one") == files.digest(tmp_path / "two")
    (tmp_path / "two" / "file").rename(tmp_path / "two" / "other")
    assert files.digest(tmp_path / "one") != files.digest(tmp_path / "two")
