"""Keeping secrets out of what people and files get to see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploykit.redact import BLANK, Redactor, is_secret

SECRET = [
    *("DB_PASSWORD", "PGPASS", "OLDPWD", "SECRET_KEY", "GITHUB_TOKEN"),
    *("api_key", "AWS_CREDENTIALS", "SENTRY_DSN", "Authorization"),
    *("Cookie", "SIGNATURE", "HASH_SALT", "PRIVATE_PEM"),
]


@pytest.mark.parametrize("name", SECRET)
def test_a_name_that_sounds_like_a_secret_is_one(name: str) -> None:
    """Of a variable or a header, whatever its case."""
    assert is_secret(name)


@pytest.mark.parametrize("name", ["", "WEB_IMAGE", "HOST", "Accept", "PORT"])
def test_any_other_name_is_none(name: str) -> None:
    """Else nothing could be shown."""
    assert not is_secret(name)


def test_the_value_of_a_secret_variable_is_blanked_out_wherever_it_stands() -> None:
    """Each time, in the middle of a word too; all else is left alone."""
    redact = Redactor({"DB_PASSWORD": "hunter2", "USER": "deploy"})
    assert redact("deploy: hunter2, xhunter2x") == f"deploy: {BLANK}, x{BLANK}x"


def test_short_values_are_left_alone() -> None:
    """`DEBUG_TOKEN=1` must not blank out every 1; four characters are a secret."""
    redact = Redactor({"A_TOKEN": "web", "B_TOKEN": "", "C_TOKEN": "abcd"})
    assert redact("web 1 abcd") == f"web 1 {BLANK}"


@pytest.mark.parametrize("secrets", [("hunter2", "hunter2-and-more"), ("hunter2-and-more", "hunter2")])
def test_a_secret_that_begins_with_another_leaves_no_tail(secrets: tuple[str, str]) -> None:
    """In whatever order they are named."""
    redact = Redactor({"A_KEY": secrets[0], "B_KEY": secrets[1]})
    assert redact("it is hunter2-and-more, not hunter2") == f"it is {BLANK}, not {BLANK}"


def test_the_password_of_a_url_is_blanked_out_though_nothing_names_it() -> None:
    """The user goes with it; host and path stay."""
    redact = Redactor({})
    assert redact("postgres://app:hunter2@db:5432/x") == f"postgres://{BLANK}@db:5432/x"
    assert redact("redis://:hunter2@cache") == f"redis://{BLANK}@cache"
    assert redact("http://localhost:8000/a@b, a:b@c") == "http://localhost:8000/a@b, a:b@c"


def test_the_password_in_a_variable_s_url_is_known_wherever_else_it_is_said() -> None:
    """DATABASE_URL does not sound secret, and its password is."""
    redact = Redactor({"DATABASE_URL": "postgres://app:hunter2@db/x"})
    assert "hunter2" not in redact("could not log in as app:hunter2")


def test_output_that_is_no_text_is_shown_and_redacted() -> None:
    """What is not UTF-8 is U+FFFD; the rest is read."""
    assert Redactor({"A_KEY": "hunter2"}).redact_bytes(b"\xff hunter2") == f"� {BLANK}"


@given(st.text("ab", min_size=4, max_size=8), st.text("ab", min_size=4, max_size=8), st.text("ab", max_size=40))
def test_no_secret_is_left_in_any_text(one: str, other: str, text: str) -> None:
    """Whatever the secrets are made of, and however they overlap."""
    redacted = Redactor({"A_KEY": one, "B_KEY": other})(text)
    assert one not in redacted
    assert other not in redacted
