"""Where releases of Flask-SQLAlchemy keep the object that apps know."""

import warnings
from types import SimpleNamespace

from flask_assay.routing.extension import flask_sqlalchemy_of


class State:
    """What release 2 registers."""

    def __init__(self, db):
        self.db = db


class Extension:
    """Release 3.0, which still answers to the old name."""

    def __getattr__(self, name):
        warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
        return self


def app(**extensions):
    return SimpleNamespace(extensions=extensions)


def test_release_2_keeps_it_in_a_state():
    db = object()
    assert flask_sqlalchemy_of(app(sqlalchemy=State(db))) is db


def test_release_3_is_not_asked_for_the_old_name():
    extension = Extension()
    assert flask_sqlalchemy_of(app(sqlalchemy=extension)) is extension


def test_there_may_be_none():
    assert flask_sqlalchemy_of(app()) is None
    assert flask_sqlalchemy_of(None) is None
