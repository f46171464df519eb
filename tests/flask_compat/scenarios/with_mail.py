"""Flask-Mail: letters with attachments, sent to a real SMTP server while a request is answered."""

from __future__ import annotations

import email
import socket
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from flask import Flask, render_template_string, request
from flask_mail import Mail, Message, email_dispatched


class Letterbox:
    """Keeps what the SMTP server is given."""

    def __init__(self):
        self.letters = []

    async def handle_DATA(self, server, session, envelope):
        self.letters.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


@pytest.fixture
def letterbox():
    letterbox = Letterbox()
    with socket.socket() as probe:  # the controller wants to know the port before
        probe.bind(("127.0.0.1", 0))
        letterbox.port = probe.getsockname()[1]
    controller = Controller(letterbox, hostname="127.0.0.1", port=letterbox.port)
    controller.start()
    yield letterbox
    controller.stop()


@pytest.fixture
def mail():
    return Mail()


@pytest.fixture
def app(letterbox, mail):
    app = Flask(__name__)
    app.config.update(
        MAIL_DEFAULT_SENDER=("Shop", "shop@example.com"),
        MAIL_PORT=letterbox.port,
        MAIL_SERVER="127.0.0.1",
    )
    mail.init_app(app)

    @app.post("/orders/<name>")
    def order(name):
        letter = Message(f"Your order, {name}", recipients=[f"{name}@example.com"])
        letter.body = "Thank you."
        letter.html = render_template_string("<b>Thank you, {{ name }}.</b>", name=name)
        letter.attach("order.txt", "text/plain", request.get_data())
        mail.send(letter)
        return "", 204

    @app.post("/news")
    def news():
        with mail.connect() as connection:
            for name in request.get_json():
                connection.send_message("News", recipients=[f"{name}@example.com"], body="Tea!")
        return "", 204

    return app


def test_a_letter_arrives(app, letterbox):
    assert app.test_client().post("/orders/ann", data=b"two cups").status_code == 204
    ((recipients, content),) = letterbox.letters
    letter = email.message_from_bytes(content, policy=default)
    assert recipients == ["ann@example.com"]
    assert (letter["Subject"], letter["From"]) == ("Your order, ann", "Shop <shop@example.com>")
    assert letter.get_body(("plain",)).get_content().strip() == "Thank you."
    assert "Thank you, ann." in letter.get_body(("html",)).get_content()
    (order,) = letter.iter_attachments()
    assert (order.get_filename(), order.get_content().strip()) == ("order.txt", "two cups")


def test_many_letters_over_one_connection(app, letterbox):
    app.test_client().post("/news", json=["ann", "bob"])
    assert [recipients for recipients, _ in letterbox.letters] == [
        ["ann@example.com"],
        ["bob@example.com"],
    ]


def test_while_testing_letters_are_recorded_and_not_sent(letterbox, mail):
    app = Flask(__name__)
    app.config.update(TESTING=True, MAIL_DEFAULT_SENDER="shop@example.com")
    mail.init_app(app)

    @app.post("/")
    def index():
        mail.send_message("Hello", recipients=["ann@example.com"], body="...")
        return "sent"

    with mail.record_messages() as outbox:
        assert app.test_client().post("/").get_data(as_text=True) == "sent"
    assert [message.subject for message in outbox] == ["Hello"]
    assert letterbox.letters == []


def test_the_signal_is_sent_with_the_application(app):
    seen = []

    def remember(sender, message):
        seen.append((sender, message.subject))

    with email_dispatched.connected_to(remember):
        app.test_client().post("/orders/ann")
    assert seen == [(app, "Your order, ann")]
