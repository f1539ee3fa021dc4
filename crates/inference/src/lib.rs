//! The embedded engine: a worker process around llama.cpp. The only crate with unsafe code of ours.
