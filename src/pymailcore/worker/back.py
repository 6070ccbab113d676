"""The back worker: the outbound queue, the store's housekeeping, the metrics of all."""

import sys

from pymailcore.app.back import BackApp
from pymailcore.worker.process import main

if __name__ == "__main__":
    sys.exit(main(BackApp))
