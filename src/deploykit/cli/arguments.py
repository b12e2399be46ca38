"""What can be typed. Only the module of the verb that was typed is imported."""

import argparse
import os
from importlib import import_module
from itertools import zip_longest

from deploykit.errors import ConfigError

TYPE_CHECKING = False  # typing's own costs 5 ms, which `--help` can do without

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn, Protocol

    class Verb(Protocol):
        """A module of a verb."""

        COMMAND: bool
        """Whether a command may follow behind `--`; none when it is not there."""

        WORDS: str
        """How its argument beside the config file is called; empty for none."""

        def add_arguments(self, parser: argparse.ArgumentParser) -> None:
            """Add the verb's own options."""

        def run(self, args: argparse.Namespace) -> int:
            """Do it, and return the exit code."""
            ...


VERBS = {
    "run": ("run", "take an image live; what served comes back when it fails"),
    "deploy": ("run", "the same as run"),
    "rollback": ("rollback", "one good release back, or to the one named"),
    "recover": ("recover", "finish what a killed run left"),
    "watch": ("watch", "look on at what serves, and roll back when it turns unhealthy"),
    "abort": ("abort", "stop the running deployment, and wait until what serves is safe"),
    "status": ("status", "what runs, and what the last deployment came to"),
    "ps": ("ps", "the instances that there are"),
    "logs": ("logs", "the log of what runs, or of what failed"),
    "exec": ("exec", "run a command in an instance: exec SERVICE -- CMD"),
    "shell": ("shell", "a shell, or a command, in a one-off of a release: shell ID -- CMD"),
    "compose": ("compose", "docker compose, with the pin of what runs: compose -- ARGS"),
    "diff": ("diff", "what two releases differ in: diff A B"),
    "history": ("history", "the deployments, newest first; or one of them"),
    "images": ("images", "versions at hand, or in the registry, and what became of each"),
    "health": ("health", "look once with every probe"),
    "check": ("check", "the checklist before a deploy: what would stop it"),
    "config": ("config", "the config file, as deploykit understands it"),
    "hold": ("hold", "let nothing be deployed meanwhile, and say why"),
    "unhold": ("unhold", "let deploys go on"),
    "protect": ("protect", "keep what serves, or the release named, from prune"),
    "unprotect": ("unprotect", "no longer keep it"),
    "prune": ("prune", "let go of old images, ended containers and files"),
    "init": ("init", "write a first config, from a compose file"),
    "graph": ("graph", "the states of a deployment, as a diagram"),
    "completion": ("completion", "what a shell needs to complete what is typed"),
    "demo": ("demo", "a good and a broken deploy, without Docker"),
}
_TARGET = "which [target.NAME] of it; else $DEPLOYKIT_TARGET"
PULLS = ("always", "missing", "never")
_EPILOG = """\
CONFIG.toml is $DEPLOYKIT_CONFIG, deploykit.toml, or the one .toml here with
[app] and [backend], when none is named.
exit codes: 0 it serves; 1 failed, what served before serves; 2 usage or
configuration; 3 look now; 4 failed, and nothing to go back to; 5 the runtime
cannot be reached; 6 deploys are held; 75 another deployment runs; 130, 143
interrupted."""


class UsageError(ConfigError):
    """What was typed cannot be understood."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours: one message, and a hint. It knows its arguments."""

    def __init__(self, **how: "Any") -> None:
        self.arguments: list[argparse.Action] = []
        super().__init__(**how)

    def add_argument(self, *names: "Any", **how: "Any") -> argparse.Action:
        """Add an argument, and keep it in mind."""
        action = super().add_argument(*names, **how)
        self.arguments.append(action)
        return action

    def error(self, message: str) -> "NoReturn":
        raise UsageError(message, hint=f"`{self.prog} --help` shows what can be typed.")


def parse(words: "Sequence[str]") -> "tuple[Verb, argparse.Namespace]":
    """Return the verb that was typed, and its arguments.

    Raises:
        UsageError: they cannot be understood.
        SystemExit: help or the version was asked for, and printed.
    """
    words, command = _split_command(words)
    top = top_parser()
    typed = top.parse_args(words)
    if typed.verb is None:
        top.error("say what to do")
    if typed.verb not in VERBS:
        top.error(f"there is no verb {typed.verb!r}{_meant(typed.verb)}")
    verb = module_of(typed.verb)
    return verb, _parse_verb(typed, verb, command)


def module_of(name: str) -> "Verb":
    """Return the module of a verb."""
    module: Any = import_module(f"deploykit.cli.{VERBS[name][0]}")
    verb: Verb = module
    return verb


def top_parser() -> Parser:
    """Return the parser of what stands before a verb."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {what}" for name, (_, what) in VERBS.items())
    parser = Parser(
        prog="deploykit",
        usage="deploykit VERB [CONFIG.toml] [ARGS]",
        description=f"Deploys a container image, judges it by health probes, and rolls back by itself.\n\n{verbs}",
        epilog=_EPILOG,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="the config file, whatever its name ends in")
    parser.add_argument("-t", "--target", metavar="NAME", help=_TARGET)
    parser.add_argument("--version", action=_Version, help="show the version")
    parser.add_argument("verb", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def verb_parser(name: str, verb: "Verb", config: str | None = None, target: str | None = None) -> Parser:
    """Return the parser of what may follow a verb."""
    metavars = " ".join(filter(None, ["[CONFIG.toml]", verb.WORDS, "[OPTIONS]", "[-- CMD]" * _takes_command(verb)]))
    what = VERBS[name][1]
    parser = Parser(
        prog=f"deploykit {name}",
        usage=f"deploykit {name} {metavars}",
        description=f"{what[0].upper()}{what[1:]}.",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-c", "--config", metavar="FILE", default=config, help="the config file")
    parser.add_argument("-t", "--target", metavar="NAME", default=target, help=_TARGET)
    parser.add_argument("--json", action="store_true", help="print JSON")
    verb.add_arguments(parser)
    return parser


def _parse_verb(typed: argparse.Namespace, verb: "Verb", command: list[str]) -> argparse.Namespace:
    target = typed.target or os.environ.get("DEPLOYKIT_TARGET") or None
    parser = verb_parser(typed.verb, verb, typed.config, target)
    args = parser.parse_intermixed_args(_with_pull(typed.rest))
    args.command = command
    if command and not _takes_command(verb):
        parser.error("there is nothing to do with what stands behind `--`")
    args.config, args.words = _split(parser, args, most=len(verb.WORDS.split("] [")) if verb.WORDS else 0)
    return args


def _takes_command(verb: "Verb") -> bool:
    return getattr(verb, "COMMAND", False)


def _split_command(words: "Sequence[str]") -> tuple[list[str], list[str]]:
    """Part our own words from the command behind `--`, whose options are its own."""
    if "--" not in words:
        return [*words], []
    place = words.index("--")
    return [*words[:place]], [*words[place + 1 :]]


def _with_pull(words: list[str]) -> list[str]:
    """Let `--pull` alone mean `--pull always`, whatever follows it."""
    pairs = zip_longest(words, words[1:])
    return ["--pull=always" if word == "--pull" and after not in PULLS else word for word, after in pairs]


def _split(parser: Parser, args: argparse.Namespace, most: int) -> tuple[str | None, list[str]]:
    """Part the config file from the other arguments: it is the one that ends in .toml."""
    files = [word for word in args.words if word.endswith(".toml")]
    others = [word for word in args.words if not word.endswith(".toml")]
    if len(files) + (args.config is not None) > 1:
        parser.error("name one config file, not several")
    if len(others) > most:
        parser.error(f"unexpected argument {others[most]!r} (a config file's name ends in .toml, or follows -c)")
    return (files[0] if files else args.config), others


def _meant(typed: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(typed, VERBS, n=1)
    return f"; did you mean {near[0]}?" if near else ""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Knows its width by itself: argparse would import shutil, and with it bz2 and lzma, to ask for it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width() - 2)


def _width() -> int:
    try:
        return int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size().columns or 80
    except (OSError, ValueError):
        return 80


class _Version(argparse.Action):
    def __init__(self, option_strings: "Sequence[str]", dest: str, help: str | None = None) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> "NoReturn":
        import deploykit
        from deploykit.cli.output import say

        say(f"deploykit {deploykit.__version__}")
        parser.exit()


def natural(text: str) -> int:
    """Read a number of things: 0 or more."""
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def seconds(text: str) -> float:
    """Read a number of seconds."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value
