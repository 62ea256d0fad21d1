"""A diagnosis such as a run on a shop gives: eight findings, twelve trials, twelve routes.

The sizes are those of a real run; the values are made by a fixed seed.
"""

import math
import random

from flask_assay.model.document import (
    Diagnosis,
    EndpointProfile,
    FoldedStack,
    GrowthCurve,
    Profile,
    ProfileFrame,
    Reconciliation,
    RequestTrace,
    RouteSummary,
    Series,
    StatementSummary,
    TraceSpan,
)
from flask_assay.model.effect import (
    CachePlan,
    CachePoint,
    Effect,
    Ladder,
    OracleVerdict,
    Rung,
    Trial,
    TrialOutcome,
)
from flask_assay.model.finding import (
    AuditResult,
    Evidence,
    Finding,
    Outcome,
    Place,
    Remedy,
    Severity,
)

STEADY_S = 60.0

SQL_ITEMS = "SELECT order_items.id AS order_items_id, order_items.order_id AS order_items_order_id, order_items.product_id AS order_items_product_id, order_items.quantity AS order_items_quantity, order_items.unit_price AS order_items_unit_price FROM order_items WHERE ? = order_items.order_id"
SQL_ORDERS = "SELECT orders.id, orders.user_id, orders.status, orders.total, orders.created_at FROM orders WHERE orders.user_id = ? ORDER BY orders.created_at DESC LIMIT ?"
SQL_SEARCH = "SELECT products.id, products.name, products.description, products.price FROM products WHERE lower(products.name) LIKE '%' || ? || '%' ORDER BY products.name"
SQL_REVIEWS = "SELECT reviews.id, reviews.product_id, reviews.user_id, reviews.rating, reviews.body, reviews.created_at FROM reviews WHERE reviews.product_id = ? ORDER BY reviews.created_at DESC"
SQL_USER = "SELECT users.id, users.username, users.is_admin FROM users WHERE users.id = ?"
SQL_CATEGORIES = "SELECT categories.id, categories.name, categories.slug FROM categories ORDER BY categories.name"
SQL_STOCK = "UPDATE products SET stock=(products.stock - ?) WHERE products.id = ?"
SQL_INSERT = "INSERT INTO orders (user_id, status, total, created_at) VALUES (?, ?, ?, ?) RETURNING orders.id"

PLAN_REVIEWS = (
    "Sort  (cost=4521.31..4521.43 rows=48 width=212) (actual time=31.884..31.891 rows=52 loops=1)",
    "  Sort Key: created_at DESC",
    "  Sort Method: quicksort  Memory: 38kB",
    "  Buffers: shared hit=2896",
    "  ->  Seq Scan on reviews  (cost=0.00..4519.97 rows=48 width=212) (actual time=0.611..31.792 rows=52 loops=1)",
    "        Filter: (product_id = ?)",
    "        Rows Removed by Filter: 129948",
    "        Buffers: shared hit=2896",
    "Execution Time: 31.927 ms",
)
PLAN_ITEMS = (
    "Index Scan using ix_order_items_order_id on order_items  (cost=0.42..8.51 rows=5 width=28) (actual time=0.009..0.012 rows=5 loops=1)",
    "  Index Cond: (order_id = ?)",
    "  Buffers: shared hit=4",
    "Execution Time: 0.027 ms",
)


def spread(before, after):
    """Two humps on one logarithmic axis of 28 bins."""
    low, high = min(before, after) * 0.7, max(before, after) * 2.2
    ratio = (high / low) ** (1 / 28)

    def hump(middle, at):
        bound = low * ratio ** (at + 0.5)
        return round(90 * math.exp(-(((math.log(bound / middle)) / 0.22) ** 2)))

    return tuple((low * ratio ** (at + 1), hump(before, at), hump(after, at)) for at in range(28))


def effect(route, before, after, low, high, **more):
    given = {
        "level": 0.95, "launch_count": 7, "pair_count": 420, "oracle": OracleVerdict.EQUAL,
        "distribution": spread(before, after),
    }  # fmt: skip
    return Effect(route, before, after, after - before, low, high, **{**given, **more})


FINDINGS = (
    Finding(
        audit="n-plus-one-queries",
        key="GET /orders:Order.items",
        severity=Severity.ERROR,
        title="GET /orders loads the items of each order with a query of its own",
        routes=("GET /orders", "GET /admin/orders"),
        detail="The relationship Order.items is lazy, and the serialiser reads it for each order of the page. The count of statements grows with the page: one for the orders, then one per order.",
        place=Place("legacy_shop/serializers.py", 48, "order_to_dict"),
        cost_s=118.4,
        cost_per_request_s=0.0742,
        evidence=(
            Evidence("statements of this shape per request", 48.6, "", 1596, 47.9, 49.3),
            Evidence("time in them per request", 74.2, "ms", 1596, 72.8, 75.9),
            Evidence("growth with the rows of the page (1 is linear)", 0.99, "", 1596, 0.98, 1.0),
        ),
        sql=SQL_ITEMS,
        statement_id="q1",
        remedies=(
            Remedy(
                "eager-loading",
                {"path": "Order.items", "strategy": "selectinload"},
                "Load the items of all orders of the page in one statement.",
                "from sqlalchemy.orm import selectinload\n\norders = db.session.scalars(\n    select(Order)\n    .where(Order.user_id == user.id)\n    .options(selectinload(Order.items))  # was: one query per order\n    .order_by(Order.created_at.desc())\n).all()",
            ),
        ),
    ),
    Finding(
        audit="missing-index",
        key="reviews(product_id)",
        severity=Severity.ERROR,
        title="reviews is read in full to find the few rows of one product",
        routes=("GET /products/<int:product_id>", "GET /products/<int:product_id>/reviews"),
        detail="No index leads with product_id, so PostgreSQL reads all 130,000 rows and throws all but about 50 away.",
        place=Place("legacy_shop/views/products.py", 91, "product_detail"),
        cost_s=96.1,
        cost_per_request_s=0.0319,
        evidence=(
            Evidence("rows read and thrown away per execution", 129948, "rows", 3012),
            Evidence("rows kept per execution", 52, "rows", 3012),
            Evidence("time per execution", 31.9, "ms", 3012, 31.2, 32.7),
        ),
        sql=SQL_REVIEWS,
        statement_id="q2",
        remedies=(
            Remedy(
                "index",
                {"table": "reviews", "columns": ["product_id", "created_at"]},
                "Create an index on reviews (product_id, created_at).",
                'op.create_index(\n    "ix_reviews_product_id_created_at",\n    "reviews",\n    ["product_id", "created_at"],\n)',
            ),
        ),
    ),
    Finding(
        audit="slow-external-call",
        key="POST /checkout:payments.example",
        severity=Severity.ERROR,
        title="POST /checkout waits for the payment service during 61 % of its time",
        routes=("POST /checkout",),
        detail="The call is made while the customer waits, and its slowness is theirs.",
        place=Place("legacy_shop/payments.py", 27, "charge"),
        cost_s=41.7,
        cost_per_request_s=0.182,
        evidence=(
            Evidence("share of the response time", "61 %", "", 229),
            Evidence("time per call", 182, "ms", 229, 179, 186),
            Evidence("timeout of the socket", "none"),
        ),
        remedies=(
            Remedy(
                "external-what-if",
                {"host": "payments.example", "answer_s": 0.0},
                "Move the charge into a task, answer 202 and let the page poll.",
                "charge.delay(order.id)\nreturn {'order': order.id, 'status': 'pending'}, 202",
            ),
        ),
    ),
    Finding(
        audit="transaction-open-during-call",
        key="POST /checkout:legacy_shop/payments.py",
        severity=Severity.ERROR,
        title="POST /checkout keeps a transaction open while it waits for the payment service",
        routes=("POST /checkout",),
        detail="Row locks on products and one of 5 pooled connections are held for the whole call: everyone else who buys the same product queues behind it.",
        place=Place("legacy_shop/views/checkout.py", 63, "checkout"),
        cost_s=None,
        cost_per_request_s=0.182,
        evidence=(
            Evidence("requests that do so", 229, "requests", 229),
            Evidence("connection held without a statement", 181, "ms", 229, 178, 185),
        ),
        sql=SQL_STOCK,
        statement_id="q7",
    ),
    Finding(
        audit="uncached-response",
        key="GET /categories",
        severity=Severity.WARNING,
        title="GET /categories gives the same answer again and again",
        routes=("GET /categories",),
        detail="Of 2,204 responses 2,201 repeated a body that was less than 60 s old. No identity was read, and nothing was written to categories.",
        place=Place("legacy_shop/views/catalogue.py", 14, "categories"),
        cost_s=9.4,
        cost_per_request_s=0.0043,
        evidence=(
            Evidence("hits with a lifetime of 60 s", "99.9 %", "", 2204),
            Evidence("stale answers", "0 %", "", 2204),
        ),
        sql=SQL_CATEGORIES,
        statement_id="q5",
        remedies=(
            Remedy(
                "response-cache",
                {"endpoint": "catalogue.categories", "timeout_s": 60},
                "Cache the response for 60 seconds.",
                '@bp.get("/categories")\n@cache.cached(timeout=60)\ndef categories():',
            ),
        ),
    ),
    Finding(
        audit="unbounded-result",
        key="GET /search",
        severity=Severity.WARNING,
        title="GET /search returns every match, however many there are",
        routes=("GET /search",),
        detail="The statement has no LIMIT and the response grows with the table.",
        place=Place("legacy_shop/views/search.py", 22, "search"),
        cost_s=22.9,
        cost_per_request_s=0.0271,
        evidence=(
            Evidence("rows per response, largest", 4180, "rows", 845),
            Evidence("body", 612000, "bytes", 845, 598000, 626000),
        ),
        sql=SQL_SEARCH,
        statement_id="q3",
        remedies=(
            Remedy(
                "pagination",
                {"endpoint": "search.search"},
                "Page the result and give the next page's address.",
                "page = db.paginate(query, per_page=50, max_per_page=100)",
            ),
        ),
    ),
    Finding(
        audit="duplicate-queries",
        key="GET /orders:users",
        severity=Severity.WARNING,
        title="GET /orders asks for the same user three times",
        routes=("GET /orders", "GET /profile"),
        detail="The same statement with the same parameter, and nothing written in between.",
        place=Place("legacy_shop/auth.py", 33, "current_user"),
        cost_s=2.1,
        cost_per_request_s=0.0009,
        evidence=(Evidence("identical repeats per request", 2.0, "", 2390, 2.0, 2.0),),
        sql=SQL_USER,
        statement_id="q6",
        remedies=(
            Remedy(
                "memo",
                {"statement": SQL_USER},
                "Keep the user on flask.g for the length of the request.",
                "def current_user():\n    if 'user' not in g:\n        g.user = db.session.get(User, session['user_id'])\n    return g.user",
            ),
        ),
    ),
    Finding(
        audit="pool-starvation",
        key="legacy_shop.db",
        severity=Severity.NOTE,
        title="Requests wait for a connection of the pool at 40 users",
        routes=("POST /checkout", "GET /orders"),
        detail="Eight threads share five connections. The wait is a consequence of the two findings on POST /checkout.",
        place=None,
        cost_s=6.8,
        cost_per_request_s=0.0031,
        evidence=(
            Evidence("wait for a connection, p95", 14.2, "ms", 2180, 11.9, 17.0),
            Evidence("pool size + overflow", "5 + 0"),
        ),
    ),
)

GROWTH = tuple(
    GrowthCurve(
        route,
        (21_000, 84_000, 336_000),
        tuple(blocks * 4 ** (exponent * n) for n in range(3)),
        tuple(rows * 4 ** (exponent * n) for n in range(3)),
        statements,
        exponent,
    )
    for route, blocks, rows, statements, exponent in (
        ("GET /search", 410.0, 260.0, (1.0, 1.0, 1.0), 1.01),
        ("GET /products/<int:product_id>", 130.0, 12.0, (6.0, 6.0, 6.0), 0.93),
        ("GET /orders", 96.0, 71.0, (51.0, 51.6, 51.6), 0.04),
    )
)

CACHE_PLANS = (
    CachePlan(
        "GET /categories",
        is_per_identity=False,
        chosen_ttl_s=15.0,
        request_count=1212,
        left_out_count=0,
        write_count=431,
        points=(
            CachePoint(1.0, 0.592, 0.0, 0.592, 0.0),
            CachePoint(5.0, 0.878, 0.011, 0.878, 0.011),
            CachePoint(15.0, 0.959, 0.042, 0.956, 0.039),
            CachePoint(60.0, 0.981, 0.188, 0.981, 0.181),
        ),
    ),
    CachePlan(
        "GET /orders",
        is_per_identity=True,
        chosen_ttl_s=None,
        request_count=640,
        left_out_count=956,
        write_count=431,
        points=(
            CachePoint(1.0, 0.11, 0.21, 0.11, 0.21),
            CachePoint(5.0, 0.34, 0.38, 0.34, 0.37),
            CachePoint(15.0, 0.55, 0.49, 0.55, 0.49),
            CachePoint(60.0, 0.71, 0.62, 0.71, 0.62),
        ),
    ),
)

LADDER = Ladder(
    routes=("GET /categories", "GET /orders"),
    before_s=0.104,
    statements_before=36.1,
    level=0.95,
    launch_count=6,
    rungs=(
        Rung(
            "n-plus-one-queries/GET /orders:Order.items/1",
            "Load the items of all orders of the page in one statement.",
            False,
            0.0541,
            0.0519,
            0.0563,
            -0.0499,
            -0.0521,
            -0.0477,
            -0.0499,
            4.6,
        ),
        Rung(
            "duplicate-queries/GET /categories/0",
            "Keep the first answer for the rest of the request.",
            True,
            0.0529,
            0.0507,
            0.0552,
            -0.0012,
            -0.0014,
            -0.0009,
            -0.0013,
            3.9,
        ),
    ),
    no_effect=(("missing-index/reviews(product_id)/0", "Create an index on reviews."),),
)

TRIALS = (
    Trial(
        "null",
        "null",
        {},
        "The same target twice (A/A).",
        TrialOutcome.NO_EFFECT,
        (
            effect("GET /orders", 0.1502, 0.1504, -0.0021, 0.0026),
            effect("GET /products/<int:product_id>", 0.0413, 0.0412, -0.0006, 0.0005),
            effect("GET /categories", 0.0061, 0.0061, -0.0001, 0.0001),
        ),
        duration_s=11.2,
    ),
    Trial(
        "n-plus-one-queries/GET /orders:Order.items/1",
        "eager-loading",
        {"path": "Order.items", "strategy": "selectinload"},
        "Load the items of all orders of the page in one statement.",
        TrialOutcome.FASTER,
        (
            effect(
                "GET /orders",
                0.1502,
                0.0752,
                -0.0779,
                -0.0718,
                statements_before=51.6,
                statements_after=4.0,
            ),
            effect(
                "GET /admin/orders",
                0.211,
                0.1102,
                -0.109,
                -0.0934,
                statements_before=53.0,
                statements_after=5.0,
            ),
        ),
        duration_s=14.8,
    ),
    Trial(
        "missing-index/reviews(product_id)/1",
        "index",
        {"table": "reviews", "columns": ["product_id", "created_at"]},
        "Create an index on reviews (product_id, created_at).",
        TrialOutcome.FASTER,
        (
            effect(
                "GET /products/<int:product_id>",
                0.0413,
                0.0091,
                -0.0331,
                -0.0314,
                statements_before=6.0,
                statements_after=6.0,
            ),
            effect(
                "GET /products/<int:product_id>/reviews",
                0.0388,
                0.0064,
                -0.0335,
                -0.0314,
                statements_before=2.0,
                statements_after=2.0,
            ),
        ),
        {"index_bytes": 4030464.0, "write_us_per_row": 1.9, "build_s": 0.12},
        duration_s=17.3,
    ),
    Trial(
        "slow-external-call/POST /checkout:payments.example/1",
        "external-what-if",
        {"host": "payments.example", "answer_s": 0.0},
        "Move the charge into a task, answer 202 and let the page poll.",
        TrialOutcome.NOT_TRIED,
        reason="POST /checkout writes, and its responses differ between two identical targets: an effect could not be told from a change.",
    ),
    Trial(
        "uncached-response/GET /categories/1",
        "response-cache",
        {"endpoint": "catalogue.categories", "timeout_s": 60},
        "Cache the response for 60 seconds.",
        TrialOutcome.FASTER,
        (
            effect(
                "GET /categories",
                0.0061,
                0.0018,
                -0.0045,
                -0.0041,
                statements_before=1.0,
                statements_after=0.0,
            ),
        ),
        {"cache_bytes": 18200.0, "stale_ratio": 0.0},
        duration_s=9.0,
    ),
    Trial(
        "missing-timeout/legacy_shop/views/account.py:login:risk.example/0",
        "timeout",
        {"endpoint": "account.login", "target": "POST risk.example", "timeout_s": 10},
        "Give the call a timeout.",
        TrialOutcome.MENDED,
        reason="With the service silent, there was no answer within 2 s; with a timeout of 0.5 s 4 of 4 requests ended, the slowest after 0.53 s, with status 500. The error is not caught: decide what to answer then.",
        duration_s=9.4,
    ),
    Trial(
        "n-plus-one-queries/legacy_shop/views/basket.py:show_basket:products/0",
        "batch",
        {"endpoint": "basket.show_basket"},
        "Ask for all rows with one statement instead of one per row.",
        TrialOutcome.NOT_REPRODUCED,
        reason="none of the 6 requests that could be repeated ran its statement more than once",
        is_simulated=True,
    ),
    Trial(
        "unbounded-result/GET /search/1",
        "pagination",
        {"endpoint": "search.search"},
        "Page the result and give the next page's address.",
        TrialOutcome.REFUSED,
        (
            effect(
                "GET /search",
                0.0662,
                0.0141,
                -0.054,
                -0.0502,
                oracle=OracleVerdict.DIFFERENT,
                oracle_detail="list at $.results: 4180 items before, 50 after",
            ),
        ),
        reason="The responses changed, so the time saved cannot be credited to the remedy.",
        duration_s=8.1,
    ),
    Trial(
        "duplicate-queries/GET /orders:users/1",
        "memo",
        {"statement": SQL_USER},
        "Keep the user on flask.g for the length of the request.",
        TrialOutcome.NO_EFFECT,
        (
            effect(
                "GET /orders",
                0.1502,
                0.1497,
                -0.0028,
                0.0017,
                statements_before=51.6,
                statements_after=49.6,
            ),
        ),
        duration_s=9.9,
    ),
)


def histogram(median, spread, n, seed):
    rng = random.Random(seed)
    bounds = [1e-4 * 10 ** (i / 10) for i in range(46)]
    counts = [0] * len(bounds)
    for _ in range(600):
        value = median * math.exp(rng.gauss(0, spread))
        counts[next((i for i, b in enumerate(bounds) if value <= b), len(bounds) - 1)] += 1
    return tuple((b, round(c * n / 600)) for b, c in zip(bounds, counts, strict=True) if c)


ROUTES_GIVEN = (
    # route, endpoint, n, errors, 4xx, share, p50, p95, spread, statements, bytes, breakdown in ms
    (
        "GET /orders",
        "orders.index",
        1596,
        0,
        12,
        0.381,
        0.147,
        0.262,
        0.3,
        51.6,
        18400,
        (86.0, 41.0, 0, 0.4, 0, 2.9, 4.1, 6.2),
    ),
    (
        "GET /products/<int:product_id>",
        "products.product_detail",
        2480,
        0,
        31,
        0.204,
        0.041,
        0.083,
        0.35,
        6.0,
        9100,
        (34.1, 4.6, 0, 0.5, 1.2, 0.3, 1.6, 1.1),
    ),
    (
        "POST /checkout",
        "checkout.checkout",
        229,
        4,
        9,
        0.112,
        0.291,
        0.522,
        0.28,
        11.2,
        310,
        (31.0, 14.0, 182.0, 0.3, 0, 41.0, 9.0, 12.0),
    ),
    (
        "GET /search",
        "search.search",
        845,
        0,
        0,
        0.098,
        0.066,
        0.181,
        0.5,
        1.0,
        612000,
        (27.1, 33.0, 0, 0, 0, 0.6, 3.0, 2.2),
    ),
    (
        "GET /products/<int:product_id>/reviews",
        "products.reviews",
        532,
        0,
        6,
        0.061,
        0.038,
        0.071,
        0.3,
        2.0,
        5100,
        (32.4, 2.8, 0, 0.2, 0, 0.2, 1.4, 1.0),
    ),
    (
        "GET /admin/orders",
        "admin.orders",
        88,
        0,
        0,
        0.052,
        0.209,
        0.344,
        0.25,
        53.0,
        30100,
        (121.0, 74.0, 0, 0, 8.1, 3.0, 3.0, 7.0),
    ),
    (
        "GET /",
        "home.index",
        1310,
        0,
        0,
        0.031,
        0.0123,
        0.029,
        0.4,
        3.0,
        14200,
        (2.1, 3.9, 0, 0.6, 4.4, 0.1, 0.9, 0.5),
    ),
    (
        "GET /categories",
        "catalogue.categories",
        2204,
        0,
        0,
        0.024,
        0.0059,
        0.0131,
        0.4,
        1.0,
        2100,
        (2.3, 1.9, 0, 0.3, 0, 0.1, 0.8, 0.4),
    ),
    (
        "GET /profile",
        "auth.profile",
        794,
        0,
        41,
        0.014,
        0.0082,
        0.0171,
        0.4,
        3.0,
        240,
        (2.9, 3.6, 0, 0.3, 0, 0.1, 0.9, 0.4),
    ),
    (
        "POST /basket",
        "basket.add",
        512,
        0,
        3,
        0.012,
        0.0112,
        0.0244,
        0.4,
        4.0,
        180,
        (5.3, 3.3, 0, 0.4, 0, 0.2, 1.1, 0.6),
    ),
    (
        "POST /login",
        "auth.login",
        301,
        0,
        22,
        0.009,
        0.0721,
        0.0982,
        0.15,
        1.0,
        190,
        (1.2, 68.0, 0, 0.2, 0, 0.1, 1.2, 0.9),
    ),
    (
        "GET /static/<path:filename>",
        "static",
        410,
        0,
        2,
        0.002,
        0.0011,
        0.0031,
        0.5,
        0.0,
        8800,
        (0, 0.9, 0, 0, 0, 0, 0.2, 0.1),
    ),
)
PART_NAMES = (
    "database",
    "app-cpu",
    "external",
    "cache",
    "template",
    "pool-wait",
    "queueing",
    "unexplained",
)


def routes():
    made = []
    for seed, row in enumerate(ROUTES_GIVEN):
        name, endpoint, n, errors, refused, share, p50, p95, spread, statements, size, parts = row
        noise = 4 / math.sqrt(n)
        made.append(
            RouteSummary(
                route=name,
                endpoint=endpoint,
                request_count=n,
                error_count=errors,
                client_error_count=refused,
                share_ratio=share,
                mean_s=sum(parts) / 1000,
                quantiles_s={
                    "p50": p50,
                    "p90": p50 + (p95 - p50) * 0.7,
                    "p95": p95,
                    "p99": p95 * 1.4,
                    "max": p95 * 2.3,
                },
                quantile_low_s={"p50": p50 * (1 - noise / 3), "p95": p95 * (1 - noise)},
                quantile_high_s={"p50": p50 * (1 + noise / 3), "p95": p95 * (1 + noise)},
                histogram=histogram(p50, spread, n, seed),
                breakdown_s={k: v / 1000 for k, v in zip(PART_NAMES, parts, strict=True)},
                statements_mean=statements,
                response_bytes_mean=float(size),
            )
        )
    return tuple(made)


def statements():
    given = (
        (
            SQL_ITEMS,
            77565,
            0.00142,
            5.1,
            ("GET /orders", "GET /admin/orders"),
            ("legacy_shop/serializers.py:48 order_to_dict",),
            PLAN_ITEMS,
        ),
        (
            SQL_REVIEWS,
            3012,
            0.0319,
            52.0,
            ("GET /products/<int:product_id>", "GET /products/<int:product_id>/reviews"),
            (
                "legacy_shop/views/products.py:91 product_detail",
                "legacy_shop/views/products.py:117 reviews",
            ),
            PLAN_REVIEWS,
        ),
        (
            SQL_SEARCH,
            845,
            0.0271,
            931.4,
            ("GET /search",),
            ("legacy_shop/views/search.py:22 search",),
            (),
        ),
        (
            SQL_ORDERS,
            1596,
            0.0069,
            48.6,
            ("GET /orders",),
            ("legacy_shop/views/orders.py:19 index",),
            (),
        ),
        (
            SQL_CATEGORIES,
            3514,
            0.0023,
            24.0,
            ("GET /categories", "GET /"),
            ("legacy_shop/views/catalogue.py:14 categories",),
            (),
        ),
        (
            SQL_USER,
            9820,
            0.00045,
            1.0,
            ("GET /orders", "GET /profile", "POST /basket", "POST /checkout"),
            ("legacy_shop/auth.py:33 current_user",),
            (),
        ),
        (
            SQL_STOCK,
            612,
            0.0061,
            1.0,
            ("POST /checkout",),
            ("legacy_shop/views/checkout.py:58 checkout",),
            (),
        ),
        (
            SQL_INSERT,
            229,
            0.0012,
            1.0,
            ("POST /checkout",),
            ("legacy_shop/views/checkout.py:49 checkout",),
            (),
        ),
    )
    return tuple(
        StatementSummary(f"q{i}", sql, n, n * mean, mean, rows, where, sites, plan)
        for i, (sql, n, mean, rows, where, sites, plan) in enumerate(given, 1)
    )


def orders_trace(which, factor):
    spans = [
        TraceSpan("pool-wait", "wait for a connection", 0.0006, 0.0021 * factor),
        TraceSpan("query", SQL_USER, 0.003, 0.0009, "legacy_shop/auth.py:33 current_user"),
        TraceSpan(
            "query", SQL_ORDERS, 0.0052, 0.0068 * factor, "legacy_shop/views/orders.py:19 index"
        ),
        TraceSpan(
            "query", SQL_USER, 0.0125 * factor, 0.0004, "legacy_shop/auth.py:33 current_user"
        ),
    ]
    at = 0.014 * factor
    rng = random.Random(int(factor * 10))
    for _ in range(48):
        took = 0.0014 * factor * rng.uniform(0.6, 1.6)
        spans.append(
            TraceSpan("query", SQL_ITEMS, at, took, "legacy_shop/serializers.py:48 order_to_dict")
        )
        at += took + 0.0011 * factor
    spans.append(TraceSpan("cache", "SET", at + 0.001, 0.0004, "legacy_shop/cache.py:12 remember"))
    return RequestTrace("GET /orders", which, 200, at + 0.006, 0.041 * factor, tuple(spans))


def traces():
    checkout = tuple(
        RequestTrace(
            "POST /checkout",
            which,
            201,
            0.291 * f,
            0.014,
            (
                TraceSpan("pool-wait", "wait for a connection", 0.001, 0.041 * f),
                TraceSpan(
                    "query",
                    SQL_INSERT,
                    0.043 * f,
                    0.0013,
                    "legacy_shop/views/checkout.py:49 checkout",
                ),
                TraceSpan(
                    "query",
                    SQL_STOCK,
                    0.047 * f,
                    0.0061,
                    "legacy_shop/views/checkout.py:58 checkout",
                ),
                TraceSpan(
                    "http",
                    "POST payments.example",
                    0.058 * f,
                    0.182 * f,
                    "legacy_shop/payments.py:27 charge",
                ),
                TraceSpan(
                    "commit",
                    "COMMIT",
                    0.246 * f,
                    0.0051,
                    "legacy_shop/views/checkout.py:63 checkout",
                ),
                TraceSpan(
                    "mail", "smtp.example", 0.254 * f, 0.02, "legacy_shop/mail.py:9 send_receipt"
                ),
            ),
            left_out_count=3,
        )
        for which, f in (("median", 1.0), ("slowest", 3.1))
    )
    home = RequestTrace(
        "GET /",
        "median",
        200,
        0.0123,
        0.0039,
        (
            TraceSpan("cache", "GET", 0.0005, 0.0003),
            TraceSpan(
                "query",
                SQL_CATEGORIES,
                0.0011,
                0.0021,
                "legacy_shop/views/catalogue.py:14 categories",
            ),
            TraceSpan("template", "home.html", 0.0061, 0.0044, "legacy_shop/views/home.py:8 index"),
        ),
    )
    return (orders_trace("median", 1.0), orders_trace("slowest", 3.4), *checkout, home)


def series():
    rng = random.Random(7)
    t = tuple(float(i) for i in range(92))
    ramp = [min(1.0, i / 15) * (1.0 if i < 85 else max(0.0, (91 - i) / 6)) for i in range(92)]

    def noisy(level, spread):
        return tuple(level * r * (1 + rng.gauss(0, spread)) for r in ramp)

    def near(level, spread, gap=()):
        return tuple(
            None if i in gap else level * (0.5 + r / 2) * math.exp(rng.gauss(0, spread))
            for i, r in enumerate(ramp)
        )

    return (
        Series("p50_s", t, near(0.041, 0.06)),
        Series("p95_s", t, near(0.209, 0.09, gap=(40,))),
        Series("p99_s", t, near(0.412, 0.18, gap=(40,))),
        Series("requests_per_s", t, noisy(188, 0.04)),
        Series("errors_per_s", t, tuple(1.0 if i in (33, 34, 61, 70) else 0.0 for i in range(92))),
        Series("users", t, tuple(float(round(40 * r)) for r in ramp)),
        Series("cpu_ratio:worker-1", t, noisy(0.71, 0.05)),
        Series("cpu_ratio:worker-2", t, noisy(0.68, 0.05)),
        Series("cpu_ratio:postgres", t, noisy(0.93, 0.04)),
        Series("cpu_ratio:load", t, noisy(0.22, 0.08)),
        Series(
            "rss_bytes:worker-1", t, tuple(88e6 + 9e6 * (1 - math.exp(-i / 20)) for i in range(92))
        ),
        Series(
            "rss_bytes:worker-2", t, tuple(87e6 + 10e6 * (1 - math.exp(-i / 22)) for i in range(92))
        ),
        Series("rss_bytes:postgres", t, tuple(141e6 + 2e5 * i for i in range(92))),
        Series("connections", t, tuple(float(round(10 * r)) for r in ramp)),
        Series("cache_hit_ratio", t, tuple(0.9 - 0.6 * math.exp(-i / 9) for i in range(92))),
    )


def results():
    by_audit = {}
    for finding in FINDINGS:
        by_audit.setdefault(finding.audit, []).append(finding)
    failed = tuple(AuditResult(a, Outcome.FAILED, tuple(f)) for a, f in by_audit.items())
    passed = (
        "cartesian-product",
        "chatty-cache",
        "count-for-pagination",
        "expired-reload",
        "limit-without-order",
        "row-by-row-writes",
        "template-compiled-per-request",
        "unreturned-connection",
        "write-on-read",
    )
    return (
        *failed,
        *(AuditResult(a, Outcome.PASSED) for a in passed),
        AuditResult(
            "growth-with-data",
            Outcome.NOT_APPLICABLE,
            reason="It needs runs at three sizes; this one has a single size.",
        ),
        AuditResult(
            "identity-blind-cache", Outcome.NOT_APPLICABLE, reason="No cached view was seen."
        ),
        AuditResult("hot-function", Outcome.ERROR, reason="KeyError: 'stacks'"),
    )


def sample() -> Diagnosis:
    return Diagnosis(
        schema_version=1,
        run_id="20261114-101500-7f3a",
        app="legacy_shop:create_app()",
        started_at="2026-11-14T10:15:00Z",
        status="complete",
        status_reason="",
        headline="GET /orders spends half its time in 49 queries that one would answer; loading them together saves 75 ms of 150.",
        verdict="problems",
        findings=FINDINGS,
        results=results(),
        trials=TRIALS,
        routes=routes(),
        statements=statements(),
        traces=traces(),
        series=series(),
        reconciliations=(
            Reconciliation(
                "requests",
                "sent by the client",
                13102,
                "seen by the probe",
                13098,
                {"cut off by the end of the run": 4},
            ),
            Reconciliation(
                "statements",
                "seen by the probe",
                118214,
                "counted by PostgreSQL",
                118219,
                {"health check of the pool": 5},
            ),
        ),
        load={
            "users": 40,
            "model": "closed",
            "source": "locustfile.py",
            "phases": {"warm-up": 15.0, "steady": STEADY_S, "drain": 6.0},
            "requests": {"warm-up": 1412, "steady": 11301, "drain": 389},
            "seed": 1,
        },
        overhead={
            "per_request_us": 3.1,
            "per_query_us": 1.2,
            "spans_dropped": 0,
            "sensors_off": [],
        },
        environment={
            "command": "flask --app legacy_shop assay run --users 40 --duration 60",
            "python": "3.12.4",
            "platform": "Linux-6.1-x86_64",
            "cpu_count": 2,
            "memory_bytes": 8_200_000_000,
            "versions": {
                "flask": "3.1.3",
                "sqlalchemy": "2.1.9",
                "psycopg2": "2.9.13",
                "gunicorn": "27.0.1",
                "locust": "2.47.0",
            },
            "postgres": {
                "version": "18.6",
                "settings": {"shared_buffers": "128MB", "jit": "on", "lc_collate": "C.UTF-8"},
            },
            "server": {
                "name": "gunicorn",
                "workers": 2,
                "threads": 4,
                "worker_class": "gthread",
                "timeout_s": 30,
            },
        },
        warnings=(
            "The load generator and the app shared 2 processors: response times include their competition.",
            "GET /admin/orders stands on 88 requests only; its p99 is the second slowest of them.",
        ),
        profile=_profile(),
        ladders=(LADDER,),
        cache_plans=CACHE_PLANS,
        growth=GROWTH,
    )


def _profile():
    texts = {
        "legacy_shop/views/search.py:31 suggest": "user",
        "legacy_shop/text.py:10 distance": "user",
        "legacy_shop/text.py:8 distance": "user",
        "sqlalchemy:Session.execute": "driver",
        "sqlalchemy:Connection.execute": "driver",
        "flask:Flask.finalize_request": "framework",
        "json:dumps": "python",
        "(other)": "other",
    }
    return Profile(
        sampler="thread",
        interval_s=0.015,
        sample_count=1200,
        unattributed_ratio=0.004,
        outside_ratio=0.05,
        frames=tuple(ProfileFrame(text, kind) for text, kind in texts.items()),
        endpoints=(
            EndpointProfile(
                "search.suggest",
                ("GET /search/suggest",),
                4.2,
                (
                    FoldedStack((0, 1), 2.6),
                    FoldedStack((0, 2), 0.6),
                    FoldedStack((0, 3, 4), 0.7),
                    FoldedStack((5, 6), 0.2),
                    FoldedStack((0, 7), 0.1),
                ),
            ),
            EndpointProfile("(no endpoint)", (), 0.02, (FoldedStack((5,), 0.02),)),
            EndpointProfile("static", (), 0.0, ()),
        ),
    )
