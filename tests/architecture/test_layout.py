"""The shape of the tree: tests mirror modules, settings are documented, files stay one thought long."""

import ast
import dataclasses
import importlib
import pkgutil
from pathlib import Path

import pymailcore

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "pymailcore"
LONGEST = 500
"""Lines of a module; past 400 one asks what two things it does."""


def modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if path.name not in {"__init__.py", "__main__.py"}]


def test_every_test_file_mirrors_a_module() -> None:
    """tests/<package>/test_<module>.py, so that a reader finds the tests of a module and no others there."""
    known = {path.relative_to(SOURCE).with_suffix("") for path in modules()}
    packages = {path.parent.relative_to(SOURCE) for path in modules()}
    strays = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        relative = path.relative_to(ROOT / "tests")
        if relative.parts[0] in {"architecture", "interop", "properties", "dialogues", "web_ui", "support"}:
            continue
        stem = relative.stem.removeprefix("test_")
        folder = relative.parent
        names = {stem, *(stem[:cut] for cut in range(len(stem)) if stem[cut] == "_")}
        if folder in packages and not any(folder / name in known for name in names):
            strays.append(str(relative))
    assert not strays


def test_no_module_is_longer_than_a_thought() -> None:
    """STYLE: most good ones have 90 to 270 lines."""
    long = {
        str(path.relative_to(ROOT)): count
        for path in [*modules(), *sorted((ROOT / "tests").rglob("*.py"))]
        if (count := len(path.read_text("utf-8").splitlines())) > LONGEST
    }
    assert not long


def test_every_setting_says_what_it_does() -> None:
    """Field metadata feeds the reference manual; a field without it is a hidden knob."""
    silent = []
    for info in pkgutil.walk_packages(pymailcore.__path__, "pymailcore."):
        if not info.name.endswith(".settings"):
            continue
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == info.name:
                silent += [
                    f"{info.name}.{value.__name__}.{item.name}"
                    for item in dataclasses.fields(value)
                    if not item.metadata.get("doc")
                ]
    assert not silent


def test_no_import_hides_in_a_function() -> None:
    """An import inside a function is a cycle or a cost that the door does not show."""
    hidden = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert not hidden
