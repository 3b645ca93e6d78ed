"""The `--where` filter on Arrow record batches."""

from collections.abc import Callable, Sequence

from thresher.errors import InputError
from thresher.filters import Comparison
from thresher.metadata.order import score_width
from thresher.metadata.types import ArrowArray, ArrowBatch


def where_mask(comparisons: Sequence[Comparison]) -> Callable[[ArrowBatch], ArrowArray] | None:
    """A function from an Arrow record batch to the Arrow mask of rows that pass all comparisons; None without any."""
    if not comparisons:
        return None

    def mask(batch: ArrowBatch) -> ArrowArray:
        import pyarrow.compute as pc

        passing = None
        for comparison in comparisons:
            found = _compare(batch.column(comparison.column), comparison)
            passing = found if passing is None else pc.and_kleene(passing, found)
        return pc.fill_null(passing, False)

    return mask


def _compare(column: ArrowArray, comparison: Comparison) -> ArrowArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = {"=": "equal", "==": "equal", "!=": "not_equal", "<": "less", "<=": "less_equal", ">": "greater"}
    compare = getattr(pc, names.get(comparison.operator, "greater_equal"))
    if comparison.number is not None and score_width(column.type) is not None:
        return compare(column.cast(pa.float64(), safe=False), pa.scalar(comparison.number))
    try:
        text = column.cast(pa.string())
    except pa.ArrowException as error:
        raise InputError(
            f"--where: column {comparison.column!r} is {column.type}, which cannot be compared."
        ) from error
    return compare(text, pa.scalar(comparison.text))
