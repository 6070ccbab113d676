"""Hypothesis without its clock: how long an example takes says nothing on a busy machine."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
