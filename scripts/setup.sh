#!/bin/sh
# Creates .venv with the pinned dependencies of pyproject.toml. One line for what is missing on the machine.
set -eu
PYTHON=${PYTHON:-python3}
unset PYTHONPATH PYTHONHOME
stop() { echo "flatmesh: $1" >&2; exit 1; }
case $PWD in
  *[[:space:]]* | *"'"* | *'"'* | *\\* | *'`'* | *[\#\$%:\;\&\|\<\>\(\)*?\[]* | *']'*)
    stop "the checkout is in '$PWD': make cannot build below a path with such a character in it: move the checkout" ;;
esac
[ -w . ] || stop "$PWD: cannot be written to: .venv and build go there"
command -v "$PYTHON" >/dev/null 2>&1 || stop "$PYTHON is not on PATH: Python 3.11 or newer is needed"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop "$PYTHON is older than 3.11"
started=$(date +%s)
echo "setting up .venv: some 70 packages (once; usually 2 min, with a slow line longer)" >&2
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv || stop "cannot make a virtual environment (Debian: apt-get install python3-venv)"
.venv/bin/python - <<'PY' > .venv/requirements.txt
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print("\n".join(project["dependencies"] + project["optional-dependencies"]["dev"]))
PY
# On a terminal pip shows what it does; elsewhere it says nothing but what went wrong.
quiet=--quiet
[ -t 2 ] && quiet=--progress-bar=on
.venv/bin/python -m pip install "$quiet" --disable-pip-version-check -r .venv/requirements.txt >&2 ||
  stop "pip could not install what pyproject.toml lists, see above (a proxy or mirror: pip config): run make again to go on"
touch .venv/ready
echo "setting up .venv: done after $(($(date +%s) - started)) s" >&2
