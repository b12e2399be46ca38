"""The door to an engine, and the connections that it keeps."""

import socket
from concurrent.futures import ThreadPoolExecutor

from deploykit.backends.engine.door import Door
from deploykit.backends.engine.line import Line

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


class Engine:
    """The other ends of all connections."""

    def __init__(self) -> None:
        self.ends: list[socket.socket] = []

    def opened(self, _: float) -> Line:
        ours, theirs = socket.socketpair()
        self.ends.append(theirs)
        theirs.sendall(GOOD)
        return Line(ours)


def test_who_asks_at_once_does_not_wait_for_another() -> None:
    """An engine may be slow to tell of one thing alone; later, both connections serve."""
    engine = Engine()
    door = Door(engine.opened)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(door.ask, "GET", "/slow", within=60)  # its connection has told a version, and no more
        while b"/slow" not in (engine.ends[0].recv(1000) if engine.ends else b""):
            pass
        assert door.ask("GET", "/quick", within=60).said == []
        engine.ends[0].sendall(GOOD)
        assert slow.result().said == []
    for end in engine.ends:
        end.sendall(GOOD)
    assert door.ask("GET", "/later", within=60).said == []
    assert len(engine.ends) == 2
    for end in engine.ends:
        end.close()
