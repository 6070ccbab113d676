#!/bin/sh
# Other mail servers that tests talk with, unpacked under .cache/peers and never installed. No-op when there.
set -eu
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
unpack() {
    name="$1"
    shift
    if [ -f ".cache/peers/$name/.complete" ]; then
        return
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "$name is missing and there is no apt-get to bring it" >&2
        exit 1
    fi
    echo "Unpacking $name under .cache/peers/$name"
    "$python" scripts/unpack_debs.py ".cache/peers/$name" "$@"
}
unpack postfix postfix
