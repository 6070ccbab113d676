"""Answers of SEARCH and SORT, as octets.

Standards: RFC 9051 section 7.3.4 and RFC 4731 section 3 (ESEARCH), RFC 3501 section 7.2.5 (SEARCH), RFC 5256
section 4 (SORT), RFC 9394 section 3.1 (PARTIAL), RFC 6203 section 4 (RELEVANCY), RFC 7162 sections 3.1.6 and
3.1.9 (MODSEQ behind the numbers).
"""

from collections.abc import Sequence

from pymailcore.imap.protocol.responses import string
from pymailcore.imap.protocol.search_options import ReturnOptions
from pymailcore.imap.protocol.sequence import encode_runs, runs


def numbers(name: bytes, found: Sequence[int], modseq: int | None = None) -> bytes:
    """Write SEARCH or SORT with all numbers.

    Args:
        modseq: the highest of those found, where it was searched for.
    """
    text = " ".join(map(str, found)).encode("ascii")
    tail = b" (MODSEQ %d)" % modseq if found and modseq is not None else b""
    return b"* %b%b%b%b\r\n" % (name, b" " if found else b"", text, tail)


def returned(found: Sequence[int], options: ReturnOptions) -> Sequence[int]:
    """Those of what was found that the answer names, each once; for MODSEQ and SAVE.

    COUNT names all (RFC 4731 section 3.2).
    """
    if not found or options.saves_all:
        return found
    some = list(options.partial.cut(found)) if options.partial is not None else []
    some += [found[0]] if options.min else []
    some += [found[-1]] if options.max else []
    return list(dict.fromkeys(some))


def extended(
    tag: bytes,
    found: Sequence[int],
    options: ReturnOptions,
    *,
    uid: bool,
    modseq: int | None = None,
    scores: Sequence[int] | None = None,
) -> bytes:
    """Write ESEARCH.

    Args:
        found: numbers in their order.
        modseq: the highest of those returned, where it was searched for.
        scores: of what was found, where they are asked for.
    """
    out = [b"* ESEARCH (TAG %b)" % string(tag)]
    if uid:
        out.append(b"UID")
    if found and options.min:
        out.append(b"MIN %d" % found[0])
    if found and options.max:
        out.append(b"MAX %d" % found[-1])
    if found and options.all:
        out.append(b"ALL %b" % encode_runs(runs(found)))
    if options.partial is not None:
        some = options.partial.cut(found)
        listed = encode_runs(runs(some)) if some else b"NIL"
        out.append(b"PARTIAL (%b %b)" % (options.partial.text, listed))
        scores = None if scores is None else options.partial.cut(scores)
    if options.count:
        out.append(b"COUNT %d" % len(found))
    if scores is not None and options.relevancy:
        out.append(b"RELEVANCY (%b)" % " ".join(map(str, scores)).encode("ascii"))
    if found and modseq is not None:
        out.append(b"MODSEQ %d" % modseq)
    return b" ".join(out) + b"\r\n"
