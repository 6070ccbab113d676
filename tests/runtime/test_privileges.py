"""In processes of their own: there is no way back."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from pymailcore.runtime.privileges import drop_privileges, find_user

CODE = """
import os
from pathlib import Path
from pymailcore.runtime.privileges import drop_privileges
from pymailcore.runtime.tls import TlsContexts, TlsMaterial
material = TlsMaterial(Path("CERT").read_bytes(), Path("KEY").read_bytes())
drop_privileges("nobody")
try:
    os.setuid(0)
except PermissionError:
    pass
else:
    raise SystemExit("root again")
assert 0 not in os.getgroups() and 0 not in os.getresuid() and 0 not in os.getresgid()
TlsContexts(material).reload(material)
"""


def test_an_unknown_user_is_named() -> None:
    with pytest.raises(LookupError, match="'no-such-user'"):
        find_user("no-such-user")


def test_becoming_who_we_are_is_nothing_to_do() -> None:
    drop_privileges(pwd.getpwuid(os.getuid()).pw_name)


@pytest.mark.needs_root
def test_root_is_given_up_for_good_and_certificates_still_load(tmp_path: Path) -> None:
    from pymailcore.runtime.certificates import load_material
    from pymailcore.runtime.settings import TlsSettings

    load_material(TlsSettings(), tmp_path, "mx.example.org")
    code = CODE.replace("CERT", str(tmp_path / "self-signed.pem")).replace(
        "KEY", str(tmp_path / "self-signed.key")
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
