"""Runs several commands of the command line in one process: `[[arguments, standard input], ...]` as JSON.

A process for each of them takes longer to start than they all take to run.
"""

import json
import sys

from click.testing import CliRunner

from pymailcore.cli.main import cli

if __name__ == "__main__":
    for arguments, text in json.load(sys.stdin):
        result = CliRunner().invoke(cli, arguments, input=text)
        if result.exit_code:
            sys.exit(
                f"pymailcore {' '.join(arguments)}: {result.exit_code} {result.exception}\n{result.output}"
            )
