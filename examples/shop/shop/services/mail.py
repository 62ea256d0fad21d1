"""Mail by SMTP."""

import smtplib
from email.message import EmailMessage
from urllib.parse import urlsplit

from flask import current_app


class MailDownError(Exception):
    """The server did not take the mail. Try again later."""


def send(to: str, subject: str, text: str) -> None:
    """Send one mail.

    Raises:
        MailDownError: The server refused it, or did not answer.
    """
    message = EmailMessage()
    message["From"] = current_app.config["MAIL_FROM"]
    message["To"] = to
    message["Subject"] = subject
    message.set_content(text)
    server = urlsplit(current_app.config["MAIL_URL"])
    timeout_s = current_app.config["SDK_TIMEOUT_S"]
    try:
        with smtplib.SMTP(server.hostname, server.port or 25, timeout=timeout_s) as smtp:
            smtp.send_message(message)
    except OSError as error:  # smtplib's own errors are OSErrors, too
        raise MailDownError(str(error)) from error
