"""Completion scripts for bash, zsh and fish."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """An option, under all its names."""

    names: list[str]
    help: str
    takes_value: bool
    choices: list[str]
    is_file: bool
    is_target: bool


@dataclass(frozen=True)
class Verb:
    """A verb: its options, and the words that may stand for its argument."""

    name: str
    help: str
    options: list[Option]
    words: list[str]


def bash(top: Sequence[Option], verbs: Sequence[Verb]) -> str:
    """Return the script for bash: `eval "$(deploykit completion bash)"`."""
    return _BASH.replace("CASES", _cases(top, verbs)).replace("VALUED", _valued(top))


def zsh(top: Sequence[Option], verbs: Sequence[Verb]) -> str:
    """Return the script for zsh: `eval "$(deploykit completion zsh)"`, after compinit."""
    return _ZSH.replace("CASES", _cases(top, verbs)).replace("VALUED", _valued(top))


def fish(top: Sequence[Option], verbs: Sequence[Verb]) -> str:
    """Return the script for fish: `deploykit completion fish | source`."""
    lines = [*_OF_FISH.splitlines(), *(_of_fish(one, "__fish_use_subcommand") for one in top)]
    lines += [f"{_FISH} -n __fish_use_subcommand -a {verb.name} -d {_quoted(verb.help)}" for verb in verbs]
    for verb in verbs:
        here = f"__fish_seen_subcommand_from {verb.name}"
        lines += [_of_fish(option, here) for option in verb.options]
        lines += [f"{_FISH} -n '{here}' -a {_quoted(' '.join(verb.words))}"] if verb.words else []
    return "\n".join(lines)


SHELLS: dict[str, Callable[[Sequence[Option], Sequence[Verb]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


TARGETS = "targets"
"""`deploykit completion targets [CONFIG.toml]` prints the targets of a config file: what the scripts ask for."""

# bash and zsh: which words may follow is a case of the verb and of the word before.

_WALK = """\
    for word in "${before[@]}"; do
        if [[ -n $skip ]]; then skip=
        elif [[ -n $verb ]]; then :
        else
            case $word in
                VALUED) skip=1 ;;
                -*) ;;
                *) verb=$word ;;
            esac
        fi
    done
    case $verb:$prev in
CASES
    esac
"""
_TARGETS = f"""\
_deploykit_targets() {{
    local word file=
    for word in "${{before[@]}}"; do
        if [[ $word == *.toml ]]; then file=$word; fi
    done
    deploykit completion {TARGETS} ${{file:+"$file"}} 2>/dev/null
}}
"""
_BASH = f"""\
{_TARGETS}\
_deploykit() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} verb= offered= files= skip= word
    local before=("${{COMP_WORDS[@]:1:COMP_CWORD-1}}")
    # bash takes --option=value for three words.
    if [[ $prev == = ]]; then prev=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    if [[ $cur == = ]]; then cur=; fi
{_WALK}\
    COMPREPLY=()
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(
        compgen -W "$offered" -- "$cur"
        case $files in
            toml) compgen -f -X '!*.toml' -- "$cur"; compgen -d -- "$cur" ;;
            any) compgen -f -- "$cur" ;;
        esac
    )
    if [[ -n $files ]]; then compopt -o filenames 2>/dev/null; fi
}}
complete -F _deploykit deploykit"""
_ZSH = f"""\
{_TARGETS}\
_deploykit() {{
    local prev=${{words[CURRENT-1]}} verb= offered= files= skip= word
    local -a before=("${{(@)words[2,CURRENT-1]}}")
{_WALK}\
    if [[ -n $offered ]]; then compadd -- ${{=offered}}; fi
    case $files in
        toml) _files -g '*.toml' ;;
        any) _files ;;
    esac
}}
compdef _deploykit deploykit"""


def _cases(top: Sequence[Option], verbs: Sequence[Verb]) -> str:
    lines = [*_values("", top), _case(":*", [verb.name for verb in verbs] + _names(top))]
    for verb in verbs:
        lines += [*_values(verb.name, verb.options), _case(f"{verb.name}:*", verb.words + _names(verb.options), "toml")]
    return "\n".join(f"        {line}" for line in lines)


def _values(verb: str, options: Sequence[Option]) -> Iterator[str]:
    """Yield the cases of a word that is the value of an option."""
    for option in options:
        if option.takes_value:
            pattern = "|".join(f"{verb}:{name}" for name in option.names)
            if option.is_target:
                yield f"{pattern}) offered=$(_deploykit_targets) files= ;;"
            else:
                yield _case(pattern, option.choices, "any" if option.is_file else "")


def _case(pattern: str, words: Sequence[str], files: str = "") -> str:
    return f"{pattern}) offered={shlex.quote(' '.join(words))} files={files} ;;"


def _valued(options: Sequence[Option]) -> str:
    return "|".join(name for option in options if option.takes_value for name in option.names)


def _names(options: Sequence[Option]) -> list[str]:
    return [name for option in options for name in option.names]


# fish.

_FISH = "complete -c deploykit"
_TARGETS_OF_FISH = f"(deploykit completion {TARGETS} (string match -- '*.toml' (commandline -opc)) 2>/dev/null)"
_OF_FISH = f"""\
{_FISH} -f
{_FISH} -n 'not __fish_use_subcommand' -k -a '(__fish_complete_suffix .toml)'"""


def _of_fish(option: Option, condition: str) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    value = ["-r" if option.is_file else "-x"] if option.takes_value else []
    value += ["-F"] if option.is_file else []
    value += [f"-a {_quoted(' '.join(option.choices))}"] if option.choices else []
    value += [f"-a {_quoted(_TARGETS_OF_FISH)}"] if option.is_target else []
    return " ".join([_FISH, "-n", f"'{condition}'", *names, *value, "-d", _quoted(option.help)])


def _quoted(text: str) -> str:
    """Quote for fish, in which a backslash and a quote are escaped between quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
