r"""Random operations on a store beside a model; all that a client sees is compared.

RFC 9051 sections 2.3.1.1 and 6.4, RFC 7162 section 3.1 (modseqs only rise, UNCHANGEDSINCE), RFC 8620
section 5.2, RFC 8621 sections 2 to 4.
"""

from tests.properties.store_rules_change import ChangeRules
from tests.properties.store_rules_mail import MailRules
from tests.properties.store_rules_tree import TreeRules


class StoreMachine(MailRules, ChangeRules, TreeRules):
    """All rules."""
