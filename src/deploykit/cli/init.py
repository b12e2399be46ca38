"""`deploykit init`: a first config, from a compose file."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploykit.cli.output import say
from deploykit.errors import ConfigError

if TYPE_CHECKING:
    from deploykit.config.draft import Ask

WORDS = "[COMPOSE_FILE]"
USUAL = ("docker-compose.prod.yml", "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_UNIT = """\
# /etc/systemd/system/{name}-recover.service: after a reboot, finish what it interrupted.
# systemctl enable {name}-recover
[Unit]
Description=Finish a deployment of {name} that a reboot interrupted
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={program} recover -c {config}{target} --lock-wait 60

[Install]
WantedBy=multi-user.target
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `init`."""
    parser.add_argument("-o", "--output", default="deploykit.toml", metavar="FILE", help="where it is written")
    parser.add_argument("--yes", action="store_true", help="ask nothing; take the defaults")
    parser.add_argument("--service", help="the service that is deployed")
    parser.add_argument("--image", help="its image, without a tag, where the compose file does not say it")
    parser.add_argument("--path", help="where it tells its health, where the compose file does not say it")
    parser.add_argument("--systemd", action="store_true", help="print a unit that runs `recover` at boot, and no more")


def run(args: argparse.Namespace) -> int:
    """Write a config, or print a unit."""
    return _print_unit(args) if args.systemd else _write_config(args)


def _write_config(args: argparse.Namespace) -> int:
    import deploykit
    from deploykit.backends.compose.project import read_model
    from deploykit.config.draft import draft, toml

    file, output = _compose_file(args), Path(args.output)
    if output.exists():
        raise ConfigError(f"{output} is there already", hint="Name another file with -o, or remove it.")
    made = draft(read_model(file), os.path.relpath(file, output.parent), _asking(args), args.service)
    text = toml(made)
    output.write_text(text)
    deploykit.load(output)
    say(text)
    say(f"Written to {output}. Next: `deploykit check {output}`, then `deploykit run {output} --tag TAG`")
    return 0


def _compose_file(args: argparse.Namespace) -> Path:
    if args.words:
        return Path(args.words[0])
    found = [name for name in USUAL if Path(name).is_file()]
    if not found:
        raise ConfigError(
            f"there is no compose file here: none of {', '.join(USUAL)}", hint="Name it: `deploykit init FILE`."
        )
    return Path(found[0])


def _asking(args: argparse.Namespace) -> "Ask":
    """Return what answers: an option, else whoever sits at the terminal, else the default."""

    def ask(option: str, question: str, default: str) -> str:
        said = getattr(args, option.removeprefix("--"))
        if said:
            return str(said)
        if not args.yes and sys.stdin is not None and sys.stdin.isatty():
            said = _typed(f"{question} [{default}] " if default else f"{question} ")
        if said or default:
            return said or default
        msg = f"the compose file does not say: {question[0].lower()}{question[1:]}"
        raise ConfigError(msg, hint=f"Say it with {option}.")

    return ask


def _typed(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


def _print_unit(args: argparse.Namespace) -> int:
    import deploykit
    from deploykit.config import find_config

    path = Path(args.config or find_config(os.environ)).absolute()
    target = f" -t {args.target}" if args.target else ""
    words = {"folder": path.parent, "program": Path(sys.argv[0]).absolute(), "config": path}
    named = {key: _unit_word(str(value)) for key, value in words.items()}
    say(_UNIT.format(name=deploykit.load(path, args.target).name, target=target, **named).rstrip())
    return 0


def _unit_word(text: str) -> str:
    """Return a word as systemd reads it back: a percent sign begins a specifier, a space ends a word."""
    escaped = text.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if " " in escaped else escaped
