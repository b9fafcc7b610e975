"""Pictures of every screen, made by driving the app: `python -m tui.shots [FOLDER]`.

One module per screen holds its scenes (`SCENES`); `scene.py` says what a scene is.
"""
