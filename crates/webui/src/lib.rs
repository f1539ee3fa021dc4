//! The bytes of `ui/dist` and their headers.
//!
//! With the feature `ui` the page is part of the binary and nothing is read from disk. Without it, one page says so in
//! German and English. Who serves these bytes sets [`security_headers`] on every one of them.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

#[cfg(not(feature = "ui"))]
mod absent;
#[cfg(not(feature = "ui"))]
use absent as source;
#[cfg(feature = "ui")]
mod embedded;
#[cfg(feature = "ui")]
use embedded as source;

/// Whether the page is part of this build.
pub const BUILT_IN: bool = cfg!(feature = "ui");

/// The content security policy, the same file that the page's own tests serve it with. Nothing inline, nothing
/// evaluated, nothing from elsewhere; `data:` for images only.
pub const CONTENT_SECURITY_POLICY: &str = include_str!("../../../ui/csp.txt").trim_ascii();

/// The content security policy of the frames in which the page shows what a model drew or programmed. A frame has no origin of its
/// own (`sandbox` without `allow-same-origin`), may run what the page hands it, and reaches nothing: neither this house nor another.
pub const FRAME_SECURITY_POLICY: &str = include_str!("../../../ui/frame-csp.txt").trim_ascii();

/// One file of the page with what its answer must say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    pub bytes: Cow<'static, [u8]>,
    /// The same by gzip (RFC 1952), for whoever accepts it; `None` where the build found nothing to gain.
    pub gzip: Option<Cow<'static, [u8]>>,
    /// The `Content-Type`, with the character set for text.
    pub content_type: &'static str,
    /// The `Cache-Control`: for ever under a name that holds a hash of the content, not at all for the page itself.
    pub cache_control: &'static str,
    /// The `ETag`, a strong one with its quotes (RFC 9110 section 8.8.3): the SHA-256 of the bytes.
    pub etag: String,
    /// What else its answer must carry, names in lower case: [`security_headers`], or those of frames.
    pub headers: &'static [(&'static str, &'static str)],
}

/// The file at an absolute path such as `/assets/index-3f9a21c0.js`; `None` where there is none. `/` and
/// `/index.html` are not assets but the page: [`index`]. Two more have a name of their own: [`WORKER`] and [`FRAME`].
pub fn asset(path: &str) -> Option<Asset> {
    let name = path.strip_prefix('/')?;
    if path == WORKER {
        return Some(describe(source::file(name)?, content_type(name), "no-cache"));
    }
    if path == FRAME {
        let frame = describe(source::file(name)?, content_type(name), "no-cache");
        return Some(Asset { headers: FRAME_HEADERS, ..frame });
    }
    let hashed = name.strip_prefix("assets/")?;
    if hashed.is_empty() || hashed.ends_with(GZIP) {
        return None;
    }
    let gzip = source::file(&format!("{name}{GZIP}"));
    Some(Asset { gzip, ..describe(source::file(name)?, content_type(name), IMMUTABLE) })
}

/// The service worker. It stands at the root, because it may only keep pages below its own path, and is asked for anew each time.
pub const WORKER: &str = "/service-worker.js";

/// The empty document of a frame, which gets what it shows from the page around it.
pub const FRAME: &str = "/frame.html";

/// The page itself, to be served at `/` without a login.
pub fn index() -> Asset {
    let bytes = source::file("index.html").unwrap_or(Cow::Borrowed(ABSENT));
    describe(bytes, content_type("index.html"), "no-store")
}

/// Headers for every answer that carries an [`Asset`], names in lower case.
pub fn security_headers() -> &'static [(&'static str, &'static str)] {
    PAGE_HEADERS
}

const PAGE_HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-write=(self)",
    ),
];

/// What a model programmed has no use of the device at all, and no name is resolved ahead for it.
const FRAME_HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", FRAME_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(), display-capture=(), fullscreen=(), \
         geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=(), serial=(), hid=()",
    ),
];

/// A year, the longest that caches honour (RFC 9111 section 5.2.2.1); `immutable` is RFC 8246.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Beside a file, the same by gzip; the page's build makes it.
const GZIP: &str = ".gz";

/// What `/` answers in a build without the page.
const ABSENT: &[u8] = include_bytes!("absent.html");

fn describe(bytes: Cow<'static, [u8]>, content_type: &'static str, cache_control: &'static str) -> Asset {
    let mut etag = String::from("\"");
    for byte in Sha256::digest(&bytes) {
        // Writing to a `String` cannot fail.
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    Asset { bytes, gzip: None, content_type, cache_control, etag, headers: PAGE_HEADERS }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
