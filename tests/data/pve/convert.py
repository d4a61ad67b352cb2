#!/usr/bin/env python3
"""Converts recorded exchanges of a real server into the files beside this script; README.md says what is replaced.

    python3 tests/data/pve/convert.py SOURCE [--without PREFIX]...

SOURCE holds `recordings/INDEX.md`, `recordings/NAME.json` and `acl-cases.json`.
"""

import argparse
import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).parent

# Which file a recording goes to, by the first word of its name.
FILES = {
    "access": "acl cleanup domains group password permissions pool pools role roles shadow tfa ticket token user users",
    "privileges": "pre915 priv privsep version",
    "clones": "clone linked nextid orphan",
    "guests": "agent feature qemu template vm",
    "storages": "content download query storage upload",
    "nodes": "bad certificates cluster node nodes pmxcfs pvedaemon resources task unknown",
    "two-nodes": "lab2",
    "pve8": "pve84",
    "http": "accept api2 body head json keepalive method params root tls trailing utf8 wire",
}

# Whole weeks, so that weekdays, times of day and the steps of one-time codes stay.
SHIFT = datetime.timedelta(weeks=46)

# The year of dates that name none.
RECORDED_IN = 2026

# Numbers between these are moments.
MOMENTS = range(1_750_000_000, 1_900_000_000)

WORDS = {
    "pvelab-recorder": "recorded-client",
    "pve.lab.invalid": "pve.example.org",
    "10.99.99.1": "192.0.2.10",
    "10.78.0.182": "192.0.2.182",
    "10.78.0.11": "192.0.2.11",
    "10.78.0.12": "192.0.2.12",
    "10.79.0.11": "192.0.2.13",
    "10.78.0.1": "192.0.2.1",
    "10.79.0.1": "192.0.2.1",
    "6.18.44-fc-v595": "6.18.44-123-pve",
    "6.18.44-fc-v669": "6.18.44-123-pve",
}

# Loopback, any, and the addresses that are kept for documentation.
KNOWN_ADDRESS = re.compile(r"127\.|0\.0\.0\.0$|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.")

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def stream(what):
    """Yields bytes that depend on nothing but the text."""
    for count in range(1 << 20):
        yield from hashlib.sha256(f"{count}:{what}".encode()).digest()


def scrambled(text, alphabet=None):
    """Puts other characters of the same kind in the place of letters and digits."""
    kinds = alphabet and [alphabet] or ["ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"]
    source = stream(text)
    other = []
    for character in text:
        kind = next((kind for kind in kinds if character in kind), character)
        other.append(kind[next(source) % len(kind)])
    return "".join(other)


def hexadecimal(text):
    if not text.strip("0-:"):
        return text  # a placeholder
    lower = scrambled(text.lower(), "0123456789abcdef")
    return lower.upper() if text == text.upper() else lower


def colons(match):
    """A MAC address keeps its vendor; what is longer is a fingerprint."""
    kept = 9 if len(match[0]) == 17 and match[0].upper().startswith("BC:24:11:") else 0
    return match[0][:kept] + hexadecimal(match[0][kept:])


def signature(match):
    """Base64, in which some characters may be percent-encoded, once or twice."""
    tokens = re.findall(r"%(?:25)?..|.", match["signature"])
    plain = scrambled("".join(token if token.isalnum() else "+" for token in tokens))
    return match["before"] + "".join(new if token.isalnum() else token for token, new in zip(tokens, plain, strict=True))


def shifted(moment, form):
    return (datetime.datetime.strptime(moment, form) - SHIFT).strftime(form)


def month_first(match):
    """A date as OpenSSL writes it, or `ls` without a year, with a blank before a day of one digit."""
    month, day, rest, year = match["month"], int(match["day"]), match["rest"], match["year"]
    moment = datetime.datetime(int(year or RECORDED_IN), MONTHS.index(month) + 1, day) - SHIFT
    return f"{MONTHS[moment.month - 1]} {moment.day:2}{rest}{moment.year if year else ''}"


def number(match):
    value = int(match[0])
    return str(value - int(SHIFT.total_seconds())) if value in MOMENTS else match[0]


def hexadecimal_number(match):
    value = int(match[0], 16)
    return f"{value - int(SHIFT.total_seconds()):08X}" if value in MOMENTS else match[0]


RULES = [
    (r"\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", lambda it: shifted(it[0], "%a, %d %b %Y %H:%M:%S GMT")),
    (rf"\b(?P<month>{'|'.join(MONTHS)}) (?P<day>[ \d]\d)(?P<rest> \d\d:\d\d(?::\d\d )?)(?P<year>\d{{4}}\b)?", month_first),
    (r"\b20[23]\d-\d\d-\d\d(?=[ T]\d\d:)", lambda it: shifted(it[0], "%Y-%m-%d")),
    (r"\b\d{10}\b", number),
    (r"(?P<before>(?:::|%3A%3A))(?P<signature>(?:[A-Za-z0-9+/]|%2B|%2F){300,}(?:=|%3D){0,2})", signature),
    (r"(?P<before>\b[0-9A-F]{8}(?::|%3A))(?P<signature>[A-Za-z0-9+/]{43})(?![A-Za-z0-9+/])", signature),
    (r"(?P<before>AAAAC3NzaC1lZDI1NTE5AAAAI[A-P])(?P<signature>(?:[A-Za-z0-9+/]|%(?:25)?2[BF]){42})", signature),
    (r"(?:(?<=%3A)|\b)[0-9A-F]{8}(?=:|%3A)", hexadecimal_number),
    (r"(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", lambda it: hexadecimal(it[0])),
    (r"\b(?:[0-9A-F]{2}:){5,31}[0-9A-F]{2}\b", colons),
    (r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", colons),
    (r"(?<=fe80::be24:11ff:fe)[0-9a-f]{2}:[0-9a-f]{4}", lambda it: hexadecimal(it[0])),
    (r"\b[0-9a-f]{96}\b", lambda it: hexadecimal(it[0])),
    (r"(?<=pveupload-)[0-9a-f]{32}", lambda it: hexadecimal(it[0])),
    (r"(?<=serial=)[0-9A-F]{8,}", lambda it: hexadecimal(it[0])),
    (r"(?<=-----BEGIN CERTIFICATE-----\n)[A-Za-z0-9+/=\n]+", lambda it: scrambled(it[0])),
    (r"(?<=password=)(?!PVE%3A|totp%3A|recovery%3A)[^&]+", lambda it: scrambled(it[0])),
    (r'(?<="password": ")[^"]+', lambda it: scrambled(it[0])),
    (r"(?<=secret%3D)[A-Z2-7]{16,}", lambda it: scrambled(it[0], "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
]
RULES = [(re.compile(pattern), replace) for pattern, replace in RULES]


def replaced(value):
    """Replaces in every text, by texts of the same length."""
    if isinstance(value, dict):
        return {key: replaced(item) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item) for item in value]
    if not isinstance(value, str):
        return value
    text = value
    for pattern, replace in RULES:
        text = pattern.sub(replace, text)
    for word, other in WORDS.items():
        text = text.replace(word, other)
    if len(text.encode()) != len(value.encode()):
        sys.exit(f"not of the same length:\n{value}\n{text}")
    for address in re.findall(r"\b(?:\d{1,3}\.){3}\d{1,3}\b", text):
        if not KNOWN_ADDRESS.match(address):
            sys.exit(f"an address without a replacement, add it to WORDS: {address}")
    return text


def one_time_code(secret, step):
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", step), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start:start + 4]) & 0x7FFFFFFF) % 1_000_000:06}"


# The secret of `tfa1@pve` was never sent: a code of it that was taken becomes one of this.
UNSENT_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


class OneTimeCodes:
    """Codes of the replaced secret, as far from the moment of the call as the recorded ones."""

    def __init__(self, recordings):
        secret = re.compile(r"secret%3D([A-Z2-7]+)")
        found = [secret.search(body_of(recording)) for recording in recordings.values()]
        self.secrets = {it[1]: secret.search(replaced(it[0]))[1] for it in found if it}
        self.accepted = {}

    def replaced(self, recording, converted):
        match = re.search(r"(?:totp%3A|&value=)(\d{6})", body_of(recording))
        if match:
            date = next(value for name, value in recording["response"]["headers"] if name == "Date")
            moment = datetime.datetime.strptime(date, "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=datetime.timezone.utc)
            step = int(moment.timestamp()) // 30
            if body_of(recording).startswith("username=tfa1%40pve") and recording["response"]["status"] == 200:
                shift = int(SHIFT.total_seconds()) // 30
                self.accepted[match[1]] = one_time_code(UNSENT_SECRET, step - shift)
            code = self.accepted.get(match[1]) or self.code(step, match[1])
            converted["request"]["body"] = converted["request"]["body"].replace(match[0], match[0][:-6] + code)
        return converted

    def code(self, step, recorded):
        for secret, other in self.secrets.items():
            for near in (0, -1, 1):
                if one_time_code(secret, step + near) == recorded:
                    return one_time_code(other, step + near - int(SHIFT.total_seconds()) // 30)
        return scrambled(recorded)  # of no secret: it was refused


def body_of(recording):
    request = recording.get("request") if isinstance(recording, dict) else None
    return request and request.get("body") or ""


def without_json(name, recording):
    """Leaves out the body as JSON, which the body says already."""
    if isinstance(recording, dict) and "json" in recording.get("response", {}):
        document = recording["response"].pop("json")
        if document is not None and document != json.loads(recording["response"]["body"]):
            sys.exit(f"{name}: `json` is not what the body says")
    return recording


def shortened(recording):
    """Notes a body of one letter over and over by its length alone."""
    body = body_of(recording)
    if len(body) > 65_536 and len(set(body.removeprefix("description="))) == 1:
        recording["request"]["body"] = f"<{len(body)} bytes>"
    return recording


def line(sequence, name, converted):
    """Gives one recording as one line."""
    kept = {"seq": sequence, "name": name}
    if not isinstance(converted, dict) or not ("request" in converted or "request_raw" in converted):
        kept["observed"] = converted
    else:
        kept.update((key, value) for key, value in converted.items() if key != "name")
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--without", action="append", default=[], metavar="PREFIX")
    options = parser.parse_args()
    index = (options.source / "recordings/INDEX.md").read_text()
    names = [row.split("|")[1].strip() for row in index.splitlines() if row.startswith("| ")]
    names = [name for name in names if name not in ("name", "---") and not name.startswith(tuple(options.without))]
    read = lambda name: json.loads((options.source / f"recordings/{name}.json").read_text())
    recordings = {name: without_json(name, read(name)) for name in names}
    codes = OneTimeCodes(recordings)
    files = {file: [] for file in FILES}
    for sequence, (name, recording) in enumerate(recordings.items(), 1):
        word = name.split("-")[0]
        file = next((file for file, words in FILES.items() if word in words.split()), None)
        if file is None:
            sys.exit(f"{name}: add `{word}` to FILES")
        recording = shortened(recording)
        converted = codes.replaced(recording, replaced(recording)) if body_of(recording) else replaced(recording)
        files[file].append(line(sequence, name, converted))
    worlds = replaced(json.loads((options.source / "acl-cases.json").read_text()))
    files["acl-worlds"] = [json.dumps(it, separators=(",", ":")) for it in [{"roles": worlds["roles"]}, *worlds["cases"]]]
    for file, lines in files.items():
        (HERE / f"{file}.jsonl").write_text("".join(f"{it}\n" for it in lines))
    print(f"{len(recordings)} recordings and {len(worlds['cases'])} ACL worlds")


if __name__ == "__main__":
    main()
