"""Run logs in the formats that trainers write -> kb.run.Run: read once, or followed live.

    walk, layout, place, candidates, locate    a path -> the newest run there, and its logs
    source, joined      files that grow, are rewritten, or follow one another
    formats/            one reader per format: bytes or a database -> Log
    log                 columns and settings under their logged names
    naming              logged names -> vocabulary names
    config_files, config_text, setting_names, setting_values, settings, derived, infer
                        logged settings -> kb.run.CONFIG_NAMES
    assemble            Log -> Run
    open, follow        the same once, or again and again with bounded memory

Nothing here judges a run, and a run's files are never written.
"""
