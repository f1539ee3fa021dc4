#![no_main]
schleuse_fuzz::target!(scan, text);
