#!/bin/sh
# Debian packages that tests drive: installed as root, unpacked under .cache/tools otherwise. No-op when there.
set -eu
cd "$(dirname "$0")/.."
missing=""
PATH="$PWD/.cache/tools/usr/bin:$PATH"
for pair in chromium:chromium swaks:swaks mbsync:isync pgrep:procps curl:curl openssl:openssl; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
# swaks speaks TLS through a Perl module that it only recommends.
PERL5LIB="$PWD/.cache/tools/usr/share/perl5:$(echo "$PWD"/.cache/tools/usr/lib/*-linux-gnu/perl5/*)" \
    perl -MNet::SSLeay -e 1 >/dev/null 2>&1 || missing="$missing libnet-ssleay-perl"
if [ -z "$missing" ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "These programs are missing and there is no apt-get to bring them:$missing" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    echo "Installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get install --yes --quiet --quiet --no-install-recommends $missing >/dev/null 2>&1 || {
        apt-get update --quiet --quiet
        apt-get install --yes --quiet --quiet --no-install-recommends $missing >/dev/null
    }
else
    echo "Unpacking$missing under .cache/tools"
    # shellcheck disable=SC2086
    "${PYTHON:-python3}" scripts/unpack_debs.py .cache/tools $missing
fi
