"""Array types that carry their axes: `Float[np.ndarray, "budgets pools"]`.

When jaxtyping was imported first (the test suite does), the axes are checked at every call. Otherwise
`Float[np.ndarray, "..."]` is plain `np.ndarray`, and the core does not pay for the import.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, UInt8
elif "jaxtyping" in sys.modules:
    import jaxtyping
    import numpy

    def _checked(kind: type) -> type:
        """`kind`, taking numpy's scalars for arrays without axes: numpy returns them where the last axis goes."""

        class Checked:
            def __class_getitem__(cls, item: tuple[type, str]) -> type:
                return kind[item[0] | numpy.generic, item[1]]

        return Checked

    Bool, Float, Int, UInt8 = (
        _checked(kind) for kind in (jaxtyping.Bool, jaxtyping.Float, jaxtyping.Int, jaxtyping.UInt8)
    )
else:

    class _Unchecked:
        """Stands in for a jaxtyping type: subscripting gives the array type itself."""

        def __class_getitem__(cls, item: tuple[type, str]) -> type:
            return item[0]

    Float = Int = Bool = UInt8 = _Unchecked

__all__ = ["Bool", "Float", "Int", "UInt8"]
