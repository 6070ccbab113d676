#!/bin/sh
# Debian's radosgw, a real S3 server that `make test-long` tests against. Nothing to do where it is there already.
set -eu
if command -v radosgw >/dev/null 2>&1 && command -v ceph-osd >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "radosgw needs root and apt-get; the tests that want it are listed as not run" >&2
    exit 0
fi
echo "Installing radosgw"
export DEBIAN_FRONTEND=noninteractive
install="apt-get install --yes --quiet --quiet --no-install-recommends ceph-mon ceph-mgr ceph-osd ceph-common radosgw"
$install >/dev/null 2>&1 || {
    apt-get update --quiet --quiet
    $install >/dev/null
}
