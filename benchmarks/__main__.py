"""Measure this tree: each benchmark of this folder in turn, each in a process of its own.

python -m benchmarks            # all of them
python -m benchmarks family     # one of them
"""

import subprocess
import sys
from typing import Final

ALL: Final = {
    "message_prepare": (),
    "message_compare": (),
    "blob_cost": (),
    "store_append": (),
    "store_bulk": (),
    "store_growth": (),
    "store_disk": (),
    "store_mixed": (),
    "store_house": (),
    "store_tools": (),
    "search_index": (),
    "search_peers": (),
    "store_move": (),
    "smtp_null": (),
    "smtp_relay": (),
    "spf_cost": (),
    "smtp_peers": ("--quick",),
    "imap_noop": (),
    "imap_fetch": (),
    "jmap_list": (),
    "jmap_search": (),
    "directory_lookup": (),
    "sign_in": (),
    "noisy_neighbour": (),
    "family": (),
}


def main() -> int:
    """Run what was asked for; the exit status is 1 when one of them failed."""
    chosen = sys.argv[1:] or list(ALL)
    unknown = [name for name in chosen if name not in ALL]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    failed = []
    for name in chosen:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *ALL[name]], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
