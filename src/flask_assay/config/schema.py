"""Every setting: name, kind, default, one line of help. Options, variables and docs follow it."""

from dataclasses import dataclass

__all__ = ["SETTINGS", "Setting", "setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        name: Key in ``[tool.assay]``; the option is ``--name`` with dashes, the environment
            variable ``ASSAY_NAME`` in capitals.
        kind: str, int, float, bool, list (of text) or dict (text to text).
        default: Its value when no level sets it.
        help: One line.
        minimum: Smallest value allowed, for numbers.
        choices: Allowed values, for text; empty allows all.
        quick: Its value in a quick run when no level sets it; None: the default.
    """

    name: str
    kind: type
    default: object
    help: str
    minimum: float | None = None
    choices: tuple[str, ...] = ()
    quick: object = None

    @property
    def variable(self) -> str:
        """Environment variable that sets it."""
        return f"ASSAY_{self.name.upper()}"

    @property
    def option(self) -> str:
        """Command line option that sets it."""
        return "--" + self.name.replace("_", "-")


SETTINGS: tuple[Setting, ...] = (
    Setting("seed", str, "", "Hook that fills the database: module:function(scale)."),
    Setting("scale", float, 1.0, "Size of the data that the seed hook makes.", 0.001),
    Setting(
        "schema",
        str,
        "auto",
        "How the schema is made: auto (the app's migrations, else create_all), alembic, "
        "create_all, none, or module:function.",
    ),
    Setting("schema_extensions", list, [], "PostgreSQL extensions to create before the schema."),
    Setting("services", str, "", "Hook that starts what the app calls: module:function()."),
    Setting(
        "login",
        str,
        "",
        "Hook that signs in a user for derived journeys and returns request headers: "
        "module:function(app, number).",
    ),
    Setting("locustfile", str, "", "Locustfile with the users; default: ./locustfile.py."),
    Setting("users", int, 8, "Virtual users.", 1),
    Setting("rate", float, 0.0, "Arrivals per second (open model); 0: closed model.", 0),
    Setting(
        "quick",
        bool,
        default=False,
        help="Load shorter, try the first remedies only, and end within 90 s.",
    ),
    Setting(
        "total_s",
        float,
        0.0,
        "Seconds that a whole run may take: passes get shorter or are left out; 0: no limit.",
        0,
        quick=80.0,
    ),
    Setting("duration_s", float, 30.0, "Seconds of steady state.", 1, quick=15.0),
    Setting("warm_up_s", float, 5.0, "Seconds of warm-up before it.", 0, quick=3.0),
    Setting("drain_s", float, 10.0, "Seconds allowed for requests in flight at the end.", 0),
    Setting("gunicorn_config", str, "", "Gunicorn config file; default: ./gunicorn.conf.py."),
    Setting("boot_timeout_s", float, 60.0, "Seconds the app may take to boot.", 1),
    Setting(
        "database_env",
        list,
        ["DATABASE_URL", "SQLALCHEMY_DATABASE_URI"],
        "Environment variables that get the sandboxed database's URL.",
    ),
    Setting(
        "redis_env",
        list,
        ["REDIS_URL", "CACHE_REDIS_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"],
        "Environment variables that get the sandboxed Redis URL.",
    ),
    Setting(
        "external_databases",
        list,
        [],
        "Databases of ASSAY_POSTGRES_URL and ASSAY_REDIS_URL that a run may use, by name.",
    ),
    Setting("env", dict, {}, "Further environment variables for the app."),
    Setting("egress_allow", list, [], "Hosts outside this machine that the app may reach."),
    Setting("experiments", bool, default=True, help="Try remedies and measure what they save."),
    Setting(
        "experiment_s",
        float,
        90.0,
        "Seconds that all experiments together may take.",
        0,
        quick=20.0,
    ),
    Setting(
        "learning",
        bool,
        default=True,
        help="Send some requests again to learn what is read and where CPU goes.",
    ),
    Setting(
        "sampler",
        str,
        "cpu-timer",
        "Who samples CPU stacks: cpu-timer (in process) or py-spy (from outside, where the system "
        "permits it).",
        choices=("cpu-timer", "py-spy"),
    ),
    Setting(
        "growth",
        bool,
        default=True,
        help="Count what routes do on a quarter and on half of the data.",
        quick=False,
    ),
    Setting("allow", dict, {}, 'Findings to accept: "audit:GET /route" = "reason".'),
    Setting("random_seed", int, 1, "Seed of every random choice of a run.", 0),
    Setting("output", str, ".assay", "Directory that receives the recordings."),
)

_BY_NAME = {each.name: each for each in SETTINGS}


def setting(name: str) -> Setting:
    """Return the setting of that name.

    Raises:
        KeyError: If there is none.
    """
    return _BY_NAME[name]
