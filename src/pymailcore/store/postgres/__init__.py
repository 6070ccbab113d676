"""The store's tables on PostgreSQL 15 or later, through asyncpg."""
