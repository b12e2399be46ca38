#!/bin/sh
# Makes .venv with a Python that is new enough: $PYTHON, or one that is on PATH.
set -eu

usable() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ] && ! usable "$PYTHON"; then
    echo "PYTHON=$PYTHON is no Python 3.11 or newer; looking for another" >&2
fi

without_ensurepip=
for python in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3.14 python3 python; do
    usable "$python" || continue
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "Making .venv with $python ($("$python" --version))"
        "$python" -m venv --clear .venv && exit 0
        rm -rf .venv
        exit 1
    fi
    without_ensurepip="$without_ensurepip $python"
done

if [ -n "$without_ensurepip" ]; then
    echo "Found$without_ensurepip, but without the modules that make virtual environments (venv, ensurepip)." >&2
    echo "On Debian and Ubuntu they are a package of their own: apt-get install python3-venv" >&2
else
    echo "Python 3.11 or newer is needed and none is on PATH. Name one: make PYTHON=/path/to/python3 TARGET" >&2
fi
exit 1
