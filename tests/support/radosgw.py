"""A real S3 server: Debian's radosgw over a Ceph of one monitor and one store in memory, all on loopback."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ACCESS_KEY = "radosgwtest"
SECRET_KEY = "radosgwsecret"
START_SECONDS = 90.0

_CONFIGURATION = """\
[global]
fsid = {fsid}
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
pid file = {folder}/$name.pid
mon initial members = a
mon host = v1:127.0.0.1:{mon_port}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
mgr data = {folder}/mgr
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw data = {folder}/rgw
rgw enable usage log = false
rgw dns name = 127.0.0.1
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class _Cluster:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        self.folder = folder
        self.port = _free_port()
        self.configuration = folder / "ceph.conf"
        self.fsid = str(uuid.uuid4())
        self.mon_port = _free_port()
        text = _CONFIGURATION.format(folder=folder, fsid=self.fsid, mon_port=self.mon_port, port=self.port)
        self.configuration.write_text(text)
        for name in ("mon", "osd", "rgw"):
            (folder / name).mkdir()
        self._running: list[subprocess.Popen[bytes]] = []
        self._log: IO[bytes] = (folder / "out").open("wb")

    def call(self, *command: str, timeout: float = 60.0) -> str:
        done = subprocess.run(
            [*command, "-c", str(self.configuration)],
            check=True, capture_output=True, timeout=timeout, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    def start(self, *command: str) -> None:
        self._running.append(
            subprocess.Popen(
                [*command, "-f", "-c", str(self.configuration)],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
            )
        )

    def bring_up(self) -> None:
        monmap = str(self.folder / "monmap")
        address = f"[v1:127.0.0.1:{self.mon_port}]"
        self.call("monmaptool", "--create", "--addv", "a", address, "--fsid", self.fsid, monmap)
        self.call("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
        self.start("ceph-mon", "-i", "a")
        osd = str(uuid.uuid4())
        self.call("ceph", "--connect-timeout", "30", "osd", "new", osd)
        self.call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.start("ceph-osd", "-i", "0")
        self.start("radosgw", "-n", "client.rgw")
        self.call(
            "radosgw-admin", "user", "create", "--uid", "test", "--display-name", "test",
            "--access-key", ACCESS_KEY, "--secret", SECRET_KEY, timeout=START_SECONDS,
        )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            with contextlib.closing(connection), contextlib.suppress(OSError):
                connection.request("GET", "/")
                if connection.getresponse().status < 500:
                    return
            time.sleep(0.2)
        raise TimeoutError(f"radosgw does not answer; see {self.folder}")

    def close(self) -> None:
        for process in reversed(self._running):
            process.terminate()
        for process in self._running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._log.close()


@contextlib.contextmanager
def radosgw() -> Iterator[int]:
    """Run radosgw; gives its port. Needs root, and what scripts/ceph_packages.sh installs."""
    with tempfile.TemporaryDirectory(prefix="ceph-") as folder, contextlib.ExitStack() as stack:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - programs that change their user must come in
        yield _brought_up(Path(folder), stack).port


def _brought_up(folder: Path, stack: contextlib.ExitStack) -> _Cluster:
    """A cluster that answers; a second try is for a port that somebody else took meanwhile."""
    for attempt in ("first", "second"):
        cluster = _Cluster(folder / attempt)
        try:
            cluster.bring_up()
        except (subprocess.SubprocessError, TimeoutError):
            cluster.close()
            if attempt == "second":
                raise
        else:
            stack.callback(cluster.close)
            break
    return cluster


def make_bucket(port: int, bucket: str) -> None:
    """Make a bucket, as the user of `radosgw`."""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _MAKE, str(port), bucket, ACCESS_KEY, SECRET_KEY], check=True
    )


_MAKE = """\
import sys, boto3
port, bucket, key, secret = sys.argv[1:]
s3 = boto3.client(
    "s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id=key, aws_secret_access_key=secret,
    region_name="us-east-1",
)
s3.create_bucket(Bucket=bucket)
"""
