"""The tables. Import models from here, so that the metadata is complete."""

from shop.models.accounts import Token, User
from shop.models.catalogue import Category, Item, Product, Review
from shop.models.orders import BasketLine, Order, OrderLine, OrderStatus

__all__ = [
    "BasketLine",
    "Category",
    "Item",
    "Order",
    "OrderLine",
    "OrderStatus",
    "Product",
    "Review",
    "Token",
    "User",
]
