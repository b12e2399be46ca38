"""The `http` probe: what the app answers to a request."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from ssl import SSLContext
from urllib.parse import unquote, urlsplit

from deploykit.errors import ConfigError
from deploykit.probes import _settings as settings
from deploykit.probes._deadline import Deadline
from deploykit.probes._describe import TLS_HINT, not_json, refusal
from deploykit.probes._exchange import Answer, Exchange, Request
from deploykit.probes._expect import mismatches, parsed
from deploykit.probes._look import AT_ONCE, Unhealthy, address_of, each, is_loopback, judged
from deploykit.probes._network import translated
from deploykit.probes._words import clean, public_url, redacted, secrets_in, without_userinfo
from deploykit.protocols import Verdict
from deploykit.release import Instance

_DEFAULT_HEADERS = {
    "User-Agent": "deploykit",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class HttpProbe:
    """Asks `url`, or `path` at `port` of each instance; `{host}` and `{port}` in `url` are the instance's own.

    Healthy is an answer with one of `status` (None: any 2xx) within `timeout` seconds, which cover the whole exchange.
    It has at most 512 KiB, and 3 redirects within the same place. `require` and `warn` map dotted paths into its JSON
    to the values that they must, or should, have. `headers` go out as they are, Host too.

    Raises:
        ConfigError: a value is wrong; the message names its key.
    """

    url: str | None = None
    port: int | None = None
    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 5.0
    status: int | tuple[int, ...] | None = None
    require: Mapping[str, object] = field(default_factory=dict)
    warn: Mapping[str, object] = field(default_factory=dict)
    verify: bool = True
    ca_file: str | None = None
    service: str | None = None

    def __post_init__(self) -> None:
        self._check_target()
        settings.check_method(self.method)
        settings.check_headers(self.headers)
        settings.check_timeout(self.timeout)
        settings.check_expected("require", self.require)
        settings.check_expected("warn", self.warn)
        if self._statuses is not None:
            settings.check_status(self._statuses)
        if self.ca_file is not None:
            self._tls()

    def _check_target(self) -> None:
        match self.url, self.port:
            case str(url), None if self.path == "/":
                settings.check_url(url)
            case None, int(port):
                settings.check_port(port)
                settings.check_path(self.path)
            case _:
                raise ConfigError("url: give either url, or port and path")

    def __repr__(self) -> str:
        return f"HttpProbe({self.name!r})"

    @property
    def name(self) -> str:
        return f"http {public_url(self._target)}"

    @property
    def _target(self) -> str:
        return self.url or f":{self.port}{self.path}"

    @property
    def _statuses(self) -> tuple[int, ...] | None:
        return (self.status,) if isinstance(self.status, int) else self.status

    def aimed(self, published: Mapping[int, int]) -> "HttpProbe | None":
        if self.url is None or "{host}" in self.url:
            return self
        parts = urlsplit(self.url)
        own = published.get(parts.port or 80) if is_loopback(parts.hostname or "") else None
        if own is None or parts.scheme != "http":
            return None
        # The app must be asked by the name that it is asked by in earnest: Django answers to no other.
        headers = {"Host": parts.netloc.rpartition("@")[2], **self.headers}
        url = parts._replace(netloc=f"{{host}}:{own}").geturl()
        return replace(self, url=url, headers={**headers, **_authorization(without_userinfo(self.url)[1])})

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        deadline = Deadline(min(self.timeout, timeout))
        url = self.url
        if url is None or "{" in url:
            return each(instances, lambda instance: self._look_at(self._url_of(instance), deadline), AT_ONCE)
        return judged(lambda: self._look_at(url, deadline))

    def _url_of(self, instance: Instance) -> str:
        address = address_of(instance)
        if self.url is None:
            return f"http://{address.netloc}:{self.port}{self.path}"
        if "{port}" in self.url and address.port is None:
            raise Unhealthy("the instance's address tells no port")
        return self.url.replace("{host}", address.netloc).replace("{port}", str(address.port))

    def _look_at(self, url: str, deadline: Deadline) -> Sequence[str]:
        answer = self._ask(url, deadline)
        if not self._accepts(answer.status):
            raise Unhealthy(refusal(answer, self._show))
        return self._judge_body(answer) if self.require or self.warn else ()

    def _ask(self, url: str, deadline: Deadline) -> Answer:
        exchange = Exchange(without_userinfo(url)[0], self._request, deadline)
        try:
            with translated(deadline):
                return deadline.hold(exchange.run, exchange.cut)
        except Unhealthy as why:
            msg = self._show(str(why), 200) + (f"; {TLS_HINT}" if exchange.upgraded else "")
            raise Unhealthy(msg) from why

    def _judge_body(self, answer: Answer) -> Sequence[str]:
        try:
            document = parsed(answer.body)
        except ValueError as error:
            return self._judge_no_json(not_json(answer, error, self._show))
        if wrong := mismatches(document, self.require, self._show):
            raise Unhealthy("; ".join(wrong))
        return mismatches(document, self.warn, self._show)

    def _judge_no_json(self, words: str) -> Sequence[str]:
        if self.require:
            raise Unhealthy(words)
        return [words]

    def _accepts(self, status: int) -> bool:
        return 200 <= status <= 299 if self._statuses is None else status in self._statuses

    @cached_property
    def _request(self) -> Request:
        given = {name.lower() for name in self.headers}
        defaults = {**_DEFAULT_HEADERS, **_authorization(without_userinfo(self._target)[1])}
        headers = {name: value for name, value in defaults.items() if name.lower() not in given}
        return Request(self.method, {**headers, **self.headers}, self._accepts, self._tls)

    def _tls(self) -> SSLContext:
        return self._tls_context

    @cached_property
    def _tls_context(self) -> SSLContext:
        return settings.tls_context(self.ca_file, verify=self.verify)

    def _show(self, text: str, limit: int) -> str:
        return clean(redacted(text, secrets_in(self._request.headers, self._target)), limit)


def _authorization(userinfo: str) -> dict[str, str]:
    if not userinfo:
        return {}
    user, _, password = userinfo.partition(":")
    encoded = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode("ascii")
    return {"Authorization": f"Basic {encoded}"}
