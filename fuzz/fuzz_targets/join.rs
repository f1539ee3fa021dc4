#![no_main]
schleuse_fuzz::target!(join, text);
