"""A condition compared with a table's columns: what it reads, and the one expression that every engine runs."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from thresher.where.columns import Columns, ColumnType
from thresher.where.expressions import condition_of
from thresher.where.parsing import Where

if TYPE_CHECKING:
    import narwhals as nw


@dataclass(frozen=True)
class Bound:
    """A condition with every type checked.

    Attributes:
        where: What the user wrote.
        types: The columns that it reads.
        expression: True for rows that pass; rows for which it is false or null do not.
    """

    where: Where
    types: dict[str, ColumnType]
    expression: "nw.Expr" = field(repr=False, compare=False)

    @classmethod
    def to(cls, where: Where, columns: Columns) -> "Bound":
        """The condition on a table with these columns.

        Raises:
            InputError: A column that is not there, or values that cannot be compared.
        """
        expression, read = condition_of(where.tree, columns)
        return cls(where, {name: columns.types[name] for name in read}, expression)

    @property
    def columns(self) -> list[str]:
        """The columns that it reads, in the order of their first use."""
        return list(self.types)

    def mask(self, batch: Any) -> Any:  # noqa: ANN401 - an Arrow record batch or table, and an Arrow array
        """Whether each row of a record batch or table passes, null where it cannot be known."""
        import narwhals as nw
        import pyarrow as pa

        table = pa.table({name: batch.column(name) for name in self.columns})
        return nw.from_native(table).select(passes=self.expression).to_native().column(0).combine_chunks()
