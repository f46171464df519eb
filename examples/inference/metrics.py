"""What is counted and measured, in the form that Prometheus reads."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .batcher import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

OUTCOMES = ("answered", "rejected", "timed_out", "left", "failed")
LAG_PERIOD = 0.01  # seconds between two looks at the event loop
LAG_KEPT = 60.0  # seconds


class Metrics:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "inference_requests", "Questions by what became of them.", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        for outcome in OUTCOMES:  # so that each is there from the beginning, with 0
            self._requests.labels(outcome)
        self._batch_images = Histogram(
            "inference_batch_images", "Images in one call of the classifier.",
            buckets=(1, 2, 4, 8, 16, 32, 64), registry=self.registry,
        )  # fmt: skip
        self._batch_seconds = Histogram(
            "inference_batch_seconds", "How long one call of the classifier took.",
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1), registry=self.registry,
        )  # fmt: skip
        self._lag = Histogram(
            "event_loop_lag_seconds", "How late the event loop was, a hundred times a second.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5), registry=self.registry,
        )  # fmt: skip
        self._lags: deque[float] = deque(maxlen=int(LAG_KEPT / LAG_PERIOD))
        self._computed: deque[float] = deque(maxlen=self._lags.maxlen)
        self.gauge(
            "event_loop_lag_max_seconds",
            "The longest that the event loop was late in the last minute.",
            lambda: max(self._lags, default=0.0),
        )
        self.gauge(
            "event_loop_busy_max_seconds",
            "The longest that it computed between two looks; the rest of a lag is other processes.",
            lambda: max(self._computed, default=0.0),
        )

    def gauge(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Show what *value* says at the moment of asking."""
        Gauge(name, description, registry=self.registry).set_function(value)

    def observe_batch(self, images: int, seconds: float) -> None:
        """Count a call of the classifier."""
        self._batch_images.observe(images)
        self._batch_seconds.observe(seconds)

    @contextmanager
    def outcome(self) -> Generator[None]:
        """Count the question that is asked within the block, by how the block ends."""
        outcome = "failed"
        try:
            yield
            outcome = "answered"
        except BusyError:
            outcome = "rejected"
            raise
        except TimeoutError:
            outcome = "timed_out"
            raise
        except asyncio.CancelledError:  # Pottle's ClientDisconnected is one
            outcome = "left"
            raise
        finally:
            self._requests.labels(outcome).inc()

    async def watch_event_loop(self) -> None:
        """Measure how late the event loop wakes up who sleeps, until cancelled."""
        while True:
            # Not `loop.time()`: uvloop reads the clock once for all that is due together.
            due, computed = time.perf_counter() + LAG_PERIOD, time.thread_time()
            await asyncio.sleep(LAG_PERIOD)
            lag = max(0.0, time.perf_counter() - due)
            self._lag.observe(lag)
            self._lags.append(lag)
            self._computed.append(time.thread_time() - computed)

    def text(self) -> str:
        """All metrics, in Prometheus' text format."""
        return generate_latest(self.registry).decode()
