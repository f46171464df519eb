"""Other frameworks' names for Pottle: nothing here is loaded unless somebody asks for it.

`install_as_quart` makes ``import quart`` give Pottle, in this process; ``pottle exec --as-quart`` does
so for another one. The framework knows nothing of it.
"""

from __future__ import annotations

from .quart.alias import QUART_VERSION, install_as_quart, offer_as_quart, path_entry

__all__ = ["QUART_VERSION", "install_as_quart", "offer_as_quart", "path_entry"]
