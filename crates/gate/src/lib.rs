//! The walk: the life of one request as one straight function.
