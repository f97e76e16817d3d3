"""Run the real gdown against a Drive of our own on this machine, with one fault after another."""

from __future__ import annotations

import hashlib
import http.server
import json
import random
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from amazon_ft.files import InputError
from amazon_ft.sources import downloads
from amazon_ft.sources.downloads import CATALOGUE, DriveFile, drive, file_id

pytest.importorskip("gdown")

ID = "1aB-cD_eF2gH3iJ4kL5mN6oP7qR8sT9uV"
BODY = random.Random(7).randbytes(3 << 20)
SHA256 = hashlib.sha256(BODY).hexdigest()
FILE = DriveFile(ID, len(BODY), SHA256)
MIB = 1 << 20
PAGE = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>"
QUOTA = b'<!DOCTYPE html><html><p class="uc-error-subcaption">Too many users have viewed this file.</p></html>'
CONFIRM = (  # the form stands on one line, as on Drive's page
    b"<!DOCTYPE html><html><body>Google Drive can't scan this file for viruses.\n"
    b'<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    b'<input type="submit" value="Download anyway"><input type="hidden" name="id" value="%s">'
    b'<input type="hidden" name="confirm" value="t"></form></body></html>' % ID.encode()
)


@dataclass
class Fake:
    """Say how the server answers, and remember what it was asked."""

    body: bytes = BODY
    status: int = 200
    range_status: int = 206  # 200: Range is ignored; 4xx: refused, and so is all that follows
    announced: int | None = None  # the Content-Length, where it lies
    cut_after: int | None = None  # bytes of one answer after which the connection is reset, once
    stalled: threading.Event | None = None  # with cut_after: wait for this instead of the reset
    page: bytes | None = None  # what drive.google.com answers, where TLS is used
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def ranges(self) -> list[str]:
        return [wanted for _, wanted in self.asked if wanted]


class Handler(http.server.BaseHTTPRequestHandler):
    fake: Fake
    certificate: Path

    def do_GET(self) -> None:
        fake, wanted = self.fake, self.headers.get("Range")
        fake.asked.append((self.headers["Host"] + self.path, wanted))
        if fake.page is not None and self.headers["Host"] == "drive.google.com":
            return self._answer(fake.page, 200, {"Content-Type": "text/html; charset=utf-8"})
        if fake.status != 200:
            return self.send_error(fake.status)
        tag = f'"{hashlib.md5(fake.body).hexdigest()}"'
        headers = {
            "Content-Type": "application/zip",
            "Content-Disposition": 'attachment; filename="a.zip"',
            "ETag": tag,
        }
        if wanted is None or fake.range_status == 200 or self.headers.get("If-Range", tag) != tag:
            return self._answer(fake.body, 200, headers)
        if fake.range_status != 206:
            fake.status = fake.range_status
            return self.send_error(fake.range_status)
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(fake.body):
            return self.send_error(416)
        headers["Content-Range"] = f"bytes {start}-{len(fake.body) - 1}/{len(fake.body)}"
        return self._answer(fake.body[start:], 206, headers)

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self.connection = self.request = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.handle_one_request()
        self.close_connection = True

    def _answer(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        fake = self.fake
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(fake.announced or len(body)))
        self.end_headers()
        if fake.cut_after is None:
            self.wfile.write(body)
            return
        self.wfile.write(body[: fake.cut_after])
        fake.cut_after = None
        if fake.stalled:
            fake.stalled.wait(10)
        else:
            time.sleep(0.1)  # a reset throws away what the client has not read yet
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        pass  # the tests look at `asked`


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError | ValueError):  # the client left, or we cut it off
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    fake = Fake()
    certificate = tmp_path / "certificate.pem"
    handler = type("Bound", (Handler,), {"fake": fake, "certificate": certificate})
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AMAZON_FT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(downloads, "DRIVE_URL", f"http://127.0.0.1:{server.server_port}/uc?id={{file_id}}")
    monkeypatch.setattr(downloads, "RETRIES", 0)
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def google(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Stand in for Google's hosts themselves, behind a proxy and a certificate of our own."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    names = "subjectAltName=DNS:drive.google.com,DNS:drive.usercontent.google.com"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "certificate.pem"]
    command = ["openssl", "req", "-x509", *key, "-out", "public.pem", "-days", "2", "-subj", "/CN=fake"]
    subprocess.run(
        [*command, "-addext", names, "-addext", "keyUsage=digitalSignature,keyCertSign"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    public = tmp_path / "public.pem"
    with (tmp_path / "certificate.pem").open("a") as file:
        file.write(public.read_text())
    proxy = downloads.DRIVE_URL.partition("/uc")[0]
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(public))
    monkeypatch.setattr(downloads, "DRIVE_URL", "https://drive.google.com/uc?id={file_id}")
    return fake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cache" / "downloads"
    folder.mkdir(parents=True)
    return folder


def _parts(folder: Path) -> list[int]:
    return [part.stat().st_size for part in folder.glob("*.part")]


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {f"{ID}.lock"}


def _refuses(file: DriveFile, said: str) -> None:
    with pytest.raises(InputError, match=said) as refusal:
        drive(file)
    assert file.file_id in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_is_downloaded_checked_and_recorded_once(fake: Fake, folder: Path) -> None:
    path = drive(DriveFile(ID))
    assert path == folder / ID
    assert path.read_bytes() == BODY
    assert json.loads((folder / f"{ID}.json").read_text()) == {"file_id": ID, "size": len(BODY), "sha256": SHA256}
    assert _left(folder) == {ID, f"{ID}.json"}
    assert drive(FILE) == path
    assert len(fake.asked) == 1


def test_a_bar_tells_the_progress(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    drive(FILE)
    said = capsys.readouterr().err
    assert "100%" in said and "B/s" in said
    assert said.count(".unchecked") == 0


def test_a_reset_connection_is_resumed_by_the_next_call(fake: Fake, folder: Path) -> None:
    fake.cut_after = 2 * MIB
    _refuses(FILE, "broke off and its first .* bytes are kept")
    (kept,) = _parts(folder)
    assert 0 < kept <= 2 * MIB
    assert drive(FILE).read_bytes() == BODY
    assert fake.ranges == [f"bytes={kept}-"]
    assert _left(folder) == {ID, f"{ID}.json"}


def test_a_reset_connection_is_resumed_in_the_same_call(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "RETRIES", 1)
    fake.cut_after = 2 * MIB
    assert drive(FILE).read_bytes() == BODY
    assert len(fake.ranges) == 1


def test_a_short_body_is_resumed(fake: Fake, folder: Path) -> None:
    fake.body, fake.announced = BODY[:MIB], len(BODY)
    _refuses(DriveFile(ID), "broke off and its first 1,048,576 bytes are kept")
    fake.body, fake.announced = BODY, None
    assert _parts(folder) == [MIB]
    assert drive(FILE).read_bytes() == BODY
    assert fake.ranges == [f"bytes={MIB}-"]


def test_a_silent_server_is_a_broken_connection(fake: Fake, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT", 0.3)
    fake.cut_after, fake.stalled = 2 * MIB, threading.Event()
    begun = time.monotonic()
    _refuses(FILE, "are kept")
    assert time.monotonic() - begun < 5
    fake.stalled.set()
    assert drive(FILE).read_bytes() == BODY


RUN = """
import sys, amazon_ft.sources.downloads as downloads
import gdown
downloads.DRIVE_URL = sys.argv[1]
{before}
downloads.drive(downloads.DriveFile(sys.argv[2]))
"""


def _process(before: str = "") -> subprocess.Popen[str]:
    code = RUN.format(before=before)
    return subprocess.Popen(
        [sys.executable, "-c", code, downloads.DRIVE_URL, ID], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_a_stopped_process_is_resumed(fake: Fake, folder: Path, how: str) -> None:
    if sys.platform == "win32":
        pytest.skip("signals")
    fake.cut_after, fake.stalled = 2 * MIB, threading.Event()
    process = _process()
    end = time.monotonic() + 20
    while sum(_parts(folder)) < MIB and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGINT)
    process.communicate()
    fake.stalled.set()
    (kept,) = _parts(folder)
    assert MIB <= kept <= 2 * MIB
    assert drive(FILE).read_bytes() == BODY
    assert fake.ranges == [f"bytes={kept}-"]


def test_a_full_disk_leaves_a_part_that_is_resumed(fake: Fake, folder: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no limit on a file's size")
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({MIB + 99}, {MIB + 99}))"
    _, said = _process(limit).communicate(timeout=30)
    assert "OSError" in said.splitlines()[-1] and "File too large" in said
    assert _parts(folder) == [MIB + 99]
    assert drive(FILE).read_bytes() == BODY
    assert fake.ranges == [f"bytes={MIB + 99}-"]


def _leave_part(folder: Path, content: bytes, letter: str = "a") -> Path:
    part = folder / f"{ID}.unchecked{letter * 8}.part"
    part.write_bytes(content)
    return part


def test_a_part_that_a_download_leaves_is_named_so(fake: Fake, folder: Path) -> None:
    fake.cut_after = 2 * MIB
    _refuses(FILE, "kept")
    (part,) = folder.glob("*.part")
    assert len(part.name) == len(_leave_part(folder, b"").name)


@pytest.mark.parametrize("file", [FILE, DriveFile(ID)])
def test_a_server_that_ignores_ranges_gives_the_file_once(fake: Fake, folder: Path, file: DriveFile) -> None:
    fake.range_status = 200
    _leave_part(folder, BODY[:MIB])
    assert drive(file).read_bytes() == BODY
    assert len(fake.ranges) == 1
    assert _left(folder) == {ID, f"{ID}.json"}


def test_a_file_that_changed_on_the_server_is_begun_anew(
    fake: Fake, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "RETRIES", 1)
    fake.cut_after, fake.stalled = 2 * MIB, threading.Event()
    monkeypatch.setattr(downloads, "TIMEOUT", 0.5)
    changer = threading.Timer(0.3, lambda: setattr(fake, "body", BODY[::-1]))
    changer.start()
    assert drive(DriveFile(ID)).read_bytes() == BODY[::-1]
    fake.stalled.set()
    assert _left(folder) == {ID, f"{ID}.json"}


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_refused_range_costs_no_bytes_already_here(fake: Fake, folder: Path, status: int) -> None:
    fake.range_status = status
    part = _leave_part(folder, BODY[:MIB])
    _refuses(FILE, f"refused file {ID} .{status}")
    assert part.read_bytes() == BODY[:MIB]
    fake.status, fake.range_status = 200, 206
    assert drive(FILE).read_bytes() == BODY
    assert fake.ranges == [f"bytes={MIB}-"] * 2


def test_of_two_parts_the_longer_is_resumed(fake: Fake, folder: Path) -> None:
    _leave_part(folder, BODY[:MIB], "a")
    _leave_part(folder, BODY[:99], "b")
    assert drive(FILE).read_bytes() == BODY
    assert fake.ranges == [f"bytes={MIB}-"]
    assert _left(folder) == {ID, f"{ID}.json"}


def test_a_full_part_needs_no_request(fake: Fake, folder: Path) -> None:
    _leave_part(folder, BODY)
    assert drive(FILE).read_bytes() == BODY
    assert fake.asked == []


def test_a_full_part_of_unknown_size_is_asked_for_anew(fake: Fake, folder: Path) -> None:
    _leave_part(folder, BODY)
    assert drive(DriveFile(ID)).read_bytes() == BODY


def test_a_whole_file_that_was_not_checked_yet_is_checked(fake: Fake, folder: Path) -> None:
    (folder / f"{ID}.unchecked").write_bytes(BODY)
    assert drive(FILE).read_bytes() == BODY
    assert fake.asked == []


@pytest.mark.parametrize("damaged", [PAGE, BODY + b"more", b""])
def test_a_part_that_cannot_be_right_is_thrown_away(fake: Fake, folder: Path, damaged: bytes) -> None:
    _leave_part(folder, damaged)
    assert drive(FILE).read_bytes() == BODY
    assert fake.ranges == []


def test_a_damaged_part_is_not_resumed_for_ever(fake: Fake, folder: Path) -> None:
    _leave_part(folder, b"x" * MIB)
    _refuses(FILE, "SHA-256 .* instead of")
    assert _left(folder) == set()
    assert drive(FILE).read_bytes() == BODY


@pytest.mark.parametrize("file", [FILE, DriveFile(ID)])
def test_a_web_page_is_no_catalogue(fake: Fake, folder: Path, file: DriveFile) -> None:
    fake.body = b"\xef\xbb\xbf\n" + PAGE
    _refuses(file, "gave a web page instead of file .* give that file's path")
    assert _left(folder) == set()


@pytest.mark.parametrize("status", [403, 404, 429, 500])
def test_a_refusal_of_the_server_is_one_sentence(fake: Fake, folder: Path, status: int) -> None:
    fake.status = status
    part = _leave_part(folder, BODY[:MIB])
    _refuses(FILE, rf"refused file {ID} \({status} \w+ Error: [\w ]+\): .* give that file's path")
    assert part.read_bytes() == BODY[:MIB]


def test_without_a_network_the_browser_is_offered(fake: Fake, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(downloads, "DRIVE_URL", f"http://127.0.0.1:{unused.getsockname()[1]}/uc?id={{file_id}}")
        _refuses(FILE, f"cannot be reached for file {ID}: .*drive.google.com/file/d/{ID}/view in a browser")
        part = _leave_part(folder, BODY[:MIB])
        _refuses(FILE, "first 1,048,576 bytes are kept")
    assert part.exists()


@pytest.mark.parametrize(
    ("file", "said"),
    [(DriveFile(ID, 9), "3,145,728 bytes instead of 9"), (DriveFile(ID, None, "0" * 64), f"SHA-256 {SHA256} instead")],
)
def test_another_file_than_the_one_expected_is_not_kept(fake: Fake, folder: Path, file: DriveFile, said: str) -> None:
    _refuses(file, said)
    assert _left(folder) == set()


def test_a_file_that_changed_on_disk_is_refused(fake: Fake, folder: Path) -> None:
    path = drive(FILE)
    path.write_bytes(BODY[:MIB])
    _refuses(DriveFile(ID), "1,048,576 bytes instead of 3,145,728.*: delete it")
    path.unlink()
    assert drive(FILE).read_bytes() == BODY


def test_a_new_download_has_a_new_record(fake: Fake, folder: Path) -> None:
    drive(DriveFile(ID)).unlink()
    fake.body = BODY[:MIB]
    assert drive(DriveFile(ID)).read_bytes() == fake.body
    assert json.loads((folder / f"{ID}.json").read_text())["size"] == MIB


def test_a_kept_file_that_is_not_the_one_asked_for_is_refused(fake: Fake) -> None:
    drive(DriveFile(ID))
    assert drive(DriveFile(ID, len(BODY), SHA256.upper())).read_bytes() == BODY
    _refuses(DriveFile(ID, sha256="0" * 64), "SHA-256 .* instead of 0000")


def test_a_kept_file_without_a_record_gets_one(fake: Fake, folder: Path) -> None:
    (folder / ID).write_bytes(BODY)
    drive(FILE)
    assert json.loads((folder / f"{ID}.json").read_text())["sha256"] == SHA256
    assert fake.asked == []


def test_two_downloads_of_one_file_do_not_mix(fake: Fake, folder: Path) -> None:
    import filelock

    with filelock.FileLock(folder / f"{ID}.lock"):
        _refuses(FILE, "another process is downloading")
    assert fake.asked == []
    assert drive(FILE).read_bytes() == BODY


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("AMAZON_FT_CACHE", str(tmp_path / "taken"))
    with pytest.raises(OSError, match="taken"):
        drive(FILE)


def test_the_confirmation_page_of_drive_is_followed(google: Fake, tmp_path: Path) -> None:
    google.page = CONFIRM
    assert drive(FILE).read_bytes() == BODY
    assert [asked.partition("?")[0] for asked, _ in google.asked] == [
        "drive.google.com/uc",
        "drive.usercontent.google.com/download",
    ]
    assert "confirm=t" in google.asked[1][0]


def test_a_download_behind_the_confirmation_page_is_resumed(google: Fake, folder: Path) -> None:
    google.page = CONFIRM
    _leave_part(folder, BODY[: 2 * MIB])
    assert drive(FILE).read_bytes() == BODY
    assert google.ranges == [f"bytes={2 * MIB}-"]


@pytest.mark.parametrize("page", [QUOTA, PAGE])
def test_a_page_of_drive_that_is_no_confirmation_is_a_refusal(google: Fake, folder: Path, page: bytes) -> None:
    google.page = page
    part = _leave_part(folder, BODY[:MIB])
    _refuses(FILE, "gave a web page instead of file")
    assert part.read_bytes() == BODY[:MIB]


@pytest.mark.parametrize("status", [403, 404, 429, 500])
def test_a_refusal_of_drive_is_one_sentence(google: Fake, status: int) -> None:
    google.status = status
    _refuses(FILE, "gave a web page instead of file")


def test_the_published_catalogue_is_on_drive() -> None:
    assert file_id("https://drive.google.com/file/d/12zH4mL2RX8iSvH0VCNnd3QxO4DzuHWnK/view") == CATALOGUE.file_id
    assert CATALOGUE.size == 889_969_656


@pytest.mark.parametrize(
    "text",
    [
        ID,
        f" {ID}\n",
        f"https://drive.google.com/file/d/{ID}/view",
        f"https://drive.google.com/file/d/{ID}/view?usp=sharing",
        f"https://drive.google.com/file/d/{ID}/edit#top",
        f"https://drive.google.com/file/d/{ID}",
        f"https://drive.google.com/file/u/1/d/{ID}/preview",
        f"drive.google.com/file/d/{ID}/view",
        f"http://drive.google.com/open?id={ID}",
        f"https://drive.google.com/open?usp=drive_link&id={ID}",
        f"https://drive.google.com/uc?id={ID}&export=download",
        f"https://drive.google.com/uc?export=download&id={ID}",
        f"https://drive.google.com/u/0/uc?id={ID}&export=download",
        f"https://drive.google.com/a/uni.example/file/d/{ID}/view",
        f"https://docs.google.com/uc?id={ID}",
        f"https://drive.usercontent.google.com/download?id={ID}&export=download&confirm=t",
        f"https://drive.usercontent.google.com/u/0/uc?id={ID}&export=download",
    ],
)
def test_a_link_gives_its_file_id(text: str) -> None:
    assert file_id(text) == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trn.json",
        "../../etc/passwd-and-more-letters",
        f"https://drive.google.com/drive/folders/{ID}",
        f"https://docs.google.com/document/d/{ID}/edit",
        f"https://example.org/file/d/{ID}/view",
        f"https://drive.google.com.example.org/file/d/{ID}/view",
        f"https://example.org/?next=https://drive.google.com/file/d/{ID}/view",
        f"https://drive.google.com/file/d/{ID}!/view",
        "https://drive.google.com/file/d/short/view",
        "https://[drive",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no link to a file on Google Drive"):
        file_id(text)


@pytest.mark.parametrize("name", ["", "../up", f"{ID}/x", f"https://drive.google.com/file/d/{ID}/view"])
def test_a_drive_file_has_a_plain_id(name: str) -> None:
    with pytest.raises(InputError, match="is no Google Drive file id"):
        DriveFile(name)
