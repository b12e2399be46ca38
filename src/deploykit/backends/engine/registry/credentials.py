"""The logins that docker has: in its own file, or with the program that keeps them for it."""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploykit.backends.engine.registry.place import Place
from deploykit.backends.engine.runner import Command, Completed, TimedOut, run
from deploykit.errors import EngineUnreachable, RegistryFailed

HELPER_TIMEOUT = 10.0
_TOKEN = "<token>"  # noqa: S105 - the name that helpers give in place of a user
_NOT_FOUND = b"credentials not found"


@dataclass(frozen=True, slots=True)
class Login:
    """A user with a password, or, without one, the identity token that a registry gave for a login."""

    user: str
    secret: str = field(repr=False)
    is_token: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """What docker's `config.json` says; `environment` is what a helper program gets."""

    settings: Mapping[str, Any] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    def of(self, place: Place) -> Login | None:
        """Return the login for a registry; None where docker has none.

        Raises:
            RegistryFailed: the program that has it does not work.
        """
        helpers = _table(self.settings, "credHelpers")
        helper = next((helpers[key] for key in place.keys if key in helpers), self.settings.get("credsStore"))
        if helper:
            return self._helped(str(helper), place)
        return _written(_table(self.settings, "auths"), place)

    def _helped(self, helper: str, place: Place) -> Login | None:
        """Ask docker's own way: the key goes in, JSON comes out. Nothing that it writes is ever shown."""
        program = f"docker-credential-{helper}"
        done = self._run(program, place)
        if done.code and _NOT_FOUND in done.output + done.errors:
            return None
        try:
            said = json.loads(done.output)
            user, secret = str(said["Username"]), str(said["Secret"])
        except (ValueError, KeyError, TypeError):
            hint = f"`docker login {place.host}` uses the same program; try that."
            raise RegistryFailed(f"{program} gives no login for {place.host}", hint=hint) from None
        return Login(user, secret, user == _TOKEN) if secret else None

    def _run(self, program: str, place: Place) -> Completed:
        try:
            return run(Command((program, "get"), HELPER_TIMEOUT, self.environment, place.keys[0].encode()))
        except TimedOut:
            raise RegistryFailed(f"{program} did not answer within {HELPER_TIMEOUT:g}s") from None
        except (EngineUnreachable, OSError):
            hint = "Docker's config.json names it: install it, or take it out there."
            raise RegistryFailed(f"{program}, which keeps docker's logins, cannot be run", hint=hint) from None


def _written(logins: Mapping[str, Any], place: Place) -> Login | None:
    entries = {_host(key): value for key, value in logins.items() if isinstance(value, dict)}
    entry = next((entries[host] for key in place.keys if (host := _host(key)) in entries), {})
    if token := entry.get("identitytoken"):
        return Login(_TOKEN, str(token), is_token=True)
    user, secret = _decoded(entry.get("auth")) or (entry.get("username"), entry.get("password"))
    return Login(str(user), str(secret)) if user and secret else None


def _host(key: str) -> str:
    """Return the host of a key, which may be a URL."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _decoded(auth: object) -> tuple[str, str] | None:
    if not isinstance(auth, str) or not auth:
        return None
    try:
        user, colon, secret = b64decode(auth).decode().partition(":")
    except ValueError:
        return None
    return (user, secret.strip("\0")) if colon else None


def _table(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = settings.get(name)
    return found if isinstance(found, dict) else {}
