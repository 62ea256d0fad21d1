"""Writes the golden reports anew: ``python -m tests.golden.update``. A person reads the diff."""

from pathlib import Path

from tests.golden.sample import sample

from flask_assay.report import annotations, markdown, sarif, terminal

FOLDER = Path(__file__).parent
RENDERERS = {
    "report.markdown.txt": markdown.render,
    "report.80.txt": lambda d: terminal.render(d, width=80, report="report.html"),
    "report.110.txt": lambda d: terminal.render(d, width=110, report="report.html"),
    "report.sarif.json": sarif.render,
    "annotations.txt": annotations.render,
}

if __name__ == "__main__":
    for name, render in RENDERERS.items():
        (FOLDER / name).write_text(render(sample()), encoding="utf-8")
