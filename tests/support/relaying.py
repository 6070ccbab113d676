"""Address forms that have opened relays, for every door that takes mail."""

from typing import Final

HERE: Final = "host.example"
THERE: Final = "victim.example"

FORMS: Final = (
    # plain, and in other spellings
    f"<x@{THERE}>",
    f"<x@{THERE.upper()}>",
    f"<x@{THERE}.>",
    f"<x@.{THERE}>",
    f"<x@mail.{THERE}>",
    f"<x@{HERE}.{THERE}>",
    f"<x@{THERE}.{HERE}>",
    f"<x@not{HERE}>",
    f"<x@{HERE}x>",
    f"x@{THERE}",
    f"< x@{THERE}>",
    f"<x @{THERE}>",
    f"<x@{THERE} >",
    # percent hack
    f"<x%{THERE}@{HERE}>",
    f"<x%{THERE}%{HERE}@{HERE}>",
    f"<x%{THERE}>",
    f"<%{THERE}@{HERE}>",
    f'<"x%{THERE}"@{HERE}>',
    f"<x%{THERE}@[127.0.0.1]>",
    f"<x%{THERE}@localhost>",
    f"<x%{THERE}@mx.example>",
    # bang paths
    f"<{THERE}!x>",
    f"<{THERE}!x@{HERE}>",
    f"<{HERE}!{THERE}!x>",
    f"<{HERE}!{THERE}!x@{HERE}>",
    f'<"{THERE}!x"@{HERE}>',
    f"<{HERE}!x%{THERE}@{HERE}>",
    # source routes
    f"<@{HERE}:x@{THERE}>",
    f"<@{HERE},@{THERE}:x@{THERE}>",
    f"<@{THERE}:x@{THERE}>",
    f"<@[127.0.0.1]:x@{THERE}>",
    f"<@localhost:x@{THERE}>",
    f"<@{HERE}:x%{THERE}@{HERE}>",
    f"@{HERE}:<x@{THERE}>",
    # more than one @, quoted and not
    f"<x@{THERE}@{HERE}>",
    f"<x@{HERE}@{THERE}>",
    f'<"x@{THERE}"@{HERE}>',
    f'<"x@{THERE}">',
    f'<"x@{THERE}"@{THERE}>',
    f'<"x"@{THERE}>',
    f"<x\\@{THERE}@{HERE}>",
    f'<"<x@{THERE}>"@{HERE}>',
    f"<<x@{THERE}>@{HERE}>",
    f"<x@{THERE}:{HERE}>",
    f"<x:{THERE}@{HERE}>",
    # literals
    "<x@[192.0.2.7]>",
    "<x@[::ffff:192.0.2.7]>",
    "<x@[IPv6:2001:db8::7]>",
    "<x@[IPv6:::ffff:127.0.0.1]>",
    "<x@[127.0.0.1]>",
    "<x@127.0.0.1>",
    "<x@2130706433>",
    "<x@localhost>",
    "<x@localhost.localdomain>",
    # names in two forms
    "<x@bücher.example>",
    "<x@xn--bcher-kva.example>",
    "<x@ｖictim.example>",
    # no address at all, or one that is written oddly
    f"<x@{THERE}> <b@{HERE}>",
    f"<b@{HERE}>,<x@{THERE}>",
    f"<x@{THERE}>\t",
    f'<"b@{HERE}" x@{THERE}>',
    f"<(b@{HERE})x@{THERE}>",
    "<@>",
    "<x@>",
    "<@host.example:>",
)
"""Not one of them is an address of somebody here."""
