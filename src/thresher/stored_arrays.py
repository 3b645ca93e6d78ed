"""Arrays that were stored as .npz, with types and shapes checked before memory is taken for them."""

import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thresher.stored import DamageError

if TYPE_CHECKING:
    import numpy as np

MOST_ARRAY_BYTES = 256 << 20
"""Of an array of any length: ten times the images of the largest laboratory."""


def load_arrays(
    path: Path, wanted: Mapping[str, tuple[str, tuple[int, ...]]]
) -> "dict[str, np.ndarray[Any, np.dtype[Any]]]":
    """The arrays of an .npz file; types and shapes are checked before memory is taken for them, and checksums after.

    Args:
        path: The file.
        wanted: Type and shape of each array, as `{"counts": ("int64", (65536,))}`; -1 is any length.

    Raises:
        DamageError: It is no such file.
        OSError: It cannot be read.
    """
    import numpy as np

    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            if sorted(archive.namelist()) != sorted(f"{name}.npy" for name in wanted):
                raise DamageError(f"it does not hold the arrays {', '.join(wanted)}")
            for name, (dtype, shape) in wanted.items():
                found[name] = _array(archive, name, np.dtype(dtype), shape)
    except DamageError:
        raise
    except _UNREADABLE_ZIP as error:
        raise DamageError("it is not a whole .npz") from error
    return found


_UNREADABLE_ZIP = (
    zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, SyntaxError, MemoryError,
    KeyError, struct.error,
)  # fmt: skip
"""What damaged archives and headers of arrays raise, by fuzzing; RecursionError is a RuntimeError."""


def _array(
    archive: zipfile.ZipFile, name: str, dtype: "np.dtype[Any]", shape: tuple[int, ...]
) -> "np.ndarray[Any, np.dtype[Any]]":
    import numpy as np

    wrong = DamageError(f"{name} is not an array of {dtype} of shape {shape}")
    with archive.open(f"{name}.npy") as member:
        if np.lib.format.read_magic(member) != (1, 0):
            raise wrong
        held, fortran, kind = np.lib.format.read_array_header_1_0(member)
        fits = len(held) == len(shape) and all(
            n in (length, -1) for n, length in zip(shape, held, strict=True)
        )
        size = math.prod(held) * dtype.itemsize
        if not fits or fortran or kind != dtype or (-1 in shape and size > MOST_ARRAY_BYTES):
            raise wrong
        content = member.read(size + 1)  # to the end, where the archive's own checksum is compared
    if len(content) != size:
        raise wrong
    return np.frombuffer(content, dtype).reshape(held).copy()
