"""A small app with one route for each problem; with ``FIXED=1`` each is written as it should be.

It is copied into a project of its own and run for real, by the command that users run.
"""

import functools
import os
import time

import requests
from flask import Flask, abort, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func, select, text
from sqlalchemy.orm import defer, joinedload, selectinload

db = SQLAlchemy()
FIXED = os.environ.get("FIXED") == "1"
SERVICE = os.environ.get("SERVICE_URL", "http://127.0.0.1:1")

_labels = {}


class Author(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40), nullable=False)
    articles = db.relationship("Article", back_populates="author", order_by="Article.id")


class Article(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(80), nullable=False)
    body = db.Column(db.Text, nullable=False)
    author_id = db.Column(db.ForeignKey("author.id"), nullable=False, index=True)
    author = db.relationship("Author", back_populates="articles")


class Visit(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    article_id = db.Column(db.Integer, nullable=False, index=FIXED)
    seconds = db.Column(db.Integer, nullable=False)


def seed(scale):
    """Fill the tables: authors, eight articles each, visits."""
    authors = int(400 * scale)
    db.session.execute(
        text("INSERT INTO author (name) SELECT 'author ' || n FROM generate_series(1, :n) n"),
        {"n": authors},
    )
    db.session.execute(
        text(
            "INSERT INTO article (title, body, author_id) SELECT 'title ' || n,"
            " repeat(md5(n::text), 100), 1 + n % :authors FROM generate_series(1, :n) n"
        ),
        {"n": authors * 8, "authors": authors},
    )
    db.session.execute(
        text(
            "INSERT INTO visit (article_id, seconds) SELECT 1 + (n * 7919) % :articles, n % 90"
            " FROM generate_series(1, :n) n"
        ),
        {"n": int(90_000 * scale), "articles": authors * 8},
    )
    db.session.commit()


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql:///specimen"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = (
        {"pool_size": 8, "max_overflow": 0} if FIXED else {"pool_size": 1, "max_overflow": 0}
    )
    db.init_app(app)
    app.after_request(private)
    for rule, view in VIEWS.items():
        app.add_url_rule(rule, view.__name__, view)
    return app


def private(response):
    """Forbid caches all answers but the one that they are good for."""
    if FIXED or request.path != "/front":
        response.headers["Cache-Control"] = "no-store"
    return response


def newest():
    page = int(request.args.get("page", 0))
    return Article.query.order_by(Article.id).limit(20).offset(20 * page)


def bylines():
    query = newest().options(joinedload(Article.author)) if FIXED else newest()
    return jsonify([f"{a.title} {a.author.name} {len(a.body)}" for a in query])


def badge(author_id):
    of_author = Article.query.filter_by(author_id=author_id)
    count = of_author.count() if FIXED else len(of_author.all())
    return {"articles": count}


def titles():
    query = newest().options(defer(Article.body)) if FIXED else newest()
    return jsonify([article.title for article in query])


def names():
    query = Author.query.order_by(Author.id).limit(20)
    if not FIXED:
        query = query.options(selectinload(Author.articles))
    return jsonify([author.name for author in query])


def time_spent(article_id):
    seconds = select(func.sum(Visit.seconds)).where(Visit.article_id == article_id)
    return {"seconds": db.session.scalar(seconds) or 0}


def twice(author_id):
    def ask():
        return db.session.scalar(select(Author.name).where(Author.id == author_id))

    first = ask()
    return {"name": first, "again": first if FIXED else ask()}


def front():
    rows = Visit.id < 500 if FIXED else Visit.id > 0
    return {"total": db.session.scalar(select(func.sum(Visit.seconds * Visit.id)).where(rows))}


def quote():
    if FIXED:
        return {"price": 17}
    return {"price": requests.get(f"{SERVICE}/slow", timeout=3).json()}


def stubborn():
    for _ in range(1 if FIXED else 4):
        answer = requests.get(f"{SERVICE}/down", timeout=3)
        if answer.ok:
            break
    return {"status": answer.status_code}


def rates():
    first = requests.get(f"{SERVICE}/rate", timeout=3).json()
    second = first if FIXED else requests.get(f"{SERVICE}/rate", timeout=3).json()
    return jsonify([first, second])


@functools.lru_cache(maxsize=16)
def bounded(key):
    return key * 20_000


def label(key):
    if FIXED:
        return {"size": len(bounded(key))}
    if key not in _labels:
        _labels[key] = key * 20_000
    return {"size": len(_labels[key])}


def distances(word):
    if FIXED:
        return {"found": word in "some word of some dictionary"}
    return {"found": min(slow_distance(word, other) for other in ("orange", "apple", "plum"))}


def slow_distance(one, other):
    return sum(abs(ord(a) - ord(b)) * k % 7 for a in one for b in other for k in range(600))


def broken(number):
    if number % 5 == 0:
        if FIXED:
            abort(404)
        return {}["nothing here"]
    return {"number": number}


VIEWS = {
    "/bylines": bylines,
    "/badge/<int:author_id>": badge,
    "/titles": titles,
    "/names": names,
    "/time/<int:article_id>": time_spent,
    "/twice/<int:author_id>": twice,
    "/front": front,
    "/quote": quote,
    "/stubborn": stubborn,
    "/rates": rates,
    "/label/<key>": label,
    "/distances/<word>": distances,
    "/broken/<int:number>": broken,
}


def services():
    """Return the environment with the address of a service that is slow, or down."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path == "/slow":
                time.sleep(0.06)
            self.send_response(503 if self.path == "/down" else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"17")

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return {"SERVICE_URL": f"http://127.0.0.1:{server.server_port}"}
