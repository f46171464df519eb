"""The queue and its batches, with a classifier that answers when the test says so."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from inference.batcher import Batcher, BusyError


class Classifier:
    """Answers each batch with the images themselves, once `go` is set."""

    def __init__(self):
        self.batches = []
        self.go = asyncio.Event()

    async def __call__(self, images):
        self.batches.append(images)
        await self.go.wait()
        return images


@asynccontextmanager
async def running(classify, **options):
    """A batcher at work; what it observes is in its `seen`."""
    seen = []
    settings = {"size": 4, "patience": 0.01, "limit": 8, "at_once": 1, **options}
    batcher = Batcher(classify, lambda *batch: seen.append(batch), **settings)
    task = asyncio.create_task(batcher.run())
    try:
        yield batcher, seen
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


def submit(batcher, *images):
    return asyncio.create_task(batcher.submit([[image] for image in images]))


async def test_what_comes_together_is_one_batch():
    classifier = Classifier()
    classifier.go.set()
    async with running(classifier) as (batcher, seen):
        tasks = [submit(batcher, 1), submit(batcher, 2, 3), submit(batcher, 4)]
        assert await asyncio.gather(*tasks) == [[[1]], [[2], [3]], [[4]]]
    assert classifier.batches == [[[1], [2], [3], [4]]]
    assert [count for count, _ in seen] == [4]


async def test_a_single_image_does_not_wait_for_long():
    classifier = Classifier()
    classifier.go.set()
    async with running(classifier) as (batcher, _):
        assert await submit(batcher, 1) == [[1]]


async def test_the_next_batch_gathers_while_the_classifier_is_busy():
    classifier = Classifier()
    async with running(classifier, patience=0) as (batcher, _):
        first = submit(batcher, 1)
        await until(lambda: classifier.batches)
        others = [submit(batcher, number) for number in range(2, 8)]
        await until(lambda: batcher.waiting == 6)
        classifier.go.set()
        await asyncio.gather(first, *others)
    assert [len(batch) for batch in classifier.batches] == [1, 4, 2]


async def test_as_many_batches_at_once_as_there_are_processes():
    classifier = Classifier()
    async with running(classifier, size=1, at_once=2) as (batcher, _):
        tasks = [submit(batcher, number) for number in range(3)]
        await until(lambda: len(classifier.batches) == 2)
        await asyncio.sleep(0)
        assert batcher.waiting == 1
        classifier.go.set()
        await asyncio.gather(*tasks)


async def test_what_finds_the_queue_full_is_rejected_with_a_time():
    classifier = Classifier()
    async with running(classifier, size=1) as (batcher, _):
        tasks = [submit(batcher, 0)]
        await until(lambda: classifier.batches)
        tasks += [submit(batcher, number) for number in range(8)]
        await until(lambda: batcher.waiting == 8)
        with pytest.raises(BusyError, match="Try again in 1 s") as rejected:
            await batcher.submit([[9]])
        assert rejected.value.retry_after == 1
        classifier.go.set()
        await asyncio.gather(*tasks)


async def test_the_time_to_come_back_follows_the_measured_rate():
    classifier = Classifier()
    async with running(classifier, size=1) as (batcher, _):
        batcher._measure(1, 0.75)
        tasks = [submit(batcher, 0)]
        await until(lambda: classifier.batches)
        tasks += [submit(batcher, number) for number in range(8)]
        await until(lambda: batcher.waiting == 8)
        assert batcher.retry_after == 7  # nine times 0.75 s, rounded up
        classifier.go.set()
        await asyncio.gather(*tasks)


async def test_who_leaves_is_taken_out_of_the_queue():
    classifier = Classifier()
    async with running(classifier, size=1) as (batcher, _):
        first = submit(batcher, 1)
        await until(lambda: classifier.batches)
        leaving, staying = submit(batcher, 2), submit(batcher, 3)
        await until(lambda: batcher.waiting == 2)
        leaving.cancel()
        await asyncio.wait({leaving})
        assert batcher.waiting == 1
        classifier.go.set()
        await asyncio.gather(first, staying)
    assert classifier.batches == [[[1]], [[3]]]


async def test_a_batch_whose_clients_all_leave_is_none():
    classifier = Classifier()
    classifier.go.set()
    async with running(classifier, patience=0.02) as (batcher, _):
        leaving = submit(batcher, 1)
        await until(lambda: batcher.waiting == 1)
        leaving.cancel()
        await asyncio.wait({leaving})
        await asyncio.sleep(0.03)  # its batch's time has come meanwhile
        assert await submit(batcher, 2) == [[2]]
    assert classifier.batches == [[[2]]]


async def test_an_error_reaches_all_of_its_batch_and_no_other():
    async def fail_for_1(images):
        if [1] in images:
            raise RuntimeError("no")
        return images

    async with running(fail_for_1, size=2) as (batcher, seen):
        tasks = [submit(batcher, number) for number in (1, 2, 3, 4)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(result) for result in results] == ["no", "no", "[[3]]", "[[4]]"]
    assert [count for count, _ in seen] == [2]
