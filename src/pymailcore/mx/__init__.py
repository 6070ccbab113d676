"""The role behind smtp.server that receives mail from other domains."""
