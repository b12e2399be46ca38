"""Which config file is meant when none is named."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from deploykit.errors import ConfigError

USUAL = "deploykit.toml"


def find_config(environment: Mapping[str, str], folder: Path = Path(), *, must_exist: bool = True) -> Path:
    """Return $DEPLOYKIT_CONFIG, else deploykit.toml, else the one `*.toml` in the folder with [app] and [backend].

    Without any it is deploykit.toml all the same where none need exist: on a fake.

    Raises:
        ConfigError: there is none, or more than one.
    """
    if named := environment.get("DEPLOYKIT_CONFIG"):
        return Path(named)
    if (folder / USUAL).exists():
        return folder / USUAL
    found = [path for path in sorted(folder.glob("*.toml")) if _is_config(path)]
    if len(found) == 1:
        return found[0]
    if not (found or must_exist):
        return folder / USUAL
    hint = "Name it: `deploykit VERB FILE.toml`, -c FILE, or $DEPLOYKIT_CONFIG."
    if found:
        msg = f"there are several config files here: {', '.join(path.name for path in found)}"
        raise ConfigError(msg, hint=hint)
    msg = f"there is no config file here: neither {USUAL} nor another .toml file with [app] and [backend]"
    raise ConfigError(msg, hint=f"{hint} `deploykit init` writes one, from a compose file.")


def _is_config(path: Path) -> bool:
    try:
        said = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return {"app", "backend"} <= said.keys()
