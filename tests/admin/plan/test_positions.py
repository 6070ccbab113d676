"""positions: the line of every key."""

import tomllib

from hypothesis import given, settings
from tests.support.plans import plans

from pymailcore.admin.plan.plan import Plan
from pymailcore.admin.plan.positions import lines_of
from pymailcore.admin.plan.writing import write_plan

TEXT = '''\
# a remark
[a.b]
c = """
[no.head]
d = 1
"""
e = [ # one
  "]", "x",
  { f = 1 },
]
g.h = { i = 1 }
[[k]]
l = 1
'''


def test_statements_of_several_lines_count_where_they_begin() -> None:
    assert lines_of(TEXT) == {
        ("a",): 2,
        ("a", "b"): 2,
        ("a", "b", "c"): 3,
        ("a", "b", "e"): 7,
        ("a", "b", "e", "f"): 7,
        ("a", "b", "g"): 11,
        ("a", "b", "g", "h"): 11,
        ("a", "b", "g", "h", "i"): 11,
        ("k",): 12,
        ("k", "l"): 13,
    }


@given(plan=plans())
@settings(max_examples=20, deadline=None)
def test_every_key_of_a_plan_has_a_line(plan: Plan) -> None:
    text = write_plan(plan)
    lines, known = text.splitlines(), lines_of(text)
    for kind, things in tomllib.loads(text).items():
        for name, thing in things.items():
            assert name in lines[known[kind, name] - 1]
            for field in thing if isinstance(thing, dict) else ():
                assert lines[known[kind, name, field] - 1].startswith(f"{field} = ")
