"""SMTP: pure cores in protocol, trio drivers beside it, without any policy."""
