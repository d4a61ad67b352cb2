"""What a user would write in place of `glassdome test-vm`: clone, start, stop, destroy with proxmoxer, waiting in steps.

python3 proof.py HOST PORT CA_FILE USER TOKEN_NAME TOKEN_FILE STEP
"""

import sys

from proxmoxer import ProxmoxAPI
from proxmoxer.tools import Tasks

host, port, authority, user, name, secret, step = sys.argv[1:]
pve = ProxmoxAPI(host, port=int(port), user=user, token_name=name, token_value=open(secret).read().strip(), verify_ssl=authority)
node = pve.nodes(pve.nodes.get()[0]["node"])


def wait(upid):
    # The way to wait that the library itself offers, in steps of one second unless told otherwise.
    status = Tasks.blocking_status(pve, upid, polling_interval=float(step))
    if status["exitstatus"] != "OK":
        raise SystemExit(status["exitstatus"])


vmid = pve.cluster.nextid.get()
wait(node.qemu(9000).clone.post(newid=vmid, name="written-by-hand"))
node.qemu(vmid).config.get()
wait(node.qemu(vmid).status.start.post())
node.qemu(vmid).status.current.get()
wait(node.qemu(vmid).status.stop.post())
wait(node.qemu(vmid).delete())
