#![no_main]
schleuse_fuzz::target!(decode, text);
