"""Values and helpers that know no protocol: errors, ids, addresses, envelopes, buffers."""
