"""The version of what the Markdown reader makes of a text.

Raise it whenever the same text gives other passages or entries: stored documents of an
older version are then parsed again on the next ingest.
"""

PARSER_VERSION = "1"
