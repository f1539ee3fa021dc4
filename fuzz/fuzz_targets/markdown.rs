#![no_main]
schleuse_fuzz::target!(markdown, text);
