"""Gunicorn's config file for a target: the user's own settings first, then what a run needs.

Settings that a version of Gunicorn does not know are ignored in a file, so this one serves all
versions. Ours replaces Gunicorn's search for ``gunicorn.conf.py``, hence the user's is run here.
"""

import difflib
import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

_plan = json.loads(Path(os.environ["ASSAY_TARGET_PLAN"]).read_text(encoding="utf-8"))
if _plan["gunicorn_config"]:
    __file__ = _plan["gunicorn_config"]
    exec(compile(Path(__file__).read_text(encoding="utf-8"), __file__, "exec"))  # noqa: S102
_given = dict(globals())
for _name, _value in _plan["gunicorn_overrides"].items():
    globals()[_name] = _value

# The control socket would appear in the user's home, where a second run takes it over.
control_socket_disable = True
daemon = False
pidfile = None
reload = False
accesslog = None
errorlog = "-"
user = None
group = None
certfile = None
keyfile = None
worker_tmp_dir = None
chdir = _plan["directory"]

_theirs = {name: globals().get(name) for name in ("when_ready", "post_worker_init", "worker_exit")}


def _unknown_settings() -> list[str]:
    """Return a line for each name of the user's file that looks like a misspelt setting.

    Gunicorn ignores what it does not know, so a misspelt setting is silently not in force.
    """
    from gunicorn.config import KNOWN_SETTINGS  # type: ignore[import-untyped]

    known = {setting.name for setting in KNOWN_SETTINGS}
    found = []
    for name, value in _given.items() if _plan["gunicorn_config"] else ():
        is_plain = isinstance(value, str | int | float | bool | list | tuple | dict)
        if name.startswith("_") or name in known or not is_plain:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if near:
            found.append(f"Gunicorn ignores the setting {name!r}: did you mean {near[0]!r}?")
    return found


def _tell(event: dict[str, Any]) -> None:
    line = json.dumps(event) + "\n"
    path = Path(_plan["recording"]) / "events.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def when_ready(server: Any) -> None:
    """Write down the settings that are in force."""
    cfg = server.cfg
    document = {
        "name": "gunicorn",
        "version": metadata.version("gunicorn"),
        "workers": server.num_workers,
        "threads": cfg.threads,
        "worker_class": cfg.worker_class_str,
        "timeout_s": cfg.timeout,
        "preload": cfg.preload_app,
        "keepalive_s": cfg.keepalive,
        "config_file": _plan["gunicorn_config"],
        "unknown_settings": _unknown_settings(),
        "cmd_args": os.environ.get("GUNICORN_CMD_ARGS", ""),
    }
    path = Path(_plan["recording"]) / "server.json"
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(document), encoding="utf-8")
    beside.replace(path)
    if _theirs["when_ready"]:
        _theirs["when_ready"](server)


def post_worker_init(worker: Any) -> None:
    """Tell that a worker has loaded the app, and permit a sampler if one is to come."""
    if _plan["is_observed"]:
        from flask_assay.gather.inside.observed import let_others_look

        let_others_look()
    _tell({"event": "worker-ready", "pid": worker.pid})
    if _theirs["post_worker_init"]:
        _theirs["post_worker_init"](worker)


def worker_exit(server: Any, worker: Any) -> None:
    """Tell that a worker ended; the probe's rows are flushed by its own exit hook."""
    _tell({"event": "worker-exit", "pid": worker.pid, "ppid": os.getppid()})
    if _theirs["worker_exit"]:
        _theirs["worker_exit"](server, worker)
