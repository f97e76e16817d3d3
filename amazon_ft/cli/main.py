"""The same road without a notebook: `amazon-ft <verb>`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from amazon_ft.cli import hosting, publishing, reasoning, road
from amazon_ft.files import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, or 1 after one sentence that says what was wrong."""
    try:
        asked = _parser().parse_args(arguments)
        asked.verb(asked)
    except InputError as error:
        return _refuse(str(error))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return _refuse(f"{error.strerror or error}{where}: nothing already written is lost; mend it and run again.")
    except KeyboardInterrupt as stop:
        return _refuse(f"stopped{f', {stop}' if str(stop) else ''}: run the same command again to go on.")
    return 0


def _refuse(sentence: str) -> int:
    print(f"amazon-ft: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="amazon-ft", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    road.before(verbs)
    reasoning.add(verbs)
    road.after(verbs)
    hosting.add(verbs)
    publishing.add(verbs)
    return parser
