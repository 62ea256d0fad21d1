"""News and reviews."""

from flask import Blueprint, current_app, jsonify, request
from sqlalchemy.orm import joinedload

from legacy_shop.auth import current_user, login_required
from legacy_shop.extensions import db
from legacy_shop.models import Article, Review
from legacy_shop.views import page_number, private

blueprint = Blueprint("content", __name__)
blueprint.after_request(private)


@blueprint.get("/news")
def news():
    size = current_app.config["PAGE_SIZE"]
    newest = Article.query.order_by(Article.published_at.desc(), Article.id.desc())
    found = newest.limit(size).offset((page_number(request) - 1) * size).all()
    return jsonify([{"id": a.id, "title": a.title, "summary": a.summary} for a in found])


@blueprint.get("/news/<int:article_id>")
def article(article_id):
    found = db.get_or_404(Article, article_id)
    return {"title": found.title, "body": found.body, "published": found.published_at.isoformat()}


@blueprint.get("/reviews")
def reviews():
    page = db.paginate(
        db.select(Review).options(joinedload(Review.author)).order_by(Review.id.desc()),
        page=page_number(request),
        per_page=current_app.config["PAGE_SIZE"],
    )
    return {
        "pages": page.pages,
        "reviews": [
            {"rating": r.rating, "title": r.title, "body": r.body, "author": r.author.username}
            for r in page
        ],
    }


@blueprint.post("/products/<int:product_id>/reviews")
@login_required
def add_review(product_id):
    data = request.get_json()
    review = Review(
        product_id=product_id,
        user_id=current_user().id,
        rating=max(1, min(5, int(data["rating"]))),
        title=data["title"],
        body=data["body"],
    )
    db.session.add(review)
    db.session.flush()
    body = {"id": review.id}
    db.session.commit()
    return body, 201
