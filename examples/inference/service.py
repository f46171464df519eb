"""What runs beside the requests: the pool, the batcher in front of it, and who watches them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .batcher import Batcher
from .metrics import Metrics
from .pool import ModelPool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping


@dataclass(frozen=True)
class Service:
    """The parts that views use."""

    pool: ModelPool
    batcher: Batcher
    metrics: Metrics


def make_service(config: Mapping[str, Any]) -> Service:
    """The parts, connected, and nothing of them running yet."""
    metrics = Metrics()
    pool = ModelPool(config["PROCESSES"], config["TREES"])
    batcher = Batcher(
        pool.classify,
        metrics.observe_batch,
        size=config["BATCH_SIZE"],
        patience=config["BATCH_WAIT"],
        limit=config["QUEUE_LIMIT"],
        at_once=config["PROCESSES"],
    )
    metrics.gauge("inference_waiting_images", "Images that wait.", lambda: batcher.waiting)
    metrics.gauge("inference_ready", "1 if the classifier is there.", lambda: pool.ready)
    metrics.gauge("inference_restarts", "How often processes were lost.", lambda: pool.restarts)
    return Service(pool, batcher, metrics)


@asynccontextmanager
async def run_service(config: Mapping[str, Any]) -> AsyncGenerator[Service]:
    """The service, which runs within the block. It does not wait for the model to be ready."""
    service = make_service(config)
    runs = (service.pool.run(), service.batcher.run(), service.metrics.watch_event_loop())
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield service
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
