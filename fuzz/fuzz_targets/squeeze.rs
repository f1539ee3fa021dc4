#![no_main]
schleuse_fuzz::target!(squeeze, text);
