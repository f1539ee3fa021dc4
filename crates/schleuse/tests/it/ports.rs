//! Ports for those who must know theirs before they listen.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port on loopback that is free, and that no other test of this process gets. Below the range from which the system
/// gives ports away, so that nobody else gets it by chance either.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + u16::try_from(std::process::id() % 200).unwrap() * 100;
    loop {
        let port = base + TAKEN.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
