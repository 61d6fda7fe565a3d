"""What a MATLAB 5 to 7 file declares, read before anything of it is loaded."""

import struct
import zlib
from collections.abc import Iterator

from shared.errors import DataError

REAL, COMPLEX = "real numbers", "complex numbers"

# Types of elements, classes of arrays.
MI_UINT32, MI_MATRIX, MI_COMPRESSED = 6, 14, 15
MI_NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}
MX_COMPLEX, MX_OPAQUE = 0x800, 17
MX_CLASSES = {
    1: "a cell array",
    2: "a struct",
    3: "an object",
    4: "strings",
    5: "a sparse matrix",
    16: "a function",
    17: "an opaque object",
}


def variables(content: bytes, order: str, max_bytes: int) -> list[tuple[str, tuple[int, ...], str]]:
    """The name, declared shape and contents of each variable in a MATLAB 5 to 7 file, walked through as a whole.

    order: of the bytes, as in struct. max_bytes: what all of it may unpack to.

    scipy.io.whosmat lists them too, but unpacks without bounds and lets through what takes the whole process down
    in loadmat: a segmentation fault on an unknown type of numbers (scipy pull request 25349).
    """
    found, room = [], max_bytes
    for kind, element in _elements(memoryview(content)[128:], order, padded_to=1):
        if kind == MI_COMPRESSED:
            unpacked = zlib.decompressobj().decompress(element, room + 1)
            room -= len(unpacked)
            if room < 0:
                raise DataError(f"unpacks to more than {max_bytes:,} bytes; take a part of the data")
            ((kind, element),) = _elements(memoryview(unpacked), order)
        kinds, parts = zip(*_elements(element, order), strict=True)
        if kind != MI_MATRIX or kinds[0] != MI_UINT32 or len(parts[0]) != 8:
            raise ValueError("something else where a variable should be")
        flags = struct.unpack_from(order + "I", parts[0])[0]
        contents = MX_CLASSES.get(flags & 0xFF, REAL)
        if contents == REAL and flags & MX_COMPLEX:
            contents = COMPLEX
        elif contents == REAL and (len(parts) != 4 or kinds[3] not in MI_NUMBERS):
            raise ValueError("a variable without its numbers")
        *dims, name = parts[1:2] if contents == MX_CLASSES[MX_OPAQUE] else parts[1:3]
        shape = struct.unpack(f"{order}{len(dims[0]) // 4}i", dims[0]) if dims else ()
        found.append((bytes(name).decode("latin1"), shape, contents))
    return found


def _elements(data: memoryview, order: str, padded_to: int = 8) -> Iterator[tuple[int, memoryview]]:
    """The (type, content) of each element of a MATLAB 5 file, by its format description."""
    start = 0
    while start < len(data):
        if start + 8 > len(data):
            raise ValueError("an element ends too early")
        kind, size = struct.unpack_from(order + "II", data, start)
        if kind >> 16:  # the short form: size and type in one word, at most four bytes of content in the other
            kind, size, begin, end = kind & 0xFFFF, kind >> 16, start + 4, start + 8
        else:
            begin = start + 8
            end = begin + size + -size % padded_to
        if begin + size > min(end, len(data)):
            raise ValueError("an element ends too early")
        yield kind, data[begin : begin + size]
        start = end
