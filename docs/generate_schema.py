"""Write the JSON schema of the diagnosis document, derived from its dataclasses."""

import json
from pathlib import Path

from flask_assay.report import document

PLACE = Path(document.__file__).with_name("diagnosis.schema.json")

if __name__ == "__main__":
    PLACE.write_text(json.dumps(document.make_schema(), indent=1) + "\n", encoding="utf-8")
