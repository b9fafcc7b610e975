"""How a logger's own word on the end of a run is kept among the settings."""

STATE = "run.state"

RUNNING = "running"
FINISHED = "finished"
CRASHED = "crashed"
