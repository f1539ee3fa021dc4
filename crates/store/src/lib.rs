//! The one embedded database: people, keys, settings and their migrations.
