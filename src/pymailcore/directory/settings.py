"""Settings of the directory."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySettings:
    """Accounts, passwords, failed logins and web sessions."""

    sub_address_separator: str = field(
        default="+",
        metadata={"doc": "Character between an address and its detail (`user+detail`); empty for none."},
    )
    alias_depth_count: int = field(default=10, metadata={"doc": "Longest chain of aliases that is followed."})
    alias_width_count: int = field(
        default=1_000, metadata={"doc": "Most recipients that one address may stand for."}
    )
    wildcards_per_domain_count: int = field(
        default=100, metadata={"doc": "Most wildcard addresses that one domain may have."}
    )
    claims_per_tenant_count: int = field(
        default=100,
        metadata={
            "doc": "Most domains that one tenant may claim and not have proved yet; its limit `claims` goes "
            "before."
        },
    )
    verifications_per_minute_count: int = field(
        default=10,
        metadata={"doc": "Proofs of domains that a process looks for in the DNS for one tenant in a minute."},
    )
    forwards_per_account_count: int = field(
        default=20, metadata={"doc": "Most addresses that one account may forward its mail to."}
    )
    cache_entries_count: int = field(
        default=50_000, metadata={"doc": "Look-ups of each kind that a process remembers."}
    )
    cache_seconds: float = field(
        default=5.0,
        metadata={"doc": "Longest time that a look-up is trusted when no change notice arrives."},
    )
    argon2_time_cost: int = field(default=2, metadata={"doc": "Passes of Argon2id over its memory."})
    argon2_memory_kib: int = field(default=19_456, metadata={"doc": "Memory of one Argon2id run in KiB."})
    argon2_parallelism: int = field(default=1, metadata={"doc": "Lanes of one Argon2id run."})
    hashing_threads_count: int = field(
        default=2, metadata={"doc": "Passwords that one process verifies at the same time."}
    )
    hashing_waiting_count: int = field(
        default=200, metadata={"doc": "Logins that may wait for one of these threads; more are put off."}
    )
    password_min_characters: int = field(default=8, metadata={"doc": "Shortest password that may be set."})
    remember_seconds: float = field(
        default=60.0,
        metadata={"doc": "Time for which a verified password is known again without hashing; 0 for never."},
    )
    remember_count: int = field(
        default=10_000, metadata={"doc": "Verified passwords that a process remembers (as keyed digests)."}
    )
    failures_per_minute: int = field(
        default=10,
        metadata={
            "doc": "Failed sign-ins a minute from one address or for one account, over all protocols and "
            "processes; wider nets get 3 and 9 times as many."
        },
    )
    failures_per_day: int = field(
        default=50, metadata={"doc": "Failed sign-ins a day, counted in the same way."}
    )
    failures_entries_count: int = field(
        default=100_000,
        metadata={"doc": "Addresses, nets and accounts whose failures are counted; 64 octets each."},
    )
    scram: bool = field(
        default=True,
        metadata={"doc": "Keep the keys for SCRAM-SHA-256 beside each password that is set or used."},
    )
    scram_sha1: bool = field(
        default=False, metadata={"doc": "Keep keys for SCRAM-SHA-1, too, for old mail programs."}
    )
    scram_iterations_count: int = field(
        default=65_536,
        metadata={
            "doc": "Iterations of PBKDF2 in new SCRAM keys. Programs that use Cyrus SASL (mbsync, mutt) "
            "refuse more than 65536."
        },
    )
    app_passwords_count: int = field(default=50, metadata={"doc": "App passwords that one account may have."})
    second_factors_count: int = field(
        default=20, metadata={"doc": "Authenticator apps and passkeys that one account may have."}
    )
    second_step_seconds: float = field(
        default=600.0,
        metadata={"doc": "Time between the password and the second factor when somebody signs in."},
    )
    sign_ins_per_account_count: int = field(
        default=200,
        metadata={
            "doc": "Ways (protocol, kind of secret, address) of signing in that are kept of an account."
        },
    )
    session_idle_seconds: float = field(
        default=14 * 86_400.0, metadata={"doc": "Time after its last use at which a web session ends."}
    )
    session_max_seconds: float = field(
        default=90 * 86_400.0,
        metadata={"doc": "Time after sign-in at which a web session ends at the latest."},
    )
    sessions_per_account_count: int = field(
        default=100, metadata={"doc": "Web sessions of one account; a new one ends the least used."}
    )
    audit_log_days: float = field(
        default=1_095.0,
        metadata={
            "doc": "Time for which the audit log is kept; the chain of what stays can still be checked. "
            "0 for ever."
        },
    )
