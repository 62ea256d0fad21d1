"""Write docs/reference/settings.md from the schema of settings."""

from pathlib import Path

from flask_assay.config.schema import SETTINGS

HEAD = """# Settings

Highest first: command line, environment, `[tool.assay]` in `pyproject.toml`, default.
An unknown key is an error with a suggestion.
`flask assay doctor` prints each effective value and where it came from.

| key | kind | default | option, variable | |
|---|---|---|---|---|
"""


def main() -> None:
    """Write the page."""
    rows = [
        f"| `{each.name}` | {each.kind.__name__} | `{each.default!r}` | "
        f"{'' if each.kind is dict else f'`{each.option}`, '}`{each.variable}` | {each.help} |"
        for each in SETTINGS
    ]
    page = Path(__file__).parent / "reference" / "settings.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
