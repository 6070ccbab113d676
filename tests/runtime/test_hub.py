import pytest
import trio

from pymailcore.runtime.hub import DIRECTORY, QUEUE, TAGS, ChangeHub, tag_channel


async def test_a_watch_returns_the_newest_value_once() -> None:
    hub = ChangeHub()
    hub.publish(7, 3)
    with hub.watch(7) as watch:
        assert not watch.pending
        for value in (4, 5, 9):
            hub.publish(7, value)
        assert await watch.changed() == 9
        assert not watch.pending


async def test_a_waiting_watch_wakes_for_its_channel_only(autojump_clock: trio.testing.MockClock) -> None:
    hub = ChangeHub()
    with hub.watch(1) as one, hub.watch(2) as two:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def publish() -> None:
                await trio.testing.wait_all_tasks_blocked()
                hub.publish(1, 5)

            assert await one.changed() == 5
            with trio.move_on_after(1) as waited:
                await two.changed()
    assert waited.cancelled_caught


async def test_a_cancelled_wait_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    hub = ChangeHub()
    with hub.watch(1) as watch:
        with trio.move_on_after(1):
            await watch.changed()
        hub.publish(1, 2)
        assert await watch.changed() == 2


def test_an_old_value_is_no_news_for_an_account_and_is_for_an_event() -> None:
    hub = ChangeHub()
    sent: list[tuple[int, int]] = []
    hub.forward_to(lambda channel, value: sent.append((channel, value)))
    for value in (5, 5, 4, 6):
        hub.publish(1, value)
    for value in (1, 1, 0):
        hub.publish(DIRECTORY, value)
    assert sent == [(1, 5), (1, 6), (DIRECTORY, 1), (DIRECTORY, 2), (DIRECTORY, 3)]
    assert hub.current(1) == 6
    assert hub.current(99) == 0
    assert hub.newest() == {1: 6, DIRECTORY: 3}


def test_what_was_received_is_not_forwarded() -> None:
    hub = ChangeHub()
    hub.forward_to(lambda *_: pytest.fail("sent back"))
    assert hub.receive(1, 2) == 2
    assert hub.receive(1, 2) is None


def test_closed_watches_leave_nothing_behind() -> None:
    hub = ChangeHub()
    with hub.watch(1), hub.watch(1) as again, hub.watch(QUEUE):
        assert hub.watched() == [1]
    again.close()
    assert hub.watched() == []


def test_an_event_of_the_largest_value_leaves_room_for_the_next() -> None:
    """A frame holds 64 bits: one poisoned notice must not end the hub of a whole family."""
    hub = ChangeHub()
    forwarded: list[tuple[int, int]] = []
    hub.forward_to(lambda channel, value: forwarded.append((channel, value)))
    for value in (2**63 - 1, 5, 2**63 - 1):
        hub.publish(QUEUE, value)
    assert [value for _, value in forwarded] == [1, 5, 6]


async def test_a_follower_is_told_of_every_account_that_moved() -> None:
    hub = ChangeHub()
    with hub.follow() as follower:
        hub.publish(1, 5)
        hub.receive(2, 1)
        hub.publish(QUEUE, 1)
        hub.publish(1, 5)
        await follower.wait()
        assert follower.take() == {1, 2}
        with trio.move_on_after(0) as scope:
            await follower.wait()
        assert scope.cancelled_caught
        hub.publish(1, 6)
        await follower.wait()
        assert follower.take() == {1}
    hub.publish(3, 1)
    assert follower.take() == set()


async def test_of_tags_none_hides_another_and_everything_hides_all() -> None:
    hub = ChangeHub()
    sent: list[int] = []
    hub.forward_to(lambda channel, _: sent.append(channel))
    with hub.follow_directory() as watch:
        for tag in (0, 7, 7, TAGS - 1):
            hub.publish(tag_channel(tag), 5)
        assert await watch.changed() == frozenset({0, 7, TAGS - 1})
        hub.publish(tag_channel(7), 6)
        hub.publish(DIRECTORY, 6)
        hub.publish(tag_channel(8), 6)
        assert await watch.changed() is None
        hub.publish(QUEUE, 1)
        hub.publish(tag_channel(9), 6)
        assert await watch.changed() == frozenset({9})
    assert sent == [
        *map(tag_channel, (0, 7, 7, TAGS - 1, 7)), DIRECTORY, tag_channel(8), QUEUE, tag_channel(9)
    ]  # fmt: skip
    assert tag_channel(TAGS - 1) < tag_channel(0) < DIRECTORY


def test_who_comes_later_is_told_that_the_directory_changed_and_not_each_tag() -> None:
    hub = ChangeHub()
    assert hub.newest() == {}
    for tag in range(100):
        hub.receive(tag_channel(tag), 5)
    assert hub.newest() == {DIRECTORY: 1}
