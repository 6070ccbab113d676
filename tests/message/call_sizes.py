"""Sees how much each call into C gets while messages are read.

Three nets together: the profiler's hook names each method of a text or of octets, and what it belongs to;
the patterns of the message package are replaced by ones that look at their arguments first; so are the few
foreign functions. What the hook cannot see is the window that `find` is given, so the functions that give
one are listed here, and operators (`in`, `==`), which the time of `test_prepare_bounds` covers.
"""

import importlib
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, SimpleNamespace

import pytest

import pymailcore.message
from pymailcore.message.slices import MAX_CALL

# They look at a few octets, or copy.
COPIES = {"startswith", "endswith", "removeprefix", "removesuffix", "join"}
# Functions that call these with a window of at most `MAX_CALL`; those of slices.py are tested by themselves.
WINDOWED = {
    ("slices.py", "find"), ("slices.py", "count"), ("slices.py", "<genexpr>"), ("fields.py", "_sliced"),
    ("fields.py", "structured"), ("html.py", "_piece"), ("html.py", "<genexpr>"), ("split.py", "_decoded"),
    ("trace.py", "<genexpr>"), ("transfer.py", "decode_quoted_printable"),
}  # fmt: skip


class Sizes:
    """Calls that got too much, each as a text."""

    def __init__(self) -> None:
        self.too_large: list[str] = []

    def check(self, what: str, size: int) -> None:
        if size > MAX_CALL:
            self.too_large.append(f"{what}: {size}")

    def hook(self, frame: FrameType, event: str, function: object) -> None:
        if event != "c_call":
            return
        owner = getattr(function, "__self__", None)
        if not isinstance(owner, str | bytes) or len(owner) <= MAX_CALL:
            return
        name = getattr(function, "__name__", "")
        code = frame.f_code
        file = Path(code.co_filename).name
        windowed = name in ("find", "rfind", "count") and (file, code.co_name) in WINDOWED
        if name not in COPIES and not windowed and not (name == "isascii" and isinstance(owner, str)):
            self.check(f"{file} {code.co_name} {name}", len(owner))

    def bounded(self, what: str, function: Callable[..., object]) -> Callable[..., object]:
        """Look at the first argument of a function."""

        def call(first: str | bytes, *rest: object, **named: object) -> object:
            self.check(what, len(first))
            return function(first, *rest, **named)

        return call


class BoundedPattern:
    """A pattern that looks at how much it gets."""

    def __init__(self, pattern: re.Pattern[str], sizes: Sizes) -> None:
        self._pattern = pattern
        self._sizes = sizes
        self.pattern = pattern.pattern

    def __getattr__(self, name: str) -> object:
        method = getattr(self._pattern, name)
        if name in ("sub", "subn"):
            return lambda new, text, *rest: self._sized(method, name, text)(new, text, *rest)

        def call(text: str, start: int = 0, end: int = sys.maxsize) -> object:
            self._sizes.check(f"{name} {self.pattern!r}", min(len(text), end) - start)
            return method(text, start, end)

        return call

    def _sized(self, method: Callable[..., object], name: str, text: str) -> Callable[..., object]:
        self._sizes.check(f"{name} {self.pattern!r}", len(text))
        return method


@contextmanager
def sizes_of_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sizes]:
    """Watch what is called in the block."""
    sizes = Sizes()
    modules = {
        name: importlib.import_module(f"pymailcore.message.{name}")
        for _, name, _ in pkgutil.iter_modules(pymailcore.message.__path__)
    }
    for module in modules.values():
        for name, value in list(vars(module).items()):
            if isinstance(value, re.Pattern):
                monkeypatch.setattr(module, name, BoundedPattern(value, sizes))
            elif isinstance(value, dict) and any(isinstance(item, re.Pattern) for item in value.values()):
                patterns = {key: BoundedPattern(item, sizes) for key, item in value.items()}
                monkeypatch.setattr(module, name, patterns)
            elif getattr(value, "__name__", "") == "binascii":
                functions = {
                    key: sizes.bounded(f"binascii.{key}", getattr(value, key))
                    for key in ("a2b_base64", "b2a_base64", "a2b_qp", "a2b_uu")
                }
                monkeypatch.setattr(module, name, SimpleNamespace(**functions, Error=value.Error))
    monkeypatch.setattr(
        modules["parse"],
        "re",
        SimpleNamespace(compile=lambda pattern: BoundedPattern(re.compile(pattern), sizes), escape=re.escape),
    )
    for owner, foreign in (("html", "unescape"), ("parameters", "unquote_to_bytes"), ("wire", "quote")):
        monkeypatch.setattr(modules[owner], foreign, sizes.bounded(foreign, getattr(modules[owner], foreign)))
    codecs = modules["charsets"].codecs

    def incremental(codec: str) -> Callable[[str], object]:
        def make(errors: str) -> object:
            decoder = codecs.getincrementaldecoder(codec)(errors)
            return SimpleNamespace(decode=sizes.bounded(f"decode {codec}", decoder.decode))

        return make

    monkeypatch.setattr(
        modules["charsets"],
        "codecs",
        SimpleNamespace(lookup=codecs.lookup, getincrementaldecoder=incremental),
    )
    before = sys.getprofile()
    sys.setprofile(sizes.hook)
    try:
        yield sizes
    finally:
        sys.setprofile(before)
        monkeypatch.undo()
