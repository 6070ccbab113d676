"""Numbered migrations of the database, run in order by store.migrate."""
