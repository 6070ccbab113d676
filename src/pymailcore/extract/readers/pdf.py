"""PDF, through pypdf: what is written on the pages, in fields of forms and in the document's properties.

The time for one attachment ends by an exception that no `except Exception` of the library holds up
(`reading.OutOfTime`). Images are not looked at, so scanned pages have no text.
"""

import contextlib
import importlib
import io
import pkgutil
from collections.abc import Callable
from typing import Final, TypeVar

import pypdf
from pypdf import PdfReader, apply_configuration
from pypdf.errors import FileNotDecryptedError, LimitReachedError

from pymailcore.extract.limits import Limits
from pymailcore.extract.readers.gathering import Damaged, Encrypted, Gathering, LimitReached, Unreadable

T = TypeVar("T")

_PROPERTIES: Final = ("/Title", "/Subject", "/Author", "/Keywords")


def read_pdf(octets: bytes, gathering: Gathering, limits: Limits) -> None:
    """Gather the words of a PDF. A page that is damaged does not spoil the others.

    One that asks for no password to be read, only to be changed, is read.

    Raises:
        Unreadable: reading ended before the end.
    """
    with apply_configuration(
        zlib_maximum_output_length=limits.inflated_octets,
        lzw_maximum_output_length=limits.inflated_octets,
        run_length_maximum_output_length=limits.inflated_octets,
        array_based_stream_maximum_output_length=limits.inflated_octets,
        maximum_declared_stream_length=limits.inflated_octets,
        jbig2dec_binary=None,
    ):
        reader = _guarded(lambda: PdfReader(io.BytesIO(octets)))  # tries the empty password by itself
        _add_properties(reader, gathering)
        count = _guarded(lambda: len(reader.pages))
        damage = _add_pages(reader, min(count, limits.pages), gathering)
        _add_fields(reader, gathering)
        if count > limits.pages:
            raise LimitReached("pages")
        if damage is not None:
            raise damage


def load_library() -> None:
    """Import what the library imports only when it needs it: once confined nothing can be imported."""
    for module in pkgutil.walk_packages(pypdf.__path__, "pypdf."):
        with contextlib.suppress(ImportError):  # of a further library that is not there
            importlib.import_module(module.name)


def _guarded(work: Callable[[], T]) -> T:
    """Turn whatever the library raises into one of ours."""
    try:
        return work()
    except (Unreadable, MemoryError):
        raise
    except FileNotDecryptedError:
        raise Encrypted("password") from None
    except LimitReachedError as fault:
        raise LimitReached(str(fault)) from None
    except Exception as fault:  # a hostile file finds all of Python's
        raise Damaged(f"{type(fault).__name__}: {fault}") from None


def _properties(reader: PdfReader) -> list[str]:
    metadata = reader.metadata
    return [] if metadata is None else [str(metadata.get(name, "")) for name in _PROPERTIES]


def _add_properties(reader: PdfReader, gathering: Gathering) -> None:
    try:
        found = _guarded(lambda: _properties(reader))
    except Damaged:
        return
    for value in found:
        if value:
            gathering.add(value + "\n")


def _add_pages(reader: PdfReader, count: int, gathering: Gathering) -> Damaged | None:
    damage: Damaged | None = None
    for number in range(count):
        try:
            text = _guarded(lambda number=number: reader.pages[number].extract_text())  # type: ignore[misc]
        except Damaged as fault:
            damage = fault
            continue
        gathering.add(text + "\n")
    return damage


def _add_fields(reader: PdfReader, gathering: Gathering) -> None:
    """Add what people have filled into a form."""
    try:
        found = _guarded(lambda: list((reader.get_form_text_fields() or {}).values()))
    except Damaged:
        return
    for value in found:
        if isinstance(value, str) and value:
            gathering.add(value + "\n")
