"""The terminal UI: Textual screens over `assistant`, and nothing the command line lacks.

Where things live:

- `commands/tui.py`: the command. `app.py`: modes, session, theme, way out. `screen.py`: the frame
  that every screen has. `session.py`: what screens share, without Textual. `messages.py`.
- `action.py` and `actions.py`: the action table; rows lie in `<screen>/actions.py`. Keys, footer,
  `?`, palette and docs/tui.md come from it. `keymap.py`: the user's own keys.
- `worker.py`: calls the assistant in threads for all screens, one call at a time;
  `fixes/jobs.py` and `browse/jobs.py` do the long work of their screens through it.
- `plain.py`: the one way text from outside reaches a widget.
- `ask/`, `run/`, `fixes/`, `browse/`, `compare/`, `numbers/`: one folder per screen, one pane per
  file, imported when first shown. `widgets/`: what two screens or more use.

What may not: no ranking, judging or parsing here (it belongs to `assistant` and `ingest`), no
call of the assistant on the thread that draws, no markup made of text from outside.
"""
