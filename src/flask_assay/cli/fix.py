"""``flask assay fix``: the patch of a finding, measured on the patched code."""

import difflib
import os
from pathlib import Path
from typing import Any

import click

from flask_assay.cli.exits import guarded
from flask_assay.cli.options import given, setting_options
from flask_assay.cli.progress import TerminalProgress
from flask_assay.config.resolve import Settings, resolve
from flask_assay.errors import UsageError

__all__ = ["command"]


@click.command("fix")
@click.argument("finding")
@click.option(
    "--recording",
    type=click.Path(path_type=Path),
    default=Path(".assay/latest"),
    show_default=True,
    help="Recording that has the finding.",
)
@click.option("--apply", "is_applied", is_flag=True, help="Change your files, if it is faster.")
@click.option("--no-measure", is_flag=True, help="Print the patch only.")
@click.option("--quiet", is_flag=True, help="No progress.")
@setting_options
@click.pass_context
@guarded
def command(
    ctx: click.Context,
    *,
    finding: str,
    recording: Path,
    is_applied: bool,
    no_measure: bool,
    quiet: bool,
    **options: Any,
) -> None:
    r"""Write the patch of FINDING, and measure the patched code against yours.

    FINDING is its number in the report, or "audit:key" or "audit:GET /route". The patch goes to
    standard output, all else to standard error. It is tried in a git worktree that has your
    commits and what you have not committed; your files are changed with --apply only, and only
    if they are still what the patch was made for.

    \b
    Examples:
      flask --app shop assay fix 2
      flask --app shop assay fix "missing-index:GET /orders" --apply
      flask --app shop assay fix 1 --no-measure > one.patch
    """
    from flask_assay.diagnosis import diagnose
    from flask_assay.experiments.patches.write import write_patch
    from flask_assay.recording.reader import open_recording

    # the one experiment of this command is made on data that the load has left
    quick = {"quick": True, "experiments": False, "learning": False, "growth": False}
    settings = resolve(quick | given(options), os.environ, Path.cwd())
    opened = open_recording(recording)
    diagnosis = diagnose(opened, allow=settings.table("allow"))
    chosen = _chosen(finding, diagnosis.findings)
    remedy = _remedy(chosen, diagnosis.trials)
    patch = write_patch(Path.cwd(), chosen, remedy, opened.document("app"))
    click.echo(patch.diff_bytes(), nl=False)
    _tell_doubts(patch, recording)
    is_faster = False
    if not no_measure:
        app = str(getattr(ctx.obj, "app_import_path", None) or "")
        trial = _measure(app, settings, TerminalProgress(is_quiet=quiet), (chosen, remedy, patch))
        is_faster = trial.outcome.value == "faster"
        _tell(trial)
    if is_applied and (is_faster or no_measure):
        for file in patch.apply(Path.cwd()):
            click.echo(f"Changed {file}", err=True)
    elif is_applied:
        raise UsageError(
            "your files were left as they are: the patched code was not faster",
            todo="--no-measure --apply writes the patch all the same.",
        )


def _measure(
    app: str, settings: Settings, progress: TerminalProgress, proposal: tuple[Any, Any, Any]
) -> Any:
    """Load the app, then compare the user's code with a worktree that has the patch."""
    from flask_assay.experiments.confirm import confirm
    from flask_assay.gather.run import gather, open_lab
    from flask_assay.model.clock import SystemClock
    from flask_assay.recording.reader import open_recording
    from flask_assay.services.git import uncommitted, worktree

    finding, remedy, patch = proposal
    if remedy.intervention == "pool-size":
        raise UsageError(
            "a pool's size shows its effect under load only",
            todo="Print the patch with --no-measure; `assay run` has measured the size.",
        )
    if files := uncommitted(Path.cwd()):  # asked before the load: it needs a repository
        progress.step(f"not committed, and in both sides: {len(files)} file(s)")
    with open_lab(app, settings, progress) as lab:
        run = gather(lab, progress)
        with worktree(Path.cwd(), lab.run.private / "worktree") as directory:
            patch.apply(directory)
            return confirm(
                lab,
                open_recording(run.recording),
                (finding, remedy),
                (directory, patch.schema),
                clock=SystemClock(),
                on_step=progress.step,
            )


def _tell_doubts(patch: Any, recording: Path) -> None:
    """Say what a patch leaves to a person, and which of its files the recording does not know."""
    if patch.note:
        click.echo(f"Note: {patch.note}", err=True)
    recorded = (recording / "app.json").stat().st_mtime
    for part in patch.parts:
        if part.before and (Path.cwd() / part.file).stat().st_mtime > recorded:
            click.echo(
                f"Note: {part.file} has changed since the recording: look whether the place is "
                "still right.",
                err=True,
            )


def _chosen(wanted: str, findings: Any) -> Any:
    if wanted.isdecimal() and 0 < int(wanted) <= len(findings):
        return findings[int(wanted) - 1]
    names = {f"{each.audit}:{each.key}": each for each in findings}
    by_route: dict[str, list[Any]] = {}
    for each in findings:
        for route in each.routes:
            by_route.setdefault(f"{each.audit}:{route}", []).append(each)
    if wanted in names:
        return names[wanted]
    several = by_route.get(wanted, [])
    if len(several) == 1:
        return several[0]
    near = [f"{each.audit}:{each.key}" for each in several] or difflib.get_close_matches(
        wanted, [*names, *by_route], n=3, cutoff=0.3
    )
    raise UsageError(
        f"{len(several) or 'no'} findings are named {wanted!r}",
        why="\n".join(["The nearest are:" if not several else "They are:", *near] if near else []),
        todo=f"Give its number, 1 to {len(findings)}, or audit:key as in the report."
        if findings
        else "The recording has no findings.",
    )


def _remedy(finding: Any, trials: Any) -> Any:
    """Return the remedy that was proven, else the first one."""
    if not finding.remedies:
        raise UsageError(f"{finding.title}: there is no remedy to write", why=finding.detail)
    faster = {each.remedy_id for each in trials if each.outcome.value == "faster"}
    for number, remedy in enumerate(finding.remedies):
        if f"{finding.audit}/{finding.key}/{number}" in faster:
            return remedy
    return finding.remedies[0]


def _tell(trial: Any) -> None:
    from flask_assay.report import figures, summary

    click.echo(f"{summary.OUTCOME_WORDS[trial.outcome]}, measured on the patched code:", err=True)
    for effect in trial.effects:
        click.echo(f"  {effect.route}: {summary.effect_sentence(effect)}", err=True)
        if effect.statements_before is not None and effect.statements_after is not None:
            click.echo(
                f"    {figures.number(effect.statements_before)} → "
                f"{figures.number(effect.statements_after)} statements",
                err=True,
            )
        click.echo(f"    {summary.ORACLE_WORDS[effect.oracle]} {effect.oracle_detail}", err=True)
