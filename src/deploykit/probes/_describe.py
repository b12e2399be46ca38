"""A few words on an answer that is not the one that was wanted."""

from deploykit.probes._exchange import Answer
from deploykit.probes._expect import Show

_SHORT_BODY = 2048
_HOST_HINT = 'Django\'s ALLOWED_HOSTS? set headers = { Host = "…" }'
TLS_HINT = (
    "it redirects to https (Django's SECURE_SSL_REDIRECT?): "
    'use https, or set headers = { X-Forwarded-Proto = "https" }'
)


def refusal(answer: Answer, show: Show) -> str:
    """Say which status it has, and what a short text in it says."""
    said = f": {text}" if (text := _text(answer)) and (text := show(text, 100)) else ""
    hint = f" ({_HOST_HINT})" if answer.status == 400 else ""
    return f"answered {answer.status}{said}{hint}"


def _text(answer: Answer) -> str:
    kind = _kind(answer)
    if len(answer.body) > _SHORT_BODY or not (kind.startswith("text/") or kind.endswith("json")):
        return ""
    try:
        return answer.body.decode()
    except UnicodeDecodeError:
        return ""


def not_json(answer: Answer, problem: ValueError, show: Show) -> str:
    """Say what came in place of JSON, or what is wrong with it."""
    kind = _kind(answer)
    if coding := answer.headers.get("Content-Encoding"):
        return f"answered {show(coding, 20)}, though asked for no compression"
    if not answer.body:
        return "answered nothing, not JSON"
    if kind.endswith("json"):
        return f"answered broken JSON: {show(str(problem), 100)}"
    start = answer.body[:_SHORT_BODY].decode(errors="replace")
    return f"answered {show(kind, 60) or 'an untold type'}, not JSON: {show(start, 60)}"


def _kind(answer: Answer) -> str:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
