"""Measures the program against a sandbox on this machine, and prints figures and ratios.

python3 tests/bench/ratios.py PROGRAM [SECTION...] [--save]    without a section: all of them

Nothing here fails for being slow: the numbers are for a person to read. Times of small things are the fastest of many
runs, because whatever is slower is due to other processes. `--save` writes the figures to `figures.json` beside this file, with which
a test compares what `glassdome help speed` says.
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
ROOT = HERE.parent.parent
PROGRAM = str(Path(sys.argv[1]).resolve())
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


def peak(arguments, folder, out=subprocess.DEVNULL):
    """The peak of memory in MiB, read from Linux while the process runs: what `wait` returns is at least this script's own."""
    highest = 0
    process = subprocess.Popen(arguments, cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)}, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        except OSError:
            break
        highest = max(highest, int(found[1]) if found else 0)
        time.sleep(0.0005)
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


class Figures:
    """What was measured: printed as it comes, and kept by name."""

    def __init__(self):
        self.values = {}

    def add(self, name, label, value, unit, budget=None, note=""):
        """Prints a figure. A value over its budget is marked, and is no error."""
        self.values[name] = {"value": round(value, 3), "unit": unit} | ({"budget": budget} if budget else {})
        limit = f"budget {budget:g}{', EXCEEDED' if value > budget else ''}" if budget else ""
        notes = "; ".join(part for part in (limit, note) if part)
        print(f"  {label:<58} {value:>9.2f} {unit:<10} {notes}".rstrip(), flush=True)

    def save(self):
        """Writes the figures; those of sections that were not run are kept."""
        path = HERE / "figures.json"
        kept = json.loads(path.read_text())["figures"] if path.exists() else {}
        version = Run([PROGRAM, "--version"], ROOT).out.strip()
        document = {"version": version, "date": time.strftime("%Y-%m-%d"), "cores": os.cpu_count(), "figures": kept | self.values}
        path.write_text(json.dumps(document, indent=1) + "\n")


FIGURES = Figures()


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


def start():
    print("Start (fastest of 100; `true` is what any process costs here)")
    with tempfile.TemporaryDirectory() as folder:
        nothing = fastest(100, lambda: Run(["true"], folder).wall)
        FIGURES.add("start.true", "true", nothing * 1000, "ms")
        for word in ("version", "help"):
            run = fastest(100, lambda: Run([PROGRAM, f"--{word}"], folder).wall)
            FIGURES.add(f"start.{word}", f"glassdome --{word}", run * 1000, "ms", 3, f"{run / nothing:.1f} times `true`")
        prompt = fastest(20, lambda: first_prompt(folder))
        FIGURES.add("start.question", "glassdome setup, until the first question", prompt * 1000, "ms", 10)
        FIGURES.add("size", "size of the program", os.path.getsize(PROGRAM) / 1e6, "MB", 8)


def waves():
    print(f"Sequential rounds of requests: elapsed time over the latency of {LATENCY * 1000:.0f} ms, beyond a run without latency")
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
        # It is a whole number; what is beyond it is the time of the processes, so a budget of 3 ends at 3.5.
        FIGURES.add(f"waves.{name}", " ".join(("glassdome", *commands[name])), count, "rounds", budget + 0.5, f"{plain[name] * 1000:.0f} ms without latency")


def test_vm():
    total = TASK_TIME * TASKS
    print(f"The test VM, on a server whose own tasks take {total:.2f} s")
    options = ("--task-time", f"{TASK_TIME}s")
    FIGURES.add("test-vm.tasks", "the tasks themselves", total, "s")
    with Sandbox(*options) as sandbox:
        ours = min((sandbox.run("test-vm", "-o", "json") for _ in range(3)), key=lambda run: run.wall)
        FIGURES.add("test-vm", "glassdome test-vm", ours.wall, "s", round(1.05 * total + 0.1, 2), f"{ours.wall / total:.3f} times the tasks")
        FIGURES.add("test-vm.processor", "  its processor time", ours.processor * 1000, "ms")
        FIGURES.add("test-vm.memory", "  its peak of memory", sandbox.peak("test-vm"), "MiB", 20)
    for name, step, habit in (("proxmoxer", 1, "in steps of a second"), ("proxmoxer.often", 0.02, "fifty times a second")):
        theirs = min((by_proxmoxer(options, step) for _ in range(2)), key=lambda run: run.wall)
        note = f"{theirs.wall / ours.wall:.2f} times as long, {theirs.processor / ours.processor:.1f} times the processor time"
        FIGURES.add(name, f"proxmoxer's Tasks.blocking_status, {habit}", theirs.wall, "s", note=note)


def by_proxmoxer(options, step):
    """The same by a script, on a server of its own: a VMID that was just freed may stay locked for half a minute."""
    with Sandbox(*options) as sandbox:
        script = [sys.executable, str(HERE / "proof.py"), "127.0.0.1", str(sandbox.port), "ca.pem", "apex@pve", "glassdome-token", "secret", str(step)]
        return Run(script, sandbox.folder)


def doctor():
    print("doctor against curl, the same requests on one connection (least processor time of 20)")
    with Sandbox() as sandbox:
        traced = sandbox.run("doctor", "-vv")
        paths = re.findall(r"GET (/\S+) \d{3}, ", traced.err)
        config = 'silent\ncacert = "ca.pem"\nheader = "Authorization: PVEAPIToken=apex@pve!glassdome-token=00000000-1111-2222-3333-444444444444"\n'
        config += "".join(f'url = "https://127.0.0.1:{sandbox.port}/api2/json{path}"\noutput = "/dev/null"\n' for path in paths)
        (sandbox.folder / "curlrc").write_text(config)
        ours = min((sandbox.run("doctor") for _ in range(20)), key=lambda run: run.processor)
        theirs = min((Run(["curl", "--config", "curlrc"], sandbox.folder, code=None) for _ in range(20)), key=lambda run: run.processor)
        FIGURES.add("doctor.requests", "requests of glassdome doctor", len(paths), "")
        FIGURES.add("doctor.processor", "glassdome doctor", ours.processor * 1000, "ms", round(theirs.processor * 1000, 1), "of the processor")
        FIGURES.add("curl.processor", "curl", theirs.processor * 1000, "ms")
        FIGURES.add("curl.ratio", "curl over doctor", theirs.processor / ours.processor, "times")
        FIGURES.add("doctor.memory", "peak of memory of doctor", sandbox.peak("doctor"), "MiB", 20)


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


def memory():
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
        for count, budget in ((10_000, 20), (100_000, 40)):
            rows = (
                {"id": f"qemu/{number}", "vmid": number, "type": "qemu", "node": "pve", "name": f"guest-{number}", "status": "running",
                 "cpu": 0.01, "maxcpu": 2, "mem": 1 << 30, "maxmem": 1 << 31, "disk": 0, "maxdisk": 1 << 35, "uptime": 86400, "template": 0,
                 "netin": 1, "netout": 1, "diskread": 1, "diskwrite": 1}
                for number in range(100_000, 100_000 + count)
            )
            Crowd.added = b"".join(b"," + json.dumps(row).encode() for row in rows)
            run = min((sandbox.run("doctor") for _ in range(3)), key=lambda run: run.processor)
            note = f"{run.processor * 1000:.0f} ms of the processor for a list of {len(Crowd.added) / 1e6:.1f} MB"
            FIGURES.add(f"memory.{count}", f"peak of memory with {count} VMs", sandbox.peak("doctor"), "MiB", budget, note)
        server.shutdown()


def batch():
    print("Many test VMs: 3 s for a clone, 1.5 s for start and stop, 0.75 s for a deletion, 3 ms for every response")
    for nodes, count, parallel in ((1, 100, 8), (32, 1000, 64), (32, 1000, 128)):
        where = ("--nodes", str(nodes), *(("--shared-storage",) if nodes > 1 else ()))
        with Sandbox("--task-time", "3s", "--latency", "3ms", *where) as sandbox:
            words = ["test-vm", "--count", str(count), "--parallel", str(parallel), "-o", "json", *(("--all-nodes",) if nodes > 1 else ())]
            with tempfile.TemporaryFile() as out:
                highest = peak([PROGRAM, *words], sandbox.folder, out)
                out.seek(0)
                document = json.load(out)
        if document["succeeded"] != count or document["left_behind"]:
            raise SystemExit(f"{count} test VMs were asked for: {document}")
        clone = next(step for step in document["steps"] if step["name"] == "clone")
        name = f"batch.{parallel}"
        print(f"  {count} test VMs, {parallel} at once, {nodes} {'node' if nodes == 1 else 'nodes'}")
        FIGURES.add(f"{name}.rate", "    test VMs", document["clones_per_minute"], "per minute", note=f"limited by {document['limited_by']}")
        FIGURES.add(f"{name}.clone", "    a clone, median", clone["median"], "s", note=f"95 % within {clone['p95']:.2f} s")
        FIGURES.add(f"{name}.clone95", "    a clone, 95th percentile", clone["p95"], "s")
        FIGURES.add(f"{name}.memory", "    peak of memory", highest, "MiB")


def fresh_clone():
    print("A fresh clone of the last commit, with an empty target folder")
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^\$ (cargo (?:run|test)\b.*)$", readme, re.MULTILINE)
    kept = ("PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "LANG")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        subprocess.run(["cargo", "fetch", "--quiet", "--locked"], cwd=clone, env=environment, check=True)
        for name, command, budget in zip(("fresh.run", "fresh.test"), commands, (75, None), strict=True):
            started = time.perf_counter()
            run = subprocess.run(command.split(), cwd=clone, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            took = time.perf_counter() - started
            if run.returncode != 0:
                raise SystemExit(f"{command} ended with {run.returncode}\n{run.stdout[-4000:]}\n{run.stderr[-4000:]}")
            FIGURES.add(name, command, took, "s", budget, "its build included")


SECTIONS = (start, waves, test_vm, doctor, memory, batch, fresh_clone)


def main():
    arguments = sys.argv[2:]
    # What `main.rs` measured in the library before.
    for figure in os.environ.get("MEASURED_MS", "").split():
        name, value = figure.split("=")
        FIGURES.values[name] = {"value": round(float(value), 3), "unit": "ms"}
    chosen = [name for name in arguments if not name.startswith("--")]
    known = {section.__name__: section for section in SECTIONS}
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise SystemExit(f"not a section: {', '.join(unknown)}; there are {', '.join(known)}")
    for name, section in known.items():
        if name in chosen or not chosen:
            section()
    if "--save" in arguments:
        FIGURES.save()


if __name__ == "__main__":
    main()
