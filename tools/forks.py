"""Processes that start with the libraries in place: forked from one that has loaded them.

torch, numba, pandas and seaborn take three seconds of processor time to import, more than most
notebooks take to run. On Linux one process imports them (preload.py) and every kernel is a fork of
it. Elsewhere forking is not safe with these libraries, and a process starts from nothing.
"""

import atexit
import importlib
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from importlib.metadata import EntryPoint

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner
from traitlets import Dict

from tools import troubles

FORKING = sys.platform == "linux"
processes = multiprocessing.get_context("forkserver" if FORKING else "spawn")
if FORKING:
    processes.set_forkserver_preload(["tools.preload"])
    if len(os.fsencode(tempfile.gettempdir())) > 60 and os.access("/tmp", os.W_OK):
        # multiprocessing keeps sockets in the first temporary folder it is given, and a path of 108 bytes is too
        # long for one
        given, tempfile.tempdir = tempfile.tempdir, "/tmp"
        multiprocessing.util.get_temp_dir()
        tempfile.tempdir = given


def call(module, function, *arguments):
    """Call a module's function, by their names, in a process; returns its exit code, 0 for none."""
    process = processes.Process(target=_called, args=(dict(os.environ), module, function, arguments))
    process.start()
    process.join()
    return process.exitcode


def _called(variables, module, function, arguments):
    _settle(variables)
    with troubles.in_a_sentence():
        getattr(importlib.import_module(module), function)(*arguments)


def _settle(variables):
    """Take over environment variables; end, with all that was started, when the parent ends."""
    os.environ.clear()
    os.environ.update(variables)
    if FORKING:
        os.setsid()
        threading.Thread(target=_watch, daemon=True).start()


def _watch():
    multiprocessing.parent_process().join()
    os.killpg(0, signal.SIGKILL)


@atexit.register  # runs before multiprocessing's own, which would wait for them
def _end_all():
    for process in multiprocessing.active_children():
        if FORKING:
            with suppress(ProcessLookupError):  # has not come to lead a group yet
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()


class Kernel(processes.Process):
    """A kernel with the methods of subprocess.Popen, which jupyter_client expects."""

    stdin = stdout = stderr = None

    def poll(self):
        return self.exitcode

    def wait(self, timeout=None):
        self.join(timeout)
        return self.exitcode

    def send_signal(self, signum):
        os.kill(self.pid, signum)


def run_kernel(variables, arguments, folder):
    from ipykernel import kernelapp
    from matplotlib import rcParams

    _settle(variables)
    os.chdir(folder)
    rcParams["backend"] = "module://matplotlib_inline.backend_inline"
    kernelapp.launch_new_instance([*arguments, "--log-level=CRITICAL"])


exit_codes = {}  # of kernels, by their IPYTHONDIR


class Provisioner(LocalProvisioner):
    """Starts a kernel with variables of its own, as a fork where that is safe."""

    variables = Dict(config=True)

    async def poll(self):
        code = await super().poll()
        if code is not None:
            exit_codes.setdefault(self.variables.get("IPYTHONDIR"), code)
        return code

    async def launch_kernel(self, cmd, **settings):
        settings["env"] = {**settings["env"], **self.variables}
        if not FORKING:
            return await super().launch_kernel(cmd, **settings)
        arguments = cmd[cmd.index("-f") :]
        # the process that is forked may stand elsewhere
        folder = settings.get("cwd") or os.getcwd()
        self.process = Kernel(target=run_kernel, args=(settings["env"], arguments, folder))
        self.process.start()
        self.pid = self.pgid = self.process.pid
        return self.connection_info


_factory = KernelProvisionerFactory.instance()
_factory.default_provisioner_name = "forks"
_factory.provisioners["forks"] = EntryPoint(
    "forks", f"{__name__}:Provisioner", KernelProvisionerFactory.GROUP_NAME
)
