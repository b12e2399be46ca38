"""`${VAR}` and its kin, as Compose has them."""

from __future__ import annotations

import pytest

from deploykit.config.variables import BadVariable, interpolate

ENVIRONMENT = {"FULL": "value", "EMPTY": "", "A_1": "x"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("$FULL/$A_1.", "value/x."),
        ("${FULL}", "value"),
        ("${NONE}", ""),
        ("$$FULL", "$FULL"),
        ("$${FULL}", "${FULL}"),
        ("cost: 5$$", "cost: 5$"),
        ("${FULL:-no}", "value"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${NONE-default}", "default"),
        ("${NONE:-}", ""),
        ("${NONE:-a:b/c}", "a:b/c"),
        ("${NONE:-${EMPTY:-${FULL}}}", "value"),
        ("${FULL:+alt}", "alt"),
        ("${EMPTY:+alt}", ""),
        ("${EMPTY+alt}", "alt"),
        ("${NONE+alt}", ""),
        ("${FULL:?needed}", "value"),
        ("${EMPTY?needed}", ""),
        ("${FULL:-${NONE:?unused}}", "value"),
    ],
)
def test_a_text_is_filled_in_as_compose_does(text: str, filled: str) -> None:
    """Each form means what it means in a compose file."""
    assert interpolate(text, ENVIRONMENT) == filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${NONE:?pass --tag}", "NONE is not set: pass --tag"),
        ("${EMPTY:?}", "EMPTY is not set"),
        ("${NONE?say ${FULL}}", "NONE is not set: say value"),
        ("${FULL", "a '${' without its '}'"),
        ("${}", "'${}' names no variable"),
        ("${FULL!x}", "'${FULL!x}' names no variable"),
        ("${1}", "'${1}' names no variable"),
        ("5$", "a '$' that begins no variable"),
        ("$5", "a '$' that begins no variable"),
    ],
)
def test_what_cannot_be_filled_in_is_told(text: str, message: str) -> None:
    """A required variable that is missing, and a dollar that means nothing, are errors."""
    with pytest.raises(BadVariable) as caught:
        interpolate(text, ENVIRONMENT)
    assert str(caught.value) == message
    assert caught.value.hint
