use std::collections::HashSet;

use super::{
    ABSENT, BUILT_IN, FRAME, FRAME_SECURITY_POLICY, GZIP, WORKER, asset, content_type, index,
    security_headers, source,
};

fn check(path: &str, expected: bool) {
    assert_eq!(asset(path).is_some(), expected, "{path}");
}

#[test]
fn only_files_under_assets_are_assets() {
    for path in
        ["", "/", "/index.html", "index.html", "/assets", "/assets/", "/assets/../index.html", "assets/"]
    {
        check(path, false);
    }
    check("/assets/nothing-00000000.js", false);
    check("/../Cargo.toml", false);
    for name in source::names().iter().filter(|name| name.starts_with("assets/")) {
        check(&format!("/{name}"), !name.ends_with(GZIP));
        check(name, false);
    }
}

#[test]
fn what_is_worth_it_is_there_by_gzip_too() {
    let mut compressed = 0;
    for name in source::names().iter().filter(|name| name.starts_with("assets/") && !name.ends_with(GZIP)) {
        let asset = asset(&format!("/{name}")).unwrap();
        let Some(gzip) = asset.gzip else { continue };
        compressed += 1;
        assert!(gzip.starts_with(&[0x1f, 0x8b]) && gzip.len() < asset.bytes.len(), "{name}");
    }
    assert_eq!(compressed > 3, BUILT_IN);
}

#[test]
fn the_page_is_html_and_never_cached() {
    let page = index();
    assert_eq!(page.content_type, "text/html; charset=utf-8");
    assert_eq!(page.cache_control, "no-store");
    assert_eq!(page.bytes.as_ref() == ABSENT, !BUILT_IN);
}

#[test]
fn everything_that_the_page_loads_is_here() {
    let page = String::from_utf8(index().bytes.into_owned()).unwrap();
    let loaded: Vec<&str> = page.split(['"', '\'']).filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(loaded.is_empty(), !BUILT_IN);
    for path in loaded {
        check(path, true);
    }
}

#[test]
fn the_page_holds_nothing_that_its_policy_forbids() {
    let page = String::from_utf8(index().bytes.into_owned()).unwrap();
    for tag in page.split("<script").skip(1) {
        assert!(tag.split_once('>').unwrap().0.contains(" src=\"/"), "an inline script");
    }
    for forbidden in ["<style", " style=", " onclick=", " onload=", "http://", "https://"] {
        assert!(!page.contains(forbidden), "`{forbidden}` in the page");
    }
}

#[test]
fn assets_are_cached_for_ever_under_their_hash() {
    let mut etags = HashSet::new();
    for name in source::names().iter().filter(|name| name.starts_with("assets/") && !name.ends_with(GZIP)) {
        let asset = asset(&format!("/{name}")).unwrap();
        assert!(asset.cache_control.contains("immutable"), "{name}");
        assert_ne!(asset.content_type, "application/octet-stream", "{name}");
        assert!(asset.etag.len() == 66 && asset.etag.starts_with('"') && asset.etag.ends_with('"'), "{name}");
        assert!(etags.insert(asset.etag), "{name}");
    }
    assert_eq!(etags.is_empty(), !BUILT_IN);
}

#[test]
fn the_policy_allows_nothing_inline_evaluated_or_foreign() {
    let headers = security_headers();
    let (_, policy) = headers.iter().find(|(name, _)| *name == "content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self';") && !policy.contains('\n'));
    for forbidden in ["unsafe", "*", "http:", "https:", "blob:"] {
        assert!(!policy.contains(forbidden), "{forbidden}");
    }
    let names: HashSet<_> = headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), headers.len());
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
}

#[test]
fn a_frame_is_shut_off_and_the_worker_is_asked_for_anew() {
    assert_eq!(asset(WORKER).is_some(), BUILT_IN);
    assert_eq!(asset(FRAME).is_some(), BUILT_IN);
    for path in ["/frame", "/frame.html/", "/frame.js", "/service-worker", "/x/service-worker.js"] {
        check(path, false);
    }
    for path in [WORKER, FRAME] {
        let Some(found) = asset(path) else { continue };
        assert_eq!(found.cache_control, "no-cache", "{path}");
        let policy = found.headers.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
        assert_eq!(policy == FRAME_SECURITY_POLICY, path == FRAME);
    }
    for needed in [
        "default-src 'none';",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "require-trusted-types-for 'script'",
        "sandbox allow-scripts",
    ] {
        assert!(FRAME_SECURITY_POLICY.contains(needed), "{needed}");
    }
    for forbidden in ["allow-same-origin", "allow-top", "allow-popups", "*", "http:", "https:", "connect-src"]
    {
        assert!(!FRAME_SECURITY_POLICY.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn content_types_are_told_by_the_extension() {
    assert_eq!(content_type("assets/a.b.js"), "text/javascript; charset=utf-8");
    assert_eq!(content_type("assets/manifest-0a1b2c3d.webmanifest"), "application/manifest+json");
    assert_eq!(content_type("mark.svg"), "image/svg+xml");
    assert_eq!(content_type("LICENSE"), "application/octet-stream");
}
