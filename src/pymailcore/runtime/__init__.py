"""Trio plumbing: listeners, TLS, deadlines, worker threads, change notices, metrics, logs."""

import importlib
import sys

# structlog loads all of rich when it finds it, 5 MB in every process, to colour tracebacks logged as text.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
importlib.import_module("structlog")
if _rich is None:
    del sys.modules["rich"]
else:
    sys.modules["rich"] = _rich
