"""Consumer groups: the classic group protocol, and the offsets that groups commit.

``machine.py`` is a coordinator partition as a pure state machine; ``coordinator.py`` is the actor that feeds it.
"""
