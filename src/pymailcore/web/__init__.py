"""The web pages: sign-in, the built web UI, rendered message bodies; the ASGI dispatcher."""
