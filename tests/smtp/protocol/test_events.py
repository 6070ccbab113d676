import dataclasses
import typing

import pytest

from pymailcore.smtp.protocol import events


def test_events_are_values() -> None:
    assert events.Mail(None) == events.Mail(None, 0, eight_bit=False, smtputf8=False)
    event = events.Hello("c.example", extended=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.name = "other"  # type: ignore[misc]


def test_all_but_stretches_of_mail_data_want_an_answer() -> None:
    silent = set(typing.get_args(events.Event)) - set(typing.get_args(events.Answerable))
    assert silent == {events.MailData, events.MailDataAborted}
