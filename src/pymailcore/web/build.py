"""Puts the HTTP side together: JMAP, pages, dispatcher, server."""

import secrets
from collections.abc import Callable

import trio

from pymailcore.base.ids import IdMint
from pymailcore.directory.directory import Directory
from pymailcore.jmap.http import JmapHttp
from pymailcore.jmap.services import Services
from pymailcore.jmap.settings import JmapSettings
from pymailcore.runtime import clock
from pymailcore.runtime.hub import ChangeHub
from pymailcore.store.store import Store
from pymailcore.submission.submission import Submission
from pymailcore.web.app import Pages, build_app
from pymailcore.web.authentication import DirectoryAuthenticator
from pymailcore.web.dispatcher import Dispatcher
from pymailcore.web.server import Contexts, HttpServer
from pymailcore.web.settings import HttpSettings


def build_http(
    *,
    store: Store,
    directory: Directory,
    submission: Submission,
    hub: ChangeHub,
    ids: IdMint,
    jmap_settings: JmapSettings,
    http_settings: HttpSettings,
    hostname: str,
    draining: trio.Event,
    tls: Contexts | None = None,
    parse_limiter: trio.CapacityLimiter | None = None,
    now_ms: Callable[[], int] = clock.now_ms,
) -> HttpServer:
    """Make the server of one process; `HttpServer.handler` then gives the handler of each listener.

    Args:
        draining: the acceptor's; open event sources end when it is set.
        parse_limiter: threads for large requests and large messages.
    """
    services = Services(
        store=store,
        directory=directory,
        submission=submission,
        ids=ids,
        settings=jmap_settings,
        publish=hub.publish,
        now_ms=now_ms,
        random_hex=secrets.token_hex,
        hostname=hostname,
    )
    jmap = JmapHttp(
        services, DirectoryAuthenticator(directory), hub, draining=draining, parse_limiter=parse_limiter
    )
    pages = Pages(store=store, directory=directory, settings=http_settings, parse_limiter=parse_limiter)
    dispatcher = Dispatcher(
        jmap=jmap, pages=build_app(pages, http_settings), store=store, settings=http_settings
    )
    return HttpServer(dispatcher, http_settings, tls=tls)
