"""Blueprints, one module each."""


def private(response):
    """Keep what is for one client, or changes often, out of shared caches."""
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def page_number(request):
    return max(1, request.args.get("page", 1, type=int))
