from pymailcore.imap.protocol import search_keys as k


def test_a_key_knows_what_it_is_made_of() -> None:
    one, two = k.Larger(1), k.Filtered("x")
    tree = k.Both((k.All(), k.Without(k.Either(one, k.Fuzzy(two)))))
    assert k.contains(tree, k.Filtered)
    assert k.contains(tree, k.Fuzzy)
    assert not k.contains(tree, k.Smaller)
    assert k.parts(k.Either(one, two)) == (one, two)
    assert k.parts(one) == ()
    assert k.leaves(tree) == 3
    assert k.leaves(one) == 1
