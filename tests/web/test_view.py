"""The document of a message's body, and the pages around it."""

import pytest
from tests.support.jmap_world import HOST, JmapWorld, basic, call_app

from pymailcore.base.ids import ACCOUNT, EMAIL, encode_id

RELATED = (
    b"From: a@example.net\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/related; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
    b"--c\r\nContent-Type: text/plain\r\n\r\nplain https://example.org <b>\r\n"
    b"--c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<style>p{color:red}</style><p>rich <img src=cid:pic@x><img src=https://t.example/1>"
    b"<script>alert(1)</script></p>\r\n--c--\r\n"
    b'--b\r\nContent-Type: image/png; name="a b.png"\r\nContent-ID: <pic@x>\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"
)


async def view(
    world: JmapWorld, email: int, query: str = "", **options: str
) -> tuple[int, dict[str, str], str]:
    path = f"/view/{world.account_id}/{encode_id(EMAIL, email)}"
    answer = await world.request("GET", path, query=query, headers=options)
    return answer.status, answer.headers, answer.body.decode()


async def test_a_body_is_shown_in_its_own_policy(world: JmapWorld) -> None:
    """Web UI notes, section 5.6 rule 2."""
    email = (await world.deliver(RELATED)).email
    status, headers, text = await view(world, email)
    assert status == 200
    policy = headers["content-security-policy"]
    assert policy.startswith(
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'"
    )
    assert "allow-scripts" not in policy
    assert f"img-src http://{HOST}/jmap/download/{world.account_id}/ data:;" in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert 'data-kind="html" data-pictures="1" data-others="0" data-cut="0"' in text
    assert "p{color:red}" in text
    assert "alert" not in text
    picture = text.partition('src="')[2].partition('"')[0].replace("&amp;", "&")
    assert picture.startswith(f"/jmap/download/{world.account_id}/")
    found = await world.request("GET", picture)
    assert (found.body, found.headers["content-type"]) == (b"\x89PNG\r\n\x1a\n", "image/png")


async def test_text_is_preferred_when_asked(world: JmapWorld) -> None:
    email = (await world.deliver(RELATED)).email
    _, _, text = await view(world, email, "as=text&theme=dark")
    assert 'data-kind="text"' in text
    assert 'data-theme="dark"' in text
    assert 'plain <a href="https://example.org"' in text
    assert "&lt;b&gt;" in text
    _, _, text = await view(world, email, "theme=%22%3E%3Cscript%3E")
    assert "<script>" not in text


async def test_one_part_is_shown(world: JmapWorld) -> None:
    email = (await world.deliver(RELATED)).email
    assert "plain" in (await view(world, email, "part=1.1"))[2]
    assert "<img" in (await view(world, email, "part=2"))[2]
    assert (await view(world, email, "part=9"))[0] == 404


async def test_a_long_text_is_cut(world: JmapWorld) -> None:
    email = (await world.deliver(b"Subject: x\r\n\r\n" + b"word " * 300_000)).email
    _, _, text = await view(world, email)
    assert 'data-cut="1"' in text
    assert len(text) < 1_060_000


async def test_what_is_not_ours_is_not_there(world: JmapWorld) -> None:
    email = (await world.deliver(RELATED, account=world.ben)).email
    theirs = encode_id(ACCOUNT, world.ben.id)
    for account, name in (
        (world.account_id, encode_id(EMAIL, email)),
        (theirs, encode_id(EMAIL, email)),
        (world.account_id, "e1"),
        (world.account_id, "x"),
        ("..", "x"),
    ):
        assert (await world.request("GET", f"/view/{account}/{name}")).status == 404
    answer = await call_app(world.app, "GET", f"/view/{theirs}/{encode_id(EMAIL, email)}")
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    answer = await call_app(world.app, "GET", f"/view/{theirs}/x", headers=basic("anna@example.org", "wrong"))
    assert answer.status == 401


@pytest.mark.parametrize("host", ["evil.example; script-src *", 'x"y', "", "a,b"])
async def test_a_wrong_host_does_not_reach_the_policy(world: JmapWorld, host: str) -> None:
    email = (await world.deliver(RELATED)).email
    status, headers, _ = await view(world, email, host=host)
    assert status in {400, 404}
    assert "evil" not in headers.get("content-security-policy", "")


async def test_a_bomb_of_tags_is_shown_as_text(world: JmapWorld) -> None:
    octets = b"Content-Type: text/html\r\n\r\n" + b"<div>" * 150_000 + b"<script>x</script>words"
    email = (await world.deliver(octets)).email
    _, _, text = await view(world, email)
    assert 'data-kind="text" data-pictures="0" data-others="0" data-cut="1"' in text
    assert "words" in text
    assert "<script" not in text


async def test_a_tracking_pixel_is_not_drawn_and_a_picture_keeps_its_place(world: JmapWorld) -> None:
    """A blocked picture of two pixels or less would be a speck; it is counted all the same."""
    html = (
        b"<p>x<img src='https://t.example/p.gif' width=1 height=1>"
        b"<img src='https://t.example/q.gif' style='width: 1px; height: 1px'>"
        b"<img src='https://t.example/hero.png' width=560 height=200></p>"
    )
    octets = b"From: a@b\r\nContent-Type: text/html\r\n\r\n" + html
    _, _, text = await view(world, (await world.deliver(octets)).email)
    assert 'data-pictures="3" data-others="0"' in text
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert ':is([height="0"],[height="1"],[height="2"]' in style
    assert "display:none!important" in style
    assert 'style="width:1px;height:1px"' in text
    # The stand-in is square: a height of its own must hold, or 560 by 200 becomes 560 by 560.
    assert 'img:not([src$="#remote"]){height:auto}' in style


async def test_each_line_has_the_direction_of_its_script(world: JmapWorld) -> None:
    octets = "From: a@b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nمرحبا، Anna\r\n".encode()
    _, _, text = await view(world, (await world.deliver(octets)).email)
    assert "unicode-bidi:plaintext" in text
