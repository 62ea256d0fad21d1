"""One affected and one healthy recording for each audit, and what else may be said of the affected.

Each function fills a builder. The healthy twin differs in the one thing that matters.
"""

from collections.abc import Callable

from tests.recordings.builder import MS, RecordingBuilder

from flask_assay.model.rows import RequestFlag, SpanFlag, SpanKind

REQUESTS = 40

# Audits that rightly speak up on another audit's affected recording.
ALSO = {
    "serial-calls": {"slow-external-call"},
    "pool-starvation": {"worker-mismatch"},
    "worker-mismatch": {"pool-starvation"},
}


def table(name, rows, *, columns=("id",), indexes=(), **counters):
    return {
        "schema": "public", "name": name, "row_count": rows, "bytes": rows * 100,
        "columns": [{"name": c, "type": "int", "nullable": False} for c in columns],
        "indexes": [
            {"name": f"{name}_pkey", "columns": ["id"], "unique": True, "primary": True, "bytes": 1},
            *({"name": f"ix_{'_'.join(i)}", "columns": list(i), "unique": False, "primary": False, "bytes": 1} for i in indexes),
        ],
        "foreign_keys": [], **counters,
    }  # fmt: skip


def surroundings(build: RecordingBuilder, *, threads=4, pool_size=5, debug=False) -> None:
    """Write the documents of an ordinary run."""
    build.document("tables", {"tables": [
        table("orders", 50_000, columns=("id", "customer_id", "status", "created_at")),
        table("customers", 5_000), table("countries", 240), table("small", 500, columns=("id", "code")),
        table("indexed", 50_000, columns=("id", "customer_id"), indexes=[("customer_id", "status")]),
    ]})  # fmt: skip
    build.document(
        "server", {"name": "gunicorn", "workers": 1, "threads": threads, "worker_class": "gthread"}
    )
    build.document("app", {"debug": debug, "routes": [], "engines": [
        {"bind": "", "pool_class": "QueuePool", "pool_size": pool_size, "max_overflow": 0},
    ]})  # fmt: skip
    build.document(
        "environment", {"cpu_count": 2, "postgres": {"settings": {"max_connections": "100"}}}
    )


def n_plus_one(build, *, looped=True):
    for number in range(REQUESTS):
        with build.request("GET /orders") as request:
            count = 10 + number % 7
            request.query(
                "SELECT o.id FROM orders o ORDER BY o.id LIMIT ?",
                rows=count,
                digest=1,
                site="shop/views.py:10 orders",
            )
            if looped:
                for k in range(count):
                    request.query(
                        "SELECT c.id FROM customers c WHERE c.id = ?",
                        digest=k + 1,
                        site="shop/views.py:12 orders",
                        detail="Order.customer",
                    )
            else:
                request.query(
                    "SELECT c.id FROM customers c WHERE c.id IN (?)",
                    rows=count,
                    digest=2,
                    site="shop/views.py:11 orders",
                )
            request.work(3)


def scan(build, *, table_name="orders", removed=49_990, kept=10, condition="(customer_id = ?)"):
    sql = f"SELECT x.id FROM {table_name} x WHERE x.customer_id = ?"
    for number in range(REQUESTS):
        with build.request("GET /orders/mine") as request:
            request.query(sql, rows=kept, digest=number + 1, ms=9, site="shop/views.py:20 mine")
            request.work(2)
    tree = {
        "Node Type": "Seq Scan", "Relation Name": table_name, "Alias": "x", "Actual Rows": kept,
        "Actual Loops": 1, "Actual Total Time": 8.5, "Filter": condition, "Rows Removed by Filter": removed,
    }  # fmt: skip
    build.document(
        "plans", {"plans": [{"statement": sql, "text": ["Seq Scan"], "tree": tree, "n": 1}]}
    )


def repeats(build, *, write_between=False):
    for number in range(REQUESTS):
        with build.request("GET /profile") as request:
            request.query(
                "SELECT c.name FROM customers c WHERE c.id = ?",
                digest=number + 1,
                ms=2,
                site="shop/auth.py:5 user",
            )
            if write_between:
                request.query("UPDATE customers SET seen = ? WHERE id = ?", digest=9, ms=0.1)
            request.query(
                "SELECT c.name FROM customers c WHERE c.id = ?",
                digest=number + 1,
                ms=2,
                site="shop/views.py:31 profile",
            )
            request.work(2)


def all_rows(build, *, sql="SELECT o.id FROM orders o", rows=50_000, ms=20):
    for _ in range(REQUESTS):
        with build.request("GET /export") as request:
            request.query(sql, rows=rows, digest=1, ms=ms, site="shop/views.py:40 export")
            request.work(20)


def same_bodies(build, *, flags=0, changing=False):
    for number in range(REQUESTS):
        body = number + 1 if changing else 77
        with build.request("GET /top", body_digest=body, query_digest=5, flags=flags) as request:
            request.query(
                "SELECT o.id FROM orders o ORDER BY o.id LIMIT ?", rows=10, digest=1, ms=8
            )
            request.work(12)


def external(build, *, ms=120.0):
    for _ in range(REQUESTS):
        with build.request("GET /quote") as request:
            request.work(10)
            request.http("GET rates.example", ms=ms, site="shop/rates.py:8 quote")


def held(build, *, inside=True):
    for _ in range(REQUESTS):
        with build.request("POST /checkout") as request:
            with request.around(SpanKind.CONNECTION):
                request.query("INSERT INTO orders (id) VALUES (?)", digest=1)
                flags = SpanFlag.IN_TRANSACTION if inside else 0
                request.http("POST pay.example", ms=60, site="shop/pay.py:9 charge", flags=flags)
                request.span(SpanKind.COMMIT, ms=1)
            request.work(200)


def waits(build, *, ms=20.0):
    for _ in range(REQUESTS):
        with build.request("GET /orders/one") as request:
            request.span(SpanKind.POOL_WAIT, ms=ms)
            with request.around(SpanKind.CONNECTION):
                request.query("SELECT o.id FROM orders o WHERE o.id = ?", digest=1, ms=5)
            request.work(5)


def product(build, *, where="o.status = ?"):
    for number in range(REQUESTS):
        with build.request("GET /refunds") as request:
            request.query(
                f"SELECT count(o.id) FROM orders o, customers c WHERE {where}",
                digest=number + 1,
                ms=5,
                site="shop/admin.py:3 refunds",
            )
            request.work(2)


def chatty(build, *, pipeline=False):
    for _ in range(REQUESTS):
        with build.request("GET /deals") as request:
            for _ in range(1 if pipeline else 20):
                request.cache(
                    "PIPELINE" if pipeline else "GET",
                    site="shop/deals.py:7 deals",
                    pipeline=pipeline,
                )
            request.work(2)


def pager(build, *, rows=50_000):
    count = "SELECT count(*) AS n FROM (SELECT o.id FROM orders o) AS anon_1"
    if rows < 10_000:
        count = count.replace("orders", "small")
    page = f"SELECT o.id FROM {'orders' if rows >= 10_000 else 'small'} o ORDER BY o.id LIMIT ? OFFSET ?"
    for number in range(REQUESTS):
        with build.request("GET /reviews") as request:
            request.query(page, rows=20, digest=number + 1, site="shop/views.py:50 reviews")
            request.query(count, digest=1, ms=4, site="shop/views.py:50 reviews")
            request.work(2)


def debugging(build, *, debug=True):
    surroundings(build, debug=debug)
    for _ in range(REQUESTS):
        with build.request("GET /hello") as request:
            request.work(2)


def reload(build, *, commit=True):
    for number in range(REQUESTS):
        with build.request("PUT /basket") as request:
            request.query(
                "SELECT o.id FROM orders o WHERE o.customer_id = ?", rows=3, digest=number + 1
            )
            request.query("UPDATE orders SET status = ? WHERE orders.id = ?", digest=number + 1)
            if commit:
                request.span(SpanKind.COMMIT, ms=1)
            for k in range(3):
                request.query(
                    "SELECT orders.id, orders.status FROM orders WHERE orders.id = ?",
                    digest=k + 1,
                    ms=1,
                    site="shop/basket.py:9 change",
                    detail="Order (expired)" if commit else "",
                )
            if not commit:
                request.span(SpanKind.COMMIT, ms=1)
            request.work(3)


def shared_page(build, *, own_key=False):
    for number in range(REQUESTS):
        user = number % 3 + 1
        miss = number < 3 if own_key else number == 0
        with build.request(
            "GET /offers",
            flags=RequestFlag.IDENTITY_READ if miss else 0,
            body_digest=user if own_key else 5, query_digest=5, identity_digest=user,
        ) as request:  # fmt: skip
            request.cache("GET", hit=not miss)
            if miss:
                request.query("SELECT c.id FROM customers c WHERE c.id = ?", digest=user)
            request.work(2)


def unordered(build, *, order=""):
    for number in range(REQUESTS):
        with build.request("GET /related") as request:
            request.query(
                f"SELECT o.id FROM orders o WHERE o.status = ? {order}LIMIT ?",
                rows=8,
                digest=number + 1,
                site="shop/views.py:60 related",
            )
            request.work(2)


def growing(build, *, bytes_per_step=2**20, until=30):
    start = build.now_ns
    for _ in range(REQUESTS):
        with build.request("GET /labels", gap_ms=700) as request:
            request.work(2)
    for step in range(30):
        stamp = start + step * 950 * MS
        size = 80 * 2**20 + min(step, until) * bytes_per_step
        build.samples.append(
            {
                "t_ns": stamp,
                "process": "worker-1",
                "pid": 7,
                "cpu_s": step * 0.01,
                "rss_bytes": size,
            }
        )


def no_timeout(build, *, flags=SpanFlag.NO_TIMEOUT):
    for _ in range(REQUESTS):
        with build.request("POST /login") as request:
            request.work(20)
            request.http("POST risk.example", ms=3, site="shop/login.py:4 login", flags=flags)


def single_writes(build, *, many=False):
    for number in range(REQUESTS):
        with build.request("POST /import") as request:
            for k in range(1 if many else 12):
                request.query(
                    "INSERT INTO orders (id) VALUES (?)",
                    digest=number * 20 + k + 1,
                    rows=12 if many else 1,
                    many=many,
                    site="shop/imports.py:6 load",
                )
            request.span(SpanKind.COMMIT, ms=1)
            request.work(2)


def compiles(build, *, always=True):
    for number in range(REQUESTS):
        with (
            build.request("GET /invoice") as request,
            request.around(SpanKind.TEMPLATE, "<template>"),
        ):
            if always or number == 0:
                request.span(
                    SpanKind.COMPILE,
                    "<template>",
                    ms=2,
                    site="shop/invoice.py:5 invoice",
                    connection=0,
                )
            request.work(1)


def keeps(build, *, returned=False):
    for number in range(REQUESTS):
        with build.request("GET /sizes") as request:
            request.connection = number % 4 + 1
            if returned or number >= 4:
                with request.around(SpanKind.CONNECTION):
                    request.query("SELECT o.id FROM orders o WHERE o.id = ?", digest=1)
            else:
                request.span(SpanKind.POOL_WAIT, ms=0.01)
                request.query(
                    "SELECT o.id FROM orders o WHERE o.id = ?",
                    digest=1,
                    site="shop/sizes.py:5 sizes",
                )
            request.work(2)


def threads(build, *, pool_size=1):
    surroundings(build, threads=8, pool_size=pool_size)
    waits(build, ms=3.0 if pool_size < 8 else 0.01)


def counter(build, *, method="GET"):
    for number in range(REQUESTS):
        with build.request(f"{method} /page") as request:
            request.query(
                "UPDATE orders SET views = views + ? WHERE id = ?",
                digest=number + 1,
                site="shop/page.py:8 page",
            )
            request.span(SpanKind.COMMIT, ms=1)
            request.work(2)


def hot(build, *, own=200_000):
    build.stacks = {
        "suggest;shop/search.py:4 suggest;shop/text.py:9 distance": own,
        "suggest;shop/search.py:4 suggest": 25_000,
        "suggest;shop/search.py:4 suggest;sqlalchemy:Session.execute": 25_000,
        "suggest;flask:Flask.dispatch_request": 300_000 if own < 200_000 else 100_000,
    }
    for _ in range(REQUESTS):
        with build.request("GET /suggest") as request:
            request.query(
                "SELECT o.id FROM orders o ORDER BY o.id LIMIT ?",
                digest=1,
                site="shop/search.py:4 suggest",
            )
            request.work(9)
    build.document("app", {"files": ["shop/text.py", "shop/search.py"], "engines": []})


def large(build, *, flags=0, size=60_000):
    for _ in range(REQUESTS):
        with build.request(
            "GET /feed", body_digest=7, query_digest=5, body_bytes=size, flags=flags
        ) as request:
            request.work(2)


def huge(build, *, flags=0):
    for number in range(REQUESTS):
        with build.request(
            "GET /all", body_digest=number + 1, query_digest=5, body_bytes=900_000, flags=flags
        ) as request:
            request.work(2)


def green(build, *, green=False):
    surroundings(build)
    build.document("server", {"name": "gunicorn", "workers": 1, "worker_class": "gevent"})
    engine = {"bind": "", "driver": "psycopg2", "pool_class": "QueuePool", "pool_size": 5}
    build.document("app", {"routes": [], "engines": [engine]})
    build.document("environment", {"versions": {"psycogreen": "1.0"} if green else {}})
    for _ in range(REQUESTS):
        with build.request("GET /hello") as request:
            request.work(2)


def one_by_one(build, *, count=5):
    for _ in range(REQUESTS):
        with build.request("GET /rates") as request:
            request.work(20)
            for _ in range(count):
                request.http("GET rates.example", ms=15, site="shop/rates.py:14 rates")


def locked(build, *, waiting=2):
    for number in range(REQUESTS):
        stamp = build.now_ns + MS
        build.samples.append({"t_ns": stamp, "process": "postgres", "waiting_locks": waiting})
        with build.request("POST /vote") as request:
            request.query(
                "UPDATE orders SET votes = votes + ? WHERE id = ?",
                digest=number + 1,
                ms=40 if number % 3 == 0 else 2,
                site="shop/votes.py:6 vote",
            )
            request.span(SpanKind.COMMIT, ms=1)
            request.work(2)


def twice_indexed(build, *, columns=("customer_id",)):
    surroundings(build)
    build.document("tables", {"tables": [
        table("indexed", 50_000, columns=("id", "customer_id", "status"), indexes=[("customer_id", "status"), columns]),
    ]})  # fmt: skip
    for _ in range(REQUESTS):
        with build.request("GET /hello") as request:
            request.work(2)


def learned(route, site, entity, **facts):
    """Return one group of ``learning.json``: 20 objects a request, in five requests."""
    group = {
        "route": route, "kind": "query", "site": site, "origin": site, "path": [], "entity": entity,
        "files": ["shop/models.py"], "requests": 5, "instances": 100, "touched": 100,
        "columns": {}, "relationships": {},
    }  # fmt: skip
    return group | facts


def learning(build, route, groups, *, statement, rows=20, dict_readers=()):
    """Write what a learning pass saw, beside the requests of a route that loads such rows."""
    for number in range(REQUESTS):
        with build.request(route) as request:
            request.query(statement, rows=rows, digest=number + 1, ms=4, site=groups[0]["site"])
            request.work(5)
    document = {"requests": {route: 5}, "groups": groups, "dict_readers": list(dict_readers)}
    build.document("learning", document)


def paired(build, *, rows=900):
    site = "shop/stock.py:6 stock"
    learning(
        build,
        "GET /stock",
        [
            learned("GET /stock", site, "Shelf", relationships={"boxes": 100, "labels": 100}),
            learned("GET /stock", site, "Box", kind="eager", path=["Shelf.boxes"]),
            learned("GET /stock", site, "Label", kind="eager", path=["Shelf.labels"]),
        ],
        statement=(
            "SELECT s.id, b.id, l.id FROM small s LEFT OUTER JOIN boxes b ON b.shelf_id = s.id "
            "LEFT OUTER JOIN labels l ON l.shelf_id = s.id"
        ),
        rows=rows,
    )


def counted_in_python(build, *, touched=0):
    site = "shop/badges.py:9 badges"
    group = learned("GET /badges", site, "Review", touched=touched)
    learning(
        build,
        "GET /badges",
        [group],
        statement="SELECT r.id, r.body FROM small r WHERE r.code = ?",
    )


def wide_column(build, *, read=0):
    columns = {
        "title": {"loaded": 100, "read": 100, "bytes": 2_000},
        "body": {"loaded": 100, "read": read, "bytes": 600_000},
    }
    group = learned("GET /news", "shop/news.py:7 news", "Article", columns=columns)
    learning(
        build,
        "GET /news",
        [group],
        statement="SELECT a.id, a.title, a.body FROM small a ORDER BY a.id LIMIT ?",
    )


def eager(build, *, read=0):
    site = "shop/suppliers.py:5 suppliers"
    parents = learned("GET /suppliers", site, "Supplier", relationships={"products": read})
    children = learned(
        "GET /suppliers",
        site,
        "Product",
        kind="eager",
        path=["Supplier.products"],
        instances=900,
        touched=9 * read,
    )
    learning(
        build,
        "GET /suppliers",
        [parents, children],
        statement="SELECT s.id, s.name FROM small s ORDER BY s.id LIMIT ?",
    )


def broken(build, *, status=500):
    for number in range(REQUESTS):
        is_bad = number % 4 == 0
        with build.request("GET /orders/<int:id>", status=status if is_bad else 200) as request:
            request.work(2)
            if is_bad:
                site = "shop/orders.py:12 show"
                request.span(SpanKind.EXCEPTION, "KeyError: ?", ms=0, site=site)


def memo(build, *, until=40):
    points = []
    for number in range(REQUESTS):
        points.append([build.now_ns, min(number, until)])
        with build.request("GET /labels", gap_ms=500) as request:
            request.work(2)
    container = {
        "file": "shop/labels.py", "name": "_rendered", "line": 40, "function": "label", "pid": 100,
        "points": points,
    }  # fmt: skip
    build.document("containers", {"containers": [container]})
    grown = [{"name": "shop/labels.py:_rendered", "route": "GET /labels", "count": 5}]
    build.document("learning", {"requests": {"GET /labels": 5}, "groups": [], "grown": grown})


def growth(build, *, blocks=(250, 500, 1_000), rows=(1, 1, 1)):
    sql = "SELECT count(*) FROM orders o WHERE o.status = ?"
    for number in range(REQUESTS):
        with build.request("GET /totals") as request:
            request.query(sql, digest=number + 1, ms=2, site="shop/totals.py:8 totals")
            request.work(4)
    points = [
        {"scale": s, "request_count": 3, "statement_count": 1, "row_count": r, "block_count": b,
         "body_bytes": 40}
        for s, r, b in zip((0.25, 0.5, 1.0), rows, blocks, strict=True)
    ]  # fmt: skip
    statement = {"statement": sql, "row_counts": list(rows), "block_counts": list(blocks)}
    build.document("growth", {
        "sizes": [{"scale": s, "row_count": int(s * 60_000), "bytes": int(s * 10**7)} for s in (0.25, 0.5, 1.0)],
        "routes": [{"route": "GET /totals", "points": points, "statements": [statement]}],
        "left_out": ["GET /mine"],
    })  # fmt: skip


def retries(build, *, failing=True):
    for _ in range(REQUESTS):
        with build.request("GET /rates") as request:
            request.work(120)
            for attempt in range(3):
                flags = SpanFlag.ERROR if failing and attempt < 2 else 0
                detail = "/v1/rates" if failing else f"/v1/rates/{attempt}"
                site = "shop/rates.py:21 fetch"
                request.http("GET rates.example", ms=12, site=site, flags=flags, detail=detail)


def asked_twice(build, *, digests=(7, 7)):
    for _ in range(REQUESTS):
        with build.request("GET /rates") as request:
            request.work(90)
            for digest in digests:
                request.span(
                    SpanKind.HTTP,
                    "GET rates.example",
                    ms=12,
                    site="shop/rates.py:30 rate",
                    digest=digest,
                    connection=0,
                )


def serialising(build, *, below="marshmallow:Schema._serialize"):
    build.stacks = {
        "feed;shop/views.py:4 feed": 60_000,
        f"feed;flask_smorest:wrapper;marshmallow:Schema.dump;{below}": 140_000,
    }
    for _ in range(REQUESTS):
        with build.request("GET /feed", body_bytes=9_000) as request:
            request.work(9)
    view = {"file": "shop/views.py", "line": 3, "function": "feed"}
    build.document("app", {
        "engines": [], "routes": [{"rule": "/feed", "endpoint": "feed", "methods": ["GET"], "view": view}],
    })  # fmt: skip


def rendering(build, *, below="jinja2:do_urlize"):
    line = "list;flask:render_template;shop/templates/list.html:{} template"
    build.stacks = {
        "list;shop/views.py:4 list": 20_000,
        line.format(7) + f";{below}": 200_000,
        line.format(9): 60_000,
    }
    for _ in range(REQUESTS):
        with build.request("GET /list", body_bytes=90_000) as request:
            request.work(25)


def dear(build, *, ms=25.0):
    sql = "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id LIMIT ?"
    for number in range(REQUESTS):
        with build.request("GET /feed") as request:
            request.query(sql, rows=20, digest=number + 1, ms=ms, site="shop/feed.py:11 feed")
            request.work(5)
    scan = {
        "Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "o", "Actual Rows": 50_000,
        "Actual Loops": 1, "Actual Total Time": 20.0,
    }  # fmt: skip
    tree = {
        "Node Type": "Hash Join",
        "Actual Rows": 20,
        "Actual Loops": 1,
        "Actual Total Time": 24.0,
        "Plans": [scan],
    }
    build.document(
        "plans", {"plans": [{"statement": sql, "text": ["Hash Join"], "tree": tree, "n": 1}]}
    )


Fill = Callable[[RecordingBuilder], None]

SCENARIOS: dict[str, tuple[Fill, Fill]] = {
    "n-plus-one-queries": (n_plus_one, lambda b: n_plus_one(b, looped=False)),
    "missing-index": (scan, lambda b: scan(b, removed=600, kept=400)),
    "duplicate-queries": (repeats, lambda b: repeats(b, write_between=True)),
    "unbounded-result": (
        all_rows,
        lambda b: all_rows(b, sql="SELECT c.id FROM countries c", rows=240, ms=2),
    ),
    "uncached-response": (same_bodies, lambda b: same_bodies(b, changing=True)),
    "slow-external-call": (external, lambda b: external(b, ms=2)),
    "transaction-open-during-call": (held, lambda b: held(b, inside=False)),
    "pool-starvation": (waits, lambda b: waits(b, ms=0.05)),
    "cartesian-product": (
        product,
        lambda b: product(b, where="o.customer_id = c.id AND o.status = ?"),
    ),
    "chatty-cache": (chatty, lambda b: chatty(b, pipeline=True)),
    "count-for-pagination": (pager, lambda b: pager(b, rows=500)),
    "debug-settings": (debugging, lambda b: debugging(b, debug=False)),
    "expired-reload": (reload, lambda b: reload(b, commit=False)),
    "hot-function": (hot, lambda b: hot(b, own=1_000)),
    "identity-blind-cache": (shared_page, lambda b: shared_page(b, own_key=True)),
    "limit-without-order": (unordered, lambda b: unordered(b, order="ORDER BY o.id ")),
    "memory-growth": (growing, lambda b: growing(b, until=8)),
    "missing-timeout": (no_timeout, lambda b: no_timeout(b, flags=0)),
    "row-by-row-writes": (single_writes, lambda b: single_writes(b, many=True)),
    "template-compiled-per-request": (compiles, lambda b: compiles(b, always=False)),
    "unreturned-connection": (keeps, lambda b: keeps(b, returned=True)),
    "worker-mismatch": (threads, lambda b: threads(b, pool_size=8)),
    "unvalidated-response": (large, lambda b: large(b, flags=RequestFlag.HAS_VALIDATOR)),
    "oversized-response": (huge, lambda b: huge(b, flags=RequestFlag.STREAMED)),
    "blocking-driver": (green, lambda b: green(b, green=True)),
    "serial-calls": (one_by_one, lambda b: one_by_one(b, count=1)),
    "contended-rows": (locked, lambda b: locked(b, waiting=0)),
    "redundant-index": (twice_indexed, lambda b: twice_indexed(b, columns=("status",))),
    "failing-requests": (broken, lambda b: broken(b, status=400)),
    "unbounded-cache": (memo, lambda b: memo(b, until=22)),
    "growth-with-data": (growth, lambda b: growth(b, blocks=(980, 990, 1_000))),
    "retry-storm": (retries, lambda b: retries(b, failing=False)),
    "duplicate-external-calls": (asked_twice, lambda b: asked_twice(b, digests=(7, 8))),
    "slow-serialisation": (serialising, lambda b: serialising(b, below="sqlalchemy:Query.all")),
    "slow-template": (rendering, lambda b: rendering(b, below="sqlalchemy:LazyLoader.load")),
    "slow-query": (dear, lambda b: dear(b, ms=1.0)),
    "unread-rows": (counted_in_python, lambda b: counted_in_python(b, touched=100)),
    "unread-columns": (wide_column, lambda b: wide_column(b, read=90)),
    "unused-eager-load": (eager, lambda b: eager(b, read=90)),
    "multiplied-rows": (paired, lambda b: paired(b, rows=60)),
    "write-on-read": (counter, lambda b: counter(b, method="POST")),
}


def record(path, fill: Fill):
    """Write one scenario with ordinary surroundings and open it."""
    build = RecordingBuilder(path)
    surroundings(build)
    fill(build)
    return build.write()
