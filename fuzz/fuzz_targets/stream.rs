#![no_main]
schleuse_fuzz::target!(stream, text);
