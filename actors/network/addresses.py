"""Parses addresses of brokers: "host:port", with or without ``PLAINTEXT://`` before it.

Used for what clients connect to, what brokers listen on and what they advertise. What can't be an address is refused
here, where the user sees it, and not after a minute of attempts to reach a machine of that name.

>>> parse_server("PLAINTEXT://localhost"), parse_server("[::1]:9093")
(('localhost', 9092), ('::1', 9093))
"""

from __future__ import annotations

Address = tuple[str, int]

PORT = 9092
PORT_MAX = 65535
HOST_LENGTH_MAX = 253
LABEL_LENGTH_MAX = 63
NOT_YET = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")


def in_process(node_id: int) -> Address:
    """The address of a broker without a listener, which clients in its process reach by its id."""
    return f"broker-{node_id}", PORT


def address_text(host: str, port: int) -> str:
    """An address as clients write it: IPv6 in brackets.

    >>> address_text("::1", 9092), address_text("kafka", 9092)
    ('[::1]:9092', 'kafka:9092')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_server(text: str) -> Address:
    """Host and port of a server to connect to; the port is 9092 without one. Raises ``ValueError``."""
    host, port = host_and_port(text)
    return host, PORT if port is None else port


def host_and_port(text: str) -> tuple[str, int | None]:
    """Host and port of a server, None without one. Raises ``ValueError``."""
    rest = without_protocol(text.strip())
    if rest.count(":") > 1 and not rest.startswith("["):
        return without_brackets(rest), None
    host, port = split(rest)
    return check_host(host), None if port is None else number_of(port, 1)


def parse_listener(text: str) -> Address:
    """Host and port to listen on; the port must be there, and 0 is any free one. Raises ``ValueError``."""
    host, port = split(without_protocol(text.strip()))
    if port is None:
        raise ValueError("it has no port")
    return check_host(host), number_of(port, 0)


def without_protocol(text: str) -> str:
    """What comes after ``PLAINTEXT://``, the only supported protocol."""
    protocol, mark, rest = text.partition("://")
    if not mark:
        rest = text
    elif protocol.upper() in NOT_YET:
        raise ValueError(f"{protocol.upper()} isn't implemented yet, what works is PLAINTEXT")
    elif protocol.upper() != "PLAINTEXT":
        raise ValueError(f'Kafka isn\'t spoken over "{protocol}://": leave that out')
    if "/" in rest:
        raise ValueError('"/" is not part of an address: leave it out')
    return rest


def split(text: str) -> tuple[str, str | None]:
    """Host and port, None without one; an IPv6 address stands in brackets."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not is_ipv6(host) or rest[:1] not in ("", ":"):
            raise ValueError('what stands in brackets is an IPv6 address, as in "[::1]:9092"')
        return host, rest[1:] if rest else None
    host, colon, port = text.rpartition(":")
    return (host, port) if colon else (text, None)


def without_brackets(text: str) -> str:
    """An IPv6 address without brackets, if its last number can't be a port."""
    host, _, port = text.rpartition(":")
    if is_ipv6(host) and port.isascii() and port.isdecimal():
        raise ValueError(f'an IPv6 address stands in brackets: "[{host}]:{port}"')
    if not is_ipv6(text):
        raise ValueError('more than one ":" is in IPv6 addresses only')
    return text


def is_ipv6(host: str) -> bool:
    from ipaddress import IPv6Address

    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def number_of(port: str, least: int) -> int:
    """A port from its digits."""
    if not (port.isascii() and port.isdecimal() and len(port) <= len(str(PORT_MAX))) or not (
        least <= int(port) <= PORT_MAX
    ):
        raise ValueError(f"a port is a number from {least} to {PORT_MAX}")
    return int(port)


def check_host(host: str) -> str:
    """The name or address of a machine, if it can be one."""
    if not host:
        raise ValueError("it has no host")
    if ":" in host:
        if not is_ipv6(host):
            raise ValueError('more than one ":" is in IPv6 addresses only')
        return host
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        name = ""
    labels = name.removesuffix(".").split(".")
    if (
        not all(0 < len(label) <= LABEL_LENGTH_MAX for label in labels)
        or len(name) > HOST_LENGTH_MAX
        or not all(letter.isalnum() or letter in "-_." for letter in name)
    ):
        raise ValueError("that is not a host name")
    return host
