"""HTTP put together: the pages and JMAP behind one dispatcher."""

import secrets

from pymailcore.app.context import Context
from pymailcore.app.core import Core
from pymailcore.app.mail_extensions import jmap_sending
from pymailcore.jmap.http import JmapHttp
from pymailcore.jmap.services import Services
from pymailcore.runtime.clock import now_ms
from pymailcore.web.app import Pages, build_app
from pymailcore.web.authentication import DirectoryAuthenticator
from pymailcore.web.dispatcher import Dispatcher
from pymailcore.web.server import HttpServer


def make_http(core: Core, context: Context) -> HttpServer:
    """Build what stands behind the HTTP listeners, from the configuration in force."""
    configuration = core.configuration
    jmap = JmapHttp(
        Services(
            store=core.store,
            directory=core.directory,
            submission=core.submission,
            ids=core.ids,
            settings=configuration.jmap,
            now_ms=now_ms,
            random_hex=secrets.token_hex,
            hostname=configuration.hostname,
            publish=core.hub.publish,
            sending=jmap_sending(configuration),
        ),
        DirectoryAuthenticator(core.directory),
        core.hub,
        draining=context.acceptor.draining,
    )
    pages = Pages(
        store=core.store,
        directory=core.directory,
        administration=core.administration,
        settings=configuration.http,
    )
    dispatcher = Dispatcher(
        jmap=jmap,
        pages=build_app(pages, configuration.http),
        store=core.store,
        settings=configuration.http,
    )
    return HttpServer(dispatcher, configuration.http, tls=context.tls)
