# SPDX-License-Identifier: Apache-2.0
"""A receiver to copy: WEBHOOK_SECRET=whsec_… python receiver_sample.py 8000 replica.sqlite3 (standard library only)."""

import base64, hashlib, hmac, http.server, json, os, sqlite3, sys, time  # noqa: E401, I001

if len(sys.argv) != 3 or not (KEY := base64.b64decode(os.environ.get("WEBHOOK_SECRET", "").removeprefix("whsec_"))):
    sys.exit("Give a secret, a port and a file: WEBHOOK_SECRET=whsec_… python receiver_sample.py 8000 replica.sqlite3")
db = sqlite3.connect(sys.argv[2])
db.executescript("""CREATE TABLE IF NOT EXISTS done (operation_id PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS run (id PRIMARY KEY, version, since);
    CREATE TABLE IF NOT EXISTS entity (id PRIMARY KEY, run, parent_id, place, fields, named)""")


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = json.loads(body) if self.is_genuine(body) else None
        if message and message["type"] == "course_sync.operations":
            with db:  # the effect and the ids of the operations in one transaction
                self.take(message["data"])
        self.send_response(200 if message else 401)
        self.end_headers()
        self.wfile.write(b'{"failed": []}' if message else b"")

    def is_genuine(self, body):
        message_id, sent_at, given = (self.headers.get(f"webhook-{x}", "") for x in ("id", "timestamp", "signature"))
        own = b"v1," + base64.b64encode(hmac.digest(KEY, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256))
        is_fresh = sent_at.isdecimal() and abs(time.time() - int(sent_at)) <= 300  # seconds
        return is_fresh and any(hmac.compare_digest(own, signature.encode()) for signature in given.split())

    def take(self, data):
        run, sequence, before = data["course_id"], data["sequence"], data["previous_sequence"]
        db.execute("INSERT INTO run (id) VALUES (?) ON CONFLICT DO NOTHING", [run])
        if data["mode"] == "snapshot":  # it begins here, or is under way; after 0 it begins anew
            db.execute("UPDATE run SET since = iif(?3, ifnull(since, ?2), ?2) WHERE id = ?1", [run, sequence, before])
        for op in data["operations"]:
            if db.execute("INSERT INTO done VALUES (?) ON CONFLICT DO NOTHING", [op["id"]]).rowcount:  # 0: known
                self.carry_out(op, run)
            db.execute("UPDATE entity SET named = ? WHERE id = ?", [sequence, op["entity_id"]])
        if data["end_of_run"]:  # what a snapshot did not name is gone
            db.execute("DELETE FROM entity WHERE run = ?1 AND named < (SELECT since FROM run WHERE id = ?1)", [run])
            db.execute("UPDATE run SET version = ?, since = NULL WHERE id = ?", [data["published_version"], run])

    def carry_out(self, op, run):
        kind, key, parent, after, fields = (op[x] for x in "operation entity_id parent_id after_id fields".split())
        if kind == "delete":
            db.execute("DELETE FROM entity WHERE id = ?", [key])
        if kind == "create":  # it may be here already
            db.execute("REPLACE INTO entity (id, run, fields) VALUES (?, ?, ?)", [key, run, json.dumps(fields)])
        if kind == "update":
            ((old,),) = db.execute("SELECT fields FROM entity WHERE id = ?", [key])
            db.execute("UPDATE entity SET fields = ? WHERE id = ?", [json.dumps(json.loads(old) | fields), key])
        if kind in ("create", "move"):  # behind the sibling that after_id names; index serves where that is missing
            ((place,),) = db.execute("SELECT ifnull(max(place) + 1, ?) FROM entity WHERE id = ?", [op["index"], after])
            db.execute("UPDATE entity SET place = place + 1 WHERE parent_id = ? AND place >= ?", [parent, place])
            db.execute("UPDATE entity SET parent_id = ?, place = ? WHERE id = ?", [parent, place, key])


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
