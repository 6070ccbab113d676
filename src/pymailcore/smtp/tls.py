"""TLS facts of a stream, for Received fields, logs and outcomes.

Standards: RFC 8314 section 4.3.
"""

import trio


def describe(stream: trio.abc.Stream) -> str:
    """Give version and cipher, such as "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" for a stream in clear."""
    if not isinstance(stream, trio.SSLStream):
        return ""
    cipher = stream.cipher()
    return f"{stream.version()} {cipher[0]}" if cipher else str(stream.version())
