"""An app with sessions and engines of every kind, for suites of this folder."""

from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

URL = "postgresql+psycopg2://prod@prod.example.invalid/catalog"

db = SQLAlchemy()
engine = create_engine(URL)
Maker = sessionmaker(bind=engine)
other = scoped_session(Maker)


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), unique=True, nullable=False)
    kind = db.Column(db.Enum("book", "map", name="kind", metadata=db.metadata))
    size = db.Column(db.Enum("small", "large", name="size"))


class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = URL
    db.init_app(app)

    @app.get("/items")
    def items():
        return jsonify([one.name for one in db.session.query(Item).order_by(Item.name)])

    @app.put("/items/<int:number>")
    def rename(number):
        db.session.get(Item, number).name = request.json["name"]
        db.session.commit()
        return "", 204

    return app
