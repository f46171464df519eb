"""What the inference API does at its limits: no model, no room, no time, a process that dies."""

from __future__ import annotations

import asyncio
import json
import multiprocessing

import httpx

from inference import pool
from inference.batcher import BusyError

IMAGE = {"image": [[0] * 8 for _ in range(8)]}
MANY = {"images": [IMAGE["image"]] * 40}


def outcomes(app):
    """How many questions ended how; without those that never occurred."""
    values = app.extensions["service"].metrics.registry
    found = {
        sample.labels["outcome"]: int(sample.value)
        for metric in values.collect()
        for sample in metric.samples
        if sample.name == "inference_requests_total"
    }
    return {outcome: count for outcome, count in found.items() if count}


async def until_waiting(app, count):
    async with asyncio.timeout(10):
        while app.extensions["service"].batcher.waiting != count:
            await asyncio.sleep(0.001)


async def test_while_the_model_is_loaded_it_lives_but_is_not_ready(serve):
    async with serve() as app:
        client = app.test_client()
        assert (await client.get("/health/live")).status_code == 200
        response = await client.get("/health/ready")
        assert response.status_code == 503
        assert await response.get_json() == {"status": "loading the model"}
        # What is asked meanwhile waits for the model.
        assert (await client.post("/predict", json=IMAGE)).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
        app.begin_shutdown()
        response = await client.get("/health/ready")
        assert await response.get_json() == {"status": "shutting down"}


async def test_who_waits_too_long_is_told_so(serve):
    async with serve(TIMEOUT=0.01) as app:
        client = app.test_client()
        response = await client.post("/predict", json=IMAGE)
        assert response.status_code == 504
        assert await response.get_json() == {"error": "There was no result after 0.01 s."}
        async with client.sse("/predict/many", method="POST", json=MANY) as stream:
            [event] = [event async for event in stream]
        assert (event.event, event.json()["done"]) == ("failed", 0)
        assert outcomes(app) == {"timed_out": 2}
        assert app.extensions["service"].batcher.waiting == 0


async def test_a_full_queue_is_told_at_once(serve):
    async with serve(QUEUE_LIMIT=2) as app:
        client = app.test_client()
        first = [asyncio.create_task(client.post("/predict", json=IMAGE)) for _ in range(2)]
        await until_waiting(app, 2)
        for path, content in [("/predict", IMAGE), ("/predict/many", MANY)]:
            response = await client.post(path, json=content)
            assert response.status_code == 503
            assert int(response.headers["Retry-After"]) >= 1
            assert "Too many images" in (await response.get_json())["error"]
        assert [response.status_code for response in await asyncio.gather(*first)] == [200, 200]
        assert outcomes(app) == {"answered": 2, "rejected": 1}


async def test_a_stream_that_finds_no_room_waits_and_goes_on(serve, monkeypatch):
    async with serve() as app:
        batcher = app.extensions["service"].batcher
        submit, calls = batcher.submit, 0

        async def full_the_second_time(images):
            nonlocal calls
            calls += 1
            if calls == 2:
                raise BusyError(retry_after=0)
            return await submit(images)

        monkeypatch.setattr(batcher, "submit", full_the_second_time)
        client = app.test_client()
        async with client.sse("/predict/many", method="POST", json=MANY) as stream:
            events = [event async for event in stream]
        names = [event.event for event in events]
        assert names == ["result"] * 16 + ["waiting"] + ["result"] * 24 + ["end"]
        assert events[16].json() == {"done": 16, "retry_after": 0}


async def test_who_leaves_makes_room(serve):
    async with serve(QUEUE_LIMIT=1) as app:
        client = app.test_client()
        headers = {"Content-Type": "application/json"}
        async with client.request("/predict", method="POST", headers=headers) as connection:
            await connection.send(json.dumps(IMAGE).encode())
            await connection.send_complete()
            await until_waiting(app, 1)
            await connection.disconnect()
        await until_waiting(app, 0)
        assert outcomes(app) == {"left": 1}
        assert (await client.post("/predict", json=IMAGE)).status_code == 200


async def test_a_killed_process_costs_no_answer_and_is_told_once(serve, caplog):
    async with serve() as app:
        client = app.test_client()
        before = await (await client.post("/predict", json=IMAGE)).get_json()
        for process in multiprocessing.active_children():
            process.kill()
        answers = await asyncio.gather(*(client.post("/predict", json=IMAGE) for _ in range(5)))
        assert [await answer.get_json() for answer in answers] == [before] * 5
        told = [record.message for record in caplog.records if record.name == pool.__name__]
        assert told == ["A process of the model has ended unexpectedly. Starting new ones."]
        assert app.extensions["service"].pool.restarts == 1


async def test_processes_that_never_start_are_tried_again(serve, caplog, monkeypatch):
    monkeypatch.setattr(pool, "PAUSE", 0.01)
    async with serve(TREES=-1) as app:  # no classifier has so few
        service = app.extensions["service"]
        async with asyncio.timeout(30):
            while service.pool.restarts < 1:
                await asyncio.sleep(0.01)
        response = await app.test_client().get("/health/ready")
        assert response.status_code == 503
    assert "The model's processes do not start. Next attempt in" in caplog.text


async def test_on_a_real_server_a_client_that_leaves_is_noticed(app, live_server):
    url = live_server.url("/predict")
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            await client.post(url, json=IMAGE, timeout=0.5)
        except httpx.ReadTimeout:
            pass
        async with asyncio.timeout(10):
            while not outcomes(app):
                await asyncio.sleep(0.01)
    assert outcomes(app) == {"left": 1}
