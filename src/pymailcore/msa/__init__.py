"""The role behind smtp.server that takes mail from an account's own programs."""
