"""The context that the engine makes: one per request or websocket, with its connection."""

from __future__ import annotations

from typing import Any

from ..ctx import AppContext
from ..typing import Event, Receive, Scope, Send
from ..wrappers import Request, Websocket
from .inbox import Inbox
from .kinds import HTTP

#: Close code of a websocket whose server goes away and may come back (RFC 6455 registry).
SERVICE_RESTART = 1012


class Exchange(AppContext):
    """An `AppContext` over one connection. Its request and its inbox are made when they are needed."""

    made_inbox: Inbox | None = None
    #: Whether the head of the answer went out, after which no other answer is possible.
    answered = False
    #: The message that ends a streamed answer, until it is sent.
    end_of_answer: Event | None = None
    #: Whether the teardown functions ran already, beside the view.
    torn_down = False
    #: Whether the server's shutdown ended this exchange, and not its client.
    shut_down = False

    def __init__(
        self,
        plan: Any,
        scope: Scope,
        receive: Receive,
        send: Send,
        route: Any,
        view_args: dict[str, Any],
    ) -> None:
        self.plan = plan
        self.app = plan.app
        self.scope = scope
        self._receive = receive
        self.send = send
        self.route = route
        self.view_args = view_args
        self.made_inbox = None
        self.made_request = None
        self.touched = False

    @property
    def inbox(self) -> Inbox:
        """What arrives on the connection."""
        inbox = self.made_inbox
        if inbox is None:
            route = self.route
            # PERF: without keywords, for which CPython has no short way (bench: JSON echo).
            inbox = self.made_inbox = Inbox(
                self._receive,
                route.interrupt,
                self.plan.read_ahead,
                route.kind is not HTTP,
                self.scope,
            )
        return inbox

    @property
    def has_request(self) -> bool:
        return self.route.kind is HTTP

    @property
    def has_websocket(self) -> bool:
        return self.route.kind is not HTTP

    @property
    def request(self) -> Request:
        request = self.made_request
        if request is None:
            if self.route.kind is not HTTP:
                return super().request
            request = self.plan.make_request(self)
        return request  # type: ignore[no-any-return]  # a class attribute, untyped for speed

    @property
    def websocket(self) -> Websocket:
        websocket = self.made_websocket
        if websocket is None:
            if self.route.kind is HTTP:
                return super().websocket
            websocket = self.plan.make_websocket(self)
        return websocket  # type: ignore[no-any-return]  # a class attribute, untyped for speed

    @property
    def connection(self) -> Request | Websocket:
        return self.request if self.route.kind is HTTP else self.websocket

    def end(self) -> None:
        """End a long-lived exchange because the server shuts down; its view sees it as a leaving."""
        self.shut_down = True
        self.inbox.leave(
            {
                "type": f"{'http' if self.route.kind is HTTP else 'websocket'}.disconnect",
                "code": SERVICE_RESTART,
                "reason": "The server is shutting down.",
            }
        )
