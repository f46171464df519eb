"""quart-tasks: a job that repeats while requests are served, one that is only run by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from quart import Quart, current_app, g
from quart_tasks import QuartTasks


class Shop:
    """The application, and what its jobs have done."""

    def __init__(self):
        self.app = Quart(__name__)
        self.tasks = QuartTasks(self.app)
        self.seen = []
        self.ran = asyncio.Event()
        self.failed = asyncio.Event()

        @self.tasks.before_task
        async def before():
            g.job = "job"

        @self.tasks.after_task
        async def after():
            self.seen.append("after")

        @self.tasks.periodic(timedelta(milliseconds=5))
        async def count():
            self.seen.append((current_app.name, g.job))
            self.ran.set()

        @self.tasks.periodic(timedelta(milliseconds=5))
        async def fail():
            self.failed.set()
            raise LookupError("of the job")

        @self.tasks.cron("0 4 * * *")
        def clean():
            self.seen.append("cleaned")

        @self.app.get("/")
        async def index():
            await self.ran.wait()
            return "counted"


@pytest.fixture
async def shop():
    return Shop()


async def test_jobs_run_while_requests_are_served(shop, caplog):
    async with shop.app.test_app() as test_app:
        response = await test_app.test_client().get("/")
        assert await response.get_data(as_text=True) == "counted"
        await shop.failed.wait()
        before = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - before < 3
    assert shop.seen[:1] == [(__name__, "job")]
    assert "after" in shop.seen
    assert "cleaned" not in shop.seen
    assert "of the job" in caplog.text


async def test_a_job_by_hand(shop):
    await shop.tasks.test_run("clean")
    assert shop.seen == ["cleaned", "after"]


async def test_the_error_of_a_job_by_hand(shop):
    with pytest.raises(LookupError, match="of the job"):
        await shop.tasks.test_run("fail")


def test_commands():
    async def made():
        return Shop()

    shop = asyncio.run(made())
    runner = shop.app.test_cli_runner()
    result = runner.invoke(args=["list-tasks"])
    assert result.exit_code == 0
    assert "clean     | 0 4 * * *" in result.output or "0 4 * * *" in result.output
    result = runner.invoke(args=["invoke-task", "clean"])
    assert result.exit_code == 0
    assert shop.seen == ["cleaned", "after"]
