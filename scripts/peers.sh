#!/bin/sh
# Other servers and clients that tests talk with, unpacked under .cache/peers and never installed. No-op when there.
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
unpack dovecot dovecot-imapd
unpack gsasl gsasl
unpack exim exim4-daemon-light
unpack opensmtpd opensmtpd
unpack dovecot-lmtpd dovecot-lmtpd
# PostgreSQL 15 or later is used where the machine has it. Unpacked, not installed: no cluster is made or started.
if ! ls /usr/lib/postgresql/1[5-9]/bin/initdb >/dev/null 2>&1; then
    unpack postgresql postgresql-15 postgresql-client-15
fi
