"""The properties of an EmailSubmission.

Standards: RFC 8621 section 7.
"""

import json
from collections.abc import Callable
from typing import Final

from pymailcore.base import ids
from pymailcore.jmap.protocol.values import utc_date
from pymailcore.jmap.submissions import SubmissionRow

PROPERTIES: Final[dict[str, Callable[[SubmissionRow], object]]] = {
    "id": lambda row: ids.encode_id(ids.SUBMISSION, row.id),
    "identityId": lambda row: ids.encode_id(ids.IDENTITY, row.identity),
    "emailId": lambda row: ids.encode_id(ids.EMAIL, row.email),
    "threadId": lambda row: ids.encode_id(ids.THREAD, row.thread),
    "envelope": lambda row: json.loads(row.envelope),
    "sendAt": lambda row: utc_date(row.send_at_ms),
    "undoStatus": lambda row: row.undo_status,
    "deliveryStatus": lambda _: None,  # what becomes of it comes as a report by mail
    "dsnBlobIds": lambda _: [],
    "mdnBlobIds": lambda _: [],
}
