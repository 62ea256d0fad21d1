import pytest
from factories import CategoryFactory, ProductFactory, ReviewFactory


def test_home_shows_the_newest_products_and_all_categories(client):
    CategoryFactory(name="Garden")
    ProductFactory.create_batch(13)
    newest = ProductFactory(name="The newest", price_cents=123456)
    page = client.get("/").text
    assert f'href="/p/{newest.id}"' in page
    assert "1,234.56 €" in page
    assert "Garden" in page
    assert page.count('class="price"') == 12


def test_home_of_an_empty_shop_says_so(client):
    assert "Nothing to sell yet" in client.get("/").text


def test_a_product_page_shows_product_and_reviews(client):
    product = ProductFactory(rating_sum=9, rating_count=2)
    review = ReviewFactory(product_id=product.id, stars=4)
    page = client.get(f"/p/{product.id}").text
    for text in (product.name, product.category.name, "in stock", "4.5 of 5", "★★★★☆"):
        assert text in page
    assert review.author.username in page


def test_a_page_escapes_what_users_wrote(client):
    product = ProductFactory(name="<b>Lamp</b>")
    ReviewFactory(product_id=product.id, body="<script>alert(1)</script>")
    page = client.get(f"/p/{product.id}").text
    assert "<script>" not in page
    assert "&lt;b&gt;Lamp&lt;/b&gt;" in page


def test_a_product_page_needs_two_statements_whatever_the_reviews(client, assay_queries):
    product = ProductFactory()
    ReviewFactory.create_batch(10, product_id=product.id)
    with assay_queries(exactly=2):
        assert client.get(f"/p/{product.id}").status_code == 200


def test_people_get_a_page_about_an_error_and_programs_get_json(client):
    page = client.get("/p/1")
    assert page.status_code == 404
    assert page.mimetype == "text/html"
    assert "no such product" in page.text
    assert client.get("/products/1").json["error"]["code"] == 404
    assert client.get("/nowhere", headers={"Accept": "text/html"}).mimetype == "text/html"
    assert client.get("/nowhere").json["error"]["code"] == 404


@pytest.mark.parametrize(("method", "path"), [("delete", "/items"), ("post", "/p/1")])
def test_a_wrong_method_is_refused(client, method, path):
    assert getattr(client, method)(path).status_code == 405


def test_an_unexpected_error_tells_nothing_about_the_inside(app, client, monkeypatch):
    def broken(**kwargs):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("shop.services.items.page", broken)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = client.get("/items")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json["error"]["code"] == 500
