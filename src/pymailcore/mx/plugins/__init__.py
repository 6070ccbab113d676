"""Plug-ins that come with the server: greylist, dnsbl, ratelimit."""
