"""Names for what passes between Arrow and numpy; pyarrow has no types of its own that a checker could read."""

from typing import Any, TypeAlias

import numpy as np

ArrowArray: TypeAlias = Any
ArrowBatch: TypeAlias = Any
ArrowSchema: TypeAlias = Any
ArrowType: TypeAlias = Any

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Rows: TypeAlias = Any
"""Positions, a mask or a slice."""
Key: TypeAlias = Any
"""One id as a plain comparable value: a pair of integers, or bytes."""
Carried: TypeAlias = np.ndarray[Any, np.dtype[Any]] | None
"""The unsigned number that goes along with each key: its copies, its slice or its ordered score."""
