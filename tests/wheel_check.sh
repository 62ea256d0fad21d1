#!/bin/sh
# Try the built wheel, not the tree: the core alone, then with its run extra.
# Usage: wheel_check.sh PYTHON (of an environment that has `build`)
set -eu
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$python" -m build --wheel --no-isolation --outdir "$place/dist" . >"$place/build.log" 2>&1 || { cat "$place/build.log"; exit 1; }
wheel=$(echo "$place"/dist/*.whl)
case $wheel in
*-none-any.whl) hot="are not compiled" ;; # no compiler here: hatch_build.py told so
*) hot="are compiled" ;;
esac
echo "== $(basename "$wheel")"

echo "== without a compiler"
ASSAY_COMPILED=0 "$python" -m build --wheel --no-isolation --outdir "$place/plain" . >"$place/build.log" 2>&1 || { cat "$place/build.log"; exit 1; }
ls "$place"/plain/*-py3-none-any.whl >/dev/null
if unzip -l "$place"/plain/*.whl 2>/dev/null | grep -q 'compiled.*\.so'; then exit 1; fi

cat >"$place/hello.py" <<'APP'
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
db = SQLAlchemy(app)


class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    text = db.Column(db.String(40), nullable=False)


@app.get("/notes/<int:note_id>")
def note(note_id):
    return {"text": db.get_or_404(Note, note_id).text}
APP

echo "== core alone"
"$python" -m venv "$place/core"
"$place/core/bin/pip" install -q "$wheel"
cd "$place"
"$place/core/bin/flask" --help 2>/dev/null | grep -q assay
"$place/core/bin/flask" assay --help | grep -q doctor
"$place/core/bin/assay" doctor 2>&1 | grep -q "hot paths $hot"
# a missing extra is one sentence with the command that installs it
if "$place/core/bin/flask" --app hello assay run 2>"$place/said"; then exit 1; fi
grep -q "pip install 'flask-assay\[run\]'" "$place/said"
! grep -q Traceback "$place/said"

echo "== with the run extra"
"$python" -m venv "$place/run"
"$place/run/bin/pip" install -q "$wheel[run]" flask-sqlalchemy psycopg2-binary
"$place/run/bin/flask" --app hello assay doctor
"$place/run/bin/flask" --app hello assay run --duration-s 3 --warm-up-s 1 --no-experiments >"$place/report.txt"
grep -q "sent by the client = " "$place/report.txt"

echo "== with the test extra"
"$python" -m venv "$place/test"
"$place/test/bin/pip" install -q "$wheel[test]"
"$place/test/bin/pytest" --help | grep -q -- "--assay" || echo "(no pytest plugin in this wheel)"

echo "3 passed, 0 failed"
