"""Ids, keys and copies as Spark SQL text, which PySpark classic, Spark Connect and Sail read alike."""

from thresher.metadata.ids import IdKind
from thresher.metadata.queries import ID, PLACE, SCORE, TIED
from thresher.metadata.sampling import DIGEST_STEPS, digest_limit, whole_and_part
from thresher.metadata.selection import Selection

KEY, COPIES, CARRIED = "thresher_key", "thresher_copies", "thresher_carried"


def key_of(kind: IdKind, column_type: str) -> str:
    """The sortable key of an id: a bigint for integers, else bytes; null when the id is not of its kind.

    Bytes are compared unsigned by Spark, as ids are everywhere else.

    Args:
        kind: What the table's ids are.
        column_type: Spark's name for the type of the id column.
    """
    if kind is IdKind.INTEGER:
        return (
            f"CAST({ID} AS BIGINT)" if not column_type.startswith("decimal") else f"try_cast({ID} AS BIGINT)"
        )
    if kind is IdKind.TEXT:
        return f"CAST({ID} AS BINARY)"
    if column_type == "binary":
        return f"CASE WHEN length({ID}) = 16 THEN {ID} END"
    digits = ID if kind is IdKind.HEX else f"replace({ID}, '-', '')"
    # `unhex` takes upper case as well, which would be another text of the same key.
    checks = [f"length({ID}) = {32 if kind is IdKind.HEX else 36}", f"lower({ID}) = {ID}"]
    if kind is IdKind.UUID:
        checks += [f"length({digits}) = 32", f"{_dashed(digits)} = {ID}"]
    return f"CASE WHEN {' AND '.join(checks)} THEN unhex({digits}) END"


def _dashed(digits: str) -> str:
    pieces = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return f"concat_ws('-', {', '.join(f'substr({digits}, {start}, {length})' for start, length in pieces)})"


def text_of(kind: IdKind, column_type: str) -> str:
    """The id as the text whose digest decides about copies."""
    if kind is IdKind.INTEGER:
        return f"CAST({ID} AS STRING)"
    if column_type == "binary":
        return _dashed(f"lower(hex({ID}))")
    return ID


def copies_of(selection: Selection, text: str) -> str:
    """How often each row of a selection is written: the whole part, and one more where the digest is low enough.

    The digest is `sampling.digest`: the first 16 digits of an md5, compared as text of one length.
    """
    wanted = {number: piece.copies for number, piece in enumerate(selection.slices)}
    if len(set(wanted.values())) == 1:
        return _copies(wanted[0], selection.seed, text)
    cases = (
        f"WHEN {number} THEN {_copies(copies, selection.seed, text)}" for number, copies in wanted.items()
    )
    return f"CASE {PLACE} {' '.join(cases)} ELSE 1 END"


def carried_of(selection: Selection) -> str | None:
    """What stands beside a key in the parts: slice, score or copies, `TIED` at open ties; None if nothing need stand there."""
    if not selection.carries and selection.open_ties is None:
        return None
    if selection.scores:
        return SCORE
    number = PLACE if selection.members else COPIES
    return f"CAST(CASE WHEN {PLACE} = {TIED} THEN {TIED} ELSE {number} END AS INT)"


def _copies(copies: float, seed: int, text: str) -> str:
    whole, part = whole_and_part(copies)
    if not part:
        return str(whole)
    limit = digest_limit(part)
    if limit >= DIGEST_STEPS:
        return str(whole + 1)
    return f"({whole} + CASE WHEN substr(md5(concat('{seed}:', {text})), 1, 16) < '{limit:016x}' THEN 1 ELSE 0 END)"
