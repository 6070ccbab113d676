"""Text of attachments: which parts have some, and the helper processes that read it."""
