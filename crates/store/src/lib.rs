//! Storage for Bursar: SQLite and PostgreSQL behind one SQL text, with group commit.
