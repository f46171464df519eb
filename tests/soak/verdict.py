"""What a run did not meet, one sentence for each thing; and the tables to read beside."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable

from .application.census import HERE
from .run import SPARE_FDS, SPARE_TASKS, SPARE_THREADS, Run, Sample, back_to

LONGEST = 1.0  # seconds that an answer to the control client may take
#: Seconds from which on a run is judged by its growth, and by whether every kind came to its end.
LONG_ENOUGH = 60.0
#: What may be added from the second quarter of a run to its last one.
GROWTH: dict[str, tuple[Callable[[Sample], float | None], float]] = {
    "memory (MiB)": (lambda sample: sample.rss, 16.0),
    "open files": (lambda sample: sample.fds, 10.0),
    "tasks": (lambda sample: sample.tasks, 10.0),
    "threads": (lambda sample: sample.threads, 2.0),
}


def all_of(run: Run) -> list[str]:
    """Everything that was not met."""
    return [
        *isolation(run),
        *answered(run),
        *visits(run),
        *growth(run),
        *ends(run),
    ]


def isolation(run: Run) -> list[str]:
    """What an exchange saw that was another's, or did for a client that had left."""
    last = next((s for s in reversed([*run.samples, run.after]) if s.tasks is not None), run.after)
    return [
        f"Violation: {sentence} ({count} times)."
        for sentence, count in sorted(last.violations.items())
    ]


def answered(run: Run, longest: float = LONGEST) -> list[str]:
    """Whether the control client had its answers in time."""
    found = []
    control = run.control
    if run.stopped_at is not None:
        found.append(
            f"The process stopped answering after {run.stopped_at:.0f} s, and the run was ended. "
            "What it was busy with stands above."
        )
    if control.unanswered:
        at, why = control.unanswered[0]
        found.append(
            f"{len(control.unanswered)} requests of the control client were not answered; "
            f"the first after {at:.1f} s: {why}."
        )
    late = [latency for latency in control.without_own if latency > longest]
    if late:
        found.append(
            f"{len(late)} requests of the control client took longer than {longest:g} s, "
            f"the longest {max(late):.2f} s."
        )
    if not control.latencies:
        found.append("No request of the control client was answered.")
    return found


def visits(run: Run) -> list[str]:
    """Whether each kind of client got what it came for. Of a process that has stopped, nobody did."""
    if run.stopped_at is not None:
        return []
    found = []
    for name, tally in run.tallies.items():
        if tally.errors:
            what, _ = tally.errors.most_common(1)[0]
            total = tally.done + tally.errors.total()
            found.append(f"{name}: {tally.errors.total()} of {total} visits failed, as by: {what}.")
        elif not tally.done and run.seconds >= LONG_ENOUGH:
            found.append(f"{name}: no visit came to its end.")
    return found


def growth(run: Run) -> list[str]:
    """Whether memory, open files, tasks and threads stayed the same while the load lasted."""
    if run.seconds < LONG_ENOUGH:
        return []
    found = []
    for name, (_, allowed) in GROWTH.items():
        second, last = quarters(run, name)
        if last - second > allowed:
            found.append(
                f"Growth: {name} went from {second:.0f} in the second quarter of the run to "
                f"{last:.0f} in the last; {allowed:g} are allowed."
            )
    return found


def quarters(run: Run, name: str) -> tuple[float, float]:
    """The medians of the second and of the last quarter."""
    value = GROWTH[name][0]
    values = [found for sample in run.samples if (found := value(sample)) is not None]
    size = len(values) // 4
    if not size:
        return 0.0, 0.0
    return statistics.median(values[size : 2 * size]), statistics.median(values[-size:])


def ends(run: Run) -> list[str]:
    """Whether all is closed when the clients have gone, and the process ends when it is told to."""
    found = []
    before, after = run.before, run.after
    if after.tasks is None:
        found.append("The process did not answer when the clients had gone.")
    elif not back_to(before, after):
        rows = (
            ("tasks", before.tasks or 0, after.tasks, SPARE_TASKS),
            ("open files", before.fds, after.fds, SPARE_FDS),
            ("threads", before.threads, after.threads, SPARE_THREADS),
        )
        found += [
            f"After the load there were {now} {name}, {was} before it."
            for name, was, now, spare in rows
            if now > was + spare
        ]
        found += [
            f"{name}: {count} were still under way when all clients had gone."
            for name, count in sorted(after.under_way.items())
        ]
    if run.exit_code is None:
        found.append("The process did not end on SIGTERM, and was killed.")
    elif run.exit_code != 0:
        found.append(f"The process ended on SIGTERM with the code {run.exit_code}.")
    return found


# -- to read


def report(run: Run) -> str:
    return "\n".join([*_visits(run), "", *_control(run), "", *_over_time(run), "", *_log(run)])


def _visits(run: Run) -> list[str]:
    lines = [f"{'kind of client':<40} {'visits':>7} {'errors':>7}"]
    for name, tally in run.tallies.items():
        lines.append(f"{name:<40} {tally.done:>7} {tally.errors.total():>7}")
        lines += [f"    {count} x {what}" for what, count in tally.errors.most_common(3)]
    return lines


def _control(run: Run) -> list[str]:
    control = run.control
    lines = [f"control client: {len(control.latencies)} answers, {len(control.unanswered)} without"]
    for name, found in (
        ("as measured", control.latencies),
        ("less its own lateness", control.without_own),
    ):
        if len(found) > 1:
            cuts = statistics.quantiles(found, n=1000, method="inclusive")
            lines.append(
                f"    {name:<22} median {cuts[499] * 1000:.0f} ms, 99 % {cuts[989] * 1000:.0f} ms, "
                f"99.9 % {cuts[998] * 1000:.0f} ms, longest {max(found) * 1000:.0f} ms"
            )
    lag = max((sample.lag or 0.0 for sample in run.samples), default=0.0)
    delays = {"control client": control.own_lateness, "load": run.own_lag, "server": lag}
    told = ", ".join(f"{delay * 1000:.0f} ms in the {where}" for where, delay in delays.items())
    lines.append(f"    longest delay of a timer: {told}")
    lines.append(f"    the load took {run.own_processor:.0%} of a processor")
    return lines


def _over_time(run: Run) -> list[str]:
    lines = [f"{'':<16} {'before':>8} {'2nd quarter':>12} {'last quarter':>13} {'after':>8}"]
    for name, (value, _) in GROWTH.items():
        second, last = quarters(run, name)
        before, after = value(run.before) or 0, value(run.after) or 0
        lines.append(f"{name:<16} {before:>8.0f} {second:>12.1f} {last:>13.1f} {after:>8.0f}")
    code = "killed" if run.exit_code is None else f"code {run.exit_code}"
    lines.append(f"end on SIGTERM: {code}, after {run.exit_seconds:.1f} s")
    return lines


def _log(run: Run) -> list[str]:
    """The most frequent lines of the server's log, without tracebacks and numbers."""
    told = (line for line in run.log if line.strip() and not line.startswith("  "))
    shapes = Counter(re.sub(r"0x[0-9a-f]+|\d[\d.:,-]*", "N", line) for line in told)
    lines = [f"log of the server: {len(run.log)} lines, most often:"]
    lines += [f"    {count} x {shape[:150]}" for shape, count in shapes.most_common(12)]
    where = [line for line in run.log if line.startswith(HERE)]
    if where:
        lines += ["", "where the process was when it did not answer:", *where]
    return lines
