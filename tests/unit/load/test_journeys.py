import pytest

from flask_assay.load.journeys import derive

TABLES = {
    "orders": {"id": [11, 12, 13], "user_id": [1, 2, 1], "code": ["a/b", "c d", "é"]},
    "users": {"id": [1, 2, 3], "username": ["ann", "bob", "cy"]},
    "shop_product": {"product_id": [5, 6], "slug": ["lamp", "chair"], "price": ["1.5", "20"]},
    "categories": {"id": [7], "name": ["garden"]},
    "invoice": {"uuid": ["6f2c1f3e-8f7a-4d5b-9b1a-2f3c4d5e6f70", "no-uuid"]},
}


def route(rule, *methods, endpoint="view"):
    return {
        "rule": rule,
        "endpoint": endpoint,
        "methods": list(methods or ("GET", "HEAD", "OPTIONS")),
    }


def paths(rule, **more):
    made = derive([route(rule)], TABLES, **more)
    assert made.skipped == ()
    return [each.path for each in made.journeys[0].exchanges]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("/", ["/"]),
        ("/orders/<int:order_id>", ["/orders/11", "/orders/12", "/orders/13"]),
        ("/orders/<int:id>", ["/orders/11", "/orders/12", "/orders/13"]),
        ("/detail/<int:order>", ["/detail/11", "/detail/12", "/detail/13"]),
        ("/category/<int:id>/edit", ["/category/7/edit"]),
        ("/category/<name>", ["/category/garden"]),
        ("/category/<category_name>", ["/category/garden"]),
        ("/u/<username>", ["/u/ann", "/u/bob", "/u/cy"]),
        ("/users/<path:username>/posts", ["/users/ann/posts", "/users/bob/posts", "/users/cy/posts"]),
        ("/p/<slug>", ["/p/lamp", "/p/chair"]),
        ("/products/<int:product_id>", ["/products/5", "/products/6"]),
        ("/products/<int:id>", ["/products/5", "/products/6"]),
        ("/products/<float:price>", ["/products/1.5"]),
        ("/invoice/<uuid:id>", ["/invoice/6f2c1f3e-8f7a-4d5b-9b1a-2f3c4d5e6f70"]),
        ("/<any(about, 'help us'):page>", ["/about", "/help%20us"]),
        ("/naïve rule/100%/<int:order_id>?", ["/na%C3%AFve%20rule/100%25/11%3F", "/na%C3%AFve%20rule/100%25/12%3F", "/na%C3%AFve%20rule/100%25/13%3F"]),
        ("/v1:find(x)/@me", ["/v1:find(x)/@me"]),
        ("/orders/<code>", ["/orders/c%20d", "/orders/%C3%A9"]),
        ("/orders/<path:code>", ["/orders/a/b", "/orders/c%20d", "/orders/%C3%A9"]),
        ("/users/<int:user_id>/orders/<int:order_id>", ["/users/1/orders/11", "/users/2/orders/12", "/users/1/orders/13"]),
        ("/orders/cancel/<code>", ["/orders/cancel/c%20d", "/orders/cancel/%C3%A9"]),
        ("/orders/<int:id>/cancel", ["/orders/11/cancel", "/orders/12/cancel", "/orders/13/cancel"]),
        ("/users/<int(max=2):user_id>", ["/users/1", "/users/2"]),
        ("/users/<string(length=3):username>", ["/users/ann", "/users/bob"]),
    ],
)  # fmt: skip
def test_parameters_are_filled_from_real_rows(rule, expected):
    assert paths(rule) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("/history/<int:year>", ["/history/2025", "/history/2026"]),
        ("/history/<int:year>/<int:month>", ["/history/2025/11", "/history/2026/8"]),
        ("/<year>/<month>/<day>", ["/2025/11/3", "/2026/8/20", "/2026/8/21"]),
        ("/top/<int:count>", ["/top/10", "/top/20"]),
        ("/list/<int:page>", ["/list/1", "/list/2"]),
        ("/list/<int(max=15):limit>", ["/list/10"]),
    ],
)
def test_numbers_that_name_no_row_are_those_of_dates_or_small(rule, expected):
    dates = ["2025-11-03", "2026-08-20", None, "2026-08-21", "2026-08-21"]
    made = derive([route(rule)], {"posts": {"id": [1, 2], "created": dates}})
    assert [each.path for each in made.journeys[0].exchanges] == expected


def test_without_dates_there_is_no_year():
    assert derive([route("/history/<int:year>")], TABLES).journeys == ()


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("/x/<int:thing_id>", "no table or column is named like it"),
        ("/<lang>/home", "no values for <string:lang>"),
        ("/users/<uuid:user_id>", "users.id has none that fit it"),
        ("/<int:id>", "no values for <int:id>"),
    ],
)
def test_a_parameter_without_values_is_skipped_with_its_reason(rule, reason):
    made = derive([route(rule)], TABLES)
    assert made.journeys == ()
    assert made.skipped[0].route == f"GET {rule}"
    assert reason in made.skipped[0].reason


def test_only_what_reads_is_sent():
    made = derive([route("/orders", "GET", "POST", endpoint="orders")], TABLES)
    assert [each.name for each in made.journeys] == ["GET /orders"]
    assert made.skipped[0].reason == "POST is sent by a locustfile only"


def test_a_head_is_sent_only_where_there_is_no_get():
    assert [each.name for each in derive([route("/ping", "HEAD", "OPTIONS")], {}).journeys] == [
        "HEAD /ping"
    ]


def test_static_files_are_skipped_in_blueprints_too():
    rules = [
        route("/static/<path:filename>", endpoint="static"),
        route("/a/static/<path:filename>", endpoint="admin.static"),
    ]
    made = derive(rules, TABLES)
    assert made.journeys == ()
    assert {each.reason for each in made.skipped} == {"serves files, not the app's work"}


def test_the_number_of_requests_per_route_is_bounded():
    assert len(paths("/orders/<int:order_id>", exchange_limit=2)) == 2


def test_missing_values_in_a_row_are_not_sent():
    made = derive([route("/orders/<int:id>")], {"orders": {"id": [None, 4, 4]}})
    assert [each.path for each in made.journeys[0].exchanges] == ["/orders/4"]


def test_of_tables_with_a_prefix_the_one_that_connects_none_is_meant():
    tables = {
        name: {"id": [number]}
        for number, name in enumerate(("shop_sale_product", "shop_product", "shop_set_product"), 1)
    }
    [journey] = derive([route("/products/<int:id>")], tables).journeys
    assert [each.path for each in journey.exchanges] == ["/products/2"]
    both = {name: {"id": [1]} for name in ("shop_product", "farm_product")}
    assert derive([route("/products/<int:id>")], both).journeys == ()


@pytest.mark.parametrize("rule", ["/logout", "/users/sign-out", "/auth/log_off"])
def test_a_route_that_ends_the_session_is_left_out(rule):
    route = {"rule": rule, "endpoint": "x", "methods": ["GET"], "arguments": {}}
    derived = derive([route], {})
    assert derived.journeys == ()
    assert "signs the user out" in derived.skipped[0].reason


def test_a_route_of_another_host_name_is_left_out():
    made = derive([route("/x") | {"other_host": "admin.shop.example"}], TABLES)
    assert made.journeys == ()
    assert "admin.shop.example only" in made.skipped[0].reason
