"""Search products by their words."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORDS = "to_tsvector('english', name || ' ' || description)"


def upgrade() -> None:
    search = sa.Column("search", TSVECTOR(), sa.Computed(WORDS, persisted=True), nullable=False)
    op.add_column("products", search)
    op.create_index(op.f("ix_products_search"), "products", ["search"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index(op.f("ix_products_search"), table_name="products")
    op.drop_column("products", "search")
