"""Writes Tests/ArchivesTests/Fixtures with Python's zlib, which is the reference library.

Run from the package's root: python3 Tests/Goldens/make_gzip_fixtures.py
"""

import struct
import zlib
from pathlib import Path

fixtures = Path("Tests/ArchivesTests/Fixtures")
fixtures.mkdir(parents=True, exist_ok=True)


def lines(count):
    """What GzipTests.swift expects."""
    return "".join(f"{i * i % 9973} word{i % 17}\n" for i in range(count)).encode()


def member(data, level=9, strategy=zlib.Z_DEFAULT_STRATEGY, flags=0, extra=b""):
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    header = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\x03" + extra
    return header + deflate.compress(data) + deflate.flush() + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def write(name, data):
    (fixtures / f"{name}.gz").write_bytes(data)


write("stored", member(lines(600), level=0))
write("fixed", member(lines(600), strategy=zlib.Z_FIXED))
write("fast", member(lines(3000), level=1))
write("dynamic", member(lines(3000)))
write("huffman", member(lines(600), strategy=zlib.Z_HUFFMAN_ONLY))
write("rle", member(lines(600), strategy=zlib.Z_RLE))
write("members", member(lines(600)) + member(b"") + member(b"last\n", level=0) + b"\0" * 512)
header = struct.pack("<H", 5) + b"extra" + b"name.txt\0" + b"a comment\0"
check = zlib.crc32(b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03" + header) & 0xFFFF
write("flags", member(lines(10), flags=0x1E, extra=header + struct.pack("<H", check)))
write("empty", member(b""))
write("zeros", member(bytes(1 << 20)))
