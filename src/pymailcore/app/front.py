"""The front worker's app: SMTP, submission, LMTP, IMAP and HTTP on the inherited sockets."""

import functools
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import trio

from pymailcore.app.context import Context
from pymailcore.app.core import Core, open_core
from pymailcore.app.http import make_http
from pymailcore.app.mail_extensions import extensions_of
from pymailcore.app.plugins import UnfitPlugin, load_plugins, with_plugins
from pymailcore.base.budget import MailDataBudget
from pymailcore.config.configuration import Configuration
from pymailcore.config.listener import Listener
from pymailcore.dns.resolver import Resolver
from pymailcore.imap.places import Places
from pymailcore.imap.server import serve_connection as serve_imap
from pymailcore.jmap.session import session_url
from pymailcore.msa.role import MsaRole
from pymailcore.mx.lmtp import LmtpRole
from pymailcore.mx.peer_names import PeerNames
from pymailcore.mx.role import MxRole
from pymailcore.mx.sender_policy import SenderPolicies
from pymailcore.runtime.channel_binding import find_exporter
from pymailcore.runtime.logs import get_logger
from pymailcore.runtime.serve import Connection, Handler, serve_sockets
from pymailcore.smtp.hooks.plugins import Plugins
from pymailcore.smtp.lost_replies import LostReplies
from pymailcore.smtp.role import SmtpRole
from pymailcore.smtp.server import SmtpServer
from pymailcore.web.server import HttpServer

log = get_logger()

_REFUSALS: Final = {
    "smtp": b"421 4.7.0 Too many connections, come again later\r\n",
    "lmtp": b"421 4.7.0 Too many connections, come again later\r\n",
    "submission": b"421 4.7.0 Too many connections, come again later\r\n",
    "imap": b"* BYE [UNAVAILABLE] Too many connections, come again later\r\n",
    "http": b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 10\r\n\r\n",
}
"""What a connection beyond the caps is told; nothing where TLS comes first."""


class FrontApp:
    """Serves every listener of the configuration.

    Args:
        core: opened by somebody else, who keeps it open; None to open one.
    """

    def __init__(self, context: Context, core: Core | None = None) -> None:
        self._context = context
        self._core = core
        configuration = context.configuration
        memory = max(configuration.smtp.max_mail_data_memory_octets, configuration.imap.message_octets)
        self._budget = MailDataBudget(memory, easy_octets=memory // 8)
        self._places = Places(searches=configuration.imap.searches_per_account)
        self._handlers: list[Handler] = []
        resolver = Resolver(configuration.dns)
        self._peer_names = PeerNames(resolver)
        self._sender_policies = SenderPolicies(resolver, context.metrics)
        self._plugins = Plugins((), context.metrics)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until the acceptor drains and all that was promised is done."""
        context = self._context
        if self._core is not None:
            await self._serve(self._core, task_status)
            return
        async with open_core(
            context.configuration, context.hub, context.metrics, maintain=False, counters=context.counters
        ) as core:
            self._core = core
            await self._serve(core, task_status)

    def reload(self, configuration: Configuration) -> None:
        """Make all that stands behind the listeners anew; connections that are open keep what they have."""
        if self._core is not None:
            self._core.reload(configuration)
            try:
                self._plugins = load_plugins(self._core, self._context.metrics)
            except UnfitPlugin as unfit:
                log.error("the plug-ins stay as they were", fault=str(unfit))
            self._make_handlers(self._core)

    async def _serve(self, core: Core, task_status: trio.TaskStatus[None]) -> None:
        context = self._context
        if find_exporter() is None:
            log.warning("OpenSSL cannot be asked for tls-exporter; logins are bound by the certificate only")
        self._plugins = load_plugins(core, context.metrics)
        self._make_handlers(core)
        async with trio.open_nursery() as asking:
            await asking.start(self._peer_names.run)
            await asking.start(self._sender_policies.run)
            await self._listen(task_status)
            asking.cancel_scope.cancel()

    async def _listen(self, task_status: trio.TaskStatus[None]) -> None:
        context = self._context
        async with trio.open_nursery() as nursery:
            for number, listener in enumerate(context.configuration.listeners):
                serve = functools.partial(
                    serve_sockets,
                    functools.partial(self._handle, number),
                    [context.sockets[number]],
                    context.acceptor,
                    name=listener.name,
                    balancers=listener.networks if listener.proxy else None,
                    refusal=b"" if listener.tls == "implicit" else _REFUSALS[listener.protocol],
                )
                await nursery.start(serve)
            task_status.started()

    async def _handle(self, number: int, connection: Connection) -> None:
        await self._handlers[number](connection)

    def _make_handlers(self, core: Core) -> None:
        """One handler for each listener that was bound, in its order."""
        configuration = core.configuration
        resolver = Resolver(configuration.dns)
        self._peer_names.reload(resolver)
        self._sender_policies.reload(resolver)
        roles: dict[str, SmtpRole] = {
            "smtp": MxRole(
                core.delivery,
                core.directory,
                configuration.smtp,
                hostname=configuration.hostname,
                trusted=[ip_network(network) for network in configuration.connections.trusted_networks],
                peer_names=self._peer_names,
                sender_policies=self._sender_policies,
            ),
            "submission": MsaRole(
                core.submission, core.directory, configuration.smtp, metrics=self._context.metrics
            ),
        }
        self._spool_folder = _make_spool(configuration)
        smtp = configuration.smtp
        self._lost_replies = LostReplies(smtp.lost_replies_count, smtp.lost_reply_seconds)
        http = make_http(core, self._context)
        self._handlers = [
            self._make_handler(core, listener, roles, http)
            for listener in self._context.configuration.listeners
        ]

    def _make_handler(
        self, core: Core, listener: Listener, roles: dict[str, SmtpRole], http: HttpServer
    ) -> Handler:
        context = self._context
        if listener.protocol == "http":
            return http.handler(
                implicit_tls=listener.tls == "implicit", plaintext_login=listener.plaintext_login
            )
        if listener.protocol == "imap":
            return functools.partial(
                serve_imap,
                store=core.store,
                directory=core.directory,
                hub=context.hub,
                settings=core.configuration.imap,
                metrics=context.metrics,
                tls=context.tls.for_logins(listener.client_certificates),
                tls_mode=listener.tls,
                plaintext_login=listener.plaintext_login,
                sasl=core.configuration.sasl,
                budget=self._budget,
                places=self._places,
                jmap_url=session_url(core.configuration.jmap),
            )
        role = roles.get(listener.protocol) or LmtpRole(
            core.delivery,
            core.directory,
            core.configuration.smtp,
            hostname=core.configuration.hostname,
            trusted=listener.networks,
            metrics=context.metrics,
        )
        return SmtpServer(
            role=with_plugins(role, listener.protocol, self._plugins, core.configuration),
            settings=core.configuration.smtp,
            hostname=core.configuration.hostname,
            budget=self._budget,
            metrics=context.metrics,
            tls=listener.tls,
            contexts=context.tls.for_logins(listener.client_certificates),
            plaintext_login=listener.plaintext_login,
            sasl=core.configuration.sasl,
            extensions=extensions_of(listener.protocol, core.configuration.smtp),
            lmtp=listener.protocol == "lmtp",
            repair_line_ends=listener.repair_line_ends,
            filters=listener.networks if listener.xclient else (),
            spool_folder=self._spool_folder,
            lost_replies=self._lost_replies,
        ).serve_connection


def _make_spool(configuration: Configuration) -> Path | None:
    """The folder for large mail data that is arriving; without one it stays in memory."""
    folder = configuration.data / "spool"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as fault:
        log.error("large messages are held in memory", folder=str(folder), fault=fault.strerror)
        return None
    return folder
