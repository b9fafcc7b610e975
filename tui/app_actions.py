"""What can be done on every screen."""

from __future__ import annotations

from tui.action import Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "screen.ask", ("1",), "show('ask')", "Ask", "screen: Show Ask",
        "Describe a symptom and see what fits.",
    ),
    Action(
        "screen.run", ("2",), "show('run')", "Run", "screen: Show Run",
        "The attached run: verdict, curves, what was checked.",
    ),
    Action(
        "screen.fixes", ("3",), "show('fixes')", "Fixes", "screen: Show Fixes",
        "The worklist of fixes, with what you tried.",
    ),
    Action(
        "screen.browse", ("4",), "show('browse')", "Browse", "screen: Show Browse",
        "The whole catalogue, and your own entries.",
    ),
    Action(
        "screen.methods", ("5",), "show('methods')", "Methods", "screen: Show Methods",
        "The method documents by section.",
    ),
    Action(
        "screen.compare", ("6",), "show('compare')", "Compare", "screen: Show Compare",
        "Two runs overlaid, and where they part.",
    ),
    Action(
        "app.ask", ("slash",), "focus_query", "Ask", "ask: Type a question",
        "Go to the query box, from any screen.", footer=10,
    ),
    Action(
        "app.attach", ("a",), "attach_run", "Attach run", "run: Attach a run",
        "Read a run folder or log, and follow it while it is written.", footer=40,
    ),
    Action(
        "app.numbers", ("p",), "paste_numbers", "Numbers", "run: Paste numbers",
        "Type or paste numbers such as loss 4.143, batch 32; they rank like a run.", footer=95,
    ),
    Action(
        "app.detach", ("d",), "detach_run", "Detach", "run: Detach the run",
        "Forget the attached run or the numbers.",
    ),
    Action(
        "app.copy", ("y",), "copy", "Copy", "copy: Copy what is chosen",
        "Copy it to the clipboard of your own machine (OSC 52); it is told what was copied.",
        footer=30,
    ),
    Action(
        "app.copy_command", ("c",), "copy_command", "Copy command", "copy: Copy the command",
        "Copy the ssl-doctor command that gives what this screen shows.",
    ),
    Action(
        "app.export", ("e",), "export", "Export", "export: Save the answer",
        "Save the answer as Markdown or JSON.",
    ),
    Action(
        "app.zoom", ("z",), "zoom", "Zoom", "view: Maximise the pane",
        "Give the focused pane the whole screen, or take it back.",
    ),
    Action(
        "app.jump", ("f",), "jump", "Jump", "view: Jump to a pane",
        "Show a letter on each pane; typing it goes there.",
    ),
    Action(
        "app.theme", ("t",), "next_theme", "Theme", "view: Change theme",
        "Go through the themes: dark, light, nord, and the terminal's own colours. It is kept.",
    ),
    Action(
        "app.palette", ("colon", "ctrl+p"), "command_palette", "Commands", "help: Find a command",
        "Find any command or page by its name.", footer=94,
    ),
    Action(
        "app.help", ("question_mark",), "help", "Help", "help: Show the keys",
        "What this screen is for, and every key that works on it.", footer=80,
    ),
    Action(
        "app.back", ("escape",), "back", "Back", "app: Go back",
        "Leave the query box, close what is on top, or go back to Ask.", footer=85,
    ),
    Action(
        "app.quit", ("q", "ctrl+q"), "leave", "Quit", "app: Quit",
        "Close what is on top, or leave ssl-doctor.", footer=90,
    ),
    Action(
        "move.down", ("j",), "move('down')", "Down", "move: Go down",
        "One line or row down; the arrow key does the same.",
    ),
    Action(
        "move.up", ("k",), "move('up')", "Up", "move: Go up",
        "One line or row up; the arrow key does the same.",
    ),
    Action(
        "move.top", ("g",), "move('top')", "Top", "move: Go to the top",
        "The first line or row; home does the same.",
    ),
    Action(
        "move.bottom", ("G",), "move('bottom')", "Bottom", "move: Go to the bottom",
        "The last line or row; end does the same.",
    ),
    Action(
        "move.left", ("h",), "focus_pane(-1)", "Pane before", "move: Go to the pane before",
        "The pane before this one; shift+tab does the same.",
    ),
    Action(
        "move.right", ("l",), "focus_pane(1)", "Next pane", "move: Go to the next pane",
        "The pane after this one; tab does the same.",
    ),
)  # fmt: skip
