"""An `ssh` for tests: the first argument is a server, and `pveum` in the rest is done there by root@pam."""

import json
import shlex
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

server, rest = sys.argv[1], " ".join(sys.argv[2:])
words = shlex.split(rest[rest.index("pveum") :])
trust = ssl._create_unverified_context()
headers = {}


def call(method, path, **parameters):
    body = urllib.parse.urlencode(parameters).encode() or None
    request = urllib.request.Request(f"https://{server}/api2/json{path}", data=body, method=method, headers=headers)
    openers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    try:
        with urllib.request.build_opener(*openers).open(request, timeout=30) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as refused:
        print(refused.reason, file=sys.stderr)
        print(refused.read().decode(), file=sys.stderr)
        sys.exit(255)
    except OSError as why:
        print(why, file=sys.stderr)
        sys.exit(255)


ticket = call("POST", "/access/ticket", username="root@pam", password="sandbox")
headers = {
    "Cookie": "PVEAuthCookie=" + urllib.parse.quote(ticket["ticket"], safe=""),
    "CSRFPreventionToken": ticket["CSRFPreventionToken"],
}
noun, verb, user, name = words[2], words[3], words[4], words[5] if len(words) > 5 else ""
options = dict(zip(words[6::2], words[7::2]))
path = f"/access/users/{urllib.parse.quote(user)}/token/{urllib.parse.quote(name)}"
if (words[1], noun) != ("user", "token") or verb not in ("add", "modify", "remove"):
    sys.exit(f"not known here: {words}")
allowed = {key[2:]: value for key, value in options.items() if key != "--output-format"}
method = {"add": "POST", "modify": "PUT", "remove": "DELETE"}[verb]
print(json.dumps(call(method, path, **allowed)))
