"""The document for the frame that shows a message's body.

Standards: RFC 8621 section 4.1.4 (htmlBody, textBody); webui rule: the document may do nothing but be read.
"""

import html
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote, unquote

from pymailcore.message.bodies import bodies
from pymailcore.message.structure import Part, walk
from pymailcore.message.text import html_to_text, text_prefix
from pymailcore.store.blobids import part_blob
from pymailcore.web.plain import text_to_html
from pymailcore.web.sanitise import Clean, is_too_complex, sanitise

_SHOWN_IMAGES: Final = frozenset({"png", "jpeg", "gif", "webp", "avif", "bmp"})

_STYLE: Final = """
:root{color-scheme:light dark}
html[data-theme=light]{color-scheme:light}html[data-theme=dark]{color-scheme:dark}
html{font:16px/24px system-ui,sans-serif;overflow-wrap:anywhere}
body{margin:0;padding:16px;color:light-dark(#1A1F27,#E8ECF1);background:light-dark(#FFFFFF,#161A20)}
html[data-kind=html]{color-scheme:light}
html[data-kind=html] body{color:#1A1F27;background:#FFFFFF}
a[href]{color:light-dark(#1A56C4,#8FB8FF)}html[data-kind=html] a[href]{color:#1A56C4}
img{max-width:100%}img:not([src$="#remote"]){height:auto}table{max-width:100%}
img[src$="#remote"]:is([width="0"],[width="1"],[width="2"],[style^="width:1px"],[style*=";width:1px"])\
:is([height="0"],[height="1"],[height="2"],[style^="height:1px"],[style*=";height:1px"]){display:none!important}
img[src$="#remote"]{outline:1px dashed #788392;outline-offset:-1px;background:#F5F6F8}
.plain{white-space:pre-wrap;tab-size:4}
.plain,.plain blockquote{unicode-bidi:plaintext;text-align:start}
blockquote{margin:0 0 0 2px;padding-inline-start:12px;border-inline-start:3px solid #788392}
.cut{margin-top:16px;padding:8px 12px;border-radius:6px;color:#7A4300;background:#FFF4DC}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be shown.

    Attributes:
        part: a partId, or empty for the body.
        as_text: show the plain text where there is one.
        theme: light, dark, or empty for what the system has.
    """

    part: str = ""
    as_text: bool = False
    theme: str = ""


def content_policy(images: str) -> str:
    """The Content-Security-Policy of the document.

    Args:
        images: address under which the parts of the account lie; the only place images may come from.
    """
    return (
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; "
        f"default-src 'none'; img-src {images} data:; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


def render(
    octets: bytes, root: Part, email: int, wish: Wish, *, downloads: str, max_octets: int
) -> bytes | None:
    """Write the document; None when there is no such part.

    Pure, and bounded by `max_octets` for each part; run it in a thread when the message is not small.

    Args:
        downloads: path under which the account's blobs lie, with a slash at its end.
    """
    if wish.part:
        chosen = [part for part in walk(root) if part.path == wish.part and not part.is_multipart]
        if not chosen:
            return None
    else:
        found = bodies(root)
        chosen = found.text_body if wish.as_text else found.html_body
    address = partial(_address, email, downloads)
    resolve = _resolver(root, address)
    pieces: list[str] = []
    css: list[str] = []
    pictures, others, is_html, cut = 0, 0, False, False
    for part in chosen:
        if part.type == "image" and part.subtype in _SHOWN_IMAGES:
            name = html.escape(part.filename or "")
            pieces.append(f'<p><img src="{html.escape(address(part))}" alt="{name}"></p>')
            continue
        if part.type != "text":
            continue
        text = text_prefix(octets, part, max_octets)
        cut = cut or part.size > max_octets
        if part.subtype == "html" and is_too_complex(text):
            cut = True
            pieces.append(f'<div class="plain">{text_to_html(html_to_text(text, max_octets))}</div>')
        elif part.subtype == "html":
            clean: Clean = sanitise(text, resolve)
            is_html = True
            pictures += clean.pictures
            others += clean.others
            css.append(clean.css)
            pieces.append(f'<div dir="auto">{clean.html}</div>')
        else:
            pieces.append(f'<div class="plain">{text_to_html(text)}</div>')
    if cut:
        pieces.append(
            '<p class="cut">The message is longer than what is shown here. Download it to read all.</p>'
        )
    theme = f' data-theme="{wish.theme}"' if wish.theme in {"light", "dark"} else ""
    document = (
        "<!doctype html>\n"
        f'<html data-kind="{"html" if is_html else "text"}" data-pictures="{pictures}" data-others="{others}"'
        f' data-cut="{int(cut)}"{theme}>'
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<meta name="referrer" content="no-referrer"><title></title>'
        f"<style>{_STYLE}</style><style>{''.join(css)}</style></head><body>{''.join(pieces)}</body></html>"
    )
    return document.encode("utf-8", "replace")


def _address(email: int, downloads: str, part: Part) -> str:
    name = quote(part.filename or "image", safe="")
    return f"{downloads}{part_blob(email, part.path)}/{name}?type={quote(part.mime_type, safe='')}"


def _resolver(root: Part, address: Callable[[Part], str]) -> Callable[[str], str | None]:
    """Addresses of the parts that the mail shows by `cid:` (RFC 2392); images only."""
    known = {
        part.cid: address(part)
        for part in walk(root)
        if part.cid and part.type == "image" and part.subtype in _SHOWN_IMAGES
    }
    return lambda url: known.get(unquote(url[4:]))
