"""``pottle migrate``: the source of a Flask application becomes that of an asynchronous Pottle one.

`model` and `project` hold what was read, `names` and `facts` what is known of Flask and Pottle, `infer`
says what an expression stands for, `sites` where something has to be awaited, `spread` which functions
become coroutine functions for it, `rewrite` and `imports` change the code. Only `command` is called
from outside. Needs LibCST, the extra ``pottle[migrate]``.
"""

from __future__ import annotations
