"""TensorBoard's files of events: records with checksums, each a message of protocol buffers.

They follow TensorFlow's `record_writer.h`, `event.proto` and `summary.proto`, as far as figures need it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

VERSION = "brain.Event:2"  # the version, in the first record of a file
_POLYNOMIAL = 0x82F63B78  # of CRC-32C, with its bits reversed
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # wire types


def version(seconds: float) -> bytes:
    """Return a file's first record."""
    return _record(_event(seconds, 0) + _field(3, VERSION.encode()))


def start(seconds: float, epoch: int) -> bytes:
    """Return the record that makes readers forget the figures of an epoch and of later ones."""
    return _record(_event(seconds, epoch) + _field(7, _number(1, 1)))


def scalars(seconds: float, epoch: int, figures: Mapping[str, float]) -> bytes:
    """Return the record of some figures."""
    values = [_field(1, tag.encode()) + _key(2, _FLOAT) + _float(value) for tag, value in figures.items()]
    return _record(_event(seconds, epoch) + _field(5, b"".join(_field(1, value) for value in values)))


def _event(seconds: float, step: int) -> bytes:
    return _key(1, _DOUBLE) + struct.pack("<d", seconds) + (_number(2, step) if step else b"")


def _float(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:  # too large for single precision
        return struct.pack("<f", float("inf") if value > 0 else -float("inf"))


def _field(number: int, content: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value)


def _key(number: int, wire_type: int) -> bytes:
    return bytes([number << 3 | wire_type])


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _record(message: bytes) -> bytes:
    length = struct.pack("<Q", len(message))
    return length + _checksum(length) + message + _checksum(message)


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_entry(byte) for byte in range(256)]


def _checksum(data: bytes) -> bytes:
    """Return the masked CRC-32C: rotated by 15 bits and shifted by a constant, as records hold it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
