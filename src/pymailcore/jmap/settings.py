"""Settings of JMAP: the limits that the session object announces, and a few that it does not."""

from dataclasses import dataclass, field

from pymailcore.jmap.protocol.capabilities import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class JmapSettings:
    """Limits of JMAP; all that RFC 8620 section 2 names are announced exactly as they are enforced."""

    max_calls_in_request: int = field(
        default=32, metadata={"doc": "Method calls in one request (maxCallsInRequest)."}
    )
    max_objects_in_get: int = field(
        default=500, metadata={"doc": "Objects that one /get may ask for (maxObjectsInGet)."}
    )
    max_objects_in_set: int = field(
        default=500, metadata={"doc": "Objects that one /set may name in all (maxObjectsInSet)."}
    )
    max_request_octets: int = field(
        default=10_000_000, metadata={"doc": "Octets of one API request (maxSizeRequest)."}
    )
    max_concurrent_requests: int = field(
        default=8, metadata={"doc": "API requests of one account at a time (maxConcurrentRequests)."}
    )
    max_upload_octets: int = field(
        default=50_000_000, metadata={"doc": "Octets of one upload, and of one message (maxSizeUpload)."}
    )
    max_concurrent_upload: int = field(
        default=4, metadata={"doc": "Uploads of one account at a time (maxConcurrentUpload)."}
    )
    max_mailbox_depth: int = field(
        default=32, metadata={"doc": "Levels of Mailboxes, the first included (maxMailboxDepth)."}
    )
    max_mailbox_name_octets: int = field(
        default=255, metadata={"doc": "Octets of one level of a Mailbox name (maxSizeMailboxName)."}
    )
    max_query_limit: int = field(
        default=500, metadata={"doc": "Ids that one Email/query gives at most, whatever the client asks for."}
    )
    default_query_limit: int = field(
        default=256, metadata={"doc": "Ids that one Email/query gives when the client names no limit."}
    )
    max_filter_conditions: int = field(default=100, metadata={"doc": "Conditions in one filter."})
    max_filter_depth: int = field(default=16, metadata={"doc": "Nested operators in one filter."})
    search_seconds: float = field(
        default=30.0,
        metadata={"doc": "Longest time that one Email/query or SearchSnippet/get may take."},
    )
    max_body_value_octets: int = field(
        default=1_048_576, metadata={"doc": "Octets of one body value of Email/get, whatever is asked for."}
    )
    max_answer_octets: int = field(
        default=64_000_000,
        metadata={"doc": "Octets of body values and headers, roughly, that the answers to one request hold."},
    )
    max_event_sources: int = field(
        default=16, metadata={"doc": "Open event sources of one account in one worker."}
    )
    min_ping_seconds: int = field(
        default=5, metadata={"doc": "Shortest time between pings of an event source."}
    )
    max_ping_seconds: int = field(
        default=900, metadata={"doc": "Longest time between pings of an event source."}
    )
    public_url: str = field(
        default="",
        metadata={
            "doc": "Base of the URLs in the session object, such as https://mail.example.org; "
            "empty: what the client called us."
        },
    )

    @property
    def limits(self) -> Limits:
        """The limits that the core capability carries."""
        return Limits(
            max_size_upload=self.max_upload_octets,
            max_concurrent_upload=self.max_concurrent_upload,
            max_size_request=self.max_request_octets,
            max_concurrent_requests=self.max_concurrent_requests,
            max_calls_in_request=self.max_calls_in_request,
            max_objects_in_get=self.max_objects_in_get,
            max_objects_in_set=self.max_objects_in_set,
        )
