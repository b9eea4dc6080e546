r"""kcat's formats: of printed records, delimiters with escapes, and headers. All pure.

A format is text with tokens, as in ``'%t[%p]@%o %k: %s\n'``:

| token | what it prints |
|---|---|
| ``%s``, ``%k`` | the value, the key: their bytes as they are |
| ``%S``, ``%K`` | their lengths in bytes, -1 for null |
| ``%R`` | the value's length as 4 bytes, big-endian, -1 for null |
| ``%t``, ``%p``, ``%o`` | topic, partition, offset |
| ``%T`` | the timestamp in milliseconds since 1970 |
| ``%h`` | the headers as ``name=value,...``, NULL for null |
| ``%%`` | a percent sign |

Escapes are ``\n``, ``\t``, ``\r``, ``\xNN`` (hexadecimal), ``\NNN`` (decimal, as kcat reads it) and ``\\``. What
kcat prints for any other escape is a NUL; here it is refused, as is a token that doesn't exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.clients.consumer.records import ConsumerRecord

Header = tuple[str, bytes | None]
Printer = Callable[["ConsumerRecord"], bytes]
Token = Callable[["ConsumerRecord"], object]

_NULL_LENGTH = (-1).to_bytes(4, "big", signed=True)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|([0-9]{1,3})|(.?))", re.DOTALL)


class FormatError(ValueError):
    """A format, a delimiter or a header that can't be read, with what is wrong with it."""


def unescape(text: str) -> bytes:
    r"""The bytes that a text with escapes means.

    >>> unescape(r"a\tb\x41\n")
    b'a\tbA\n'
    """
    out = bytearray()
    end = 0
    for match in _ESCAPE.finditer(text):
        out += text[end : match.start()].encode("utf-8", "surrogateescape")
        out += _escaped(match)
        end = match.end()
    return bytes(out + text[end:].encode("utf-8", "surrogateescape"))


def _escaped(match: re.Match[str]) -> bytes:
    hexadecimal, decimal, letter = match.groups()
    if hexadecimal is not None:
        return bytes((int(hexadecimal, 16),))
    if decimal is not None and int(decimal) < 256:
        return bytes((int(decimal),))
    if letter in _ESCAPES:
        return _ESCAPES[letter].encode()
    raise FormatError(rf"unknown escape {match[0]}: write \n, \t, \r, \\, \xNN or \NNN (decimal, up to 255)")


def delimiter(text: str) -> bytes:
    """What separates records, or keys from values: any text, with escapes, but not none."""
    read = unescape(text)
    if not read:
        raise FormatError("a delimiter has at least one byte")
    return read


def header(text: str) -> Header:
    """A header as given on a command line: ``name=value``, or ``name`` alone for a null value.

    >>> header("trace=a=b"), header("flag")
    (('trace', b'a=b'), ('flag', None))
    """
    name, equals, value = text.partition("=")
    if not name:
        raise FormatError(f"the header {text!r} has no name: write name=value")
    return name, value.encode("utf-8", "surrogateescape") if equals else None


def headers_text(headers: Sequence[Header]) -> bytes:
    """Headers as ``%h`` prints them.

    >>> headers_text([("a", b"1"), ("b", None)])
    b'a=1,b=NULL'
    """
    return b",".join(name.encode() + b"=" + (b"NULL" if value is None else value) for name, value in headers)


def record_printer(text: str, null: bytes = b"") -> Printer:
    r"""A function from a record to its bytes by ``text``; a null key or value is printed as ``null``.

    >>> from types import SimpleNamespace as Record
    >>> record_printer(r"%k (%K): %s\n", b"NULL")(Record(key=b"user", value=None))
    b'user (4): NULL\n'
    """
    template = bytearray()
    tokens: list[Token] = []
    available = _tokens(null)
    for number, piece in enumerate(re.split(r"%(.?)", text, flags=re.DOTALL)):
        if number % 2 == 0:
            template += unescape(piece).replace(b"%", b"%%")
        elif piece == "%":
            template += b"%%"
        elif piece in available:
            conversion, token = available[piece]
            template += conversion
            tokens.append(token)
        else:
            raise FormatError(f"unknown token %{piece}: there are {', '.join('%' + name for name in available)}, %%")
    return _filling(bytes(template), tokens)


def _filling(template: bytes, tokens: list[Token]) -> Printer:
    if len(tokens) == 1:
        only = tokens[0]
        return lambda record: template % (only(record),)
    return lambda record: template % tuple([token(record) for token in tokens])


def _tokens(null: bytes) -> dict[str, tuple[bytes, Token]]:
    """Each token: how it is put into the template, and how it is got from a record."""

    def length(data: bytes | None) -> int:
        return -1 if data is None else len(data)

    return {
        "s": (b"%b", lambda r: null if r.value is None else r.value),
        "k": (b"%b", lambda r: null if r.key is None else r.key),
        "S": (b"%d", lambda r: length(r.value)),
        "K": (b"%d", lambda r: length(r.key)),
        "R": (b"%b", lambda r: _NULL_LENGTH if r.value is None else len(r.value).to_bytes(4, "big", signed=True)),
        "t": (b"%b", lambda r: r.topic.encode()),
        "p": (b"%d", lambda r: r.partition),
        "o": (b"%d", lambda r: r.offset),
        "T": (b"%d", lambda r: r.timestamp),
        "h": (b"%b", lambda r: headers_text(r.headers)),
    }


def plain_printer(value_end: bytes, key_end: bytes | None, null: bytes = b"") -> Printer:
    """How records are printed without a format: the key and ``key_end`` if that is given, the value, ``value_end``."""
    if key_end is None:
        return lambda record: (null if record.value is None else record.value) + value_end
    between = key_end

    def both(record: ConsumerRecord) -> bytes:
        key = null if record.key is None else record.key
        value = null if record.value is None else record.value
        return bytes(key + between + value + value_end)

    return both
