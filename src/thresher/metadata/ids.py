"""Sample ids as they stand in a table, read into keys and written back: 32-digit hex, UUID, integer or text."""

import re
from enum import StrEnum
from typing import Any

import numpy as np

from thresher.arguments import argument
from thresher.errors import InputError
from thresher.metadata.keys import Keys, PairKeys, TextKeys, Words
from thresher.metadata.order import column_values
from thresher.metadata.types import Array, ArrowArray, ArrowType, Key, Rows, plain, plain_type

HEX = re.compile(r"[0-9a-f]{32}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
INTEGER_OFFSET = 1 << 63
"""Added to integer ids so that negative ones come first among unsigned integers."""
DASHES = (8, 13, 18, 23)
SHOWN_CHARACTERS = 60


class IdKind(StrEnum):
    """What the ids of a table are."""

    HEX = "hex"
    UUID = "uuid"
    INTEGER = "integer"
    TEXT = "text"


def kind_of(arrow_type: ArrowType, first: str | bytes | None) -> IdKind:
    """The kind of an id column of this Arrow type whose first value is `first`.

    Raises:
        InputError: The column can hold no ids, for example floats.
    """
    import pyarrow as pa

    if pa.types.is_integer(plain_type(arrow_type)):
        return IdKind.INTEGER
    if is_binary_uuid(arrow_type):
        return IdKind.UUID
    if not is_text(arrow_type):
        raise InputError(
            f"its type is {arrow_type}; ids are 32-digit hex, UUID, integer or text. Choose another column with "
            f"{argument('id_column')}."
        )
    if isinstance(first, bytes):
        try:
            first = first.decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"its bytes are no text in UTF-8. Choose another column with {argument('id_column')}."
            ) from error
    if first is not None and HEX.fullmatch(first):
        return IdKind.HEX
    if first is not None and UUID.fullmatch(first):
        return IdKind.UUID
    return IdKind.TEXT


def is_binary_uuid(arrow_type: ArrowType) -> bool:
    """Whether the type is a UUID stored as 16 bytes."""
    return str(plain_type(arrow_type)) == "fixed_size_binary[16]"


def is_text(arrow_type: ArrowType) -> bool:
    """Whether the type holds strings, or the bytes that some writers make of them."""
    found = plain_type(arrow_type)
    # By name, since older releases of Arrow lack the views.
    return not is_binary_uuid(found) and str(found).split("[")[0] in {
        "string", "large_string", "string_view", "binary", "large_binary", "binary_view", "fixed_size_binary",
    }  # fmt: skip


def as_text(ids: ArrowArray) -> ArrowArray:
    """Plain ids of a type that `is_text` as Arrow's strings.

    Raises:
        InputError: Bytes that are no UTF-8.
    """
    import pyarrow as pa

    if pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type):
        return ids
    try:
        if pa.types.is_fixed_size_binary(ids.type):
            ids = ids.cast(pa.binary())
        return ids.cast(pa.string())
    except pa.ArrowInvalid as error:
        raise InputError(
            f"an id is no text in UTF-8. Mend the file, or choose another column with {argument('id_column')}."
        ) from error


def uniform(ids: ArrowArray, kind: IdKind) -> ArrowArray:
    """Ids of a column of any type that holds this kind as Arrow's int64 or strings, missing ones kept.

    Raises:
        InputError: An id is no text in UTF-8, or too large.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = plain(ids)
    if kind is IdKind.INTEGER:
        return ids.cast(pa.int64())
    if not is_binary_uuid(ids.type):
        return as_text(ids) if is_text(ids.type) else ids.cast(pa.string())
    there = ids.drop_null()
    texts = written_ids(read_keys(there, kind), kind).cast(pa.string())
    return texts if len(there) == len(ids) else pc.replace_with_mask(
        pa.nulls(len(ids), pa.string()), ids.is_valid(), texts
    )  # fmt: skip


def read_keys(ids: ArrowArray, kind: IdKind, rows: Rows = None) -> Keys:
    """The keys of an Arrow array of ids.

    Args:
        ids: Arrow array of a column of that kind.
        kind: What the table's ids are.
        rows: Positions wanted, ascending; None for all.

    Raises:
        InputError: An id is null, or not of that kind; the message shows it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = plain(ids)
    if is_text(ids.type):
        ids = as_text(ids)
        if kind in (IdKind.HEX, IdKind.UUID) and not ids.null_count:
            return _pairs(ids.cast(pa.string()), kind, rows)
    if rows is not None and len(rows) < len(ids):
        ids = ids.take(pa.array(rows))
    if ids.null_count:
        raise InputError(
            f"an id is null; every sample needs one. Leave such rows out with {argument('where')}, or mend the file."
        )
    if kind is IdKind.INTEGER:
        if pa.types.is_uint64(ids.type) and len(ids) and pc.max(ids).as_py() >= INTEGER_OFFSET:
            raise InputError("an integer id is above 2^63 - 1. Store such ids as text.")
        numbers = column_values(ids.cast(pa.int64()), np.dtype(np.int64))
        high = numbers.view(np.uint64) ^ np.uint64(INTEGER_OFFSET)
        return PairKeys(high, np.zeros_like(high))
    if is_binary_uuid(ids.type):
        data = ids.buffers()[1] if len(ids) else b""
        raw = np.frombuffer(data, dtype=">u8")[2 * ids.offset : 2 * (ids.offset + len(ids))]
        pairs = raw.astype(np.uint64).reshape(-1, 2)
        return PairKeys(pairs[:, 0].copy(), pairs[:, 1].copy())
    if kind is IdKind.TEXT:
        return TextKeys(ids.cast(pa.large_string()).cast(pa.large_binary()))
    return _pairs(ids.cast(pa.string()), kind, None)


def _pairs(ids: ArrowArray, kind: IdKind, rows: Rows) -> PairKeys:
    """Hex digits of the strings at `rows`; a null-free array."""
    width = 32 if kind is IdKind.HEX else 36
    if len(ids) == 0:
        return PairKeys(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
    offsets = np.frombuffer(ids.buffers()[1], dtype=np.int32)[ids.offset : ids.offset + len(ids) + 1]
    if not (np.diff(offsets) == width).all():
        raise _refused(ids, kind)
    first = int(offsets[0])
    characters = np.frombuffer(ids.buffers()[2], dtype=np.uint8, count=len(ids) * width, offset=first)
    table = characters.reshape(-1, width) if rows is None else _rows_of(characters, width, rows)
    if kind is IdKind.UUID:
        if not (table[:, DASHES] == ord("-")).all():
            raise _refused(ids, kind)
        table = np.delete(table, DASHES, axis=1)
    pairs = hex_to_pairs(table.reshape(-1))
    if pairs is None:
        raise _refused(ids, kind)
    return pairs


def _rows_of(characters: Array, width: int, rows: Rows) -> Array:
    """Rows of the table of characters; taken as 64-bit words where the width allows, which is faster."""
    if width % 8:
        return characters.reshape(-1, width)[rows]
    return characters.view("<u8").reshape(-1, width // 8)[rows].view(np.uint8)


_HEX_BLOCK = 1 << 15
_LOW_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_HIGH_NIBBLES = np.uint64(0xF0F0F0F0F0F0F0F0)
_ONES = np.uint64(0x0101010101010101)


def hex_to_pairs(characters: np.ndarray[Any, np.dtype[np.uint8]]) -> PairKeys | None:
    """The numbers that 32 lower-case hex digits each write; None if a character is no such digit.

    Eight characters are one 64-bit word, handled in a few integer operations; blocks stay in cache.

    Args:
        characters: ASCII codes; a multiple of 32 of them.
    """
    words = np.ascontiguousarray(characters).view("<u8")
    halves = np.empty(len(words), dtype=np.uint64)
    for first in range(0, len(words), _HEX_BLOCK):
        block = words[first : first + _HEX_BLOCK]
        # 'a' is 0x61: its low nibble plus 9 is 10, and bit 6 tells letters from digits.
        nibbles = block & _LOW_NIBBLES
        scratch = block >> np.uint64(6)
        scratch &= _ONES
        scratch *= np.uint64(9)
        nibbles += scratch
        # Write the digits again and compare: anything else, upper case included, comes out different.
        np.add(nibbles, np.uint64(0x0606060606060606), out=scratch)
        scratch >>= np.uint64(4)
        scratch &= _ONES
        scratch *= np.uint64(0x27)
        scratch += nibbles
        scratch += np.uint64(0x3030303030303030)
        scratch ^= block
        scratch |= nibbles & _HIGH_NIBBLES
        if scratch.any():
            return None
        for shift, mask in ((4, 0x00FF00FF00FF00FF), (8, 0x0000FFFF0000FFFF), (16, 0x00000000FFFFFFFF)):
            np.right_shift(nibbles, np.uint64(2 * shift), out=scratch)
            nibbles <<= np.uint64(shift)
            nibbles |= scratch
            nibbles &= np.uint64(mask)
        halves[first : first + _HEX_BLOCK] = nibbles
    table = halves.reshape(-1, 4)
    table[:, 0::2] <<= np.uint64(32)
    return PairKeys(table[:, 0] | table[:, 1], table[:, 2] | table[:, 3])


def _refused(ids: ArrowArray, kind: IdKind) -> InputError:
    """The error for the first id that is not of its kind."""
    pattern, name = (HEX, "32 lower-case hex digits") if kind is IdKind.HEX else (UUID, "a lower-case UUID")
    wrong = next((text for text in ids.to_pylist() if not pattern.fullmatch(text)), "")
    shown = wrong if len(wrong) <= SHOWN_CHARACTERS else wrong[:SHOWN_CHARACTERS] + ".."
    return InputError(
        f"the id {shown!r} is not {name}, as the first id of the table is: {_remedy(wrong)} "
        f"All ids of a table must be of one kind; mend them, or choose another column with {argument('id_column')}."
    )


def _remedy(wrong: str) -> str:
    if wrong != wrong.lower():
        return "it has upper-case letters."
    if "-" in wrong:
        return "it has dashes."
    return f"it has {len(wrong)} characters." if len(wrong) not in (32, 36) else "it has other characters."


def written_ids(keys: Keys, kind: IdKind) -> ArrowArray:
    """The Arrow array of ids that `read_keys` read: strings, or int64 for integers."""
    import pyarrow as pa

    if isinstance(keys, TextKeys):
        return keys.texts.cast(pa.large_string())
    if kind is IdKind.INTEGER:
        return pa.array((keys.high ^ np.uint64(INTEGER_OFFSET)).view(np.int64))
    digits = hex_digits(keys)
    width = 32
    if kind is IdKind.UUID:
        digits = np.insert(digits, [8, 12, 16, 20], ord("-"), axis=1)
        width = 36
    offsets = np.arange(len(keys) + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(
        len(keys), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(digits))
    )


def hex_digits(keys: PairKeys) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """ASCII codes of the 32 hex digits of each key, shape (keys, 32)."""
    words: Words = np.column_stack([keys.high, keys.low])
    return np.frombuffer(bytearray(words.astype(">u8").tobytes().hex().encode()), dtype=np.uint8).reshape(
        -1, 32
    )


def id_text(key: Key, kind: IdKind) -> str:
    """One key as the text of its id."""
    if isinstance(key, bytes):
        return key.decode()
    if kind is IdKind.INTEGER:
        return str(key[0] - INTEGER_OFFSET)
    digits = f"{key[0]:016x}{key[1]:016x}"
    if kind is IdKind.HEX:
        return digits
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def id_key(text: str, kind: IdKind) -> Key:
    """The key of an id given as text.

    Raises:
        InputError: The text is not an id of that kind.
    """
    if kind is IdKind.TEXT:
        return text.encode()
    if kind is IdKind.INTEGER:
        if not re.fullmatch(r"-?\d{1,19}", text):
            raise InputError(f"the id {text!r} is not an integer.")
        return int(text) + INTEGER_OFFSET, 0
    pattern = HEX if kind is IdKind.HEX else UUID
    if not pattern.fullmatch(text):
        raise InputError(
            f"the id {text!r} is not {'32 lower-case hex digits' if kind is IdKind.HEX else 'a UUID'}."
        )
    digits = text.replace("-", "")
    return int(digits[:16], 16), int(digits[16:], 16)
