"""What is written to an engine, and what is read from it as an answer, and what is not."""

from io import BytesIO

import pytest

from deploykit.backends.engine.exchange import read_answer, request

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=1\r\n[1, \r\n2\r\n2]\r\n0\r\nEnd: x\r\n\r\n"
SIZED = b"HTTP/1.1 201 Created\r\nDate:  now \r\nAPI-Version: 1.41\r\nContent-Length: 6\r\n\r\n[1, 2]"


def test_a_request_has_a_body_only_where_there_is_one() -> None:
    """Written as JSON."""
    assert request("GET", "/info") == b"GET /info HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n"
    assert request("POST", "/x", {}).endswith(b"Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")


@pytest.mark.parametrize("said", [CHUNKED, SIZED])
def test_an_answer_ends_where_it_says(said: bytes) -> None:
    """The next one follows."""
    stream = BytesIO(said * 2)
    for _ in range(2):
        answer = read_answer(stream)
        assert (answer.body, answer.last) == (b"[1, 2]", False)
    assert read_answer(BytesIO(SIZED)).fields == {"date": "now", "api-version": "1.41", "content-length": "6"}


def test_an_answer_without_content_has_no_end_to_be_told() -> None:
    """Nothing is waited for."""
    answer = read_answer(BytesIO(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1"))
    assert (answer.status, answer.body, answer.last) == (204, b"", False)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\n",
    ],
)
def test_some_answers_are_the_last_of_their_connection(head: bytes) -> None:
    """One without an end of its own too."""
    answer = read_answer(BytesIO(head + b"{}"))
    assert (answer.body, answer.last) == (b"{}", True)


@pytest.mark.parametrize("said", [CHUNKED, SIZED])
def test_an_answer_that_is_cut_anywhere_is_none(said: bytes) -> None:
    """However little is missing."""
    for length in range(len(said)):
        with pytest.raises(ValueError, match=r"closed before|no HTTP"):
            read_answer(BytesIO(said[:length]))


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 100_000,
    ],
)
def test_what_is_no_answer(said: bytes) -> None:
    """Of somebody who speaks something else."""
    with pytest.raises(ValueError, match=r"."):
        read_answer(BytesIO(said))
