"""The app that these tests are about: they run in flask-assay's own sandbox."""

from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

db = SQLAlchemy()


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), nullable=False)
    made_at = db.Column(db.DateTime(timezone=True), server_default=db.func.now())
    due = db.Column(db.Date, server_default=db.text("(CURRENT_DATE + 7)"))


class Order(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    item_id = db.Column(db.ForeignKey("item.id"), nullable=False)
    item = db.relationship(Item)


def create_app():
    app = Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://prod@prod.example.invalid/shop"
    app.config["UPLOAD_FOLDER"] = "/nonexistent"
    db.init_app(app)

    @app.post("/items")
    def add():
        db.session.add(Item(name=request.json["name"]))
        db.session.commit()
        return jsonify(n=db.session.query(Item).count())

    @app.post("/items/<name>")
    def announce(name):
        item = Item(name=name)
        db.session.add(item)
        event.listen(db.session(), "after_commit", lambda session: tell(name), once=True)
        db.session.commit()
        return {"made_at": item.made_at.isoformat(), "due": item.due.isoformat()}

    @app.get("/items")
    def items():
        return jsonify([item.name for item in db.session.query(Item).order_by(Item.name)])

    return app


told = []


def tell(name):
    told.append(name)


def count(session):
    told.append("counted")


event.listen(db.session, "after_commit", count)


def seed():
    db.session.add(Item(name="seeded"))
    db.session.commit()
