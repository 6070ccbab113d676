"""Domains, accounts, addresses, credentials: who exists and who may do what."""
