"""Compare the packages that are installed with what this project's own metadata asks for, and import none of them."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

PROJECT = "amazon-ft"


@dataclass(frozen=True)
class Package:
    """Hold a requirement, the version installed and the version that this process has already imported, or ''."""

    name: str
    need: str
    have: str
    loaded: str
    fits: bool

    @property
    def stale(self) -> bool:
        """Tell whether another version than the installed one is already imported."""
        return bool(self.have and self.loaded) and _public(self.have) != _public(self.loaded)


def packages(extra: str = "") -> list[Package]:
    """Look up what the project requires here, or what one of its extras requires on top.

    Raises importlib.metadata.PackageNotFoundError if the project itself is not installed.
    """
    every = [Requirement(line) for line in metadata.requires(PROJECT) or []]
    core = [needed for needed in every if _applies(needed, "")]
    return [_package(needed) for needed in every if _applies(needed, extra) and (not extra or needed not in core)]


def version(name: str) -> str:
    """Give the version of an installed package, '' where there is none."""
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def python() -> Package:
    """Hold this Python against the versions that the project runs on."""
    need, have = SpecifierSet(metadata.metadata(PROJECT)["Requires-Python"]), platform.python_version()
    return Package("Python", _written(need), have, have, need.contains(have, prereleases=True))


def cuda_of_torch() -> int:
    """Read what the installed torch is built for: 12 if its version ends in +cu128 or it requires cu12, else 0."""
    have = version("torch")
    required = "\n".join(metadata.requires("torch") or []) if have else ""
    found = re.search(r"\+cu(\d+)\d$", have) or re.search(r"nvidia-\w+-cu(\d+)", required)
    return int(found[1]) if found else 0


def _package(needed: Requirement) -> Package:
    have = version(needed.name)
    module = sys.modules.get(needed.name)
    loaded = str(getattr(module, "__version__", "")) if module else ""
    try:
        fits = bool(have) and needed.specifier.contains(have, prereleases=True)
    except InvalidVersion:
        fits = False
    return Package(needed.name, _written(needed.specifier), have, loaded, fits)


def _applies(needed: Requirement, extra: str) -> bool:
    return needed.marker is None or needed.marker.evaluate({"extra": extra})


def _written(versions: SpecifierSet) -> str:
    return ",".join(sorted(map(str, versions), reverse=True))  # the lower bound first


def _public(version: str) -> str:
    return version.split("+")[0]
