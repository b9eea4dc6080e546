"""What a config key is: its type, default and bounds, and how its text becomes a value.

The rules and the words of the errors are those of Kafka's `ConfigDef`: whitespace around a value is cut, a boolean is
"true" or "false" in any case, a list is split at commas, an int is 32 bits and a long 64.
"""

from __future__ import annotations

from kstore.errors.config import ConfigError as ConfigError
from kstore.errors.config import nearest as nearest
from kstore.named import NamedTuple

Value = bool | int | float | str | tuple[str, ...] | None

INTEGER_BITS = {"SHORT": 16, "INT": 32, "LONG": 64}
DIGITS_MAX = 19  # of 64 bits

# Kafka's numbers for DescribeConfigs' `config_type`.
TYPE_CODES = {
    "BOOLEAN": 1,
    "STRING": 2,
    "INT": 3,
    "SHORT": 4,
    "LONG": 5,
    "DOUBLE": 6,
    "LIST": 7,
    "CLASS": 8,
    "PASSWORD": 9,
}


def whole_number(text: str, bits: int) -> int | None:
    """The number that a client wrote, as Java reads it into so many bits; None when it can't.

    >>> whole_number("-007", 32), whole_number("9" * 5_000, 32), whole_number("1_000", 32)
    (-7, None, None)
    """
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.lstrip("0") or "0"
    if len(digits) > DIGITS_MAX:
        return None  # Python refuses to read some thousands of them, and takes long over fewer
    value = -int(digits) if text[0] == "-" else int(digits)
    half = 1 << (bits - 1)
    return value if -half <= value < half else None


class Key(NamedTuple):
    """One config key of Kafka's.

    `default` is text as Kafka prints it (None: unset). `low` and `high` bound numbers, `also` is one value outside of
    them that is allowed; `choices` are the values of a string or of a list's elements. `mode` is how a broker key may
    be updated: "read-only", "per-broker" or "cluster-wide".
    """

    name: str
    type: str
    default: str | None
    low: float | None = None
    high: float | None = None
    also: int | None = None
    choices: tuple[str, ...] = ()
    any_case: bool = False
    form: str = ""
    required: bool = False
    mode: str = "read-only"
    internal: bool = False

    @property
    def sensitive(self) -> bool:
        return self.type == "PASSWORD"

    def parse(self, text: str) -> Value:
        """The value that `text` stands for.

        Raises:
            ConfigError: it isn't of the key's type or outside of its bounds.
        """
        value = self._read(text.strip())
        self._check(text.strip(), value)
        return value

    def _read(self, text: str) -> Value:
        if self.type == "BOOLEAN":
            if text.lower() not in ("true", "false"):
                raise self._invalid(text, "Expected value to be either true or false")
            return text.lower() == "true"
        if self.type in INTEGER_BITS:
            return self._read_integer(text)
        if self.type == "DOUBLE":
            try:
                return float(text)
            except ValueError:
                raise self._invalid(text, "Not a number of type DOUBLE") from None
        if self.type == "LIST":
            return tuple(part.strip() for part in text.split(",")) if text else ()
        return text

    def _read_integer(self, text: str) -> int:
        value = whole_number(text, INTEGER_BITS[self.type])
        if value is None:
            raise self._invalid(text, f"Not a number of type {self.type}")
        return value

    def _check(self, text: str, value: Value) -> None:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value != self.also:
            if self.low is not None and value < self.low:
                raise self._invalid(text, f"Value must be at least {self.low}")
            if self.high is not None and value > self.high:
                raise self._invalid(text, f"Value must be no more than {self.high}")
        if self.choices:
            parts = value if isinstance(value, tuple) else (text,)
            allowed = {choice.lower() for choice in self.choices} if self.any_case else set(self.choices)
            for part in parts:
                if (part.lower() if self.any_case else part) not in allowed:
                    raise self._invalid(part, f"String must be one of: {', '.join(self.choices)}")
        if self.form == "non-empty" and not text:
            raise self._invalid(text, "String must be non-empty")

    def _invalid(self, text: str, why: str) -> ConfigError:
        return ConfigError(f"Invalid value {text} for configuration {self.name}: {why}")
