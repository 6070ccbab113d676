"""reading: what is read, and what cannot be: each fault with its line and key."""

import pytest

from pymailcore.admin.plan.reading import MOST_FAULTS, read_plan
from pymailcore.base.errors import InvalidValue

FAULTY = """\
[tenant.x]
[tenants."acme"]
display = 3
limits = { foo = 1, accounts = "5G", octets = "5G", emails = -1 }
[accounts."a@b.test"]
password = "x"
[accounts."A@b.test"]
state = "gone"
[accounts."c@b.test"]
forwards = { "x@y.test" = "coppy" }
[accounts."d@b.test"]
send_as = [
  "zz",
]
[accounts."D@b.test".limits]
octets = 5
domains = 1
[aliases]
"x@b.test" = ["a"]
[roles]
desk = ["foo.read"]
"""


def faults(text: str) -> list[str]:
    with pytest.raises(InvalidValue) as caught:
        read_plan(text, "p.toml")
    return str(caught.value).splitlines()


def test_every_fault_is_told_with_its_line_and_key() -> None:
    told = [line.split("; ")[0] for line in faults(FAULTY)]
    assert told == [
        "p.toml:1: tenant: there is no such table",
        "p.toml:3: tenants.acme.display: Expected `str | null`, got `int`",
        "p.toml:4: tenants.acme.limits.accounts: '5G' is neither a number nor none",
        'p.toml:4: tenants.acme.limits.emails: -1 is neither a number nor "none"',
        "p.toml:4: tenants.acme.limits.foo: there is no such limit of a tenant",
        'p.toml:6: accounts."a@b.test".password: there is no such key',
        """p.toml:8: accounts."A@b.test".state: Invalid enum value 'gone'""",
        """p.toml:10: accounts."c@b.test".forwards: Invalid enum value 'coppy'""",
        """p.toml:11: accounts."d@b.test": 'zz' is no mail address""",
        'p.toml:17: accounts."D@b.test".limits.domains: there is no such limit of an account',
        """p.toml:19: aliases."x@b.test": 'a' is no mail address""",
        "p.toml:21: roles.desk: there is no permission 'foo.read'",
    ]


def test_what_may_be_is_said() -> None:
    (text,) = faults('[accounts."a@b.test"]\nstate = "gone"\n')
    assert text.endswith("; there may be active, suspended")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x", "p.toml:1: this is no TOML: Expected '=' after a key in a key/value pair"),
        ("[roles]\nx = [\n", "p.toml:2: this is no TOML: "),
        ("aliases = 3\n", "p.toml:1: aliases: this must be a table"),
        ("[shown]\n", "p.toml:1: shown: there is no such table; "),
        ('[domains]\n[domains."a b"]\n', "p.toml:2: domains.\"a b\": 'a b' is no domain"),
        ('[accounts."a@b.test"]\n[accounts."A@b.test"]\n',
         'p.toml:2: accounts."A@b.test": A@b.test stands there twice, first as a@b.test'),
    ],
)  # fmt: skip
def test_what_cannot_be(text: str, fault: str) -> None:
    (told,) = faults(text)
    assert told.startswith(fault)


def test_of_very_many_faults_some_are_told() -> None:
    told = faults("".join(f'[domains."{number} "]\nx = 1\n' for number in range(MOST_FAULTS + 5)))
    assert len(told) == MOST_FAULTS + 1
    assert told[-1] == "p.toml: and 5 faults more"


def test_limits_are_numbers_sizes_or_none() -> None:
    plan = read_plan('[tenants.acme]\nlimits = { octets = "2T", accounts = 5, emails = "none" }\n')
    assert (plan.tenants or {})["acme"].limits == {"octets": 2 << 40, "accounts": 5, "emails": None}


def test_where_things_begin_is_known_by_their_one_form() -> None:
    plan = read_plan('[domains."B.test"]\n\n[aliases]\n"X@b.test" = ["a@b.test"]\n')
    assert plan.lines == {"domains": {"b.test": 1}, "aliases": {"x@b.test": 4}}
