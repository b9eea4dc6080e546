"""What a config key is: its type, default and bounds, and how its text becomes a value.

The rules and the words of the errors are those of Kafka's ``ConfigDef``: whitespace around a value is cut, a boolean is
"true" or "false" in any case, a list is split at commas, an int is 32 bits and a long 64.
"""

from __future__ import annotations

import re

from kstore.errors.config import ConfigError as ConfigError
from kstore.errors.config import nearest as nearest
from kstore.named import NamedTuple

Value = bool | int | float | str | tuple[str, ...] | None

INTEGER_BITS = {"SHORT": 16, "INT": 32, "LONG": 64}
DIGITS_MAX = 19  # of 64 bits
JAVA_SPACE = "".join(map(chr, range(33)))
"""What `String.trim` cuts."""
JAVA_DOUBLE = r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?)"
THROTTLED = r"(?:[0-9]+:[0-9]+)?"
DURATION = (
    r"(?i)\+?P(?=[0-9T+])(?:[+]?[0-9]+D)?"
    r"(?:T(?=[0-9+.])(?:[+]?[0-9]+H)?(?:[+]?[0-9]+M)?(?:[+]?[0-9]+(?:[.,][0-9]{0,9})?S)?)?"
)
"""What `Duration.parse` takes, but for negative ones, which nothing here is."""

# Kafka's numbers for DescribeConfigs' ``config_type``.
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


def java_double(value: float) -> str:
    """A number as Java prints it.

    >>> java_double(0.5), java_double(1e7), java_double(2.5e-5), java_double(float("inf"))
    ('0.5', '1.0E7', '2.5E-5', 'Infinity')
    """
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[repr(value)]
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    exponent = int(format(value, ".17e").partition("e")[2])
    digits = repr(abs(value)).partition("e")[0].replace(".", "").strip("0") or "0"
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"


class Key(NamedTuple):
    """One config key of Kafka's.

    ``default`` is text as Kafka prints it (None: unset). ``low`` and ``high`` bound numbers, ``also`` is one value
    outside of them that is allowed; ``choices`` are the values of a string or of a list's elements; ``form`` is what
    else is asked of a value: "non-empty", a list that is "distinct" (what is named again is passed over) and maybe
    "non-empty", "tags" (a list that may name nothing twice), "throttled-replicas", "offset-reset". ``mode`` is how a
    broker key may be updated: "read-only", "per-broker" or "cluster-wide".
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
        """Whether its value is never shown."""
        return self.type == "PASSWORD"

    def parse(self, text: str) -> Value:
        """The value that ``text`` stands for.

        Raises:
            ConfigError: it isn't of the key's type or outside of its bounds.
        """
        text = text.strip(JAVA_SPACE)
        value = self._read(text)
        if isinstance(value, tuple):
            self._check_list(text, value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            self._check_number(text, value)
        else:
            self._check_text(text)
        return value

    def printed(self, text: str) -> str:
        """A value as Kafka prints it, given as anybody wrote it; what can't be read stays as it is.

        >>> Key("k", "INT", None).printed(" 007 "), Key("k", "LIST", None).printed("a , b")
        ('7', 'a,b')
        """
        try:
            value = self._read(text.strip(JAVA_SPACE))
        except ConfigError:
            return text
        if isinstance(value, tuple):
            return ",".join(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        return java_double(value) if isinstance(value, float) else str(value)

    def _read(self, text: str) -> Value:
        if self.type == "BOOLEAN":
            if text.lower() not in ("true", "false"):
                raise self._invalid(text, "Expected value to be either true or false")
            return text.lower() == "true"
        if self.type in INTEGER_BITS:
            value = whole_number(text, INTEGER_BITS[self.type])
            if value is None:
                raise self._invalid(text, f"Not a number of type {self.type}")
            return value
        if self.type == "DOUBLE":
            if not re.fullmatch(JAVA_DOUBLE, text):
                raise self._invalid(text, "Not a number of type DOUBLE")
            return float(text if text.endswith(("N", "y")) else text.rstrip("fFdD"))
        if self.type == "LIST":
            parts = (part.strip(JAVA_SPACE) for part in text.split(",")) if text else ()
            return tuple(dict.fromkeys(parts) if self.form.startswith("distinct") else parts)
        return text

    def _check_number(self, text: str, value: float) -> None:
        if value == self.also:
            return
        if self.also is not None and not (self.low or 0) <= value <= (self.high or 0):
            raise self._invalid(text, f"Value must be between {self.low} and {self.high} or equal to {self.also}")
        if self.low is not None and value < self.low:
            raise self._invalid(text, f"Value must be at least {self.low}")
        if self.high is not None and value > self.high:
            raise self._invalid(text, f"Value must be no more than {self.high}")

    def _check_list(self, text: str, parts: tuple[str, ...]) -> None:
        if self.form == "throttled-replicas":
            if not all(re.fullmatch(THROTTLED, part) for part in parts) and "".join(parts) != "*":
                raise self._invalid(
                    f"[{', '.join(parts)}]",
                    f"{self.name} must be the literal '*' or a list of replicas in the following format: "
                    "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
                )
        elif self.form == "tags" and len(set(parts)) < len(parts):
            raise ConfigError(f"{self.name} must not contain duplicate tag keys.")
        elif self.form == "distinct, non-empty" and not parts:
            valid = f"[{', '.join(self.choices)}]" if self.choices else "any non-empty value"
            raise ConfigError(f"Configuration '{self.name}' must not be empty. Valid values include: {valid}")
        for part in parts:
            if not part and self.form.startswith(("distinct", "tags")):
                raise ConfigError(f"Configuration '{self.name}' values must not be empty.")
            if self.choices:
                self._check_choice(part)

    def _check_text(self, text: str) -> None:
        if self.choices:
            self._check_choice(text)
        if self.form == "non-empty" and not text:
            raise self._invalid(text, "String must be non-empty")
        if self.form == "offset-reset" and text not in ("earliest", "latest"):
            kind, _, duration = text.partition(":")
            if kind != "by_duration" or not re.fullmatch(DURATION, duration):
                raise self._invalid(
                    text,
                    f"Invalid value `{text}` for configuration {self.name}. The value must be either 'earliest', "
                    "'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
                )

    def _check_choice(self, text: str) -> None:
        allowed = {choice.lower() for choice in self.choices} if self.any_case else set(self.choices)
        if (text.lower() if self.any_case else text) not in allowed:
            raise self._invalid(text, f"String must be one of: {', '.join(self.choices)}")

    def _invalid(self, text: str, why: str) -> ConfigError:
        return ConfigError(f"Invalid value {text} for configuration {self.name}: {why}")
