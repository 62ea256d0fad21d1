"""What the services answer when nothing else is scripted."""

import json
import threading
from itertools import count
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

MAX_FILES = 1_000
_numbers = count(1)


class Asked(Protocol):
    method: str
    path: str
    body: bytes


class Files:
    """The stored objects; the oldest go first."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, path: str, body: bytes) -> None:
        with self._lock:
            self._files[path] = body
            while len(self._files) > MAX_FILES:
                del self._files[next(iter(self._files))]

    def get(self, path: str) -> bytes | None:
        return self._files.get(path)

    def clear(self) -> None:
        with self._lock:
            self._files.clear()


def answer(call: Asked, files: Files) -> tuple[int, bytes, str]:
    """Return status, body and content type."""
    path = urlsplit(call.path).path
    if path.startswith("/s3/"):
        return _s3(call.method, path, call.body, files)
    form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
    if path.startswith("/payments/v1/payment_intents"):
        return _json(200, _payment(form))
    if path.startswith("/sms/") and path.endswith("/Messages.json"):
        return _json(201, _message(form))
    return _json(404, {"error": {"message": f"the stub does not know {path}"}})


def _payment(form: dict[str, str]) -> dict:
    return {
        "id": f"pi_{next(_numbers)}",
        "object": "payment_intent",
        "amount": int(form.get("amount", 0)),
        "currency": form.get("currency", "eur"),
        "status": "succeeded",
    }


def _message(form: dict[str, str]) -> dict:
    return {"sid": f"SM{next(_numbers)}", "status": "queued", "body": form.get("Body", "")}


def _s3(method: str, path: str, body: bytes, files: Files) -> tuple[int, bytes, str]:
    if method == "PUT":
        files.put(path, body)
        return 200, b"", "application/xml"
    found = files.get(path)
    if found is None:
        return 404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml"
    return 200, found, "application/octet-stream"


def _json(status: int, body: dict) -> tuple[int, bytes, str]:
    return status, json.dumps(body).encode(), "application/json"
