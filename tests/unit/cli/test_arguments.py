"""What can be typed."""

import re
from pathlib import Path

import pytest

import deploykit
from deploykit.cli.arguments import VERBS, UsageError, module_of, parse, verb_parser

COMMON = {"--help", "--config", "--target", "--json"}
DOCS = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def refused(*words: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_a_module_and_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`deploykit VERB --help` shows what can be typed, and ends with 0."""
    with pytest.raises(SystemExit) as ended:
        parse([name, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: deploykit {name} [CONFIG.toml]")
    assert "--config" in out


def test_help_names_every_verb_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """On one page."""
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {name} ", out, re.MULTILINE) for name in VERBS)
    assert all(f" {code} " in out for code in (0, 1, 2, 3, 4, 5, 75))
    assert "130, 143" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_docs_name_the_verbs_that_there_are() -> None:
    """No more, and no fewer."""
    rows = re.findall(r"^\| `(\w+)(?:[^|`]*`, alias `(\w+))?", DOCS.read_text(), re.MULTILINE)
    assert {name for row in rows for name in row if name} == set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_the_docs_name_the_options_that_there_are(name: str) -> None:
    """In the verb's row, all of them and no others; what all verbs take stands above."""
    (row,) = re.findall(rf"^\| .*`{name}[ `].*\| .*\|$", DOCS.read_text(), re.MULTILINE)
    arguments = verb_parser(name, module_of(name)).arguments
    own = [one.option_strings for one in arguments if one.option_strings and not COMMON & {*one.option_strings}]
    assert not [names for names in own if not {*names} & {*re.findall(r"--?[a-z-]+", row)}]
    assert {*re.findall(r"`(--?[a-z-]+)", row)} <= COMMON.union(*own)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """And ends with 0."""
    with pytest.raises(SystemExit) as ended:
        parse(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"deploykit {deploykit.__version__}\n")


@pytest.mark.parametrize(
    ("words", "config"),
    [
        (["status"], None),
        (["status", "web.toml"], "web.toml"),
        (["status", "-c", "web.conf"], "web.conf"),
        (["-c", "web.conf", "status"], "web.conf"),
        (["--config=web.conf", "status"], "web.conf"),
        (["rollback", "web.toml", "one"], "web.toml"),
        (["rollback", "one", "web.toml"], "web.toml"),
        (["rollback", "one", "--force", "web.toml"], "web.toml"),
        (["rollback", "one"], None),
    ],
)
def test_the_config_file_is_what_ends_in_toml_or_follows_c(words: list[str], config: str | None) -> None:
    """Wherever it stands; nothing else is taken for one."""
    assert parse(words)[1].config == config


@pytest.mark.parametrize(
    ("words", "rest"),
    [(["rollback", "one", "a.toml"], ["one"]), (["history", "r1"], ["r1"]), (["run", "a.toml"], [])],
)
def test_what_is_no_config_file_is_the_verb_s_own(words: list[str], rest: list[str]) -> None:
    """A tag, or an id."""
    assert parse(words)[1].words == rest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say what to do"),
        (["rnu"], "there is no verb 'rnu'; did you mean run?"),
        (["zzz"], "there is no verb 'zzz'"),
        (["status", "web"], "unexpected argument 'web' (a config file's name ends in .toml, or follows -c)"),
        (["rollback", "one", "two"], "unexpected argument 'two'"),
        (["run", "a.toml", "b.toml"], "name one config file, not several"),
        (["run", "-c", "a", "b.toml"], "name one config file, not several"),
        (["-c", "a", "run", "b.toml"], "name one config file, not several"),
        (["run", "--tga", "one"], "unrecognized arguments: --tga"),
        (["run", "--ta", "one"], "unrecognized arguments: --ta"),
        (["run", "--tag"], "argument --tag: expected one argument"),
        (["run", "--pull=sometimes"], "invalid choice: 'sometimes'"),
        (["rollback", "--files", "yesterday"], "invalid choice: 'yesterday'"),
        (["run", "--lock-wait", "-1"], "argument --lock-wait:"),
        (["run", "--lock-wait", "inf"], "argument --lock-wait:"),
        (["run", "--lock-wait", "nan"], "argument --lock-wait:"),
        (["run", "--lock-wait", "soon"], "argument --lock-wait:"),
        (["watch", "--for", "-1"], "argument --for:"),
        (["--json", "status"], "unrecognized arguments: --json"),
    ],
)
def test_what_cannot_be_understood_is_refused(words: list[str], message: str) -> None:
    """Exit 2, in one sentence, with where to look; an option is never guessed from its beginning."""
    error = refused(*words)
    assert message in str(error)
    assert "--help` shows what can be typed" in error.hint


@pytest.mark.parametrize(
    ("words", "pull"),
    [
        (["run"], None),
        (["run", "--pull"], "always"),
        (["run", "--pull", "web.toml"], "always"),
        (["run", "--pull", "--force"], "always"),
        (["run", "--pull", "missing", "web.toml"], "missing"),
        (["run", "--pull=never"], "never"),
    ],
)
def test_pull_alone_means_always(words: list[str], pull: str | None) -> None:
    """Whatever follows it."""
    assert parse(words)[1].pull == pull


def test_options_of_run() -> None:
    """Each is read; left out, each is off."""
    words = "run --tag one --image web -m why --no-rollback --irreversible --rehearse --force --lock-wait 2.5 --json"
    args = parse(words.split())[1]
    assert (args.tag, args.image, args.message, args.lock_wait) == ("one", "web", "why", 2.5)
    assert [args.no_rollback, args.irreversible, args.rehearse, args.force, args.json] == [True] * 5
    args = parse(["deploy"])[1]
    assert args.rehearse is None, "the config says it then"
    assert (args.tag, args.image, args.message, args.lock_wait) == (None, None, "", 0.0)
    assert [args.no_rollback, args.irreversible, args.force, args.json] == [False] * 4


def test_watch_is_told_for_how_long() -> None:
    """In seconds; until it is interrupted when not."""
    assert parse(["watch", "--for", "2.5"])[1].seconds == 2.5
    assert parse(["watch"])[1].seconds is None


@pytest.mark.parametrize("columns", ["40", "0", "wide", ""])
def test_help_fits_any_terminal(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """Also where its width cannot be told."""
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as ended:
        parse(["run", "--help"])
    assert ended.value.code == 0
