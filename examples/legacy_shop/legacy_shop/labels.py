"""Shelf labels with a bar code: SVG for the screen, a bitmap for the label printer."""

from typing import NamedTuple

from flask import request

HEIGHT = 240
DARK, LIGHT = b"\x00" * 6, b"\xff" * 6
BARS = [
    b"".join(DARK if code >> bit & 1 else LIGHT for bit in range(8)) for code in range(256)
]
PATHS = [
    "".join("h6v60h-6zm6 0" if code >> bit & 1 else "m6 0" for bit in range(8))
    for code in range(256)
]


class Label(NamedTuple):
    svg: str
    bitmap: bytes


_rendered = {}


def render(sku):
    codes = f"*{sku}*".encode()
    row = b"".join(BARS[code] for code in codes)
    path = "".join(PATHS[code] for code in codes)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(row)} 60">'
        f'<path d="M0 0{path}"/></svg>'
    )
    return Label(svg, row * HEIGHT)


def shelf_label(sku):
    key = request.full_path
    if key not in _rendered:
        _rendered[key] = render(sku)
    return _rendered[key]
