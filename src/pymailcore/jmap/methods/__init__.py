"""JMAP methods: one module for each data type; `registry` gathers them."""
