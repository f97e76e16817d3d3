"""Make the notebooks that a panel is shown in: today's JupyterLab and Voila, and the classic Notebook of yesterday.

Each is a virtual environment of its own with a Jupyter and its ipywidgets; all else, torch too, is that of the Python
that runs this: `python tests/browser/environments.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

os.environ.setdefault("AMAZON_FT_CACHE", str(Path(__file__).parents[2] / ".cache"))  # as in conftest.py

from amazon_ft.files import cache

ENVIRONMENTS = cache() / "environments"
PACKAGES = {
    "lab": ("jupyterlab==4.6.6", "ipywidgets==8.1.9", "voila==0.5.12"),
    "classic": ("notebook==6.5.7", "ipywidgets==7.7.1", "ipykernel==6.29.5", "setuptools<81"),
}
DONE = "packages.txt"  # written last


def program(environment: str, name: str) -> Path:
    """Name a program of an environment."""
    folder = ENVIRONMENTS / environment
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / name


def is_made(environment: str) -> bool:
    """Tell whether an environment is there, with these packages and for this Python."""
    done = ENVIRONMENTS / environment / DONE
    return done.exists() and done.read_text(encoding="utf-8") == _wanted(environment)


def make(environment: str) -> None:
    """Make an environment unless it is there; its own packages come before those of this Python."""
    if is_made(environment):
        return
    folder = ENVIRONMENTS / environment
    venv.create(folder, clear=True, with_pip=True)
    python = program(environment, "python")
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES[environment]], check=True)
    [site] = folder.glob("Lib/site-packages" if sys.platform == "win32" else "lib/python*/site-packages")
    # addsitedir reads the .pth files of that folder too, as an editable install needs.
    (site / "zz_after.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    (folder / DONE).write_text(_wanted(environment), encoding="utf-8")


def _wanted(environment: str) -> str:
    return "\n".join([sys.version, sys.prefix, *PACKAGES[environment], ""])


if __name__ == "__main__":
    for environment in PACKAGES:
        make(environment)
        print(f"{environment}: {', '.join(PACKAGES[environment])} in {ENVIRONMENTS / environment}")
