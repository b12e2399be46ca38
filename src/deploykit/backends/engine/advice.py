"""What the engine's own words mean for whoever reads them at night: what to do next."""

import re

_ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"unauthorized|denied: |authentication required|no basic auth|forbidden|status: 40[13]",
        "Log in to the registry as the user who deploys: `docker login REGISTRY`.",
    ),
    (r"toomanyrequests|429|rate limit", "The registry limits pulls: log in with `docker login`, or try again later."),
    (
        r"manifest.* (unknown|not found)|not found: manifest|repository .* not found|does not exist|name unknown",
        "Was that tag pushed, to this repository? Its name is case-sensitive.",
    ),
    (
        r"no matching manifest|does not match the (detected|specified) (host )?platform|exec format error",
        "The image is for another platform: build it for this machine's (`docker build --platform`).",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "The engine's disk is full: `deploykit prune` lets go of old releases, `docker system df` shows what takes it.",
    ),
    (
        r"port is already allocated|address already in use",
        "Something else has that port: `docker ps` and `ss -ltnp` show what.",
    ),
    (
        r"network .* not found|could not find a network",
        "A network of the app is gone: `docker network ls` shows what there is; make it, or deploy anew.",
    ),
    (r"x509|certificate", "The registry's certificate is not trusted here: the engine needs its authority."),
    (
        r"connection refused|no such host|timeout|deadline exceeded|unexpected EOF|reset by peer|HTTP status: 5",
        (
            "The registry does not answer as it should: is it up, and reachable from here?"
            " With `--pull missing` it is not asked for what is at hand."
        ),
    ),
)
_COMPILED = [(re.compile(words, re.IGNORECASE), advice) for words, advice in _ADVICE]


def advice(said: str) -> str:
    """Return what to do about an error in the engine's own words; empty where nothing is known."""
    return next((told for words, told in _COMPILED if words.search(said)), "")
