"""A recording: the directory that one gather run writes, with a schema version.

Left of it everything touches the world; right of it everything is pure. Layout::

    recording.json     manifest; replaced by rename, so it is always whole
    events.jsonl       phases and incidents, one JSON object a line, appended
    samples.jsonl      one line a second and process: CPU, memory, connections
    probe-<pid>.rows   one per process of the target
    load-<pid>.rows    one per load worker
    <document>.json    whole documents: app, tables, statements, plans, trials, settings …

Standard library only: the probe writes it from inside other people's processes.
"""
