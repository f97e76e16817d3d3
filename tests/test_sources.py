"""Read one catalogue from every kind of source, and get the same products with the same numbers."""

from __future__ import annotations

import csv
import gzip
import http.server
import io
import json
import random
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from xxhash import xxh3_64_intdigest

from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.sources import downloads, packed, reading, tables
from amazon_ft.sources.chunks import COLUMNS, BadRow, Columns, parse, sample

LONG = "x" * 140_000  # characters; Python's csv stops at 131,072 unless told otherwise
TEXTS = (
    'A 12" pan; with a lid, and a "glass" one',
    "tab\there, | and ; too",
    "first line\nsecond line\n\nfourth",
    "carriage\r\nreturn and\ralone",
    "separators \u2028 \u2029 \x85 \x0b \x0c \x1c stay",
    "Café 日本語 🙂 \u202eשלום",
    "",
    LONG,
)
ROWS = [Product(f"{number:010}", f"Mug {number}, blue", text) for number, text in enumerate(TEXTS)]
OTHERS = Columns(uid="asin", title="Product name", content="über")
DRIVE_ID = "1aB-cD_eF2gH3iJ4kL5mN6oP7qR8sT9uV"


def _json(rows: Iterable[Product] = ROWS, columns: Columns = COLUMNS, end: str = "\n", ascii_: bool = True) -> bytes:
    named = ({getattr(columns, field): getattr(row, field) for field in row.__struct_fields__} for row in rows)
    more = {"target_ind": [1, 2], "target_rel": [1.0, 1.0], "nested": {"title": "not this"}}
    return "".join(json.dumps({**row, **more}, ensure_ascii=ascii_) + end for row in named).encode()


def _csv(delimiter: str, columns: Columns = COLUMNS, end: str = "\n") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerow(["price", columns.content, columns.uid, columns.title])  # the order is the file's own
    writer.writerows(["9,99", row.content, row.uid, row.title] for row in ROWS)
    return text.getvalue().encode()


def _parquet(columns: Columns = COLUMNS, **types: pa.DataType) -> bytes:
    values = {
        field: pa.array([getattr(row, field) for row in ROWS], types.get(field)) for field in Product.__struct_fields__
    }
    file = io.BytesIO()
    parquet.write_table(pa.table({getattr(columns, field): each for field, each in values.items()}), file)
    return file.getvalue()


def _zip(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def _as_on_drive(data: bytes) -> bytes:
    others = {f"LF-Amazon-1.3M/{name}": gzip.compress(b'{"title": "no"}\n') for name in ("tst.json.gz", "lbl.json.gz")}
    return _zip(**{"LF-Amazon-1.3M/": b"", **others, "LF-Amazon-1.3M/trn.json.gz": gzip.compress(data)})


def _fields(rows: Iterable[Product | BadRow]) -> list[tuple[str, str, str]]:
    rows = list(rows)
    assert not [row for row in rows if isinstance(row, BadRow)]
    return [(row.uid, row.title, row.content) for row in rows if isinstance(row, Product)]


def _numbered(*paths: Path) -> list[tuple[str, int, Product | BadRow]]:
    parsed = (parse(chunk, COLUMNS) for chunk in reading.chunks(reading.find(paths), COLUMNS))
    return [(rows.source, *row) for rows in parsed for row in zip(rows.numbers, rows.rows, strict=True)]


KINDS: dict[str, Callable[[], bytes]] = {
    "trn.json": _json,
    "trn.jsonl": lambda: _json(ascii_=False),
    "crlf.json": lambda: _json(end="\r\n"),
    "bom.json": lambda: b"\xef\xbb\xbf" + _json(),
    "no last line end.json": lambda: _json().rstrip(),
    "trn.json.gz": lambda: gzip.compress(_json()),
    "two members.gz": lambda: gzip.compress(_json(ROWS[:3])) + gzip.compress(_json(ROWS[3:])),
    "no suffix": lambda: gzip.compress(_json()),
    "gzip.json": lambda: gzip.compress(_json()),
    "text.gz": _json,
    "drive.zip": lambda: _as_on_drive(_json()),
    "drive.json": lambda: _as_on_drive(_json()),
    "plain.zip": lambda: _zip(**{"README.txt": b"Hello", "data/trn.json": _json()}),
    "one other.zip": lambda: _zip(**{"mine.jsonl": _json()}),
    "csv.zip": lambda: _zip(**{"mine.csv": _csv(",")}),
    "comma.csv": lambda: _csv(","),
    "semicolon.csv": lambda: _csv(";"),
    "tab.tsv": lambda: _csv("\t"),
    "bar.csv": lambda: _csv("|"),
    "bom.csv": lambda: b"\xef\xbb\xbf" + _csv(";", end="\r\n"),
    "crlf.csv": lambda: _csv(",", end="\r\n"),
    "blank lines.csv": lambda: b"\n\r\n" + _csv(",") + b"\n\n",
    "csv.gz": lambda: gzip.compress(_csv("\t")),
    "csv.json": lambda: _csv(","),
    "trn.parquet": _parquet,
    "large.parquet": lambda: _parquet(title=pa.large_string(), content=pa.large_string()),
    "views.parquet": lambda: _parquet(title=pa.string_view()),
    "parquet.json": _parquet,
}


@pytest.mark.parametrize("name", KINDS)
def test_every_source_gives_the_same_products(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(KINDS[name]())
    assert _fields(reading.read(path)) == _fields(ROWS)
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["drive.zip", "trn.json.gz", "csv.zip"])
def test_nothing_is_unpacked_to_disk(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(KINDS[name]())
    code = (
        "import resource, signal, sys\n"
        "from amazon_ft.sources.reading import read\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"  # no file may get a single byte
        "print(sum(1 for row in read(sys.argv[1])))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{len(ROWS)}\n", "")


@pytest.mark.parametrize("make", [_json, lambda columns: _csv(";", columns), _parquet])
def test_columns_may_have_other_names(tmp_path: Path, make: Callable[..., bytes]) -> None:
    path = tmp_path / "mine"
    path.write_bytes(make(columns=OTHERS))
    assert _fields(reading.read(path, OTHERS)) == _fields(ROWS)


@pytest.mark.parametrize("make", [_json, lambda columns: _csv(";", columns), _parquet])
def test_a_wrong_column_gets_the_names_there_are_and_the_option(tmp_path: Path, make: Callable[..., bytes]) -> None:
    path = tmp_path / "mine"
    path.write_bytes(make(columns=OTHERS))
    for wrong, option in (
        (COLUMNS, "--title-column"),
        (Columns("asin", "Product name", "text"), "--description-column"),
        (Columns("id", "Product name", "über"), "--uid-column"),
    ):
        with pytest.raises(InputError, match=f"has no column .*'Product name'.*{option}"):
            list(reading.read(path, wrong))


def test_one_column_cannot_be_two_fields() -> None:
    with pytest.raises(InputError, match="one column cannot be"):
        Columns(uid="title")


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_a_catalogue_without_uids_gets_some_of_its_own(tmp_path: Path, kind: str) -> None:
    titles, contents = ["Mug", "Mug", "Cup"], ["Red.", "Blue.", "Red."]
    if kind == "json":
        lines = (json.dumps({"title": title, "content": text}) for title, text in zip(titles, contents, strict=True))
        (tmp_path / "mine").write_text("\n".join(lines))
    elif kind == "csv":
        rows = (f"{title},{text}" for title, text in zip(titles, contents, strict=True))
        (tmp_path / "mine").write_text("\n".join(["title,content", *rows]))
    else:
        parquet.write_table(pa.table({"title": titles, "content": contents}), tmp_path / "mine")
    uids = [uid for uid, *_ in _fields(reading.read(tmp_path / "mine"))]
    assert len(set(uids)) == 3
    assert all(uid.startswith("noid-") for uid in uids)
    assert uids == [uid for uid, *_ in _fields(reading.read(tmp_path / "mine"))]


def test_parquet_may_hold_numbers_and_nothing(tmp_path: Path) -> None:
    table = pa.table({"uid": [7, 8], "title": ["Mug", None], "content": pa.array([None, "x"], pa.large_string())})
    parquet.write_table(table, tmp_path / "mine")
    assert _fields(reading.read(tmp_path / "mine")) == [("7", "Mug", ""), ("8", "", "x")]


def test_json_may_hold_numbers_and_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trn.json"
    path.write_text('{"uid": 7, "title": 5, "content": null}\n{"uid": null, "title": 1.5, "content": "x"}\n')
    first, second = _fields(reading.read(path))
    assert first == ("7", "5", "")
    assert second[1:] == ("1.5", "x")


def test_shards_are_read_in_the_order_of_their_numbers_whatever_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "shard-10.json").write_bytes(_json(ROWS[4:]))
    (folder / "shard-9.json.gz").write_bytes(gzip.compress(_json(ROWS[3:4])))
    (folder / "shard-2.zip").write_bytes(_zip(**{"trn.json": _json(ROWS[1:3])}))
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("uid", "title", "content"), (ROWS[0].uid, ROWS[0].title, ROWS[0].content)])
    (folder / "shard-1.csv").write_text(text.getvalue())
    for ignored in ("README.md", ".shard-3.json", "shard-0.txt"):
        (folder / ignored).write_text("not a shard")
    assert _fields(reading.read(folder)) == _fields(ROWS)
    files = reading.find([folder]).files
    assert [path.name for path in files] == ["shard-1.csv", "shard-2.zip", "shard-9.json.gz", "shard-10.json"]


def test_several_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(_json(ROWS[:3]))
    (tmp_path / "a.json").write_bytes(gzip.compress(_json(ROWS[3:])))
    rows = _numbered(tmp_path / "b.json", tmp_path / "a.json")
    assert [(source, number) for source, number, _ in rows] == [
        *(("b.json", number) for number in (1, 2, 3)),
        *(("a.json", number) for number in range(1, 1 + len(ROWS) - 3)),
    ]
    assert _fields(row for *_, row in rows) == _fields(ROWS)


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="holds no shard"):
        reading.find([tmp_path])
    with pytest.raises(InputError, match="is not a file"):
        reading.find([tmp_path / "trn.json"])
    with pytest.raises(InputError, match="hf:owner/name"):
        reading.find(["owner/name"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"uid,title,content\n", "is empty"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"[\n", "one JSON array"),
        (b'{"uid": "1", "name": "Mug"}\n', "has no column 'title'.*'name'"),
        (b'"text"\n', "neither JSON nor CSV"),
        (b"just some words\n", "neither JSON nor CSV"),
        (b"{torn\n", "the first row of .* is not JSON"),
        (b"{\n", "the first row of .* is not JSON"),
        (_json().replace(b"\n", b"\r"), "the first row of .* is not JSON"),
        ("uid,title\n".encode("utf-16"), "UTF-16"),
        (b"BZh91AY", "bzip2"),
        (bytes(range(1, 256)) * 9, "neither JSON nor CSV"),
        (b"\0" * 90 + _json(), "neither JSON nor CSV"),
        (gzip.compress(_parquet()), "Parquet in a packed file"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "trn.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=said) as refusal:
        list(reading.read(path))
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("more", ['"price": ' + "1" * 5_000, '"x": "\udcff"', '"x": 1e999', '"\udcff": 1'])
def test_what_no_field_needs_does_not_matter(tmp_path: Path, more: str) -> None:
    path = tmp_path / "trn.json"
    path.write_bytes(f'{{"uid": "1", "title": "Mug", "content": "x", {more}}}\n'.encode("utf-8", "surrogateescape"))
    assert _fields(reading.read(path)) == [("1", "Mug", "x")]


def test_much_white_space_before_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trn.json"
    path.write_bytes(b" \n" * packed.BUFFER + b"5\n")
    with pytest.raises(InputError, match="has no column"):
        list(reading.read(path))


BAD = {
    "": None,
    "{torn": "not JSON",
    '{"uid": "2"}': "no title",
    '{"title": ["a"], "content": "x"}': "title is not text",
    '{"title": "caf\udce9", "content": "x"}': "not UTF-8",
    '{"title": "a\0", "content": "x"}': "not JSON",
    "\t ": None,
    '{"title": "' + "y" * 900 + '", "content": "x"}': "line too long",
    '{"uid": "9", "title": "Ünï 🙂", "content": "fine"}': "",
}


def _with_bad_lines() -> tuple[bytes, list[tuple[int, str]]]:
    """Make a file of good and bad lines and say which number has which reason, '' for a product."""
    rng = random.Random(5)
    lines, expected = ["\ufeff" + _json(ROWS[:1]).decode().strip()], [(1, "")]
    for number in range(2, 120):
        line, reason = rng.choice(list(BAD.items()))
        lines.append(line)
        if reason is not None:
            expected.append((number, reason))
    ends = ("\n", "\r\n")
    return "".join(line + rng.choice(ends) for line in lines).encode("utf-8", "surrogateescape"), expected


@pytest.mark.parametrize("size", [7, 50, 64, 333])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_numbers_are_right_across_the_borders_of_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, pack: Callable[[bytes], bytes]
) -> None:
    data, expected = _with_bad_lines()
    path = tmp_path / "trn.json"
    path.write_bytes(pack(data))
    monkeypatch.setattr(packed, "LONGEST_LINE", 400)
    monkeypatch.setattr(packed, "CHUNK", size)
    rows = _numbered(path)
    assert [(number, row.reason if isinstance(row, BadRow) else "") for _, number, row in rows] == expected
    monkeypatch.setattr(packed, "LONGEST_LINE", 4_000)
    small = _numbered(path)
    monkeypatch.setattr(packed, "CHUNK", 4_000_000)
    assert _numbered(path) == small


@pytest.mark.parametrize("size", [7, 50, 333])
def test_numbers_of_a_csv_file_are_those_of_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    lines = [
        *("uid,title,content", "1,Mug,x", "", '2,"two', 'lines","a', "", 'b"', "3,torn", "4,caf\udce9,x"),
        *('5,"a ""quoted"" one",ünï', "6,too,many,fields", "7,Mug,last"),
    ]
    path = tmp_path / "trn.csv"
    path.write_bytes("\r\n".join(lines).encode("utf-8", "surrogateescape"))
    monkeypatch.setattr(packed, "CHUNK", size)
    monkeypatch.setattr(tables, "ROWS", 2)
    rows = _numbered(path)
    found = [(number, row.reason if isinstance(row, BadRow) else row.title) for _, number, row in rows]
    assert found == [
        (2, "Mug"), (4, "two\r\nlines"), (8, "wrong number of fields"), (9, "not UTF-8"),
        (10, 'a "quoted" one'), (11, "wrong number of fields"), (12, "Mug"),
    ]  # fmt: skip
    monkeypatch.undo()
    assert _numbered(path) == rows


@pytest.mark.parametrize("name", ["trn.json", "trn.json.gz", "drive.zip", "comma.csv", "trn.parquet"])
def test_progress_grows_and_ends_at_the_total(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(packed, "CHUNK", 1_000)
    paths = [tmp_path / "first.json", tmp_path / name]
    paths[0].write_bytes(_json())
    paths[1].write_bytes(KINDS[name]())
    progress = reading.Progress()
    seen = [progress.read for _ in reading.chunks(reading.find(paths), COLUMNS, progress)]
    assert seen == sorted(seen)
    assert progress.read == progress.total == sum(path.stat().st_size for path in paths)


def _catalogue(number: int) -> list[Product]:
    return [Product(f"B{each:09}", f"Mug {each}", f"Holds {each} ml.") for each in range(number)]


def _sampled(path: Path, size: int) -> list[tuple[int, Product | BadRow]]:
    some = sample(reading.chunks(reading.find([path]), COLUMNS), COLUMNS, size)
    return [pair for rows in (parse(table, COLUMNS) for table in some) for pair in zip(rows.numbers, rows.rows)]  # noqa: B905


@pytest.mark.parametrize("size", [1, 50, 500, 9_999])
def test_a_sample_is_the_rows_of_lowest_hash_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(packed, "CHUNK", 700)
    rows = _catalogue(1_000)
    lowest = {row.uid for row in sorted(rows, key=lambda row: xxh3_64_intdigest(row.uid.encode()))[:size]}
    for seed in range(3):
        path = tmp_path / f"{seed}.json"
        path.write_bytes(_json(rows))
        assert _sampled(path, size) == [(number, row) for number, row in enumerate(rows, 1) if row.uid in lowest]
        random.Random(seed).shuffle(rows)


def test_bad_rows_come_with_a_sample_whatever_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "CHUNK", 700)
    lines = [line + b"\n" for line in _json(_catalogue(400)).split(b"\n")[:-1]]
    for place in range(10, 400, 20):
        lines[place] = b'{"uid": "X%d", "title": ["Mug"], "content": "x"}\n' % place
        lines[place + 3] = b"{torn\n"
    path, found = tmp_path / "trn.json", []
    for order in (1, -1):
        path.write_bytes(b"".join(lines[::order]))
        rows = _sampled(path, 30)
        assert sum(isinstance(row, Product) for _, row in rows) == 30
        found.append([(number, row.reason) for number, row in rows if isinstance(row, BadRow)])
    torn_and_titled = sorted([*range(11, 401, 20), *range(14, 404, 20)])
    assert [number for number, _ in found[0]] == torn_and_titled
    assert [(401 - number, reason) for number, reason in reversed(found[1])] == found[0]


def test_rows_without_uid_are_sampled_too(tmp_path: Path) -> None:
    lines = [json.dumps({"title": row.title, "content": row.content}) for row in _catalogue(100)]
    lines[50:60] = [json.dumps({"uid": " ", "title": f"Cup {number}", "content": "x"}) for number in range(10)]
    path = tmp_path / "trn.json"
    path.write_text("\n".join(lines))
    every = sorted(
        _numbered(path), key=lambda row: xxh3_64_intdigest(row[2].uid.encode() if isinstance(row[2], Product) else b"")
    )
    assert _sampled(path, 20) == sorted(((number, row) for _, number, row in every[:20]), key=lambda pair: pair[0])


def test_a_data_set_of_the_hub_gives_the_same_products(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_bytes(_json())
    source = reading.find([f"hf:{tmp_path / 'set'}"])
    parsed = [parse(chunk, COLUMNS) for chunk in reading.chunks(source, COLUMNS)]
    assert _fields(row for rows in parsed for row in rows.rows) == _fields(ROWS)
    assert [number for rows in parsed for number in rows.numbers] == list(range(1, 1 + len(ROWS)))
    with pytest.raises(InputError, match=r"has no column 'name'.*'content'.*--title-column"):
        list(reading.chunks(source, Columns(title="name")))


def test_an_unknown_data_set_gets_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub").constants
    pytest.importorskip("datasets")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"^hf:nobody/nothing cannot be read .*: check its name on huggingface\.co\.$"):
        list(reading.read("hf:nobody/nothing"))
    with pytest.raises(InputError, match="names no data set"):
        reading.find(["hf:"])
    with pytest.raises(InputError, match="cannot be read together"):
        reading.find(["hf:a/b", "trn.json"])


def test_the_hub_without_its_package_gets_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match="needs the datasets library"):
        list(reading.read("hf:owner/name"))


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Stand in for Google Drive with the archive as it lies there, and tell what was asked for."""
    pytest.importorskip("gdown")
    body, asked = _as_on_drive(_json()), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Disposition", 'attachment; filename="a.zip"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            assert format  # said nowhere: the tests look at `asked`

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AMAZON_FT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(downloads, "DRIVE_URL", f"http://127.0.0.1:{server.server_port}/uc?id={{file_id}}")
    monkeypatch.setattr(downloads, "CATALOGUE", downloads.DriveFile(DRIVE_ID, len(body)))
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_on_drive_is_downloaded_once_and_read(drive: list[str]) -> None:
    link = f"https://drive.google.com/file/d/{DRIVE_ID}/view?usp=sharing"
    for name in ("drive", f"drive:{DRIVE_ID}", link):
        assert _fields(reading.read(name)) == _fields(ROWS)
    assert drive == [f"/uc?id={DRIVE_ID}"]
    with pytest.raises(InputError, match="no link to a file on Google Drive"):
        reading.find(["https://example.com/trn.json"])
