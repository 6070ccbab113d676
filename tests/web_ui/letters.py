"""Mail for the browser to show, one of it hostile."""

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from tests.support.family import PASSWORD, Family, unverified_tls

HOSTILE = """\
<html><head><title>x</title>
<style>@import url(http://tracker.invalid/a.css);
body { background: url(http://tracker.invalid/b.png) }</style>
<link rel="stylesheet" href="http://tracker.invalid/c.css">
<meta http-equiv="refresh" content="0;url=http://tracker.invalid/">
<base href="http://tracker.invalid/"></head>
<body onload="parent.document.title='ran'">
<h2>Autumn catalogue</h2>
<p>The new lamps are here. <a href="https://shop.invalid/lamps">See them all</a>.</p>
<script>parent.document.title = "ran"; fetch("http://tracker.invalid/script")</script>
<img src="http://tracker.invalid/pixel.gif" width="1" height="1" onerror="parent.document.title='ran'">
<svg><script>parent.document.title = "ran"</script><image href="http://tracker.invalid/svg.png"/></svg>
<iframe src="http://tracker.invalid/frame"></iframe><object data="http://tracker.invalid/object"></object>
<video src="http://tracker.invalid/v.mp4" poster="http://tracker.invalid/p.png" autoplay></video>
<form action="http://tracker.invalid/form"><input name="password"><button>Go</button></form>
<a href="javascript:parent.document.title='ran'">Unsubscribe</a>
</body></html>
"""


def letter(
    sender: str, to: str, subject: str, text: str = "Hello,\n\nall is well.\n", html: str | None = None
) -> EmailMessage:
    """A message as a mail program writes it."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{abs(hash((sender, to, subject)))}@remote.test>"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def receive(family: Family, *letters: EmailMessage) -> None:
    """Mail that comes in from other servers."""
    with smtplib.SMTP("127.0.0.1", family.ports["smtp"], timeout=30) as client:
        for message in letters:
            client.send_message(message)


def submit(family: Family, account: str, message: EmailMessage) -> None:
    """Mail that somebody here sends with a mail program."""
    context: ssl.SSLContext = unverified_tls()
    with smtplib.SMTP_SSL("127.0.0.1", family.ports["submissions"], timeout=30, context=context) as client:
        client.login(family.address(account), PASSWORD)
        client.send_message(message)
