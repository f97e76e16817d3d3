from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from amazon_ft import files
from amazon_ft.files import InputError, append_jsonl, read_appended, read_jsonl


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


@pytest.mark.parametrize("whole", [0, 1, 3])
@pytest.mark.parametrize("torn", ["", '{"a', '{"a": 1}', "x" * 200_000])
def test_a_torn_last_line_is_left_out_and_cut_off(tmp_path: Path, whole: int, torn: str) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    before = [{"row": row, "text": "é\n" * 70_000} for row in range(whole)]
    append_jsonl(path, before)
    with path.open("a", encoding="utf-8") as file:
        file.write(torn)
    assert read_appended(path) == before
    append_jsonl(path, [{"row": 7}])
    assert read_appended(path) == read_jsonl(path) == [*before, {"row": 7}]


def test_what_was_never_appended_is_nothing(tmp_path: Path) -> None:
    assert read_appended(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("line", ["{", "", "7"])
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a": 1}}\n{line}\n{{"b": 2}}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"line 2 of .*rows\.jsonl is no JSON object: mend it, or move the file away"):
        read_appended(path)


def test_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    code = (
        "import sys; from pathlib import Path; from amazon_ft.files import append_jsonl\n"
        "for row in range(200): append_jsonl(Path(sys.argv[1]), [{'who': sys.argv[2], 'row': row}])"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), who]) for who in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    written = sorted((row["who"], row["row"]) for row in read_appended(path))
    assert written == [(who, row) for who in "ab" for row in range(200)]
