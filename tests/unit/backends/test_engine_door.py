"""The door to an engine, and the connections that it keeps."""

import socket
from concurrent.futures import ThreadPoolExecutor

from deploykit.backends.engine.door import Door
from deploykit.backends.engine.line import Line

WITHIN = 10
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


class Engine:
    """The other ends of all connections."""

    def __init__(self) -> None:
        self.ends: list[socket.socket] = []

    def opened(self, _: float) -> Line:
        ours, theirs = socket.socketpair()
        theirs.settimeout(WITHIN)
        theirs.sendall(GOOD if self.ends else GOOD * 2)  # the first is one to be greeted on too
        self.ends.append(theirs)
        return Line(ours)

    def hears(self, asked: bytes) -> None:
        """Wait for a question on the first connection."""
        heard = b""
        while asked not in heard:
            heard += (come := self.ends[0].recv(1000))
            assert come, "it was closed"


def test_who_asks_at_once_does_not_wait_for_another() -> None:
    """An engine may be slow to tell of one thing alone; later, both connections serve."""
    engine = Engine()
    door = Door(engine.opened)
    door.ask("GET", "/first", within=WITHIN)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(door.ask, "GET", "/slow", within=WITHIN)
        engine.hears(b"/slow")
        assert door.ask("GET", "/quick", within=WITHIN).said == []
        engine.ends[0].sendall(GOOD)
        assert slow.result().said == []
    for end in engine.ends:
        end.sendall(GOOD)
    assert door.ask("GET", "/later", within=WITHIN).said == []
    assert len(engine.ends) == 2
    for end in engine.ends:
        end.close()
