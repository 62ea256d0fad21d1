"""Mail: each SMTP session, from connecting until it was closed."""

from types import ModuleType
from typing import Any

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.wiring import Sensor, Wiring

__all__ = ["SENSOR"]

_SESSION = "_assay_session"


class _Session:
    __slots__ = ("flags", "messages", "name", "site", "start_ns")

    def __init__(self, start_ns: int, name: int, site: int, flags: int) -> None:
        self.start_ns = start_ns
        self.name = name
        self.site = site
        self.flags = flags
        self.messages = 0


def _install(wiring: Wiring, module: ModuleType) -> None:
    mail = _Mail(wiring.recorder)
    wiring.around(module.SMTP, "connect", mail.before_connect, mail.after_connect)
    wiring.around(module.SMTP, "sendmail", mail.before_sendmail, mail.after_sendmail)
    wiring.around(module.SMTP, "close", mail.before_close, mail.after_close)


class _Mail:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def before_connect(
        self, smtp: Any, host: str = "localhost", *_args: Any, **_kwargs: Any
    ) -> Any:
        recorder = self._recorder
        name = recorder.names.id("host", f"SMTP {str(host).partition(':')[0]}"[:200])
        session = _Session(recorder.clock(), name, recorder.site(), recorder.transaction_flag())
        vars(smtp)[_SESSION] = session
        return smtp

    def after_connect(self, smtp: Any, result: Any, raised: BaseException | None) -> None:
        session = vars(smtp)[_SESSION]
        if raised is not None:
            session.flags |= SpanFlag.ERROR
            self._write(vars(smtp).pop(_SESSION))
        elif getattr(smtp, "sock", None) is not None and smtp.sock.gettimeout() is None:
            session.flags |= SpanFlag.NO_TIMEOUT

    def before_sendmail(self, smtp: Any, *_args: Any, **_kwargs: Any) -> _Session | None:
        found: _Session | None = vars(smtp).get(_SESSION)
        return found

    def after_sendmail(self, session: _Session, result: Any, raised: BaseException | None) -> None:
        session.messages += 1
        if raised is not None:
            session.flags |= SpanFlag.ERROR
        session.flags |= self._recorder.transaction_flag()

    def before_close(self, smtp: Any) -> _Session | None:
        found: _Session | None = vars(smtp).pop(_SESSION, None)
        return found

    def after_close(self, session: _Session, result: Any, raised: BaseException | None) -> None:
        self._write(session)

    def _write(self, session: _Session) -> None:
        self._recorder.span(
            SpanKind.MAIL,
            session.name,
            session.start_ns,
            flags=session.flags,
            site=session.site,
            rows=session.messages,
        )


SENSOR = Sensor("mail", {"smtplib": _install})
