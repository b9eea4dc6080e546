"""``cluster.faults``: injected faults: brokers die or hang, links are cut or slow, requests fail.

They happen at once and last until undone: by ``restart``, ``resume``, ``heal`` or the cluster's ``reset``. Each is in
the trace as the cause of its consequences. Links are those between brokers and those of clients in the process;
connections over TCP aren't cut or slowed, but a broker that is killed or paused is so for them as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from actors.broker.call import LOST_ANSWER, LOST_REQUEST
from actors.cluster.arguments import known_id
from actors.cluster.surviving_controller import end_broker_of, has_controller, is_of_controller
from actors.runtime.signals import in_one_piece
from kstore.errors.arguments import LONG_MAX, milliseconds, plain_whole, shown, truth
from kstore.errors.config import ConfigError, nearest

if TYPE_CHECKING:
    from actors.broker.request_faults import FaultOutcome
    from actors.clients.client import Client
    from actors.cluster.nodes import Nodes
    from kstore.errors import KafkaError

    End = int | Client
    Ends = End | Iterable[End]

NAMES = "kill restart pause resume partition heal drop error slow".split()
NOT_YET = "disk_error disk_full torn_write power_loss clock_skew".split()


class Faults:
    """``cluster.faults``. A broker is named by its id, a client in the process by itself."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def __getattr__(self, name: str) -> Any:
        if name in NOT_YET:
            raise AttributeError(f"faults.{name} isn't implemented yet; there are {', '.join(NAMES)}")
        raise AttributeError(f"there is no fault {name!r}{nearest(name, NAMES)}")

    def __repr__(self) -> str:
        return f"<Faults of {self._nodes!r}: {', '.join(NAMES)}>"

    def kill(self, broker: int) -> None:
        """End a broker at once, as SIGKILL ends a process: nothing is flushed, its connections break.

        A broker that is dead stays so. The cluster's controller outlives its broker, as if it had a machine of its own:
        whichever broker dies, leaders are elected among the others.
        """
        node = self._nodes.nodes[self._broker(broker)]
        if not has_controller(node):
            self._nodes.kill_node(node.node_id)
        elif not node.controller_alone:
            self._do("NodeKilled", partial(end_broker_of, self._nodes, node), about=node.name)

    @in_one_piece
    def restart(self, broker: int) -> None:
        """Bring a broker back on the folder that it left; one that still lives is killed first. Doesn't wait for it."""
        found = self._broker(broker)
        self._nodes.kill_node(found)
        self._nodes.restart_node(found)

    def pause(self, broker: int) -> None:
        """Stop a broker as SIGSTOP does: its connections stay open and nobody is answered, until ``resume``.

        When that takes longer than its session, the controller, which goes on, fences it.
        """
        node = self._nodes.nodes[self._broker(broker)]
        self._do("NodePaused", partial(node.pause, is_of_controller), about=node.name)

    def resume(self, broker: int) -> None:
        """Let a paused broker go on where it was, with everything that has waited for it."""
        node = self._nodes.nodes[self._broker(broker)]
        self._do("NodeResumed", node.resume, about=node.name)

    def partition(self, some: Ends, others: Ends, *, both_ways: bool = True) -> None:
        """Cut the links between some brokers (or clients) and others; with ``both_ways=False`` only the way there.

        What is sent meanwhile waits, as it does in a socket, and arrives after ``heal`` unless its sender gave up.
        """
        both_ways = truth("both_ways", both_ways)
        here, there = self._ids("some", some), self._ids("others", others)
        if both := [str(end) for end in here if end in there]:
            raise ConfigError(f"a node is on one side of a partition; {', '.join(both)} is on both")
        net = self._nodes.net
        self._do("LinksCut", lambda: net.cut(here, there, both_ways=both_ways), about=f"{here} {there}")

    def slow(self, link: End | tuple[End, End], ms: float) -> None:
        """Delay every message by ``ms`` milliseconds: on all links of a broker or client, or both ways between two."""
        try:
            delay_ms = milliseconds("ms", ms)
        except (TypeError, ValueError):
            raise ConfigError(f"ms: a delay is so many milliseconds, such as 50; got {shown(ms)}") from None
        ends = self._ids("link", link)
        if len(ends) not in (1, 2):
            raise ConfigError(f"a link has two ends; got {shown(link)}")
        net = self._nodes.net

        def act() -> None:
            if len(ends) == 1:
                net.slow_node(ends[0], delay_ms)
            else:
                net.slow(ends[0], ends[1], delay_ms)
                net.slow(ends[1], ends[0], delay_ms)

        self._do("LinksSlowed", act, about=f"{ends} {ms} ms")

    def heal(self) -> None:
        """Make every link whole and fast again; what waited arrives, in order. Dead brokers stay dead."""
        self._do("LinksHealed", self._nodes.net.heal)

    def drop(self, api: str | int, times: int = 1, *, broker: int | None = None, answer: bool = False) -> None:
        """Lose the next ``times`` requests of clients for an API ("Produce", "OFFSET_COMMIT", 8): connections break.

        They aren't carried out; with ``answer=True`` they are, and only the answer is lost, which a client can't tell
        apart. ``broker``: only at this one. For a request that is never answered ``pause`` the broker.
        """
        self._add_rule(api, times, broker, LOST_ANSWER if truth("answer", answer) else LOST_REQUEST)

    def error(
        self, api: str | int, code: int | str | type[KafkaError], times: int = 1, *, broker: int | None = None
    ) -> None:
        """Answer the next ``times`` requests of clients for an API with an error, without carrying them out.

        ``code``: "NOT_LEADER_OR_FOLLOWER", 6, or ``kstore.errors.NotLeaderOrFollower``. It is said of every topic,
        partition, group or resource that the request names.
        """
        from actors.broker.request_faults import code_of

        self._add_rule(api, times, broker, code_of(code))

    def _add_rule(self, api: str | int, times: int, broker: int | None, outcome: FaultOutcome) -> None:
        from actors.broker.request_faults import RequestFaults, Rule, api_key_of

        rule = Rule(
            api_key_of(api),
            self._times(times),
            None if broker is None else self._broker(broker),
            outcome,
        )
        nodes = self._nodes

        def act() -> None:
            if nodes.request_faults is None:
                nodes.request_faults = RequestFaults()
            nodes.request_faults.rules.append(rule)
            for node in nodes.nodes.values():
                node.request_faults = nodes.request_faults

        self._do("RequestsTamperedWith", act, about=str(api))

    @staticmethod
    def _times(times: int) -> int:
        found = plain_whole("times", times)
        if not 1 <= found <= LONG_MAX:
            raise ConfigError(f"times: a fault happens once or more often; got {shown(times)}")
        return found

    def _broker(self, broker: int) -> int:
        return known_id(self._nodes.node_ids, "broker", broker)

    def _ids(self, name: str, ends: Ends | tuple[End, End]) -> list[int]:
        from actors.clients.client import Client

        if isinstance(ends, (str, bytes, Client)) or not isinstance(ends, Iterable):
            ends = [cast("End", ends)]
        return [self._end(name, end) for end in ends]

    def _end(self, name: str, end: End) -> int:
        from actors.clients.client import Client, node_of

        if not isinstance(end, Client):
            try:
                return self._broker(end)
            except ConfigError as error:
                raise ConfigError(f"{name} are brokers by their ids, or clients of this cluster: {error}") from None
        node = node_of(end)
        if node.world is not self._nodes.world:
            raise ConfigError(f"{name} are brokers by their ids, or clients of this cluster; got {shown(end)}")
        return node.node_id

    def _do(self, kind: str, action: Callable[[], None], about: str = "") -> None:
        nodes = self._nodes
        nodes.world.driver.call(nodes.as_fault, kind, about, action)
