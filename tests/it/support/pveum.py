#!/usr/bin/env python3
"""A `pveum` that works on a server elsewhere, as root@pam: just the commands that glassdome prints.

PVEUM_URL says where the server is (https://127.0.0.1:PORT), PVEUM_PASSWORD holds the password of root@pam.
"""

import argparse
import json
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request


class Server:
    def __init__(self, url, password):
        self.url = url.rstrip("/") + "/api2/json"
        # It is the sandbox of the test that started us.
        self.trust = ssl._create_unverified_context()
        self.headers = {}
        ticket = self.call("POST", "/access/ticket", username="root@pam", password=password)
        self.headers = {
            "Cookie": "PVEAuthCookie=" + urllib.parse.quote(ticket["ticket"], safe=""),
            "CSRFPreventionToken": ticket["CSRFPreventionToken"],
        }

    def call(self, method, path, /, **parameters):
        form = urllib.parse.urlencode({key: it for key, it in parameters.items() if it is not None})
        url, body = self.url + path, None
        if method == "GET":
            url += "?" + form if form else ""
        else:
            body = form.encode()
        request = urllib.request.Request(url, data=body, method=method, headers=self.headers)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.trust)
        )
        try:
            with opener.open(request, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            sys.exit(refused.reason)


def quote(text):
    return urllib.parse.quote(text, safe="")


def arguments():
    parser = argparse.ArgumentParser(prog="pveum", allow_abbrev=False)
    nouns = parser.add_subparsers(dest="noun", required=True)

    role = nouns.add_parser("role").add_subparsers(dest="verb", required=True)
    for verb in ("add", "modify"):
        command = role.add_parser(verb)
        command.add_argument("roleid")
        command.add_argument("--privs")
        if verb == "modify":
            command.add_argument("--append", choices=("0", "1"))

    group = nouns.add_parser("group").add_subparsers(dest="verb", required=True)
    acls = nouns.add_parser("acl").add_subparsers(dest="verb", required=True)
    for lists in (role, group, acls):
        lists.add_parser("list").add_argument("--output-format", choices=("json",), required=True)
    acl = acls.add_parser("modify")
    acl.add_argument("path")
    acl.add_argument("--roles", required=True)
    for option in ("--users", "--tokens", "--groups"):
        acl.add_argument(option)
    acl.add_argument("--propagate", choices=("0", "1"))

    user = nouns.add_parser("user").add_subparsers(dest="verb", required=True)
    tokens = user.add_parser("token").add_subparsers(dest="deed", required=True)
    token = tokens.add_parser("modify")
    token.add_argument("userid")
    token.add_argument("tokenid")
    token.add_argument("--privsep", choices=("0", "1"))
    listed = tokens.add_parser("list")
    listed.add_argument("userid")
    listed.add_argument("--output-format", choices=("json",), required=True)
    return parser.parse_args()


def main():
    given = arguments()
    server = Server(os.environ["PVEUM_URL"], os.environ["PVEUM_PASSWORD"])
    match given.noun, given.verb:
        case "role", "add":
            server.call("POST", "/access/roles", roleid=given.roleid, privs=given.privs)
        case "role", "modify":
            server.call("PUT", "/access/roles/" + quote(given.roleid), privs=given.privs, append=given.append)
        case "acl", "modify":
            server.call(
                "PUT",
                "/access/acl",
                path=given.path,
                roles=given.roles,
                users=given.users,
                tokens=given.tokens,
                groups=given.groups,
                propagate=given.propagate,
            )
        case "acl", "list":
            show(server.call("GET", "/access/acl"))
        case "role", "list":
            show(server.call("GET", "/access/roles"))
        case "group", "list":
            members = {}
            for user in server.call("GET", "/access/users", full=1):
                for group in filter(None, user.get("groups", "").split(",")):
                    members.setdefault(group, []).append(user["userid"])
            show([{"groupid": group, "users": ",".join(users)} for group, users in members.items()])
        case "user", "token":
            path = f"/access/users/{quote(given.userid)}/token"
            if given.deed == "list":
                show(server.call("GET", path))
            else:
                server.call("PUT", path + "/" + quote(given.tokenid), privsep=given.privsep)


def show(answer):
    print(json.dumps(answer, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


if __name__ == "__main__":
    main()
