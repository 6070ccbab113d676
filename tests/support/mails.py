"""The three real messages of the whole way: plain, UTF-8 with an inline picture, a large attachment."""

import base64
import random

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def _message(headers: str, body: str) -> bytes:
    return (headers.strip() + "\n\n" + body).replace("\n", "\r\n").encode()


def plain(subject: str = "Minutes of the meeting") -> bytes:
    """Plain ASCII text."""
    return _message(
        f"""
From: Carla <carla@remote.test>
To: anna@example.test
Subject: {subject}
Date: Sun, 22 Nov 2026 10:00:00 +0100
Message-ID: <{subject.replace(" ", ".")}@remote.test>
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii
""",
        "Hello Anna,\n\nwe met, we spoke, we left.\n.\n..two dots\n\nCarla\n",
    )


def picture(subject: str = "Grüße aus Köln") -> bytes:
    """UTF-8 multipart/alternative whose HTML shows an inline picture; 8-bit text parts."""
    encoded = base64.b64encode(subject.encode()).decode()
    image = base64.encodebytes(PICTURE).decode()
    html = f'<p>Schöne <b>Grüße</b> <img src="cid:dot@remote.test" alt="Punkt">{"ä" * 900}</p>'
    return _message(
        f"""
From: =?utf-8?Q?J=C3=B6rg?= <joerg@remote.test>
To: Anna <anna@example.test>, Ben <ben@example.test>
Subject: =?utf-8?B?{encoded}?=
Date: Sun, 22 Nov 2026 10:05:00 +0100
Message-ID: <picture@remote.test>
MIME-Version: 1.0
Content-Type: multipart/related; boundary=rel
""",
        f"""--rel
Content-Type: multipart/alternative; boundary=alt

--alt
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Schöne Grüße. Text für Leser ohne HTML.
--alt
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 8bit

{html}
--alt--
--rel
Content-Type: image/png; name=dot.png
Content-ID: <dot@remote.test>
Content-Disposition: inline; filename=dot.png
Content-Transfer-Encoding: base64

{image}--rel--
""",
    )


def attachment(octets: int = 5 * 2**20) -> bytes:
    """A text and an attachment of so many octets, base64."""
    payload = random.Random(7).randbytes(octets)  # noqa: S311 - test data
    return _message(
        """
From: carla@remote.test
To: anna@example.test, ben@example.test
Subject: The plans
Date: Sun, 22 Nov 2026 10:10:00 +0100
Message-ID: <plans@remote.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=mix
""",
        f"""--mix
Content-Type: text/plain

See the file.
--mix
Content-Type: application/pdf; name=plans.pdf
Content-Disposition: attachment; filename=plans.pdf
Content-Transfer-Encoding: base64

{base64.encodebytes(payload).decode()}--mix--
""",
    )
