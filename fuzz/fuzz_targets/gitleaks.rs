#![no_main]
schleuse_fuzz::target!(gitleaks, imports);
