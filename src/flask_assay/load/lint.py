"""Reads a locustfile without running it, and says what Locust of today would not take."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask_assay.errors import UsageError

__all__ = ["Problem", "check_locustfile", "require_usable"]

RENAMED = {
    "HttpLocust": "HttpUser",
    "FastHttpLocust": "FastHttpUser",
    "Locust": "User",
    "TaskSequence": "SequentialTaskSet",
}
OLD_EVENTS = ("request_success", "request_failure", "hatch_complete", "locust_error")
EVENT_NOW = {
    "request_success": "@events.request.add_listener",
    "request_failure": "@events.request.add_listener, whose `exception` is None for a success",
    "hatch_complete": "@events.spawning_complete.add_listener",
    "locust_error": "@events.user_error.add_listener",
}
USER_BASES = frozenset({"User", "HttpUser", "FastHttpUser"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend in a locustfile.

    Attributes:
        line: 1-based.
        what: What is there.
        todo: What to write now.
        is_fatal: Whether the file cannot run as it is; otherwise it runs, but not as meant.
    """

    line: int
    what: str
    todo: str
    is_fatal: bool = True


def check_locustfile(path: Path) -> list[Problem]:
    """Return what is wrong with a locustfile, in order of its lines.

    Whether it has a user class is certain only if it imports nothing but Locust and the
    standard library's names; in doubt nothing is said, the load worker will see.

    Raises:
        UsageError: If the file cannot be read.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}", todo="Name a locustfile that exists and can be read."
        ) from error
    try:
        tree = ast.parse(text, filename=str(path))
    except SyntaxError as error:
        return [Problem(error.lineno or 1, f"syntax error: {error.msg}", "mend it")]
    except ValueError as error:
        return [Problem(1, f"not Python source: {error}", "name a locustfile")]
    problems = [*_old_names(tree), *_old_attributes(tree), *_old_calls(tree), *_old_events(tree)]
    problems += [] if problems else _no_user_class(tree)
    return sorted(problems, key=lambda problem: problem.line)


def require_usable(path: Path) -> list[str]:
    """Return warnings about a locustfile that can run.

    Raises:
        UsageError: If it cannot; every reason is named with its line.
    """
    problems = check_locustfile(path)
    fatal = [problem for problem in problems if problem.is_fatal]
    if fatal:
        raise UsageError(
            f"{path.name}:{fatal[0].line}: {fatal[0].what}",
            todo="\n".join(f"{path.name}:{each.line}: {each.todo}" for each in fatal),
        )
    return [f"{path.name}:{each.line}: {each.what}: {each.todo}" for each in problems]


def _old_names(tree: ast.Module) -> Iterator[Problem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("locust"):
            for alias in node.names:
                if alias.name in RENAMED:
                    yield _renamed(alias.name, node.lineno)
                elif alias.name == "seq_task":
                    yield Problem(
                        node.lineno,
                        "seq_task is of Locust before 1.0",
                        "in a SequentialTaskSet write `@task`; tasks run in the order of the file",
                    )
        elif isinstance(node, ast.Attribute) and node.attr in RENAMED and _is_locust(node.value):
            yield _renamed(node.attr, node.lineno)


def _renamed(old: str, line: int) -> Problem:
    return Problem(line, f"{old} is of Locust before 1.0", f"write `{RENAMED[old]}`")


def _is_locust(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "locust"


def _old_attributes(tree: ast.Module) -> Iterator[Problem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _old_class_attributes(node)


def _old_class_attributes(node: ast.ClassDef) -> Iterator[Problem]:
    values = {
        target.id: (statement.lineno, statement.value)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    if "task_set" in values and "tasks" not in values:
        line, value = values["task_set"]
        now = f"write `tasks = [{ast.unparse(value)}]`"
        yield Problem(line, "task_set is of Locust before 1.0", now)
    if "wait_function" in values:
        line = values["wait_function"][0]
        now = "write `def wait_time(self): return <seconds>`; it was milliseconds"
        yield Problem(line, "wait_function is ignored since Locust 1.0", now, is_fatal=False)
    waits = [values[name] for name in ("min_wait", "max_wait") if name in values]
    if waits and "wait_time" not in values:
        now = f"write `wait_time = between({', '.join(_seconds(value) for _, value in waits)})`"
        if len(waits) == 1:
            now = f"write `wait_time = constant({_seconds(waits[0][1])})`"
        yield Problem(
            waits[0][0],
            "min_wait and max_wait are ignored since Locust 1.0, so nobody pauses",
            now,
            is_fatal=False,
        )


def _seconds(value: ast.expr) -> str:
    if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
        return f"{value.value / 1000:g}"
    return f"{ast.unparse(value)} / 1000"


def _old_calls(tree: ast.Module) -> Iterator[Problem]:
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module != "locust":
            own |= {alias.asname or alias.name for alias in statement.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or "wait_time" in own:
            continue
        called = node.func
        by_name = isinstance(called, ast.Name) and called.id == "wait_time"
        by_module = (
            isinstance(called, ast.Attribute)
            and called.attr == "wait_time"
            and _is_locust(called.value)
        )
        if by_name or by_module:
            arguments = ", ".join(ast.unparse(each) for each in node.args)
            now = "between" if len(node.args) == 2 else "constant"
            yield Problem(
                node.lineno,
                f"wait_time({arguments}) is not a function of Locust",
                f"write `wait_time = {now}({arguments})`, with `from locust import {now}`",
            )


def _old_events(tree: ast.Module) -> Iterator[Problem]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in OLD_EVENTS:
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name == "events":
                what = f"events.{node.attr} is gone from Locust"
                yield Problem(node.lineno, what, f"write `{EVENT_NOW[node.attr]}`")


def _no_user_class(tree: ast.Module) -> list[Problem]:
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    if any(not _is_understood(node) for node in imports):
        return []
    names = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(tree)}
    if names & USER_BASES:
        return []
    return [
        Problem(
            1,
            "no user class",
            "Locust runs classes like this one:\n"
            "    class Visitor(HttpUser):\n        @task\n        def index(self):\n"
            '            self.client.get("/")',
        )
    ]


def _is_understood(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.Import):
        return True  # a module's classes are no user classes of the file
    top = (node.module or "").partition(".")[0]
    is_star = any(alias.name == "*" for alias in node.names)
    lower = all(alias.name[:1].islower() for alias in node.names)
    return not node.level and not is_star and (top == "locust" or lower)
