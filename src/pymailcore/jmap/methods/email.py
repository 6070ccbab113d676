"""The methods of the type Email.

Standards: RFC 8621 section 4.
"""

from typing import Final

from pymailcore.jmap.methods.context import DataType
from pymailcore.jmap.methods.email_get import get, parse
from pymailcore.jmap.methods.email_import import import_
from pymailcore.jmap.methods.email_query import changes, query, query_changes
from pymailcore.jmap.methods.email_set import copy, set_
from pymailcore.jmap.protocol.capabilities import MAIL

DATA_TYPE: Final = DataType(
    MAIL,
    {
        "Email/get": get,
        "Email/changes": changes,
        "Email/query": query,
        "Email/queryChanges": query_changes,
        "Email/set": set_,
        "Email/copy": copy,
        "Email/import": import_,
        "Email/parse": parse,
    },
)
