"""Measures the program against a sandbox on this machine, and prints ratios.

python3 tests/bench/ratios.py [PROGRAM]    PROGRAM is target/release/glassdome unless said otherwise

Nothing here fails for being slow: the numbers are for a person to read. Times of small things are the fastest of many
runs, because everything else is somebody else's work.
"""

import http.server
import json
import os
import pty
import re
import select
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = str(Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "../../target/release/glassdome").resolve())
LATENCY = 0.25
TASK_TIME = 1.3
# Of one clone, one start, one stop and one destruction, as parts of the time of a clone.
TASKS = 1 + 1 / 2 + 1 / 2 + 1 / 4


class Run:
    """A finished process: its wall time, its processor time, its streams."""

    def __init__(self, arguments, folder, code=0):
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        environment = {name: os.environ[name] for name in ("PATH",)} | {"HOME": str(folder), "LANG": "C.UTF-8"}
        started = time.perf_counter()
        process = subprocess.Popen(arguments, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        self.wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        self.processor = usage.ru_utime + usage.ru_stime
        out.seek(0), err.seek(0)
        self.out, self.err = out.read().decode(), err.read().decode()
        if code is not None and process.returncode != code:
            raise SystemExit(f"{arguments} ended with {process.returncode}\n{self.out}\n{self.err}")


def peak(arguments, folder):
    """The peak of memory in MB, read from Linux while the process runs: what `wait` tells is at least this script's own."""
    highest = 0
    process = subprocess.Popen(arguments, cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        except OSError:
            break
        highest = max(highest, int(found[1]) if found else 0)
    process.wait()
    return highest / 1024


class Sandbox:
    """A sandbox in a process of its own, and a folder whose `.env` leads to it."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [PROGRAM, "sandbox", "-o", "json", "--listen", "127.0.0.1:0", "--until-stdin-closes", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        self.about = json.loads(self.process.stdout.readline())
        self.port = self.about["port"]
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "ca.pem").write_text(self.about["ca_pem"])
        (self.folder / "secret").write_text("00000000-1111-2222-3333-444444444444")
        self.lead_to(self.port, "PROXMOX_CA_FILE=ca.pem")

    def lead_to(self, port, trust, name="127.0.0.1"):
        (self.folder / ".env").write_text(
            f"PROXMOX_HOST={name}:{port}\nPROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=glassdome-token\n"
            f"PROXMOX_TOKEN_VALUE=00000000-1111-2222-3333-444444444444\nPROXMOX_VERIFY_SSL=false\n{trust}\n"
            "PROXMOX_NODE=pve\nUBUNTU_2204_TEMPLATE_ID=9000\n"
        )
        (self.folder / ".env").chmod(0o600)

    def run(self, *arguments, code=0):
        return Run([PROGRAM, *arguments], self.folder, code)

    def peak(self, *arguments):
        return peak([PROGRAM, *arguments], self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder)


def tell(what, value, budget=""):
    print(f"  {what:<62} {value:>14}   {budget}".rstrip(), flush=True)


def fastest(count, measure):
    return min(measure() for _ in range(count))


def first_prompt(folder):
    """The time from the start to the first question, at a terminal."""
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(PROGRAM, [PROGRAM, "setup"], {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm"})
    seen = b""
    while b"Proxmox VE host" not in seen and select.select([terminal], [], [], 10)[0]:
        seen += os.read(terminal, 4096)
    took = time.perf_counter() - started
    os.write(terminal, b"\x03")
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass  # the other side is closed
    os.waitpid(pid, 0)
    if b"Proxmox VE host" not in seen:
        raise SystemExit(f"no question came: {seen.decode()}")
    return took


def start_up():
    print("Start (fastest of 100; `true` is what any process costs here)")
    with tempfile.TemporaryDirectory() as folder:
        nothing = fastest(100, lambda: Run(["true"], folder).wall)
        tell("true", f"{nothing * 1000:.2f} ms")
        for word in ("--version", "--help"):
            run = fastest(100, lambda: Run([PROGRAM, word], folder).wall)
            tell(f"glassdome {word}", f"{run * 1000:.2f} ms", f"budget 3 ms; {run / nothing:.1f} times `true`")
        prompt = fastest(20, lambda: first_prompt(folder))
        tell("glassdome setup, until the first question", f"{prompt * 1000:.2f} ms", "budget 10 ms")
        tell("size of the program", f"{os.path.getsize(PROGRAM) / 1e6:.2f} MB", "budget 8 MB")


def waves():
    print(f"Waves of requests: elapsed time over the latency of {LATENCY * 1000:.0f} ms, beyond a run without latency")
    commands = {"doctor": ("doctor",), "setup": ("setup", "--no-input", "--skip-test-vm")}
    plain, slow = {}, {}
    with Sandbox() as sandbox:
        for name, words in commands.items():
            plain[name] = fastest(5, lambda: sandbox.run(*words).wall)
    with Sandbox("--latency", f"{LATENCY * 1000:.0f}ms") as sandbox:
        for name, words in commands.items():
            slow[name] = fastest(5, lambda: sandbox.run(*words).wall)
    for name, budget in (("doctor", 3), ("setup", 4)):
        count = (slow[name] - plain[name]) / LATENCY
        tell(" ".join(("glassdome", *commands[name])), f"{count:.2f} waves", f"budget {budget}; {plain[name] * 1000:.0f} ms without latency")


def proof():
    total = TASK_TIME * TASKS
    print(f"The proof, on a server whose own tasks take {total:.2f} s")
    options = ("--task-time", f"{TASK_TIME}s")
    with Sandbox(*options) as sandbox:
        ours = min((sandbox.run("test-vm", "-o", "json") for _ in range(3)), key=lambda run: run.wall)
        tell("glassdome test-vm", f"{ours.wall:.2f} s", f"{ours.wall / total:.3f} of the tasks' time; budget 1.05 and 0.1 s: {1.05 * total + 0.1:.2f} s")
        tell("  its processor time", f"{ours.processor * 1000:.0f} ms")
        tell("  its peak of memory", f"{sandbox.peak('test-vm'):.1f} MB", "budget 20 MB")
    for step, habit in ((1, "waiting in steps of a second"), (0.02, "asking fifty times a second")):
        theirs = min((by_proxmoxer(options, step) for _ in range(2)), key=lambda run: run.wall)
        tell(f"proxmoxer, {habit}", f"{theirs.wall:.2f} s", f"{theirs.wall / ours.wall:.2f} times as long, {theirs.processor / ours.processor:.1f} times the processor")


def by_proxmoxer(options, step):
    """The same by a script, on a server of its own: a VMID that was just freed may stay locked for half a minute."""
    with Sandbox(*options) as sandbox:
        script = [sys.executable, str(HERE / "proof.py"), "127.0.0.1", str(sandbox.port), "ca.pem", "apex@pve", "glassdome-token", "secret", str(step)]
        return Run(script, sandbox.folder)



def doctor_and_curl():
    print("doctor against curl, the same calls on one connection (least processor time of 20)")
    with Sandbox() as sandbox:
        traced = sandbox.run("doctor", "-vv")
        paths = re.findall(r"GET (/\S+) \d{3}, ", traced.err)
        config = 'silent\ncacert = "ca.pem"\nheader = "Authorization: PVEAPIToken=apex@pve!glassdome-token=00000000-1111-2222-3333-444444444444"\n'
        config += "".join(f'url = "https://127.0.0.1:{sandbox.port}/api2/json{path}"\noutput = "/dev/null"\n' for path in paths)
        (sandbox.folder / "curlrc").write_text(config)
        ours = min((sandbox.run("doctor") for _ in range(20)), key=lambda run: run.processor)
        theirs = min((Run(["curl", "--config", "curlrc"], sandbox.folder, code=None) for _ in range(20)), key=lambda run: run.processor)
        tell(f"glassdome doctor, {len(paths)} calls", f"{ours.processor * 1000:.1f} ms", f"peak of memory {sandbox.peak('doctor'):.1f} MB; budget 20 MB")
        tell("curl", f"{theirs.processor * 1000:.1f} ms", f"doctor needs {ours.processor / theirs.processor:.2f} of it")


class Crowd(http.server.BaseHTTPRequestHandler):
    """Passes everything on to a sandbox, and adds VMs to every list of resources."""

    protocol_version = "HTTP/1.1"
    authority = port = added = None

    def do_GET(self):
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{self.path}", headers=dict(self.headers))
        try:
            answer = urllib.request.urlopen(request, context=self.authority)
        except urllib.error.HTTPError as refused:
            answer = refused
        body = answer.read()
        if self.path.startswith("/api2/json/cluster/resources"):
            body = body[: body.rindex(b"]")] + self.added + body[body.rindex(b"]") :]
        self.send_response(answer.status, answer.reason)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def resources():
    print("doctor where the server lists many VMs")
    with Sandbox() as sandbox:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "crowd.pem", "-days", "30",
             "-subj", "/CN=crowd", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
            cwd=sandbox.folder, check=True, capture_output=True,
        )
        printed = subprocess.run(["openssl", "x509", "-in", "crowd.pem", "-noout", "-fingerprint", "-sha256"], cwd=sandbox.folder, check=True, capture_output=True, text=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sandbox.folder / "crowd.pem", sandbox.folder / "key.pem")
        Crowd.authority, Crowd.port = ssl.create_default_context(cafile=sandbox.folder / "ca.pem"), sandbox.port
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Crowd)
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sandbox.lead_to(server.server_port, "PROXMOX_FINGERPRINT=" + printed.stdout.strip().split("=")[1])
        for count in (0, 10_000, 100_000):
            rows = (
                {"id": f"qemu/{number}", "vmid": number, "type": "qemu", "node": "pve", "name": f"guest-{number}", "status": "running",
                 "cpu": 0.01, "maxcpu": 2, "mem": 1 << 30, "maxmem": 1 << 31, "disk": 0, "maxdisk": 1 << 35, "uptime": 86400, "template": 0,
                 "netin": 1, "netout": 1, "diskread": 1, "diskwrite": 1}
                for number in range(100_000, 100_000 + count)
            )
            Crowd.added = b"".join(b"," + json.dumps(row).encode() for row in rows)
            run = min((sandbox.run("doctor") for _ in range(3)), key=lambda run: run.processor)
            tell(f"{count} VMs more, {len(Crowd.added) / 1e6:.1f} MB", f"{run.processor * 1000:.0f} ms", f"of the processor; peak of memory {sandbox.peak('doctor'):.1f} MB")
        server.shutdown()


if __name__ == "__main__":
    start_up()
    waves()
    proof()
    doctor_and_curl()
    resources()
