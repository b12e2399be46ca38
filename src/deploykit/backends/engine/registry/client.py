"""The Distribution API of a registry, version 2: tags, manifests, and what an image says of itself."""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from deploykit.backends.engine.registry.credentials import Credentials, Login
from deploykit.backends.engine.registry.exchange import Answer, Exchange
from deploykit.backends.engine.registry.place import Place
from deploykit.errors import RegistryFailed

_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_PAGES = 20
_PAGE = 1000
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?', re.IGNORECASE)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_CODE = re.compile(r"[A-Z_]{3,40}")


@dataclass
class Client:
    """Reads one repository. Every call raises RegistryFailed, with what to do about it, for whatever goes wrong."""

    place: Place
    credentials: Credentials
    exchange: Exchange
    _authorization: str = field(default="", init=False, repr=False)

    @cached_property
    def login(self) -> Login | None:
        """The login that docker has for it."""
        return self.credentials.of(self.place)

    def tags(self) -> list[str]:
        """Return the tags in the registry's own order, the first 20,000 at most."""
        found: list[str] = []
        path = f"/v2/{self.place.path}/tags/list?n={_PAGE}"
        for _ in range(_PAGES):
            answer = self._get(path)
            listed = self._read(answer).get("tags") or []
            found += map(str, listed if isinstance(listed, list) else [])
            following = _NEXT.search(answer.headers.get("Link") or "")
            if following is None:
                break
            path = _path(urljoin(f"{self.place.base}{path}", following[1]))
        return found

    def manifest(self, reference: str) -> tuple[str, dict[str, Any]]:
        """Return the digest and the content of a manifest, or of an index of manifests."""
        answer = self._get(f"/v2/{self.place.path}/manifests/{quote(reference, safe=':')}", {"Accept": _MANIFESTS})
        return f"sha256:{hashlib.sha256(answer.body).hexdigest()}", self._read(answer)

    def blob(self, digest: str) -> dict[str, Any]:
        """Return a blob that is JSON."""
        return self._read(self._get(f"/v2/{self.place.path}/blobs/{quote(digest, safe=':')}"))

    def _get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask, and once more with what the registry wants to see for it: tokens do not live long."""
        url = f"{self.place.base}{path}"
        answer = self.exchange.get(url, headers or {}, self._authorization)
        if answer.status == 401 and (authorization := self._authorize(answer)):
            self._authorization = authorization
            answer = self.exchange.get(url, headers or {}, authorization)
        if answer.status != 200:
            raise self._refused(answer, path)
        return answer

    def _authorize(self, answer: Answer) -> str:
        challenges = answer.headers.get_all("WWW-Authenticate") or []
        login = self.login
        for challenge in challenges:
            scheme, _, rest = challenge.partition(" ")
            if scheme.lower() == "bearer":
                return f"Bearer {self._token(dict(_CHALLENGE.findall(rest)), login)}"
            if scheme.lower() == "basic" and login and not login.is_token:
                return _basic(login)
        return ""

    def _token(self, asked: Mapping[str, str], login: Login | None) -> str:
        """Get a token from where the registry sends us for it; never a password by plain HTTP to another machine."""
        realm = asked.get("realm", "")
        secure = urlsplit(realm).scheme == "https"
        if not secure and not (self.place.is_loopback and Place(urlsplit(realm).netloc, "").is_loopback):
            raise RegistryFailed(f"{self.place.host} asks for a login by plain HTTP", hint="Is that its address?")
        scope = asked.get("scope") or f"repository:{self.place.path}:pull"
        query = {"service": asked.get("service", ""), "scope": scope}
        if login and login.is_token:
            grant = {"grant_type": "refresh_token", "client_id": "deploykit", "refresh_token": login.secret}
            answer = self.exchange.post(realm, urlencode(query | grant).encode())
        else:
            joint = "&" if "?" in realm else "?"
            answer = self.exchange.get(f"{realm}{joint}{urlencode(query)}", {}, _basic(login) if login else "")
        if answer.status != 200:
            raise self._refused(answer)
        said = self._read(answer)
        return str(said.get("token") or said.get("access_token") or "")

    def _read(self, answer: Answer) -> dict[str, Any]:
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            hint = "Is that its address?"
            raise RegistryFailed(f"{self.place.host} does not answer as a registry does", hint=hint)
        return said

    def _refused(self, answer: Answer, path: str = "") -> RegistryFailed:
        """Return what to say of an answer. Of its own words only the code is told: it may have ours in it."""
        host, name = self.place.host, self.place.path
        match answer.status:
            case 401 | 403:
                known = "with the login that docker has" if self.login else "without a login"
                said = f"{host} does not let us read {name} {known}: {_code(answer)}"
                hint = f"Log in as the user who deploys, with one that may pull: `docker login {host}`."
            case 404:
                tag = path.rpartition("/manifests/")[2] if "/manifests/" in path else ""
                said = f"{host} has no {f'{name}:{tag}' if tag else f'repository {name}'}: {_code(answer)}"
                hint = "Was it pushed, by that name? One that this login may not see is told as missing too."
            case 429:
                said = f"{host} limits how often it is asked: {_code(answer)}"
                after = answer.headers.get("Retry-After") or ""
                wait = f" in {after} s" if after.isdecimal() else " later"
                hint = f"Try again{wait}; a login may have a higher limit."
            case status if status >= 500:
                said, hint = f"{host} is not well: {_code(answer)}", "Try again later; its own log says more."
            case _:
                said, hint = f"{host} does not answer as a registry does: {_code(answer)}", "Is that its address?"
        return RegistryFailed(said, hint=hint)


def _basic(login: Login) -> str:
    return f"Basic {b64encode(f'{login.user}:{login.secret}'.encode()).decode()}"


def _path(url: str) -> str:
    """Return a URL without its host: what a registry answers never leads us, with a login, to another one."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def _code(answer: Answer) -> str:
    """Return the status, and the registry's own code for it, where there is one."""
    try:
        code = str(json.loads(answer.body)["errors"][0]["code"])
    except (ValueError, LookupError, TypeError, RecursionError):
        code = ""
    return f"HTTP {answer.status}{f' {code}' if _CODE.fullmatch(code) else ''}"
