"""size-series: what the routes did at several sizes of the data, in counts."""

from collections.abc import Mapping

from flask_assay.artifacts.view import View, artifact
from flask_assay.model.growth import (
    Growth,
    GrowthPoint,
    GrowthSize,
    RouteGrowth,
    StatementGrowth,
)

__all__ = ["size_series"]


@artifact("size-series")
def size_series(view: View) -> Growth:
    """Read ``growth.json``.

    Raises:
        UnavailableError: If no smaller data were made.
    """
    document = view.document("growth", "requests were not repeated on smaller data")
    return Growth(
        tuple(
            GrowthSize(
                _float(one, "scale"), int(_float(one, "row_count")), int(_float(one, "bytes"))
            )
            for one in _dicts(document.get("sizes"))
        ),
        tuple(_route(one) for one in _dicts(document.get("routes"))),
        tuple(str(one) for one in _list(document.get("left_out"))),
    )


def _route(entry: Mapping[str, object]) -> RouteGrowth:
    points = tuple(
        GrowthPoint(
            scale=_float(one, "scale"),
            request_count=int(_float(one, "request_count")),
            statement_count=_float(one, "statement_count"),
            row_count=_float(one, "row_count"),
            block_count=_float(one, "block_count"),
            body_bytes=_float(one, "body_bytes"),
        )
        for one in _dicts(entry.get("points"))
    )
    statements = tuple(
        StatementGrowth(
            str(one.get("statement", "")),
            tuple(float(str(count)) for count in _list(one.get("row_counts"))),
            tuple(float(str(count)) for count in _list(one.get("block_counts"))),
        )
        for one in _dicts(entry.get("statements"))
    )
    return RouteGrowth(str(entry.get("route", "")), points, statements)


def _float(entry: Mapping[str, object], name: str) -> float:
    return float(str(entry.get(name) or 0))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, object]]:
    return [each for each in _list(value) if isinstance(each, dict)]
