"""Decisions of mail authentication, pure: trace headers and Authentication-Results."""
