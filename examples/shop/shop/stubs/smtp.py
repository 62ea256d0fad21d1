"""Just enough SMTP to take a mail from smtplib."""

from socketserver import StreamRequestHandler

from shop.stubs import calls

CHATTER = {"EHLO": 250, "HELO": 250, "RCPT": 250, "RSET": 250, "NOOP": 250}


class SmtpHandler(StreamRequestHandler):
    timeout = 60

    def handle(self) -> None:
        self._say(220, "stub")
        for line in self.rfile:
            verb = line[:4].decode("ascii", "replace").upper().strip()
            if verb == "DATA":
                self._take_mail()
            elif verb == "QUIT":
                self._say(221, "bye")
                return
            elif verb == "MAIL":
                self._begin(line)
            else:
                self._say(CHATTER.get(verb, 502), "ok" if verb in CHATTER else "unknown")

    def _begin(self, line: bytes) -> None:
        script = self.server.script
        asked = line.decode("ascii", "replace").strip()
        reply = script.next_reply(calls.Call("MAIL", asked, {}, b"", self.client_address[1]))
        if reply is not None and reply.delay_s:
            script.stopping.wait(reply.delay_s)
        self._say(reply.status if reply is not None and reply.status else 250, "ok")

    def _take_mail(self) -> None:
        self._say(354, "go on")
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.removeprefix(b"."))
        script = self.server.script
        with script.lock:
            script.mails.append(b"".join(lines).decode("utf-8", "replace"))
        self._say(250, "taken")

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())
