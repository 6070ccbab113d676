"""The header field that says what SPF has found.

Standards: RFC 7208 section 9.1 (Received-SPF); RFC 6532 section 3.2 (UTF-8 in addresses).

It stands above the Received field of the server that wrote it: what a peer has put into a message stands
below that, and says nothing.
"""

import re
from typing import Final

from pymailcore.mailauth.spf import Result, Sending, Verdict

_WORD: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSAFE_COMMENT: Final = re.compile(r"[^A-Za-z0-9 .:_\[\]-]")
_MAX_VALUE: Final = 320
_MAX_NOTE: Final = 100
_SAYS: Final[dict[Result, str]] = {
    "pass": "{domain} designates {peer} as permitted sender",
    "fail": "{domain} does not designate {peer} as permitted sender",
    "softfail": "{domain} does not designate {peer} as permitted sender, but is not certain",
    "neutral": "{domain} neither permits nor denies {peer}",
    "none": "{domain} has no record",
    "temperror": "no answer in time for {domain}",
    "permerror": "the record of {domain} has a fault",
}


def received_spf_field(verdict: Verdict, sending: Sending) -> bytes:
    """Write the field with its line ends; what a peer has said stands in it as far as it does no harm."""
    says = _SAYS[verdict.result].format(domain=verdict.domain or "what was said in EHLO", peer=sending.peer)
    pairs = {
        "receiver": sending.receiver,
        "client-ip": sending.peer,
        "envelope-from": "" if sending.reverse_path is None else str(sending.reverse_path),
        "helo": sending.hello,
        "identity": verdict.identity,
        "mechanism": verdict.mechanism[:_MAX_NOTE],
        "problem": verdict.problem[:_MAX_NOTE],
    }
    lines = [f"Received-SPF: {verdict.result} ({_UNSAFE_COMMENT.sub('?', f'{sending.receiver}: {says}')})"]
    lines += [f"\t{key}={_value(value)};" for key, value in pairs.items() if value]
    return ("\r\n".join(lines).removesuffix(";") + "\r\n").encode("utf-8", "replace")


def _value(text: str) -> str:
    """A dot-atom as it is, anything else in quotes."""
    text = _UNSAFE.sub("?", text)[:_MAX_VALUE]
    if _WORD.match(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
