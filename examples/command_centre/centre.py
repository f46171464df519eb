"""The command centre of one process: its devices, their commands, and who watches."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pottle import Config, current_app

from .commands import Commands
from .devices import Devices
from .watch import Watches

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Centre(NamedTuple):
    devices: Devices
    commands: Commands
    watches: Watches

    def counts(self) -> dict[str, Any]:
        """How many devices are connected, in all and by group."""
        devices = self.devices
        return {"connected": len(devices.connected), "groups": dict(sorted(devices.groups.items()))}


def centre() -> Centre:
    """That of the application that is asked; see `app.create_app`."""
    return cast(Centre, current_app.extensions["centre"])


@asynccontextmanager
async def run_centre(config: Config) -> AsyncGenerator[Centre]:
    """A centre that looks after its devices and commands within the block."""
    watches = Watches()
    commands = Commands(config["WAITING"], watches.command_changed)
    devices = Devices(watches.device_changed, commands.lose)

    async def sweep() -> None:
        while True:
            await asyncio.sleep(config["SWEEP"])
            devices.sweep(config["PING_AFTER"], config["SILENT_AFTER"], config["MESSAGES"])
            commands.sweep()

    task = asyncio.create_task(sweep())
    try:
        yield Centre(devices, commands, watches)
    finally:
        task.cancel()
        await asyncio.wait({task})
