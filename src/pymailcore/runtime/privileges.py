"""Giving up root, for good."""

import grp
import os
import pwd
from typing import NamedTuple


class Account(NamedTuple):
    """A user of the operating system."""

    name: str
    uid: int
    gid: int


def find_user(name: str) -> Account:
    """Look up a user by name.

    Raises:
        LookupError: there is no such user.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise LookupError(f"there is no user {name!r} on this machine") from None
    return Account(name, entry.pw_uid, entry.pw_gid)


def drop_privileges(name: str) -> None:
    """Become this user with its groups, without a way back; nothing to do when we are that user.

    Raises:
        LookupError: there is no such user.
        PermissionError: we are neither root nor that user.
    """
    user = find_user(name)
    if os.getresuid() == (user.uid,) * 3 and os.getresgid() == (user.gid,) * 3:
        return
    if os.geteuid() != 0:
        raise PermissionError(f"only root can become user {name!r}")
    groups = [entry.gr_gid for entry in grp.getgrall() if name in entry.gr_mem]
    os.setgroups(sorted({user.gid, *groups}))
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
    if user.uid != 0:
        _prove_no_way_back()


def _prove_no_way_back() -> None:
    try:
        os.setuid(0)
    except PermissionError:
        return
    raise PermissionError("privileges came back after they were dropped")
