# SPDX-License-Identifier: Apache-2.0
"""A sample receiver to copy; it needs only Python's standard library. The message below shows how to start it."""

import base64, hashlib, hmac, http.server, json, os, sqlite3, sys, time  # noqa: E401, I001

if len(sys.argv) != 3 or not (KEY := base64.b64decode(os.environ.get("WEBHOOK_SECRET", "").removeprefix("whsec_"))):
    sys.exit("Give a secret, a port and a file: WEBHOOK_SECRET=whsec_… python receiver_sample.py 8000 replica.sqlite3")
db = sqlite3.connect(sys.argv[2])
db.executescript("""CREATE TABLE IF NOT EXISTS done (operation_id PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS run (id PRIMARY KEY, version, since, sequence);
    CREATE TABLE IF NOT EXISTS entity (id PRIMARY KEY, run, type, block_type, parent_id, place, fields, named)""")


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = json.loads(body) if self.is_genuine(body) else None
        answer = {"failed": []}
        if message and message["type"] == "course_sync.operations":
            with db:  # one transaction for the effect of the operations and their ids
                self.apply_envelope(message["data"])
        if message and message["type"] == "course_sync.digests":  # an offer that you may leave out
            answer = self.digests(message["data"])
        self.send_response(200 if message else 401)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode() if message else b"")

    def is_genuine(self, body):
        message_id, sent_at, given = (self.headers.get(f"webhook-{x}", "") for x in ("id", "timestamp", "signature"))
        own = b"v1," + base64.b64encode(hmac.digest(KEY, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256))
        is_fresh = sent_at.isdecimal() and abs(time.time() - int(sent_at)) <= 300  # seconds
        return is_fresh and any(hmac.compare_digest(own, signature.encode()) for signature in given.split())

    def apply_envelope(self, data):
        run, sequence, before = data["course_id"], data["sequence"], data["previous_sequence"]
        db.execute("INSERT INTO run (id) VALUES (?) ON CONFLICT DO NOTHING", [run])
        db.execute("UPDATE run SET sequence = max(ifnull(sequence, 0), ?) WHERE id = ?", [sequence, run])
        if data["mode"] == "snapshot":  # it begins or continues; previous_sequence 0: it begins again
            db.execute("UPDATE run SET since = iif(?3, ifnull(since, ?2), ?2) WHERE id = ?1", [run, sequence, before])
        for op in data["operations"]:
            if db.execute("INSERT INTO done VALUES (?) ON CONFLICT DO NOTHING", [op["id"]]).rowcount:  # 0: done before
                self.apply_operation(op, run)
            db.execute("UPDATE entity SET named = ? WHERE id = ?", [sequence, op["entity_id"]])
        if data["end_of_run"]:  # delete the entities that a snapshot did not name
            db.execute("DELETE FROM entity WHERE run = ?1 AND named < (SELECT since FROM run WHERE id = ?1)", [run])
            db.execute("UPDATE run SET version = ?, since = NULL WHERE id = ?", [data["published_version"], run])

    def apply_operation(self, op, run):
        kind, key, parent, after, fields = (op[x] for x in "operation entity_id parent_id after_id fields".split())
        if kind == "delete":
            db.execute("DELETE FROM entity WHERE id = ?", [key])
        if kind == "create":  # the entity may exist already
            values = [key, run, op["entity_type"], op["block_type"], json.dumps(fields)]
            db.execute("REPLACE INTO entity (id, run, type, block_type, fields) VALUES (?, ?, ?, ?, ?)", values)
        if kind == "update":
            ((old,),) = db.execute("SELECT fields FROM entity WHERE id = ?", [key])
            db.execute("UPDATE entity SET fields = ? WHERE id = ?", [json.dumps(json.loads(old) | fields), key])
        if kind in ("create", "move"):  # after the sibling after_id; at index if there is no such sibling
            ((place,),) = db.execute("SELECT ifnull(max(place) + 1, ?) FROM entity WHERE id = ?", [op["index"], after])
            db.execute("UPDATE entity SET place = place + 1 WHERE parent_id = ? AND place >= ?", [parent, place])
            db.execute("UPDATE entity SET parent_id = ?, place = ? WHERE id = ?", [parent, place, key])

    def digests(self, data):
        columns, entities = "id, parent_id, place, type, block_type, fields", {}
        where = "WHERE run = ? AND id > ? ORDER BY id LIMIT 1000"
        rows = [*db.execute(f"SELECT {columns} FROM entity {where}", [data["course_id"], data.get("after", "")])]
        for key, parent, place, *held in rows:
            entities[key] = {"parent_id": parent, "index": place, "digest": self.digest(*held)}
        run = db.execute("SELECT version, sequence FROM run WHERE id = ?", [data["course_id"]]).fetchone() or ("", 0)
        names = "course_id published_version sequence entities next".split()
        last = rows[-1][0] if len(rows) == 1000 else ""  # another page may follow
        return dict(zip(names, [data["course_id"], run[0] or "", run[1], entities, last]))

    def digest(self, entity_type, block_type, fields):
        fields = json.loads(fields, parse_float=lambda x: int(float(x)) if float(x).is_integer() else float(x))
        held = [entity_type, block_type, {name: value for name, value in fields.items() if value is not None}]
        text = json.dumps(held, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
