"""The commands of this room: what puts documents in and takes them out."""
