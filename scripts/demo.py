"""The demonstration server of `make serve`: made in var/ at the first start, kept afterwards."""

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
CONFIG = VAR / "pymailcore.toml"
PASSWORD = VAR / "password.txt"
ADDRESS = "demo@example.test"

GREETING = """
The demonstration server is up.

  Webmail       http://127.0.0.1:8080/          (or https://127.0.0.1:8443/, certificate self-signed)
  SMTP          127.0.0.1:2525                  for mail from other servers, STARTTLS
  Submission    127.0.0.1:1587 STARTTLS, 127.0.0.1:1465 TLS
  IMAP          127.0.0.1:1143 STARTTLS, 127.0.0.1:1993 TLS
  JMAP          http://127.0.0.1:8080/.well-known/jmap
  Login         {address}
  Password      {password}

Lines to paste:

  swaks --server 127.0.0.1:2525 --from you@example.net --to {address} --header 'Subject: Hello'
  swaks --server 127.0.0.1:1587 --tls -a -au {address} -ap {password} --from {address} --to {address}
  openssl s_client -quiet -connect 127.0.0.1:1465
  curl --insecure --user '{address}:{password}' 'imaps://127.0.0.1:1993/INBOX?ALL'
  curl --user '{address}:{password}' http://127.0.0.1:8080/.well-known/jmap

Ctrl-C stops it; the mail stays in {folder}.
"""


def pymailcore(*arguments: str) -> list[str]:
    """The command line of this tree."""
    return [sys.executable, "-m", "pymailcore", *arguments]


def make() -> None:
    """Make the server, with one account."""
    VAR.mkdir(exist_ok=True)
    password = PASSWORD.read_text().strip() if PASSWORD.exists() else secrets.token_hex(8)
    PASSWORD.touch(mode=0o600)
    PASSWORD.write_text(password + "\n")
    command = pymailcore(
        "init", str(VAR), "--hostname", "mx.example.test", "--domain", "example.test", "--admin", ADDRESS,
        "--password-stdin", "--loopback",
    )  # fmt: skip
    subprocess.run(command, input=password, text=True, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Serve until stopped."""
    if not CONFIG.exists():
        make()
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        pymailcore("serve", "--config", str(CONFIG)), stdout=subprocess.PIPE, text=True, env=environment
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: server.send_signal(number))
    if server.stdout is not None:
        for line in server.stdout:
            sys.stdout.write(line)
            if line.startswith("ready"):
                password = PASSWORD.read_text().strip() if PASSWORD.exists() else "(var/password.txt is gone)"
                sys.stdout.write(GREETING.format(address=ADDRESS, password=password, folder=VAR))
            sys.stdout.flush()
    return server.wait()


if __name__ == "__main__":
    sys.exit(main())
