"""Sampling by digest: the same ids on every engine, and a larger share contains the smaller."""

import hashlib

import numpy as np

from thresher.metadata.ids import IdKind, written_ids
from thresher.metadata.keys import Keys
from thresher.metadata.types import Mask

DIGEST_STEPS = 1 << 64
"""The first 16 hex digits of an md5 are a number below this."""
WHOLE_TOLERANCE = 1e-9
"""Copies this close to a whole number are that number: what is left of dividing a plan's epochs."""


def digest_limit(share: float) -> int:
    """The number that the digests of a sample of `share` stay below."""
    return min(DIGEST_STEPS, int(share * DIGEST_STEPS))


def digest(seed: int, sample_id: str) -> int:
    """The number that decides whether a sample is kept: the first 16 hex digits of md5("seed:id").

    >>> f"{digest(1, 'a'):016x}" == hashlib.md5(b"1:a").hexdigest()[:16]
    True
    """
    return int.from_bytes(
        hashlib.md5(f"{seed}:{sample_id}".encode(), usedforsecurity=False).digest()[:8], "big"
    )


def whole_and_part(copies: float) -> tuple[int, float]:
    """Copies that every sample gets, and the share of samples that gets one more.

    >>> whole_and_part(2.25), whole_and_part(2.9999999999)
    ((2, 0.25), (3, 0.0))
    """
    nearest = round(copies)
    if abs(copies - nearest) <= WHOLE_TOLERANCE * max(1.0, copies):
        return nearest, 0.0
    return int(copies), copies - int(copies)


def in_sample(keys: Keys, kind: IdKind, share: float, seed: int) -> Mask:
    """For each key, whether it belongs to the sample of `share` under `seed`."""
    limit = digest_limit(share).to_bytes(9, "big")
    prefix = f"{seed}:".encode()
    md5 = hashlib.md5
    texts = written_ids(keys, kind).cast("string").cast("binary").to_pylist()
    chosen = (b"\0" + md5(prefix + text, usedforsecurity=False).digest()[:8] < limit for text in texts)
    return np.fromiter(chosen, dtype=bool, count=len(keys))
