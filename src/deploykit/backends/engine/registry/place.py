"""Where a repository is, as docker understands its name."""

import re
from dataclasses import dataclass

_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|\[::1\]")
_HUB = "docker.io"
_HUB_API = "registry-1.docker.io"
_HUB_KEY = "index.docker.io"


@dataclass(frozen=True, slots=True)
class Place:
    """A repository: the host (with its port) that has it, and how it is called there."""

    host: str
    path: str

    @classmethod
    def of(cls, repository: str) -> "Place":
        """Read a repository's name. What has no host in it is Docker Hub's."""
        first, slash, rest = repository.partition("/")
        host = first if slash and (first == "localhost" or set(first) & {".", ":"}) else _HUB
        path = rest if host is first else repository
        if host in {_HUB, _HUB_KEY, _HUB_API}:
            return cls(_HUB, path if "/" in path else f"library/{path}")
        return cls(host, path)

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine: then, and only then, it may speak plain HTTP, as to docker itself."""
        return bool(_LOOPBACK.fullmatch(re.sub(r":\d+$", "", self.host)))

    @property
    def base(self) -> str:
        """The URL that stands before every path."""
        host = _HUB_API if self.host == _HUB else self.host
        return f"{'http' if self.is_loopback else 'https'}://{host}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The names under which docker keeps a login, the usual one first."""
        if self.host == _HUB:
            return ("https://index.docker.io/v1/", _HUB_KEY, _HUB, _HUB_API)
        return (self.host, f"https://{self.host}", f"http://{self.host}")
