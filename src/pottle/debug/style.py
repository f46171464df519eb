"""The style sheet of the debug page: readable on a phone, in the light and in the dark."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fcfcfd; --line: #d9dde3;
  --soft: #f1f3f6; --dim: #5c6570; --alarm: #b42318; --mark: #fdecc8 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #14171a; --line: #343a42; --soft: #1f2429; --dim: #9aa4b0;
    --alarm: #ff8a7a; --mark: #4b3b14 }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
pre, code, dd, dt, summary span { font-family: ui-monospace, Menlo, Consolas, monospace;
  font-size: .85rem }
header, footer, .relation, .gap { color: var(--dim); overflow-wrap: anywhere }
h1 { margin: 0; color: var(--alarm); font-size: 1.35rem; overflow-wrap: anywhere }
h2 { font-size: 1rem }
pre { margin: .5rem 0; white-space: pre-wrap; overflow-wrap: anywhere }
.message { font-size: 1rem }
.note { border-left: 3px solid var(--line); padding-left: .75rem }
section.earlier { margin-top: 2rem; border-top: 1px solid var(--line); padding-top: 1rem }
.group { margin: 1rem 0; border-left: 3px solid var(--line); padding-left: .75rem }
.frame { margin: .5rem 0; border: 1px solid var(--line); border-radius: .4rem }
.library, .folded > summary { opacity: .8 }
summary { padding: .5rem .75rem; cursor: pointer; overflow-wrap: anywhere }
summary code { font-weight: 600 }
summary span { color: var(--dim) }
.source { margin: 0; padding: .25rem 0 .25rem 3.5rem; overflow-x: auto; background: var(--soft);
  color: var(--dim) }
.source code { white-space: pre; color: var(--ink) }
.source .here { background: var(--mark) }
.locals { display: grid; grid-template-columns: minmax(5rem, auto) 1fr; gap: .15rem .75rem;
  margin: 0; padding: .5rem .75rem }
dt { font-weight: 600; overflow-wrap: anywhere }
dd { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere }
@media (max-width: 40rem) { .locals { display: block } dd { margin: 0 0 .4rem 1rem } }
"""
