#![no_main]
schleuse_fuzz::target!(fold, text);
