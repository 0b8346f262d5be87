"""The tuning database: records in an SQLite file that many processes may write, and as text. Knows no search and no
device; docs/tuning-database.md describes both forms."""

from compiler.autotune.database.canonical import RecordFormatError, record_text
from compiler.autotune.database.database import Database, Session
from compiler.autotune.database.errors import DatabaseError
from compiler.autotune.database.jsonl import export_records, import_records, merge
from compiler.autotune.database.maintenance import TaskSummary, prune, summaries, worth_keeping
from compiler.autotune.database.place import default_database
from compiler.autotune.database.shipped import shipped_records

__all__ = [
    "Database",
    "DatabaseError",
    "RecordFormatError",
    "Session",
    "TaskSummary",
    "default_database",
    "export_records",
    "import_records",
    "merge",
    "prune",
    "record_text",
    "shipped_records",
    "summaries",
    "worth_keeping",
]
