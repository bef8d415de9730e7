"""A hub on this machine: the addresses of Hugging Face's, with models and data sets from a folder, and a second port for large files.

    python3 hub_server.py FOLDER

FOLDER/models/ORG/NAME/FILE is what it serves, below models/datasets/ data sets, as one commit a model: the SHA-1 of the model's name, or what
FOLDER/commits.json says. FOLDER/ports.json appears once it listens: {"hub": PORT, "cdn": PORT}. Every request is a line
of FOLDER/requests.jsonl. FOLDER/faults.json, read at each request, says what goes wrong, by file or "*":

    status, code        the answer's status and X-Error-Code
    times               how often, all in all; without it always
    cut                 ends the connection behind so many bytes
    drip                pauses so many seconds between pieces of the body, which are of `piece` bytes
    size, etag, commit  what the headers say instead of the truth
    damage              sends other bytes of the same number
    extra               sends so many bytes more than the size
    range               Content-Range instead of the truth; "ignored" sends everything
    location            where a redirect leads
    headers             more headers
    token               the only token that is let in
"""

import hashlib
import json
import os
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = sys.argv[1]
lock = threading.Lock()
uses = {}
ports = {}


def read_json(name):
    try:
        with open(os.path.join(folder, name)) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def fault(name, role):
    faults = read_json("faults.json")
    for key in (name, "*"):
        found = faults.get(key)
        if found is None or found.get("on", role) != role:
            continue
        with lock:
            uses[key, json.dumps(found)] = count = uses.get((key, json.dumps(found)), 0) + 1
        if count <= found.get("times", count):
            return found
    return {}


def commit_of(model):
    return read_json("commits.json").get(model) or hashlib.sha1(model.encode()).hexdigest()


def is_large(name):
    return name.endswith((".safetensors", ".bin", ".parquet"))


def etag_of(name, data):
    if is_large(name):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    @property
    def role(self):
        return "hub" if self.server.server_port == ports["hub"] else "cdn"

    def note(self):
        line = {
            "role": self.role,
            "method": self.command,
            "path": self.path,
            "range": self.headers.get("Range"),
            "token": self.headers.get("Authorization"),
        }
        with lock, open(os.path.join(folder, "requests.jsonl"), "a") as file:
            file.write(json.dumps(line) + "\n")

    def answer(self):
        self.note()
        path = urllib.parse.urlsplit(self.path).path
        parts = [urllib.parse.unquote(part) for part in path.strip("/").split("/")]
        if self.role == "cdn":
            return self.serve(parts[:-1], parts[-1])
        if parts[:2] == ["api", "models"]:
            return self.describe(parts[2:])
        if parts[:2] == ["api", "datasets"]:
            return self.describe(parts[1:])
        if "resolve" in parts:
            place = parts.index("resolve")
            return self.resolve("/".join(parts[:place]), parts[place + 1], "/".join(parts[place + 2:]))
        self.fail(404)

    def fail(self, status, code=None, headers=None):
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def resolve(self, model, revision, name):
        broken = fault(name, "hub")
        if broken.get("token") and self.headers.get("Authorization") != "Bearer " + broken["token"]:
            return self.fail(401, "RepoNotFound")
        if "status" in broken:
            return self.fail(broken["status"], broken.get("code"))
        if not os.path.isdir(os.path.join(folder, "models", model)):
            return self.fail(401 if "Authorization" not in self.headers else 404, "RepoNotFound")
        commit = commit_of(model)
        if revision not in ("main", "v1.0", "refs/pr/1", commit):
            return self.fail(404, "RevisionNotFound")
        headers = {"X-Repo-Commit": broken.get("commit", commit)}
        try:
            with open(os.path.join(folder, "models", model, name), "rb") as file:
                data = file.read()
        except OSError:
            return self.fail(404, "EntryNotFound", headers)
        etag = broken.get("etag", etag_of(name, data))
        if not is_large(name) and "location" not in broken:
            headers["ETag"] = '"%s"' % etag
            return self.send_data(data, headers, broken)
        headers["X-Linked-Etag"] = '"%s"' % etag
        headers["X-Linked-Size"] = str(broken.get("size", len(data)))
        default = "http://127.0.0.1:%d/%s/%s?signature=secret" % (ports["cdn"], model, urllib.parse.quote(name))
        headers["Location"] = broken.get("location", default)
        headers.update(broken.get("headers", {}))
        self.fail(302, headers=headers)

    def serve(self, model, name):
        with open(os.path.join(folder, "models", *model, name), "rb") as file:
            self.send_data(file.read(), {}, fault(name, "cdn"))

    def send_data(self, data, headers, broken):
        if broken.get("status"):
            return self.fail(broken["status"])
        total = len(data)
        if broken.get("damage"):
            data = bytes(255 - byte for byte in data)
        data += b"x" * broken.get("extra", 0)
        start = 0
        wanted = self.headers.get("Range")
        if wanted and broken.get("range") != "ignored":
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= total:
                return self.fail(416)
            self.send_response(206)
            self.send_header("Content-Range", broken.get("range", "bytes %d-%d/%d" % (start, total - 1, total)))
        else:
            self.send_response(200)
        body = data[start:]
        for key, value in {**headers, **broken.get("headers", {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(broken.get("size", len(body))))
        self.end_headers()
        if self.command == "HEAD":
            return
        if "cut" in broken:
            self.wfile.write(body[: broken["cut"]])
            self.close_connection = True
            return
        piece = broken.get("piece", 1 << 16)
        try:
            for offset in range(0, len(body), piece):
                self.wfile.write(body[offset : offset + piece])
                if "drip" in broken:
                    time.sleep(broken["drip"])
        except OSError:
            self.close_connection = True

    def describe(self, parts):
        """What huggingface_hub asks before it downloads a whole snapshot."""
        place = next((index for index, part in enumerate(parts) if part in ("revision", "tree")), None)
        if place is None:
            return self.fail(404)
        model = "/".join(parts[:place])
        root = os.path.join(folder, "models", model)
        if parts[place] == "revision":
            if not os.path.isdir(root):
                return self.fail(404, "RepoNotFound")
            found = [os.path.join(top, file) for top, _, files in os.walk(root) for file in files]
            siblings = [{"rfilename": os.path.relpath(path, root)} for path in found]
            answer = {"id": model, "sha": commit_of(model), "siblings": siblings}
        else:
            answer = []
            for name in sorted(os.listdir(root)):
                with open(os.path.join(root, name), "rb") as file:
                    data = file.read()
                entry = {"type": "file", "path": name, "size": len(data), "oid": etag_of("x.txt", data)}
                if is_large(name):
                    entry["lfs"] = {"oid": etag_of(name, data), "size": len(data), "pointerSize": 130}
                answer.append(entry)
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
ports = {"hub": servers[0].server_port, "cdn": servers[1].server_port}
threading.Thread(target=servers[1].serve_forever, daemon=True).start()
with open(os.path.join(folder, "ports.tmp"), "w") as file:
    json.dump(ports, file)
os.rename(os.path.join(folder, "ports.tmp"), os.path.join(folder, "ports.json"))


def end_with_parent():
    """Tests that crash leave no server behind."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
servers[0].serve_forever()
