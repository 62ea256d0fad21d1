"""Whose session was over at the end of a load, and what the same user sent instead.

Requests are sent again to data as the load left them, where a session that was signed out of is
gone. The user that signed in anew has another one, and what it was asked with the old one can be
asked with the new.
"""

from collections.abc import Iterable, Mapping
from itertools import chain

from flask_assay.load.journeys import ends_session
from flask_assay.load.transcript import Said
from flask_assay.model.rows import ClientRow

__all__ = ["Successions", "renewed_among", "successions"]

_Credentials = tuple[tuple[str, str], ...]
Successions = Mapping[_Credentials, _Credentials]

_NAMES = frozenset(
    {"cookie", "authorization", "x-api-key", "x-auth-token", "x-access-token", "api-key"}
)


def successions(every: Iterable[Said], rows: Iterable[ClientRow]) -> Successions:
    """Return credentials that a user stopped to send → those that it began to send afterwards.

    Who sends two kinds in turn, as a user's and an administrator's, has two and none is over.

    Args:
        every: Requests of a load.
        rows: The same as the load worker saw them; they name the virtual user.
    """
    users = {row.request_id: row.user for row in rows if row.request_id}
    first: dict[int, dict[_Credentials, int]] = {}
    last: dict[int, dict[_Credentials, int]] = {}
    for said in sorted(every, key=lambda said: said.start_ns):
        user, sent = users.get(said.request_id), _credentials(said)
        if user is not None and sent:
            first.setdefault(user, {}).setdefault(sent, said.start_ns)
            last.setdefault(user, {})[sent] = said.start_ns
    found: dict[_Credentials, _Credentials] = {}
    for user, begins in first.items():
        latest = max(begins, key=begins.__getitem__)
        ended = (sent for sent, at in last[user].items() if at < begins[latest])
        found |= dict.fromkeys(ended, latest)
    return found


def renewed_among(route: str, every: Iterable[Said], ended: Successions) -> list[Said]:
    """Return requests of sessions that go on, then each other one followed by its renewal.

    A renewal has ``request_id`` 0, as nobody sent it so. There is none of a signing out, which
    would end the session for all requests after it.

    Args:
        route: That they are for.
        every: Requests, the best to begin with first.
        ended: Sessions that are over.
    """
    going: list[Said] = []
    over: list[Said] = []
    for said in every:
        (over if _credentials(said) in ended else going).append(said)
    pairs = ((said, _renewal(said, ended)) for said in over)
    both = over if ends_session(route) else chain.from_iterable(pairs)
    found: dict[object, Said] = {}
    for said in chain(going, both):
        found.setdefault((said.path, said.body, said.headers), said)
    return list(found.values())


def _renewal(said: Said, ended: Successions) -> Said:
    new = ended[_credentials(said)]
    names = {name.lower() for name, _ in new} | _NAMES
    kept = tuple((name, value) for name, value in said.headers if name.lower() not in names)
    return said._replace(request_id=0, headers=(*kept, *new), heard=None)


def _credentials(said: Said) -> _Credentials:
    return tuple((name, value) for name, value in said.headers if name.lower() in _NAMES)
