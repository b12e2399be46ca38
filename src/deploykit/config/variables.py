"""`${VAR}` and its kin in a text, as Compose has them."""

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# With nothing to say what it is when it is not set.
_BARE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?+])(.*))?", re.ASCII | re.DOTALL)


class BadVariable(Exception):
    """The text cannot be filled in; `hint` says what to do."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """Fill in `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `${VAR:+alternative}`; `$$` is a dollar.

    Without the colon a variable that is set, but empty, counts as given. What is not set, and has no default, is empty.

    Raises:
        BadVariable: a dollar begins nothing of these, or a required variable is missing.
    """
    parts, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        value, after = _expand(text, dollar + 1, environment)
        parts += [text[at:dollar], value]
        at = after
    return "".join(parts) + text[at:]


def certain(text: str, environment: Mapping[str, str]) -> str | None:
    """Fill in the variables of a text; None where it hangs on one that is not set, or cannot be filled in."""
    demanding = _BARE.sub(lambda one: f"${{{one[1] or one[2]}:?}}" if one.lastindex else one[0], text)
    try:
        return interpolate(demanding, environment)
    except BadVariable:
        return None


def named(text: str) -> list[str]:
    """Return the variables that the text names."""
    return list(dict.fromkeys(re.findall(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)", text)))


def wanted(text: str) -> list[str]:
    """Return the variables that the text names without a default."""
    found = re.findall(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:\}|:?\?))", text.replace("$$", ""))
    return list(dict.fromkeys(bare or braced for bare, braced in found))


def _expand(text: str, at: int, environment: Mapping[str, str]) -> tuple[str, int]:
    if text.startswith("$", at):
        return "$", at + 1
    if text.startswith("{", at):
        end = _closing(text, at + 1)
        return _braced(text[at + 1 : end], environment), end + 1
    if name := _NAME.match(text, at):
        return environment.get(name.group(), ""), name.end()
    raise BadVariable("a '$' that begins no variable", hint="Write $$ for a dollar that means itself.")


def _closing(text: str, at: int) -> int:
    depth = 1
    for brace in re.compile(r"\$\{|\}").finditer(text, at):
        depth += 1 if brace.group() == "${" else -1
        if not depth:
            return brace.start()
    raise BadVariable("a '${' without its '}'", hint="Write $$ for a dollar that means itself.")


def _braced(inside: str, environment: Mapping[str, str]) -> str:
    parsed = _BRACED.fullmatch(inside)
    if parsed is None:
        msg = f"'${{{inside[:60]}}}' names no variable"
        raise BadVariable(msg, hint="It looks like ${VAR}, ${VAR:-default} or ${VAR:?message}.")
    name, operator, rest = parsed.group(1), parsed.group(2) or "", parsed.group(3) or ""
    value = environment.get(name)
    given = bool(value) if operator.startswith(":") else value is not None
    match operator[-1:]:
        case "+":
            return interpolate(rest, environment) if given else ""
        case "-" if not given:
            return interpolate(rest, environment)
        case "?" if not given:
            raise _missing(name, interpolate(rest, environment))
        case _:
            return value or ""


def _missing(name: str, message: str) -> BadVariable:
    return BadVariable(f"{name} is not set" + (f": {message}" if message else ""), hint=f"Set {name}.")
