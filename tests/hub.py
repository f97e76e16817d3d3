"""A Hugging Face Hub in a thread, as far as publishing and loading ask it, that fails as it is told to."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_" + "aBcDeFgHiJ" * 3
STEPS = ("look", "create", "card", "preupload", "lfs", "put", "join", "commit", "tree", "head", "get")
MISSING = {"Repository not found": "RepoNotFound", "Entry not found": "EntryNotFound"}
SAID = {401: "Invalid credentials in Authorization header", 403: "You have no right to write here"}


@dataclass
class Repo:
    """One repository: its files as they are now, and the messages of its commits."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=lambda: ["initial commit"])

    @property
    def sha(self) -> str:
        return hashlib.sha1(repr(self.commits).encode()).hexdigest()


@dataclass
class Hub:
    """Answer in a thread of its own while the `with` block lasts.

        with Hub({"commit": [503, "reset"]}) as hub:
            hub.url          what HF_ENDPOINT is to be
            hub.repos        by "datasets/owner/name", or "owner/name" of a model
            hub.asked        the steps that were asked, in order, with their faults

    A fault is a status, "reset" (before anything is done), "middle" (as the half of what is sent has come), "lost"
    (done, but the answer never comes) or "page" (a sign-in page). Those of a step are met one after the other, a
    request each, then all is good; None is none. STEPS names the steps. Files of `large` bytes and more go the way of
    large files, and those of more than `part` in parts. What is public may be read without a token.
    """

    faults: Mapping[str, list[int | str | None]] = field(default_factory=dict)
    large: int = 10_000_000
    part: int = 5_000_000_000
    retry_after: int | None = None
    echo: bool = False  # repeat the token in what is said of an error
    repos: dict[str, Repo] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    received: int = 0  # bytes of large files
    asked: list[tuple[str, int | str | None]] = field(default_factory=list)

    def __enter__(self) -> Hub:
        handler = type("Bound", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._left = {step: list(faults) for step, faults in self.faults.items()}
        self._lock = threading.Lock()
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def fault(self, step: str) -> int | str | None:
        """Take the next fault of a step."""
        with self._lock:
            left = self._left.get(step, [])
            fault = left.pop(0) if left else None
            self.asked.append((step, fault))
            return fault

    def receive(self, number: int) -> None:
        """Count the bytes of large files."""
        with self._lock:
            self.received += number


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if "/resolve/" in path:
            self._take("get", self._file, public=True)
        elif "/tree/" in path:
            self._take("tree", self._tree, public=True)
        else:
            self._take("look", lambda: self._look(self._repo_name("/api/")), public=True)

    def do_HEAD(self) -> None:
        self._take("head", self._file, public=True)

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        if path == "/api/repos/create":
            self._take("create", self._create)
        elif path == "/api/validate-yaml":
            self._take("card", lambda: (200, {"warnings": [], "errors": []}))
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._take("lfs", self._batch)
        elif path.startswith("/join/"):
            self._take("join", self._join, open_to_all=True)
        elif "/preupload/" in path:
            self._take("preupload", self._preupload)
        elif "/commit/" in path:
            self._take("commit", self._commit)
        else:
            self._answer(404, {"error": f"no such step: {path}"})

    def do_PUT(self) -> None:
        self._take("put", self._put, open_to_all=True)

    def _take(self, step: str, work: Any, open_to_all: bool = False, public: bool = False) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        fault = self.hub.fault(step)
        if fault == "middle":
            self.hub.receive(len(self.rfile.read(length // 2)))
            return self._break_off()
        self.body = self.rfile.read(length)
        if step == "put":
            self.hub.receive(length)
        if fault == "reset":
            return self._break_off()
        if fault == "page":
            return self._send(200, b"<html>Sign in to the network</html>", "text/html")
        if isinstance(fault, int):
            return self._answer(fault, {"error": self._said(fault)})
        if not (open_to_all or self._known_here() or (public and self._is_public())):
            return self._answer(401, {"error": SAID[401]})
        answer = work()
        if fault == "lost":
            return self._break_off()
        return self._send(*answer) if isinstance(answer[1], bytes) else self._answer(*answer)

    def _known_here(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _is_public(self) -> bool:
        repo = self.hub.repos.get(self._repo_name("/api/"))
        return bool(repo and not repo.private)

    def _said(self, status: int) -> str:
        said = SAID.get(status, "It does not work")
        return f"{said:.<180}{self.headers['Authorization']}" if self.hub.echo else said

    def _repo_name(self, before: str) -> str:
        name = unquote(urlsplit(self.path).path).removeprefix(before)
        for after in ("/preupload/", "/commit/", "/revision/", "/tree/", "/resolve/", ".git/"):
            name = name.split(after)[0]
        return name.removeprefix("models/").removeprefix("/")

    def _look(self, name: str) -> tuple[int, Any]:
        repo = self.hub.repos.get(name)
        if repo is None:
            return 404, {"error": "Repository not found"}
        files = {".gitattributes": b"", **repo.files}
        siblings = [{"rfilename": file, "size": len(content)} for file, content in files.items()]
        repo_id = name.removeprefix("datasets/")
        return 200, {"id": repo_id, "sha": repo.sha, "private": repo.private, "siblings": siblings, "tags": []}

    def _tree(self) -> tuple[int, Any]:
        repo = self.hub.repos.get(self._repo_name("/api/"))
        if repo is None:
            return 404, {"error": "Repository not found"}
        below = unquote(urlsplit(self.path).path).partition("/tree/")[2].partition("/")[2]
        files = {path: content for path, content in repo.files.items() if path.startswith(below)}
        if below and not files:
            return 404, {"error": "Entry not found"}
        return 200, [
            {"type": "file", "path": path, "size": len(content), "oid": _git_hash(content)}
            for path, content in files.items()
        ]

    def _file(self) -> tuple[int, Any] | tuple[int, bytes, str, dict[str, str]]:
        repo = self.hub.repos.get(self._repo_name("/api/"))
        if repo is None:
            return 404, {"error": "Repository not found"}
        content = repo.files.get(unquote(urlsplit(self.path).path).partition("/resolve/")[2].partition("/")[2])
        if content is None:
            return 404, {"error": "Entry not found"}
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": repo.sha}
        return 200, content, "application/octet-stream", headers

    def _create(self) -> tuple[int, Any]:
        asked = json.loads(self.body)
        kind = "datasets/" if asked.get("type") == "dataset" else ""
        name = f"{kind}{asked['organization']}/{asked['name']}"
        if name in self.hub.repos:
            return 409, {"error": "You already created this repo", "url": f"{self.hub.url}/{name}"}
        self.hub.repos[name] = Repo(private=asked.get("visibility") == "private" or asked.get("private") is True)
        return 200, {"url": f"{self.hub.url}/{name}"}

    def _preupload(self) -> tuple[int, Any]:
        repo = self.hub.repos.get(self._repo_name("/api/"))
        if repo is None:
            return 404, {"error": "Repository not found"}
        files = [self._known(repo, file["path"], file["size"]) for file in json.loads(self.body)["files"]]
        return 200, {"files": files}

    def _known(self, repo: Repo, path: str, size: int) -> dict[str, Any]:
        large = size >= self.hub.large
        there = repo.files.get(path)
        known = {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        if there is None:
            return known
        return {**known, "oid": hashlib.sha256(there).hexdigest() if large else _git_hash(there)}

    def _batch(self) -> tuple[int, Any]:
        objects = [
            {**asked, "actions": {"upload": self._upload(asked["oid"], asked["size"])}}
            if asked["oid"] not in self.hub.stored
            else asked
            for asked in json.loads(self.body)["objects"]
        ]
        return 200, {"transfer": "basic", "objects": objects}

    def _upload(self, oid: str, size: int) -> dict[str, Any]:
        if size <= self.hub.part:
            return {"href": f"{self.hub.url}/store/{oid}"}
        parts = {
            str(number): f"{self.hub.url}/part/{oid}/{number}" for number in range(1, -(-size // self.hub.part) + 1)
        }
        return {"href": f"{self.hub.url}/join/{oid}", "header": {"chunk_size": str(self.hub.part), **parts}}

    def _put(self) -> tuple[int, Any] | tuple[int, bytes, str, dict[str, str]]:
        kind, oid, *number = urlsplit(self.path).path.strip("/").split("/")
        if kind == "part":
            self.hub.parts.setdefault(oid, {})[int(number[0])] = self.body
            return 200, b"", "text/plain", {"ETag": f'"{number[0]}"'}
        self.hub.stored[hashlib.sha256(self.body).hexdigest()] = self.body
        return 200, {}

    def _join(self) -> tuple[int, Any]:
        asked = json.loads(self.body)
        parts = self.hub.parts[asked["oid"]]
        whole = b"".join(parts[part["partNumber"]] for part in asked["parts"])
        self.hub.stored[hashlib.sha256(whole).hexdigest()] = whole
        return 200, {}

    def _commit(self) -> tuple[int, Any]:
        name = self._repo_name("/api/")
        repo = self.hub.repos.get(name)
        if repo is None:
            return 404, {"error": "Repository not found"}
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                repo.commits.append(value["summary"])
            elif line["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            else:
                repo.files[value["path"]] = self.hub.stored[value["oid"]]
        return 200, {"commitUrl": f"{self.hub.url}/{name}/commit/{repo.sha}", "commitOid": repo.sha}

    def _answer(self, status: int, value: Any) -> None:
        code = {"X-Error-Code": MISSING[value["error"]]} if status == 404 and value["error"] in MISSING else {}
        if status == 401:
            code = {"X-Error-Message": SAID[401]}
        self._send(status, json.dumps(value).encode(), "application/json", code)

    def _send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        if status == 429 and self.hub.retry_after is not None:
            self.send_header("Retry-After", str(self.hub.retry_after))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _break_off(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\x00" % len(content) + content).hexdigest()
