"""What is known: entries, metrics, closed forms, signatures, and the store that holds them.

Reads our own formats only; foreign Markdown and log formats belong to `ingest`.
"""
