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


def plain_type(arrow_type: ArrowType) -> ArrowType:
    """The type of the values themselves, without a dictionary or an extension around them."""
    import pyarrow as pa

    if isinstance(arrow_type, pa.BaseExtensionType):
        return plain_type(arrow_type.storage_type)
    if pa.types.is_dictionary(arrow_type) or pa.types.is_run_end_encoded(arrow_type):
        return plain_type(arrow_type.value_type)
    return arrow_type


def plain(column: ArrowArray) -> ArrowArray:
    """The values of an Arrow array, in `plain_type` of its type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column.type, pa.BaseExtensionType):
        return plain(column.storage)
    if pa.types.is_dictionary(column.type):
        return plain(column.dictionary_decode())
    if pa.types.is_run_end_encoded(column.type):
        return plain(pc.run_end_decode(column))
    return column
