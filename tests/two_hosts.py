"""Two hosts on one machine: network namespaces with names of their own, joined by a cable (veth).

Open MPI starts ranks on another host by ssh, or by any program that is given a host and a command:
here one that runs the command in the host's namespace. Needed: Linux, iproute2, and root.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ADDRESSES = ("10.77.0.1", "10.77.0.2")
# sh -c, as ssh joins its arguments and lets a shell read them again
AGENT = """#!/bin/sh
host=$1; shift
exec ip netns exec {prefix}$host unshare --uts sh -c "hostname host-${{host##*.}}; exec sh -c '$*'"
"""


class TwoHosts:
    """The namespaces, while the `with` block runs. `why` says why there are none, "" if there are."""

    def __init__(self, folder):
        self.folder, self.prefix = Path(folder), f"portanet-{os.getpid()}-"
        self.names = [f"{self.prefix}{address}" for address in ADDRESSES]
        self.why = ""

    def __enter__(self):
        if shutil.which("ip") is None or shutil.which("unshare") is None:
            self.why = "two hosts need ip (iproute2) and unshare (util-linux)"
            return self
        try:
            self._join()
        except subprocess.CalledProcessError as error:
            self.why = f"{' '.join(error.cmd)}: {error.stderr.strip()}"
        return self

    def __exit__(self, *error):
        for name in self.names:  # the cable goes with them
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def start(self, n, *arguments):
        """Start n ranks of a program, in turns on both hosts, from the first; return the process."""
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        hosts, agent = self.folder / "hosts", self.folder / "agent"
        hosts.write_text("".join(f"{address} slots={n}\n" for address in ADDRESSES))
        agent.write_text(AGENT.format(prefix=self.prefix))
        agent.chmod(0o755)
        own = Path(sys.executable).with_name("mpiexec")
        words = [str(own) if own.exists() else "mpiexec", "--allow-run-as-root"]
        words += ["--prtemca", "plm_ssh_agent", agent, "--hostfile", hosts, "--map-by", "node"]
        passed = {"OMP_NUM_THREADS": "1", "OMPI_MCA_mpi_yield_when_idle": "1", "PYTHONPATH": path}
        words += [word for name in passed for word in ("-x", name)]
        words += ["-n", n, sys.executable, *arguments]
        command = ["ip", "netns", "exec", self.names[0], "unshare", "--uts", "sh", "-c"]
        return subprocess.Popen(
            [*command, 'hostname host-1; exec "$@"', "sh", *map(str, words)], cwd=Path(__file__).parent, text=True,
            env=os.environ | passed,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def n_bytes(self):
        """Return how many bytes have come through the cable to the first host."""
        found = self._ip("netns", "exec", self.names[0], "cat", "/proc/net/dev")
        (line,) = (line for line in found.splitlines() if line.strip().startswith("v0"))
        return int(line.partition(":")[2].split()[0])

    def _join(self):
        for name in self.names:
            self._ip("netns", "add", name)
        first, second = self.names
        self._ip(*f"link add v0 netns {first} type veth peer name v0 netns {second}".split())
        for name, address in zip(self.names, ADDRESSES, strict=True):
            self._ip("-n", name, "addr", "add", f"{address}/24", "dev", "v0")
            for device in ("lo", "v0"):
                self._ip("-n", name, "link", "set", device, "up")

    def _ip(self, *words):
        return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout
