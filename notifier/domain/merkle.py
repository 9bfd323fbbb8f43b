"""Merkle tree heads as RFC 6962 section 2.1 defines them, over SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def root(leaves: Sequence[bytes]) -> str:
    """The tree head of `leaves` in hex; of none, the hash of nothing."""
    if not leaves:
        return hashlib.sha256(b"").hexdigest()
    return _head([hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]).hex()


def _head(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + _head(hashes[:split]) + _head(hashes[split:])).digest()
