import socket
import threading

import pytest

from flask_assay.services.resp import Address, RespError, ask


@pytest.fixture
def server(tmp_path):
    """Answers each connection with given bytes and keeps what it was asked."""
    path = tmp_path / "s"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    asked = []

    def serve(replies):
        def run():
            connection, _ = listener.accept()
            with connection:
                for reply in replies:
                    asked.append(connection.recv(4096))
                    connection.sendall(reply)

        thread = threading.Thread(target=run)
        thread.start()
        return Address(path=str(path)), asked, thread

    yield serve
    listener.close()


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (b"+OK\r\n", "OK"),
        (b":42\r\n", 42),
        (b"$-1\r\n", None),
        (b"$5\r\na\r\nbc\r\n", "a\r\nbc"),
        (b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", ["a", [1]]),
    ],
)
def test_each_kind_of_reply_is_read(server, reply, value):
    address, asked, thread = server([reply])
    assert ask(address, "GET", "å") == value
    thread.join()
    assert asked == [b"*2\r\n$3\r\nGET\r\n$2\r\n\xc3\xa5\r\n"]


@pytest.mark.parametrize(
    ("reply", "words"), [(b"-ERR no\r\n", "ERR no"), (b"HTTP/1", "not a Redis")]
)
def test_an_error_or_nonsense_is_an_error(server, reply, words):
    address, _, thread = server([reply])
    with pytest.raises(RespError, match=words):
        ask(address, "PING")
    thread.join()


def test_password_and_database_go_ahead_of_the_command(server):
    address, asked, thread = server([b"+OK\r\n"] * 3)
    full = Address(path=address.path, username="u", password="p", database=3)
    assert ask(full, "PING") == "OK"
    thread.join()
    assert [b"AUTH" in asked[0], b"SELECT" in asked[1], b"PING" in asked[2]] == [True] * 3
