"""Runs cases in a sandbox and on a database of their own, and compares.

To try another sandbox, write a class with `name`, `run(case, world_factory)` and give it to
`compare`; ``docs/explanation/isolation.md`` shows one.
"""

import contextlib
import importlib
import json
import os
from dataclasses import dataclass
from itertools import count

import sqlalchemy as sa
from tests.conformance.sandbox.cases import World
from tests.conformance.sandbox.schema import SCHEMA

from flask_assay.sandbox.admin import Admin, ServerAddress
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.checkout import Template
from flask_assay.sandbox.facts import read_facts
from flask_assay.sandbox.sandbox import Sandbox
from flask_assay.sandbox.signals import GearChangeError, IsolationLeakError, SignalKind

_numbers = count(1)
APP_HOST = "database.example.invalid"
"""Where the app believes its database to be: nobody can connect there by mistake."""


@dataclass(frozen=True)
class Verdict:
    """What a case came to in one sandbox.

    Attributes:
        outcome: What the app saw, or the error that ended it.
        said: Kinds of signals, hardest first; empty for a silent run.
        reasons: Their names.
        leftover: Whether the database differed afterwards.
    """

    outcome: object
    said: tuple = ()
    reasons: tuple = ()
    leftover: bool = False
    messages: int = 0


def original_connect(driver):
    return importlib.import_module(driver).connect


def make_template(server: ServerAddress, driver: str, schema: str = SCHEMA) -> Template:
    """Build the cases' template on a server of ours, once for all drivers."""
    admin = Admin(server, original_connect(driver))
    db = admin.create(f"template_{driver}_{os.getpid()}_{next(_numbers)}")
    place = server.place(db)
    app = original_connect(driver)(**place.parameters())
    app.cursor().execute(schema)
    app.commit()
    app.close()
    owner = admin.connect(db.name)
    owner.cursor().execute("VACUUM FREEZE")

    def query(text):
        cursor = owner.cursor()
        cursor.execute(text)
        return cursor.fetchall()

    facts = read_facts(query)
    owner.close()
    admin.close()
    return Template("", db, facts)


class Ours:
    """flask-assay's sandbox, in one gear."""

    def __init__(self, server, template, driver, gear):
        self.name, self.gear, self.driver = f"{gear}, {driver}", gear, driver
        self.sandbox = Sandbox(
            server, [template], worker=f"t{os.getpid()}", attachment=Attachment()
        )
        self.sandbox.attach()

    def close(self):
        self.sandbox.detach()

    def run(self, case):
        module = importlib.import_module(self.driver)
        url = sa.engine.make_url(f"postgresql+{self.driver}://app@{APP_HOST}/shop")
        world = World(url, module, lambda: module.connect(host=APP_HOST, dbname="shop", user="app"))
        self.sandbox.checkout(case.__name__, gear=self.gear)
        try:
            outcome = case(world)
        except (GearChangeError, IsolationLeakError) as error:
            outcome = error
        except Exception as error:
            outcome = error
        with contextlib.suppress(Exception, GearChangeError):
            world.dispose()
        result = self.sandbox.checkin()
        kinds = tuple(signal.kind for signal in result.signals)
        leftover = self.gear == "rollback" and bool(self.sandbox.leaked())
        return Verdict(
            outcome,
            kinds,
            tuple(signal.reason for signal in result.signals),
            leftover,
            result.messages,
        )


def as_data(outcome):
    """Outcomes of two runs are compared as JSON: tuples and lists are alike."""
    if isinstance(outcome, BaseException):
        return f"{type(outcome).__name__}"
    return json.loads(json.dumps(outcome, default=str))


def judge(wanted: object, verdict: Verdict) -> str:
    """Say what a sandbox made of a case: "right", "said so", "WRONG" or "LEAKED"."""
    if verdict.leftover:
        return "LEAKED"
    if SignalKind.HARD in verdict.said or SignalKind.LEAK in verdict.said:
        return "said so"
    if wanted == as_data(verdict.outcome):
        return "right"
    doubts = {SignalKind.DOUBT, SignalKind.DOUBT_IF_FAILED}
    return "doubted" if doubts & set(verdict.said) else "WRONG"


def server_from_environment() -> ServerAddress | None:
    text = os.environ.get("ASSAY_CONFORMANCE_SERVER")
    return ServerAddress(**json.loads(text)) if text else None
