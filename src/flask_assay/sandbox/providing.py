"""How a session gets its templates: out of the cache, or built now.

An app that uses its database while it is made meets, in a session after the first, the finished
template: production is like that, too. If it changes nothing there and the hash of all that the
template depends on is as it was, the template is used; else a new one is built.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from flask_assay.errors import TargetError
from flask_assay.sandbox.admin import Admin
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.builder import Builder
from flask_assay.sandbox.early import EarlyServer
from flask_assay.sandbox.kept_templates import KeptTemplates
from flask_assay.sandbox.provision import Provision
from flask_assay.sandbox.recipe import Recipe
from flask_assay.sandbox.start_use import StartUse, is_covered, project_files
from flask_assay.sandbox.template import address_of, finish, query_on, resume
from flask_assay.services.postgres import provision_postgres
from flask_assay.services.supervisor import Supervisor

__all__ = ["provide"]


def provide(
    supervisor: Supervisor,
    recipe: Recipe,
    attachment: Attachment,
    *,
    early: EarlyServer | None = None,
) -> Provision:
    """Return a server with the recipe's templates: out of the cache, or built now.

    Args:
        supervisor: Of the run that the server lives and dies with.
        recipe: What the templates are made of.
        attachment: Aimed at the builder for the time of building.
        early: A server that was launched for the template that will probably be needed.

    Raises:
        TargetError: The app or a step of the recipe failed.
        ServiceError: The server could not be provided.
    """
    return _Providing(supervisor, recipe, attachment, early).provision()


class _Providing:
    """One search for a template, and its making if there is none."""

    def __init__(
        self,
        supervisor: Supervisor,
        recipe: Recipe,
        attachment: Attachment,
        early: EarlyServer | None,
    ) -> None:
        self._supervisor, self._recipe, self._attachment = supervisor, recipe, attachment
        self._early = early
        self._use = early.use if early is not None else None
        self._is_unsteady = False
        self._kept = KeptTemplates(supervisor.run.cache)
        self._start = partial(provision_postgres, supervisor, purpose="tests")

    def provision(self) -> Provision:
        """Return server and templates."""
        builder = Builder(self._start, self._attachment, self._offered)
        with self._attachment.aimed_at(builder):
            app = self._recipe.load_app(builder.imported)
            builder.made()
            provision = builder.resumed
            if provision is None:
                digest = "" if builder.is_started else self._recipe.digest(app)
                provision = self._found(digest) or self._built(builder, app)
            elif not self._fits(builder, provision, app):
                provision = None
        if provision is None:
            provision, app = self._rebuilt()
        provision.app = app
        return provision

    def _offered(self, at_import: bool) -> Provision | None:  # noqa: FBT001 - called back
        """Return the finished template that an app may meet while it is made."""
        early, use = self._early, self._use
        if early is None or use is None or not use.is_welcome or (at_import and not use.at_import):
            return None
        return self._found(early.digest)

    def _fits(self, builder: Builder, provision: Provision, app: Any) -> bool:
        """Whether an app met the right template and left it as it was; else its server is stopped.

        Raises:
            TargetError: It did not, and importing it cannot be done again.
        """
        use, postgres = self._use, provision.postgres
        assert use is not None
        assert postgres is not None
        is_right = use.digest(self._recipe.digest(app)) == provision.digest
        is_changed = builder.has_changed(provision)
        if is_right and not is_changed:
            return True
        if is_right:
            self._is_unsteady = True
            self._kept.amend(
                provision.digest, {"start_use": replace(use, is_steady=False).to_json()}
            )
        if builder.at_import:
            raise TargetError(
                "the test template must be built anew, and the app is imported already",
                why="The app uses its database while it is imported, and that left the template "
                "that was kept other than it was, or needs another one.",
                todo="Run the tests again: they start from an empty database then.",
            )
        postgres.stop()
        return False

    def _rebuilt(self) -> tuple[Provision, Any]:
        """Build with the factory called once more, on an empty database this time."""
        builder = Builder(self._start, self._attachment)
        with self._attachment.aimed_at(builder):
            app = self._recipe.load_app(builder.imported)
            builder.made()
            return self._built(builder, app), app

    def _found(self, digest: str) -> Provision | None:
        """Return what is kept under a hash; the early server is taken, or stopped."""
        launched = self._early.taken_for(digest) if self._early is not None else None
        found = self._kept.find(digest) if digest else None
        if found is None:
            return None
        return resume(self._supervisor, found, digest, self._attachment, launched)

    def _built(self, builder: Builder, app: Any) -> Provision:
        """Build what is not kept, and keep it."""
        connects = builder.is_started
        is_covered = connects and not builder.at_import and self._is_covered(builder, app)
        self._recipe.build(app)
        builder.close()
        if not builder.databases:
            builder.place({})
        recipe = self._recipe.digest(app)
        use = self._use_now(recipe, at_import=builder.at_import, is_covered=is_covered)
        kept_as = (use.digest(recipe), use) if connects else (recipe, None)
        return finish(
            self._supervisor, builder.postgres, builder.databases, self._attachment, kept_as
        )

    def _is_covered(self, builder: Builder, app: Any) -> bool:
        """Whether the recipe's hash is about all that an app left while it was made."""
        known = self._recipe.known_names(app)
        server = address_of(self._supervisor, builder.postgres)
        admin = Admin(server, self._attachment.own_connect())
        connections = [admin.connect(db.name) for db in builder.databases.values()]
        try:
            return all(is_covered(query_on(one), known) for one in connections)
        finally:
            for one in connections:
                one.close()

    def _use_now(self, recipe: str, *, at_import: bool, is_covered: bool) -> StartUse:
        """Return what the next session is to know of an app that connects while it is made."""
        use = StartUse()
        if not is_covered or self._is_known_unsteady(use, recipe):
            use = StartUse.of(project_files(), at_import=at_import)
        return replace(use, is_steady=not self._is_known_unsteady(use, recipe))

    def _is_known_unsteady(self, use: StartUse, recipe: str) -> bool:
        """Whether an earlier session, or this one, saw the app change its finished template."""
        if self._is_unsteady:
            return True
        found = self._kept.find(use.digest(recipe))
        seen = StartUse.from_json(found.document.get("start_use")) if found is not None else None
        return seen is not None and not seen.is_steady
