#![no_main]
schleuse_fuzz::target!(bytes, text);
