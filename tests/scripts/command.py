"""A command as a user calls it, without the second that a new Python needs to import everything."""

import contextlib
import io
import os
from subprocess import CompletedProcess
from types import ModuleType
from unittest import mock

import pytest

from scripts.front import main
from tb.runner import ROOT


def call(module: ModuleType, *arguments: str, **environment: str) -> CompletedProcess:
    """What the front of a script prints, and the status it ends with, in this process."""
    name = module.__name__.rpartition(".")[2]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(ROOT),
        mock.patch.dict(os.environ, environment),
        mock.patch("sys.argv", [name, *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main(module.run)
    status = int(ended.value.code or 0)
    return CompletedProcess([name, *arguments], status, out.getvalue(), err.getvalue())
