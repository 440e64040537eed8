# SPDX-License-Identifier: Apache-2.0
"""A sample consumer of the changes feed, to copy; it needs only Python's standard library."""

import json, os, sqlite3, sys, time, urllib.error, urllib.request  # noqa: E401, I001

if len(sys.argv) not in (2, 3) or not {"SITE", "TOKEN"} <= os.environ.keys():
    sys.exit("Give a site, a token and a file: SITE=https://… TOKEN=… python feed_sample.py entities.sqlite3 [--once]")
db = sqlite3.connect(sys.argv[1])
db.executescript("""CREATE TABLE IF NOT EXISTS entity (id PRIMARY KEY, course, type, fields);
    CREATE TABLE IF NOT EXISTS done (one PRIMARY KEY, after); INSERT OR IGNORE INTO done VALUES (1, 0)""")
WAIT = 0 if "--once" in sys.argv else 25  # seconds


def changes(after):
    address = f"{os.environ['SITE']}/api/course_sync/v1/operations?after={after}&wait={WAIT}"
    request = urllib.request.Request(address, headers={"Authorization": f"JWT {os.environ['TOKEN']}"})
    with urllib.request.urlopen(request, timeout=WAIT + 30) as answer:
        return json.load(answer)["results"]


def take(change):
    key, old = change["entity_id"], "SELECT fields FROM entity WHERE id = ?"
    if change["operation"] == "delete":
        db.execute("DELETE FROM entity WHERE id = ?", [key])
    else:  # a create has all fields, an update those that changed, a move none
        fields = json.loads((db.execute(old, [key]).fetchone() or ["{}"])[0]) | change["fields"]
        row = [key, change["course_id"], change["entity_type"], json.dumps(fields)]
        db.execute("REPLACE INTO entity VALUES (?, ?, ?, ?)", row)


while True:
    try:
        found = changes(*db.execute("SELECT after FROM done").fetchone())
    except OSError as error:  # also a status that is an error, such as 429
        print(error, file=sys.stderr)
        time.sleep(int(getattr(error, "headers", {}).get("Retry-After", 10)))
        continue
    with db:  # one transaction for the changes and the position behind them
        [take(change) for change in found]
        db.execute("UPDATE done SET after = ifnull(?, after)", [found[-1]["id"] if found else None])
    if "--once" in sys.argv and not found:
        break
