"""The command line: parse, call the library, print, exit."""

import os
import sys

from deploykit.cli.arguments import parse

TYPE_CHECKING = False  # typing's own costs 5 ms, which `--help` can do without

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run deploykit with these arguments, and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _occupy_standard_streams()
    args: argparse.Namespace | None = None
    try:
        verb, args = parse(words)
        return verb.run(args)
    except SystemExit as end:  # --help and --version
        return end.code if isinstance(end.code, int) else 2
    except BaseException as error:  # noqa: BLE001 - the one place where errors become words and exit codes
        from deploykit.cli.errors import report

        return report(error, words, args)


def _occupy_standard_streams() -> None:
    """Fill 0, 1 and 2 where we were started without them: the lock would get such a number, and children lose it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
