"""RULES: pure functions and tables over plain values. Standard library only; no clock, no session, no Flask."""
