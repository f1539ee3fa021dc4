//! Schleuse: main, command line, configuration and the wiring of the rooms.
fn main() {}
