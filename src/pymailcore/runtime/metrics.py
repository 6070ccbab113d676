"""Counters of one process, and how those of several become one page.

Each process counts for itself in plain memory. A process of the family that is asked for `/metrics` gathers
the samples of all (`snapshot`) and adds them up by name and labels (`page`), which is right for counters and
histograms, and for gauges that count things ("open connections").
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_OCTETS: Final = (1_024, 8_192, 65_536, 524_288, 1_048_576, 10_485_760, 52_428_800)

Labels = tuple[tuple[str, str], ...]


class Family(NamedTuple):
    """One metric with its samples, as it travels between processes."""

    name: str
    kind: str
    doc: str
    samples: list[tuple[str, Labels, float]]


class Metrics:
    """Everything that is counted; made once in each process and handed to those who count.

    Attributes:
        connections: taken, by listener.
        connections_open: open now, by listener.
        connections_refused: by listener and reason (`prefix`, `rate`, `full`).
        faults: exceptions of our own that ended a connection, by listener.
        commands: protocol commands, by protocol and command.
        logins: by protocol and outcome (`ok`, `wrong`, `throttled`).
        plugin_answers: what plug-ins said or met, by plug-in, hook and outcome (`refused`, `put-off`,
            `disconnected`, `field`, `tag`, `fault`, `timeout`).
        spf_results: of messages of strangers, by result (RFC 7208 section 2.6, and `skipped` where there was
            too much to be asked).
        lmtp_refused: recipients of LMTP who did not get a message that was sent, by outcome (`later`,
            `failed`).
        messages_accepted: promised to be kept, by way (`mx`, `submission`, `jmap`, `imap`).
        message_octets: their sizes.
        accept_seconds: from the end of the mail data to the reply.
        http_seconds: time of HTTP requests, by route.
        queue_entries: recipients that wait in the outbound queue.
        relayed: outcome of relaying, by outcome (`sent`, `later`, `failed`).
        tls_handshakes: by listener and outcome (`ok`, `failed`).
        store_logical_octets, store_stored_octets, store_saved_octets: by tenant; these and all below
            are set by the process that keeps house (store.housekeeping).
        store_blobs, store_shared_blobs: by tenant.
        store_packs, store_pack_octets, store_garbage_octets, store_loose_blobs: what the collector works on.
        store_kept_emails, store_kept_octets: expunged mail that can be restored.
        store_free_octets, store_reserve, store_log_octets: disk, reserve file (1 or 0), write-ahead log.
        store_alarms: by kind.
        store_collected, store_rewritten_octets, store_packs_removed, store_purged: what went.
        store_scrubbed_octets, store_scrub_findings, store_audit_findings: what was checked, what was found.
        store_scrub_repairs: how many of those blobs were brought back from elsewhere.
        index_documents, index_gone, index_unread, index_octets: the full-text index.
        index_lag: seconds for which there was always something to be indexed.
        index_added: Emails that were indexed.
        house_runs: jobs of housekeeping, by job and outcome (`ok`, `failed`).
        house_seconds: time that they took, rests included, by job.
        attachments: that text was asked of, by format and outcome (extract.frames.Outcome).
        attachment_seconds: time that helpers took for them, by format.
        attachment_helpers: helper processes started for them.
    """

    def __init__(self) -> None:
        registry = CollectorRegistry(auto_describe=False)
        self.registry = registry

        def counter(name: str, doc: str, *labels: str) -> Counter:
            return Counter(f"pymailcore_{name}", doc, labels, registry=registry)

        def gauge(name: str, doc: str, *labels: str) -> Gauge:
            return Gauge(f"pymailcore_{name}", doc, labels, registry=registry)

        def histogram(name: str, doc: str, buckets: Sequence[float], *labels: str) -> Histogram:
            return Histogram(f"pymailcore_{name}", doc, labels, registry=registry, buckets=buckets)

        self.connections = counter("connections", "Connections taken.", "listener")
        self.connections_open = gauge("connections_open", "Connections open now.", "listener")
        self.connections_refused = counter("connections_refused", "Refused at once.", "listener", "reason")
        self.faults = counter("faults", "Faults of our own that ended a connection.", "listener")
        self.commands = counter("commands", "Protocol commands.", "protocol", "command")
        self.logins = counter("logins", "Logins.", "protocol", "outcome")
        self.plugin_answers = counter("plugin_answers", "Answers of plug-ins.", "plugin", "hook", "outcome")
        self.messages_accepted = counter("messages_accepted", "Messages promised to be kept.", "way")
        self.spf_results = counter("spf_results", "What SPF says of messages of strangers.", "result")
        self.lmtp_refused = counter(
            "lmtp_refused", "Recipients of LMTP who did not get a message that was sent.", "outcome"
        )
        self.message_octets = histogram("message_octets", "Sizes of accepted messages.", _OCTETS)
        self.accept_seconds = histogram("accept_seconds", "End of mail data to reply.", _SECONDS, "way")
        self.http_seconds = histogram("http_seconds", "Time of HTTP requests.", _SECONDS, "route")
        self.queue_entries = gauge("queue_entries", "Recipients that wait in the outbound queue.")
        self.relayed = counter("relayed", "Outcome of relaying to one recipient.", "outcome")
        self.tls_handshakes = counter("tls_handshakes", "TLS handshakes.", "listener", "outcome")
        octets = "Octets of messages and uploads, each wherever it lies."
        self.store_logical_octets = gauge("store_logical_octets", octets, "tenant")
        self.store_stored_octets = gauge("store_stored_octets", "Octets that blobs take on disk.", "tenant")
        self.store_saved_octets = gauge("store_saved_octets", "Logical less stored octets.", "tenant")
        self.store_blobs = gauge("store_blobs", "Blobs.", "tenant")
        self.store_shared_blobs = gauge("store_shared_blobs", "Copies that sharing saved.", "tenant")
        self.store_packs = gauge("store_packs", "Pack files in use.")
        self.store_pack_octets = gauge("store_pack_octets", "Octets of all pack files.")
        self.store_garbage_octets = gauge("store_garbage_octets", "Octets of packs that nothing names.")
        self.store_loose_blobs = gauge("store_loose_blobs", "Blobs that the collector has to look at.")
        self.store_kept_emails = gauge("store_kept_emails", "Expunged Emails that can be restored.")
        self.store_kept_octets = gauge("store_kept_octets", "Octets of expunged Emails that can be restored.")
        self.store_free_octets = gauge("store_free_octets", "Free octets on the disk of the store.")
        self.store_reserve = gauge("store_reserve", "1 while the reserve file is there.")
        self.store_log_octets = gauge("store_log_octets", "Octets of the write-ahead log.")
        self.store_alarms = gauge("store_alarms", "Alarms.", "kind")
        self.store_collected = counter("store_collected_blobs", "Blobs that the collector removed.")
        self.store_rewritten_octets = counter("store_rewritten_octets", "Octets of packs written anew.")
        self.store_packs_removed = counter("store_packs_removed", "Pack files removed.")
        self.store_purged = counter("store_purged_emails", "Expunged Emails let go for good.")
        self.store_scrubbed_octets = counter("store_scrubbed_octets", "Octets that the scrub has read.")
        self.store_scrub_findings = counter("store_scrub_findings", "Damaged blobs that the scrub found.")
        self.store_scrub_repairs = counter("store_scrub_repairs", "Damaged blobs that the scrub repaired.")
        self.store_audit_findings = counter("store_audit_findings", "Things put right or reported.", "kind")
        self.index_documents = gauge("index_documents", "Emails in the full-text index.")
        self.index_gone = gauge("index_gone", "Emails that are no more, in the full-text index.")
        self.index_unread = gauge("index_unread", "Emails that could not be read for the full-text index.")
        self.index_octets = gauge("index_octets", "Octets of the full-text index.")
        self.index_lag = gauge("index_lag_seconds", "Time for which the full-text index has been behind.")
        self.index_added = counter("index_added_documents", "Emails that were indexed.")
        self.index_lost = counter("index_lost_documents", "Emails that a check of the index did not find.")
        self.house_runs = counter("house_runs", "Jobs of housekeeping that ended.", "job", "outcome")
        self.house_seconds = counter("house_seconds", "Time that jobs took, rests included.", "job")
        self.attachments = counter("attachments", "Attachments that text was asked of.", "format", "outcome")
        self.attachment_seconds = counter("attachment_seconds", "Time that helpers took for them.", "format")
        self.attachment_helpers = counter("attachment_helpers", "Helper processes started for attachments.")

    def snapshot(self) -> bytes:
        """Give all samples of this process, packed."""
        families = [
            Family(
                family.name,
                family.type,
                family.documentation,
                [
                    (sample.name, tuple(sorted(sample.labels.items())), sample.value)
                    for sample in family.samples
                    if not sample.name.endswith("_created")
                ],
            )
            for family in self.registry.collect()
        ]
        return msgspec.msgpack.encode(families)


def page(snapshots: Sequence[bytes]) -> str:
    """Add up the samples of several processes and write them in Prometheus' text format 0.0.4."""
    kinds: dict[str, tuple[str, str]] = {}
    sums: dict[str, dict[tuple[str, Labels], float]] = {}
    for snapshot in snapshots:
        for family in msgspec.msgpack.decode(snapshot, type=list[Family]):
            kinds[family.name] = family.kind, family.doc
            into = sums.setdefault(family.name, {})
            for name, labels, value in family.samples:
                into[name, labels] = into.get((name, labels), 0.0) + value
    lines = []
    for family_name, (kind, doc) in kinds.items():
        shown = family_name + "_total" if kind == "counter" else family_name
        lines += [f"# HELP {shown} {doc}", f"# TYPE {shown} {kind}"]
        for (name, labels), value in sums[family_name].items():
            inner = ",".join(f'{key}="{_escape(text)}"' for key, text in labels)
            lines.append(f"{name}{{{inner}}} {value!r}" if inner else f"{name} {value!r}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
