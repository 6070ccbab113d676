"""Worker processes: what the supervisor executes, and the one process that does everything."""
