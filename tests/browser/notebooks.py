"""Start a Jupyter on a notebook of one cell, and drive it in a headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
from environments import is_made, program

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SHOTS = os.environ.get("AMAZON_FT_SCREENSHOTS")  # a folder to look at
PATIENCE = 60  # seconds
OPEN = "--ServerApp.disable_check_xsrf=True"
LAB = ("jupyter-lab", "--no-browser", "--allow-root", "--IdentityProvider.token=", OPEN)
CLASSIC = (
    "jupyter-notebook",
    "--no-browser",
    "--allow-root",
    "--NotebookApp.token=",
    OPEN.replace("Server", "Notebook"),
)
SETTINGS = "@jupyterlab/apputils-extension"


def missing(environment: str) -> str:
    """Say what a test in a browser lacks here; nothing where it lacks nothing."""
    if find_spec("playwright") is None:
        return "playwright is not installed"
    if CHROMIUM is None:
        return "no Chromium is installed"
    return "" if is_made(environment) else "python tests/browser/environments.py was not run"


@contextmanager
def chromium(width: int = 1400, height: int = 1200) -> Iterator[Any]:
    """Open a page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(1000 * PATIENCE)
        yield page
        browser.close()


@contextmanager
def served(kind: str, folder: Path, code: str, theme: str = "Light") -> Iterator[str]:
    """Serve a notebook of one cell with lab, classic or voila; give its address."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cell = {"cell_type": "code", "source": code, "metadata": {}, "outputs": [], "execution_count": None}
    book = nbformat.from_dict({"cells": [cell], "metadata": about, "nbformat": 4, "nbformat_minor": 4})
    nbformat.write(book, folder / "panel.ipynb")
    port = _free_port()
    log = (folder / "server.log").open("w")
    command = [*_command(kind, folder), f"--port={port}"]
    server = subprocess.Popen(command, cwd=folder, env=_environment(folder, theme), stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, server, folder / "server.log")
        yield address + {"lab": "/lab/tree/panel.ipynb", "classic": "/notebooks/panel.ipynb", "voila": "/"}[kind]
    finally:
        server.terminate()
        server.wait(PATIENCE)
        log.close()


def run_cell(page: Any, kind: str) -> None:
    """Run the cell as a person does, once the kernel listens; Voila has run it already."""
    if kind == "lab":
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.locator(".jp-Cell .cm-content").first.click()
    elif kind == "classic":
        page.locator("#kernel_indicator_icon.kernel_idle_icon").wait_for()
        page.locator(".CodeMirror").first.click()
    if kind != "voila":
        page.keyboard.press("Shift+Enter")


def restart(page: Any) -> None:
    """Restart the kernel behind the notebook's back, as a crash does."""
    root = page.url.split("/lab/")[0].split("/notebooks/")[0]
    [kernel] = page.request.get(f"{root}/api/kernels").json()
    assert page.request.post(f"{root}/api/kernels/{kernel['id']}/restart").ok


def shot(page: Any, name: str) -> None:
    """Keep a screenshot if somebody wants to look."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def _command(kind: str, folder: Path) -> list[str]:
    if kind == "voila":
        return [str(program("lab", "voila")), "--no-browser", str(folder / "panel.ipynb")]
    name, *flags = LAB if kind == "lab" else CLASSIC
    return [str(program(kind, name)), *flags]


def _environment(folder: Path, theme: str) -> dict[str, str]:
    """Keep the settings of whoever runs this out, and JupyterLab's questions to its user too."""
    settings = folder / "settings" / SETTINGS
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": f"JupyterLab {theme}"}))
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    return {**os.environ, **{name: str(folder / value) for name, value in own.items()}}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=PATIENCE)
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])
