"""A row of the table of keywords, and the base class of the configs that are made of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from kstore.errors.config import ConfigError, nearest
from kstore.named import NamedTuple

NOT_YET = "is not implemented yet"


class Keyword(NamedTuple):
    """A row of the table; its name is the attribute that it stands under, its meaning the text that follows it.

    ``rule`` makes a value as the client uses it of the keyword's name and what was given, or raises ``ConfigError``.
    ``together``, given a config and the name, returns the value beside those of other keywords, or raises
    ``ConfigError``; its docstring is what it asks, for the reference page. ``takes`` is the static type of what may be
    given, if that isn't what the rule returns; ``java`` the Java client's key, if that isn't the name with dots, None
    if it has none.
    """

    default: object
    rule: Callable[[str, object], object]
    together: Callable[[Config, str], object] | None = None
    takes: str = ""
    java: str | None = ""


if TYPE_CHECKING:
    T = TypeVar("T")

    def keyword(
        default: T,
        rule: Callable[[str, object], T],
        together: Callable[[Config, str], object] | None = None,
        *,
        takes: str = "",
        java: str | None = "",
    ) -> T:
        """A row, which type checkers take for what a config has under its name."""
        ...
else:
    keyword = Keyword


class Config:
    """The keywords of a client; immutable. ``given`` names those that the user gave, the others are the defaults.

    A derived class has the rows of the table for a ``client``, and the keywords that it knows and doesn't take: those
    that aren't implemented yet (``later``, where ``ssl_*`` are all that begin so), those that are ``meaningless`` and
    others that are ``refused``, each with why.
    """

    client: ClassVar[str]
    later: ClassVar[str]
    meaningless: ClassVar[Mapping[str, str]]
    refused: ClassVar[dict[str, str]]
    given: frozenset[str]

    @classmethod
    @cache
    def rows(cls) -> Mapping[str, Keyword]:
        """The keywords that it takes, those of its bases first."""
        bodies = [vars(each) for each in reversed(cls.__mro__)]
        return {name: row for body in bodies for name, row in body.items() if isinstance(row, Keyword)}

    def __init__(self, values: Mapping[str, object], given: frozenset[str]) -> None:
        """Take values that were checked; ``parse`` is the way in."""
        self.__dict__.update(values, given=given)

    @classmethod
    def parse(cls, keywords: Mapping[str, object]) -> Self:
        """The config of a client with these keywords (without ``bootstrap_servers``).

        Raises:
            ConfigError: a keyword is unknown (names the nearest), isn't implemented yet or means nothing here (says
                why), its value is of the wrong type or out of bounds, or two of them contradict each other.

        >>> from actors.clients.keywords.table import ProducerConfig
        >>> ProducerConfig.parse({"acks": "all", "linger_ms": 0}).linger_ms
        0
        >>> ProducerConfig.parse({"linger": 0})
        Traceback (most recent call last):
        kstore.errors.config.ConfigError: a producer has no keyword linger (did you mean linger_ms?)
        """
        rows, given = cls.rows(), {}
        for name, value in keywords.items():
            if name in rows:
                given[name] = rows[name].rule(name, value)
            elif value is not None or cls.why_refused(name) != NOT_YET:  # None asks nothing of a later version
                raise cls.refusal(name)
        config = cls({name: row.default for name, row in rows.items()} | given, frozenset(given))
        for name, row in rows.items():
            if row.together is not None:
                config = config.derived(**{name: row.together(config, name)})
        return config

    @classmethod
    def why_refused(cls, name: str) -> str | None:
        """Why a keyword isn't taken, as the end of a sentence; None if it is unknown."""
        if {name, f"{name[: name.find('_') + 1]}*"} & set(cls.later.split()):
            return NOT_YET
        if name in cls.meaningless:
            return f"means nothing here: {cls.meaningless[name]}"
        for here, row in cls.rows().items():
            if row.java and row.java.replace(".", "_") == name:
                return f"is the Java client's; here it is {here}"
        return cls.refused.get(name)

    @classmethod
    def refusal(cls, name: str) -> ConfigError:
        """The error for a keyword that isn't taken."""
        if why := cls.why_refused(name):
            return ConfigError(f"the keyword {name} {why}")
        known = [*sorted(cls.rows()), "bootstrap_servers"]
        return ConfigError(f"{cls.client} has no keyword {name}{nearest(name, known)}")

    def derived(self, **values: object) -> Self:
        """The same with values that follow from those given; ``given`` stays as it is."""
        return type(self)({**self.__dict__, **values}, self.given)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"the keywords of a client are given when it is made; {name} can't be set later")

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={getattr(self, name)!r}" for name in sorted(self.given))
        return f"{type(self).__name__}({given})"
