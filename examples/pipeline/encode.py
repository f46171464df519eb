"""Sound from the standard input to FLAC on the standard output: a program of its own.

    python examples/pipeline/encode.py <song.wav >song.flac

Decoders of media formats are large and written in C: a file that crashes one, or that takes an hour,
takes down a process that can be spared.
"""

# pyright: reportUnknownMemberType=false
# (PyAV annotates what packets carry only in part.)

from __future__ import annotations

import sys

import av
from av.error import FFmpegError


def main() -> None:
    """Encode; exits with 1 and a message on the standard error if that is not possible."""
    try:
        with (
            av.open(sys.stdin.buffer, "r") as source,
            av.open(sys.stdout.buffer, "w", format="flac") as result,
        ):
            if not source.streams.audio:
                sys.exit("There is no sound in this file.")
            sound = source.streams.audio[0]
            stream = result.add_stream("flac", rate=sound.rate)
            stream.layout = sound.layout
            for frame in source.decode(sound):
                result.mux(stream.encode(frame))
            result.mux(stream.encode())
    except FFmpegError as error:
        sys.exit(
            f"This is no sound that can be read from its beginning to its end: {error.strerror}"
        )


if __name__ == "__main__":
    main()
