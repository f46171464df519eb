"""The classifier: what runs in the processes of the pool, and nowhere else.

scikit-learn has no types, and importing it takes seconds. So it is imported by name, when a process
of the pool begins; whatever comes out of it leaves this module as plain lists of numbers.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib import import_module
from multiprocessing import parent_process
from typing import Any, NamedTuple, cast

from .images import SIDE, Image

#: Ten numbers, which sum up to one.
Probabilities = list[float]

UNSEEN = 360  # images that are kept out of the training


class Sample(NamedTuple):
    """An image of which it is known what it shows."""

    image: list[list[float]]
    digit: int


class _Model(NamedTuple):
    trees: Any
    images: Any
    digits: Any


_models: list[_Model] = []  # the one of this process, once `prepare` has run


def prepare(trees: int) -> None:
    """Begin a process of the pool: train the classifier, which takes about a second."""
    # Ctrl+C and service managers signal all processes at once. The server ends this one when the
    # answers that it still owes are given.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    if sys.platform != "win32":
        os.nice(5)  # where processors are short, the event loop goes first

    datasets: Any = import_module("sklearn.datasets")
    ensemble: Any = import_module("sklearn.ensemble")
    selection: Any = import_module("sklearn.model_selection")
    images, digits = datasets.load_digits(return_X_y=True)
    seen, unseen, digits_seen, digits_unseen = selection.train_test_split(
        images, digits, test_size=UNSEEN, stratify=digits, random_state=0
    )
    forest = ensemble.ExtraTreesClassifier(trees, random_state=0).fit(seen, digits_seen)
    _models.append(_Model(forest, unseen, digits_unseen))


def classify(images: list[Image]) -> list[Probabilities]:
    """For each image the probability of each digit; many at once cost little more than one."""
    return cast("list[Probabilities]", _models[0].trees.predict_proba(images).tolist())


def unseen_samples() -> list[Sample]:
    """The images that the classifier was not trained with."""
    _, images, digits = _models[0]
    return [
        Sample(image, digit)
        for image, digit in zip(
            images.reshape(-1, SIDE, SIDE).tolist(), digits.tolist(), strict=True
        )
    ]


def _end_with_the_server() -> None:
    # A pool's process waits for work for ever, even when nobody is left who could send any.
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
