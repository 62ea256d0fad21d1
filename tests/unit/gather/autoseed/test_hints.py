"""What SQLAlchemy's metadata adds to the catalog."""

import enum
import pickle

import sqlalchemy as sa

from flask_assay.gather.autoseed.hints import read_hints


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class JsonText(sa.TypeDecorator):
    impl = sa.Text
    cache_ok = True


def hints(*columns):
    metadata = sa.MetaData()
    sa.Table("t", metadata, *columns)
    return {name: hint for (_, name), hint in read_hints([metadata]).items()}


def test_an_enum_kept_as_text_has_its_names_as_choices():
    found = hints(sa.Column("colour", sa.Enum(Colour, native_enum=False)))
    assert found["colour"].choices == ("RED", "BLUE")


def test_a_pickle_can_be_read_back():
    fixed = hints(sa.Column("data", sa.PickleType()))["data"].fixed
    assert pickle.loads(bytes.fromhex(fixed.removeprefix("\\x"))) == {}


def test_a_type_that_wraps_json_gets_json():
    assert hints(sa.Column("data", JsonText()))["data"].fixed == "{}"


def test_scalar_defaults_are_typical_and_callables_are_not():
    found = hints(
        sa.Column("state", sa.String(9), default="new"),
        sa.Column("at", sa.DateTime, default=lambda: None),
        sa.Column("plain", sa.String(9)),
    )
    assert (found["state"].typical, found["at"].typical, found["plain"].typical) == (
        "new",
        None,
        None,
    )


def test_a_uuid_is_known():
    found = hints(sa.Column("a", sa.Uuid(native_uuid=False)), sa.Column("b", sa.String(9)))
    assert (found["a"].is_hex_uuid, found["b"].is_hex_uuid) == (True, False)
