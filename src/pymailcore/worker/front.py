"""A front worker: SMTP, submission, IMAP and HTTP in one trio loop."""

import sys

from pymailcore.app.front import FrontApp
from pymailcore.worker.process import main

if __name__ == "__main__":
    sys.exit(main(FrontApp))
