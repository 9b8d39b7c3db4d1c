//! SQLite state, event segments and Parquet.
