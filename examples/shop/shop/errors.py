"""Errors: one JSON shape for the API, a page for people."""

from flask import Flask, jsonify, render_template, request
from werkzeug.exceptions import HTTPException


class Problem(HTTPException):
    """A refusal with a status code and a sentence that says why."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, answer)


def answer(error: HTTPException):
    if request.blueprint == "pages" or request.accept_mimetypes.best == "text/html":
        return render_template("error.html", error=error), error.code
    body = jsonify(error={"code": error.code, "message": error.description})
    body.status_code = error.code or 500
    if error.code == 401:
        body.headers["WWW-Authenticate"] = "Bearer"
    return body
