//! The bytes of ui/dist and their headers.
