"""Decisions of mail authentication, pure: SPF; DKIM, DMARC and ARC are not here yet."""
