"""`deploykit completion`: what a shell needs, out of the parsers themselves."""

import argparse
import os
from pathlib import Path

from deploykit.cli.arguments import VERBS, UsageError, module_of, top_parser, verb_parser
from deploykit.cli.output import say
from deploykit.cli.shells import SHELLS, TARGETS, Option, Verb

WORDS = "|".join(SHELLS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `completion`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Print the script of a shell."""
    shell = args.words[0] if args.words else None
    if shell == TARGETS:
        return _print_targets(args)
    if shell not in SHELLS:
        said = f"there is no completion for {shell!r}" if shell else "say for which shell"
        raise UsageError(said, hint=f"`deploykit completion {WORDS}`.")
    script = SHELLS[shell](_options(top_parser().arguments), [_verb(name) for name in VERBS])
    if args.json:
        from deploykit.observers.json import dump

        say(dump({"shell": shell, "script": script}))
    else:
        say(script)
    return 0


def _print_targets(args: argparse.Namespace) -> int:
    """Print the targets of a config file, for the scripts."""
    from deploykit.config import find_config
    from deploykit.config.document import read_document
    from deploykit.config.targets import names

    found = names(read_document(Path(args.config or find_config(os.environ)), os.environ))
    if args.json:
        from deploykit.observers.json import dump

        say(dump({"targets": found}))
    else:
        for name in found:
            say(name)
    return 0


def _verb(name: str) -> Verb:
    module = module_of(name)
    words = module.WORDS.split("|") if "|" in module.WORDS else []
    return Verb(name, VERBS[name][1], _options(verb_parser(name, module).arguments), words)


def _options(arguments: list[argparse.Action]) -> list[Option]:
    return [_option(one) for one in arguments if one.option_strings]


def _option(action: argparse.Action) -> Option:
    return Option(
        names=list(action.option_strings),
        help=action.help or "",
        takes_value=action.nargs != 0,
        choices=list(action.choices or []),
        is_file=action.metavar == "FILE",
        is_target=action.dest == "target",
    )
