"""Run logs in the formats that trainers write -> kb.run.Run: read once, or followed live.

    locate     a path -> the newest run there and its format
    formats/   one reader per format: bytes -> Log
    log        columns and settings under their logged names
    naming     logged names -> vocabulary names
    settings   logged settings -> kb.run.CONFIG_NAMES
    assemble   Log -> Run
    follow     the same, again and again, with bounded memory

Nothing here judges a run, and a run's files are never written.
"""
