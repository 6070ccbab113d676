"""The commands about messages of the selected Mailbox: SEARCH, SORT, THREAD, FETCH, STORE, COPY, MOVE.

Standards: RFC 3501 sections 6.4 and 9, RFC 5256 section 5, RFC 6851 section 5, RFC 7162
section 7, RFC 9394 section 4.
"""

import re
from typing import Final

from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol import words
from pymailcore.imap.protocol.fetch_grammar import parse_fetch_items
from pymailcore.imap.protocol.fetch_modifiers import parse_fetch_modifiers, parse_store_modifiers
from pymailcore.imap.protocol.scanner import BadCommand, Scanner
from pymailcore.imap.protocol.search_grammar import UnknownCharset, parse_criteria, parse_search
from pymailcore.imap.protocol.search_keys import Filtered, Fuzzy, SearchKey, contains
from pymailcore.imap.protocol.search_options import ReturnOptions, parse_return
from pymailcore.imap.protocol.sort_grammar import SortKey, parse_algorithm, parse_criteria_list

_STORE: Final = re.compile(rb"([+-]?)FLAGS(\.SILENT)?", re.IGNORECASE)


def search(scanner: Scanner, *, uid: bool = False) -> c.Command:
    """SEARCH."""
    scanner.space()
    options = parse_return(scanner)
    try:
        key = parse_search(scanner)
    except UnknownCharset as fault:
        return _cannot_search(scanner, options, fault, uid=uid)
    _require_fuzzy(key, asked=options is not None and options.relevancy)
    return c.Search(key, uid, options)


def sort(scanner: Scanner, *, uid: bool = False) -> c.Command:
    """SORT."""
    scanner.space()
    options = parse_return(scanner)
    criteria = parse_criteria_list(scanner)
    scanner.space()
    try:
        key = parse_criteria(scanner)
    except UnknownCharset as fault:
        return _cannot_search(scanner, options, fault, uid=uid)
    asked = any(criterion.key is SortKey.RELEVANCY for criterion in criteria)
    _require_fuzzy(key, asked=asked or (options is not None and options.relevancy))
    return c.Sort(criteria, key, uid, options)


def thread(scanner: Scanner, *, uid: bool = False) -> c.Thread:
    """THREAD."""
    scanner.space()
    algorithm = parse_algorithm(scanner)
    scanner.space()
    return c.Thread(algorithm, parse_criteria(scanner), uid)


def _cannot_search(
    scanner: Scanner, options: ReturnOptions | None, fault: UnknownCharset, *, uid: bool
) -> c.CannotSearch:
    if fault.bad or options is None or not options.save:
        raise fault
    scanner.skip()
    return c.CannotSearch(uid)


def _require_fuzzy(key: SearchKey, *, asked: bool) -> None:
    # What a filter has in it is seen when it is read.
    if asked and not contains(key, Fuzzy) and not contains(key, Filtered):  # RFC 6203 section 4
        raise BadCommand("RELEVANCY needs FUZZY")


def fetch(scanner: Scanner, *, uid: bool = False) -> c.Fetch:
    """FETCH."""
    messages = words.messages(scanner)
    scanner.space()
    items = parse_fetch_items(scanner)
    return c.Fetch(messages, items, uid, parse_fetch_modifiers(scanner, uid=uid))


def store(scanner: Scanner, *, uid: bool = False) -> c.StoreFlags:
    """STORE."""
    messages = words.messages(scanner)
    scanner.space()
    unchanged_since = parse_store_modifiers(scanner).unchanged_since
    match = _STORE.fullmatch(scanner.atom("FLAGS"))
    if match is None:
        raise BadCommand("Expected FLAGS, +FLAGS or -FLAGS")
    scanner.space()
    if scanner.takes(b"("):
        named = words.flag_words(scanner)
    else:
        named = [scanner.flag()]
        while scanner.takes(b" "):
            named.append(scanner.flag())
            if len(named) > words.MAX_FLAGS:
                raise BadCommand("Too many flags")
    sign = match[1].decode("ascii") or "="
    return c.StoreFlags(messages, sign, words.flags(named), match[2] is not None, uid, unchanged_since)


def copy(scanner: Scanner, *, uid: bool = False, move: bool = False) -> c.Copy:
    """COPY, and MOVE when `move`."""
    messages = words.messages(scanner)
    return c.Copy(messages, words.mailbox(scanner), uid, move)
