"""``python -m pottle``: the same as the command ``pottle``."""

from __future__ import annotations

from pottle.cli import main

if __name__ == "__main__":
    main()
