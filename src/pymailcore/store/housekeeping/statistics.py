"""What the store holds and what sharing and compression save, for `pymailcore stats` and the metrics."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pymailcore.runtime.metrics import Metrics
from pymailcore.store.housekeeping.house import House
from pymailcore.store.types import Transaction

OTHERS: Final = "other"
"""The label under which metrics sum up the tenants beyond `tenants_in_metrics`."""

_ACCOUNTS: Final = (
    "SELECT tenant, count(*), coalesce(sum(used_emails), 0), coalesce(sum(used_octets), 0),"
    " coalesce(sum(kept_octets), 0) FROM accounts GROUP BY tenant"
)
_UPLOADS: Final = (
    "SELECT a.tenant, coalesce(sum(u.size_octets), 0) FROM uploads u JOIN accounts a ON a.id = u.account"
    " GROUP BY a.tenant"
)
_COUNTED: Final = "SELECT tenant, blobs, refs, decoded_octets, stored_octets, counted_ms FROM tenant_octets"
_PACKS: Final = (
    "SELECT count(*) FILTER (WHERE gone_ms IS NULL), coalesce(sum(octets), 0), coalesce(sum(live_octets), 0),"
    " count(*) FILTER (WHERE gone_ms IS NOT NULL AND octets > 0) FROM packs"
)
_KEPT: Final = "SELECT count(*) FROM kept_emails"
_LOOSE: Final = "SELECT count(*) FROM loose_blobs"


class TenantFigures(NamedTuple):
    """One tenant.

    Attributes:
        logical_octets: sizes of all its messages and uploads, each counted wherever it lies.
        decoded_octets: what of that is different, decoded.
        stored_octets: what that takes, compressed.
        saved_octets: `logical_octets` less `stored_octets`; below 0 where nothing is shared and blobs are
            still there whose messages are gone.
        shared: references beyond the first of each blob: so many copies were not stored.
        counted_ms: when blobs were counted; 0 for never, then their figures are 0.
    """

    tenant: int
    accounts: int = 0
    emails: int = 0
    logical_octets: int = 0
    kept_octets: int = 0
    blobs: int = 0
    shared: int = 0
    decoded_octets: int = 0
    stored_octets: int = 0
    counted_ms: int = 0

    @property
    def saved_octets(self) -> int:
        """What sharing and compression save."""
        return self.logical_octets - self.stored_octets if self.counted_ms else 0


class Figures(NamedTuple):
    """The whole store."""

    tenants: list[TenantFigures]
    packs: int
    pack_octets: int
    live_octets: int
    packs_gone: int
    kept_emails: int
    loose_blobs: int

    @property
    def garbage_octets(self) -> int:
        """Octets of packs that nothing names, heads of records among them."""
        return self.pack_octets - self.live_octets


async def figures(tx: Transaction) -> Figures:
    """Read everything that is known; blobs and packs as they were counted last."""
    tenants: dict[int, TenantFigures] = {}
    for tenant, accounts, emails, octets, kept in await tx.rows(_ACCOUNTS):
        tenants[tenant] = TenantFigures(
            tenant,
            accounts=accounts,
            emails=int(emails),
            logical_octets=int(octets) + int(kept),
            kept_octets=int(kept),
        )
    for tenant, octets in await tx.rows(_UPLOADS):
        there = tenants[tenant]
        tenants[tenant] = there._replace(logical_octets=there.logical_octets + int(octets))
    for tenant, blobs, refs, decoded, stored, counted_ms in await tx.rows(_COUNTED):
        tenants[tenant] = tenants.get(tenant, TenantFigures(tenant))._replace(
            blobs=blobs,
            shared=max(0, refs - blobs),
            decoded_octets=decoded,
            stored_octets=stored,
            counted_ms=counted_ms,
        )
    packs = await tx.row(_PACKS) or (0, 0, 0, 0)
    kept_row, loose_row = await tx.row(_KEPT) or (0,), await tx.row(_LOOSE) or (0,)
    return Figures(
        [tenants[tenant] for tenant in sorted(tenants)],
        packs[0],
        int(packs[1]),
        int(packs[2]),
        packs[3],
        kept_row[0],
        loose_row[0],
    )


def largest(tenants: Sequence[TenantFigures], most: int) -> list[tuple[str, TenantFigures]]:
    """The largest tenants by what they store, each with its label, and the sum of all others. Pure."""
    ordered = sorted(tenants, key=lambda figures: -figures.stored_octets)
    out = [(str(figures.tenant), figures) for figures in ordered[:most]]
    others = ordered[most:]
    if others:
        sums = [sum(values) for values in zip(*others, strict=True)]
        out.append((OTHERS, TenantFigures._make(sums)))
    return out


def show(metrics: Metrics, found: Figures, most: int) -> None:
    """Set the metrics."""
    for gauge in (
        metrics.store_logical_octets,
        metrics.store_stored_octets,
        metrics.store_saved_octets,
        metrics.store_blobs,
        metrics.store_shared_blobs,
    ):
        gauge.clear()
    for label, tenant in largest(found.tenants, most):
        metrics.store_logical_octets.labels(label).set(tenant.logical_octets)
        metrics.store_stored_octets.labels(label).set(tenant.stored_octets)
        metrics.store_saved_octets.labels(label).set(tenant.saved_octets)
        metrics.store_blobs.labels(label).set(tenant.blobs)
        metrics.store_shared_blobs.labels(label).set(tenant.shared)
    metrics.store_packs.set(found.packs)
    metrics.store_pack_octets.set(found.pack_octets)
    metrics.store_garbage_octets.set(found.garbage_octets)
    metrics.store_kept_emails.set(found.kept_emails)
    metrics.store_kept_octets.set(sum(tenant.kept_octets for tenant in found.tenants))
    metrics.store_loose_blobs.set(found.loose_blobs)


async def statistics(house: House) -> None:
    """Read what is known and set the metrics; a job."""
    show(house.metrics, await house.read(figures), house.settings.tenants_in_metrics)
