"""Decisions of mail authentication (SPF, DKIM, DMARC, ARC), pure; nothing is here yet."""
