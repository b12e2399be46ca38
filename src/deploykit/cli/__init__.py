"""The command line: parse, call the library, print, exit."""

import sys
from collections.abc import Sequence

from deploykit.cli.arguments import Parser, parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run deploykit with these arguments, and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except SystemExit as end:  # --help and --version
        return end.code if isinstance(end.code, int) else 2
    except BaseException as error:  # noqa: BLE001 - the one place where errors become words and exit codes
        from deploykit.cli.errors import report

        return report(error, words)


def _run(words: list[str]) -> int:
    verb, args = parse(words)
    code: int = verb.run(args)
    return code


__all__ = ["Parser", "main"]
