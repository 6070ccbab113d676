#!/bin/sh
# Make .venv and install into it exactly what requirements.lock names; nothing happens when that is done.
set -eu
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
stamp=.venv/.complete
want=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
    exit 0
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.11" >&2
    exit 1
fi
pip="-m pip --disable-pip-version-check install --quiet --quiet --no-input --no-warn-script-location"
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    echo "Making .venv"
    rm -rf .venv
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        # Debian keeps venv in a package of its own; virtualenv does the same without it.
        rm -rf .venv
        # shellcheck disable=SC2086
        "$python" $pip --target .cache/virtualenv "$(sed -n 's/^\(virtualenv==[0-9.]*\).*/\1/p' requirements.lock)"
        PYTHONPATH=.cache/virtualenv "$python" -m virtualenv --quiet .venv
    fi
fi
echo "Installing what requirements.lock names (a minute or two)"
# shellcheck disable=SC2086
.venv/bin/python $pip --require-hashes -r requirements.lock
# shellcheck disable=SC2086
.venv/bin/python $pip --no-deps --no-build-isolation --editable .
echo "$want" > "$stamp"
