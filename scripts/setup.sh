#!/bin/sh
# Creates .venv with the pinned dependencies of pyproject.toml. One line for what is missing on the machine.
set -eu
PYTHON=${PYTHON:-python3}
command -v "$PYTHON" >/dev/null 2>&1 || { echo "flatmesh: $PYTHON is not on PATH: Python 3.11 or newer is needed" >&2; exit 1; }
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "flatmesh: $PYTHON is older than 3.11" >&2; exit 1; }
echo "flatmesh: setting up .venv (once)" >&2
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv || { echo "flatmesh: cannot make a virtual environment (Debian: apt-get install python3-venv)" >&2; exit 1; }
.venv/bin/python - <<'PY' > .venv/requirements.txt
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print("\n".join(project["dependencies"] + project["optional-dependencies"]["dev"]))
PY
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r .venv/requirements.txt >&2
touch .venv/ready
