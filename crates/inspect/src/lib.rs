//! Inspection: recognizers, findings, redaction; whole text and streaming window. Pure.
