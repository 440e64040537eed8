"""Replaces MongoDB by a store in memory: mongomock instead of pymongo's client, one store for the whole process."""

from __future__ import annotations

from typing import Any

import mongomock
import mongomock.gridfs
import pymongo
from mongomock.collection import Collection
from mongomock.database import Database
from mongomock.store import ServerStore

STORE = ServerStore()

_scan = Collection._iter_documents
_command = Database.command


class Client(mongomock.MongoClient):
    """The client of mongomock. It drops options that mongomock does not know."""

    def __init__(self, *_args: Any, document_class: type = dict, tz_aware: bool = True, **_options: Any):
        super().__init__(document_class=document_class, tz_aware=tz_aware, _store=STORE)


def _answer(self: Database, command: Any, *args: Any, **kwargs: Any) -> Any:
    """Answer that this server is a primary; pass on every other command."""
    name = command if isinstance(command, str) else next(iter(command))
    if name.lower() in {"ismaster", "hello", "ping"}:
        return {"ok": 1.0, "ismaster": True, "isWritablePrimary": True}
    return _command(self, command, *args, **kwargs)


def _look_up(self: Collection, spec: Any) -> Any:
    """Find a document by its id directly, if the query has only an id: mongomock would look at all documents."""
    wanted = spec.get("_id") if isinstance(spec, dict) and len(spec) == 1 else None
    ids = wanted["$in"] if isinstance(wanted, dict) and list(wanted) == ["$in"] else [wanted]
    if wanted is None or not all(isinstance(one, (str, pymongo.collection.ObjectId)) for one in ids):
        return _scan(self, spec)
    documents = self._store._documents
    return (documents[one] for one in ids if one in documents)


def replace() -> None:
    """Replace the client. Call this before Django is set up."""
    mongomock.gridfs.enable_gridfs_integration()
    Database.command = _answer
    Collection._iter_documents = _look_up
    pymongo.MongoClient = pymongo.mongo_client.MongoClient = Client


def empty() -> None:
    """Drop all databases, and the stores that the platform keeps connected."""
    from xmodule.contentstore import django as contentstore
    from xmodule.modulestore import django as modulestore

    client = Client()
    for name in list(client.list_database_names()):
        client.drop_database(name)
    modulestore.clear_existing_modulestores()
    contentstore._CONTENTSTORE.clear()
