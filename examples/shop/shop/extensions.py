"""The extensions, made once and bound to an app by `create_app`; `db` is in `shop.database`."""

from pathlib import Path

from flask_caching import Cache
from flask_migrate import Migrate

MIGRATIONS = Path(__file__).parent.parent / "migrations"

migrate = Migrate(compare_type=True)
cache = Cache()
