//! The outside face over real sockets: what arrives inside, and what never does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "these are tests: they end with a message where they cannot go on"
)]

mod face {
    pub(crate) mod harness;
}

use face::harness::Face;

/// Sends `head` (lines without the final empty one) and says what arrived inside, or the status of the refusal.
async fn check(face: &Face, head: &[&str], body: &str, expected: Result<&str, u16>) {
    let answer = face.say(&request(head, body)).await;
    let found = answer.heard();
    assert_eq!(found.as_deref().map_err(|status| *status), expected, "{head:?}\n{}", answer.text);
}

fn request(head: &[&str], body: &str) -> String {
    let mut request = head.join("\r\n");
    request.push_str("\r\n\r\n");
    request + body
}

const HOST: &str = "host: house.test";

#[tokio::test]
async fn the_headers_that_mean_something_arrive_and_no_others() {
    let face = Face::plain().await;
    check(&face, &["GET /v1/models?a=b HTTP/1.1", HOST], "", Ok("Get /v1/models?a=b")).await;
    check(
        &face,
        &["GET /api/people HTTP/1.1", HOST, "cookie: schleuse=a", "last-event-id: 7"],
        "",
        Ok("Get /api/people session=a event=7"),
    )
    .await;
    check(
        &face,
        &["GET /auth/session HTTP/1.1", HOST, "cookie: schleuse-sign-in=b"],
        "",
        Ok("Get /auth/session sign-in=b"),
    )
    .await;
    // Only the sign-in reads its cookie.
    check(&face, &["GET /api/x HTTP/1.1", HOST, "cookie: schleuse-sign-in=b"], "", Ok("Get /api/x")).await;
    check(
        &face,
        &[
            "POST /v1/messages HTTP/1.1",
            HOST,
            "x-api-key: k",
            "x-schleuse-label: SECRET",
            "content-length: 2",
        ],
        "{}",
        Ok("Post /v1/messages bearer=k label=SECRET body=2"),
    )
    .await;
    check(
        &face,
        &["DELETE /api/keys/1 HTTP/1.1", HOST, "x-api-key: k"],
        "",
        Ok("Delete /api/keys/1 bearer=k"),
    )
    .await;
}

/// Research 03, "header spoofing": names that a proxy would write, and spellings that a lax reader takes for ours.
#[tokio::test]
async fn no_header_changes_identity_or_path() {
    let face = Face::plain().await;
    for spoofed in [
        "x-forwarded-for: 10.0.0.1",
        "x-forwarded-host: evil.test",
        "x-forwarded-proto: https",
        "x-forwarded-uri: /api/people",
        "x-forwarded-user: admin",
        "x-forwarded-email: admin@house.test",
        "x-forwarded-access-token: k",
        "x-original-url: /api/people",
        "x-rewrite-url: /api/people",
        "x-http-method-override: DELETE",
        "x-real-ip: 127.0.0.1",
        "forwarded: for=127.0.0.1;host=evil.test",
        "x-auth-request-user: admin",
        "x-remote-user: admin",
        "remote_user: admin",
        "x_api_key: k",
        "x-api_key: k",
        "schleuse: a",
        "x-schleuse_label: SECRET",
        "x-schleuse-person: admin",
        "x-schleuse-role: admin",
        "set-cookie: schleuse=a",
        "cookie2: schleuse=a",
        "proxy-authorization: Bearer k",
        "x-authorization: Bearer k",
        "user-agent: kube-probe/1.30 GoogleHC/1.0",
        "upgrade-insecure-requests: 1",
    ] {
        let line = ["GET /v1/models HTTP/1.1", HOST, spoofed];
        check(&face, &line, "", Ok("Get /v1/models")).await;
    }
    // Named in `Connection` a header is meant for the next hop; that is us, and it changes nothing.
    let named = ["GET /v1/models HTTP/1.1", HOST, "connection: x-api-key, close", "x-api-key: k"];
    check(&face, &named, "", Ok("Get /v1/models bearer=k")).await;
    // A trailer comes after everything was decided.
    let trailer = ["POST /v1/x HTTP/1.1", HOST, "transfer-encoding: chunked", "trailer: x-api-key"];
    check(&face, &trailer, "2\r\n{}\r\n0\r\nx-api-key: k\r\n\r\n", Ok("Post /v1/x body=2")).await;
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    let face = Face::plain().await;
    let with = |more: &[&'static str]| {
        ["GET /v1/models HTTP/1.1", HOST].into_iter().chain(more.iter().copied()).collect::<Vec<_>>()
    };
    check(&face, &with(&["authorization: Bearer a", "authorization: Bearer b"]), "", Err(401)).await;
    check(&face, &with(&["Authorization: Bearer a", "AUTHORIZATION: Bearer a"]), "", Err(401)).await;
    check(&face, &with(&["x-api-key: a", "x-api-key: b"]), "", Err(401)).await;
    check(&face, &with(&["cookie: schleuse=a; schleuse=b"]), "", Err(400)).await;
    check(&face, &with(&["cookie: schleuse=a", "cookie: schleuse=b"]), "", Err(400)).await;
    check(&face, &with(&["cookie: schleuse=a; __Host-schleuse=a"]), "", Err(400)).await;
    check(&face, &with(&["x-schleuse-label: PUBLIC", "x-schleuse-label: SECRET"]), "", Err(400)).await;
    let both = with(&["authorization: Bearer a", "cookie: schleuse=b"]);
    check(&face, &both, "", Ok("Get /v1/models bearer=a")).await;
    // Clients of Anthropic's read errors of another shape.
    let messages = ["POST /v1/messages HTTP/1.1", HOST, "x-api-key: a", "x-api-key: b", "content-length: 0"];
    let answer = face.say(&request(&messages, "")).await;
    assert!(answer.text.contains(r#"{"type":"error","error":{"#), "{}", answer.text);
    // The refusal of two sessions throws both away, so that the next attempt can succeed.
    let answer = face.say(&request(&with(&["cookie: schleuse=a; schleuse=b"]), "")).await;
    assert_eq!(answer.text.matches("set-cookie: ").count(), 2, "{}", answer.text);
    assert!(answer.text.contains("set-cookie: __Host-schleuse=; Path=/; Max-Age=0;"), "{}", answer.text);
}

#[tokio::test]
async fn another_sites_page_does_nothing_here() {
    let face = Face::plain().await;
    let post = |path: &str, more: &[&str]| {
        let mut head = vec![format!("POST {path} HTTP/1.1"), HOST.to_owned(), "content-length: 0".to_owned()];
        head.extend(more.iter().map(|line| (*line).to_owned()));
        head.join("\r\n") + "\r\n\r\n"
    };
    let check = async |request: String, expected: Result<&str, u16>| {
        let answer = face.say(&request).await;
        assert_eq!(
            answer.heard().as_deref().map_err(|status| *status),
            expected,
            "{request}\n{}",
            answer.text
        );
    };
    let cookie = "cookie: schleuse=a";
    check(post("/api/keys", &[cookie]), Err(403)).await;
    check(post("/api/keys", &[cookie, "origin: null"]), Err(403)).await;
    check(post("/api/keys", &[cookie, "origin: http://evil.test"]), Err(403)).await;
    check(post("/api/keys", &[cookie, "sec-fetch-site: cross-site"]), Err(403)).await;
    check(post("/api/keys", &[cookie, "origin: http://house.test"]), Ok("Post /api/keys session=a")).await;
    check(post("/api/keys", &[cookie, "sec-fetch-site: same-origin"]), Ok("Post /api/keys session=a")).await;
    check(post("/api/keys", &["x-api-key: k"]), Ok("Post /api/keys bearer=k")).await;
    // Login forgery: signing somebody in under another name needs no cookie at all.
    check(post("/auth/ldap/main", &[]), Err(403)).await;
    check(post("/auth/demo", &["origin: http://evil.test"]), Err(403)).await;
    check(post("/auth/demo", &["origin: http://house.test"]), Ok("Post /auth/demo")).await;
    check(post("/v1/x", &[cookie]), Err(403)).await;
    // The provider's own message comes from nowhere, acts for nobody and brings its own proof.
    check(
        post("/auth/oidc/main/back-channel-logout", &[cookie, "x-api-key: k"]),
        Ok("Post /auth/oidc/main/back-channel-logout"),
    )
    .await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        check(post("/api/keys", &[cookie]).replacen("POST", method, 1), Err(403)).await;
    }
    let get = |path: &str, more: &[&str]| post(path, more).replacen("POST", "GET", 1);
    check(get("/api/people", &[cookie, "sec-fetch-site: cross-site"]), Err(403)).await;
    check(get("/api/people", &[cookie, "sec-fetch-site: same-site"]), Err(403)).await;
    check(get("/api/people", &[cookie, "origin: http://evil.test"]), Err(403)).await;
    check(get("/api/people", &[cookie]), Ok("Get /api/people session=a")).await;
    check(
        get("/auth/oidc/main/callback?code=c", &["cookie: schleuse-sign-in=b", "sec-fetch-site: cross-site"]),
        Ok("Get /auth/oidc/main/callback?code=c sign-in=b"),
    )
    .await;
}

#[tokio::test]
async fn a_browser_calls_the_house_by_its_name() {
    let face = Face::named(&["house.test", "[::1]"]).await;
    for (host, path, expected) in [
        ("house.test", "/auth/session", Ok("Get /auth/session")),
        ("HOUSE.test:8443", "/auth/session", Ok("Get /auth/session")),
        ("[::1]:80", "/api/x", Ok("Get /api/x")),
        ("evil.test", "/auth/session", Err(421)),
        ("evil.test", "/api/x", Err(421)),
        ("evil.test", "/", Err(421)),
        ("house.test.evil.test", "/api/x", Err(421)),
        ("house.test@evil.test", "/api/x", Err(421)),
        ("", "/api/x", Err(421)),
        // A program may use any name that leads here.
        ("10.1.2.3", "/v1/models", Ok("Get /v1/models")),
    ] {
        check(&face, &[&format!("GET {path} HTTP/1.1"), &format!("host: {host}")], "", expected).await;
    }
}

#[tokio::test]
async fn paths_lead_to_one_place_or_nowhere() {
    let face = Face::plain().await;
    for page in ["/", "/chat", "/chat/c-1", "/sign-in", "/decisions?x=/v1/models"] {
        let answer = face.say(&request(&[&format!("GET {page} HTTP/1.1"), HOST], "")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{page}"
        );
        assert!(answer.heard().is_err(), "{page}");
    }
    for path in [
        "/demo/sign-in",
        "/index.html",
        "/secrets",
        "//v1/models",
        "/v1//models",
        "/./v1/models",
        "/assets/../v1/models",
        "/assets/%2e%2e/v1/models",
        "/assets/..%2fv1/models",
        "/assets/..%5cv1/models",
        "/assets/..;/v1/models",
        "/v1;/models",
        "/v1%2fmodels",
        "/%761/models",
        "/v1\\models",
        "/v1/models%00",
        "/v1/models%0d%0ahost:%20x",
        "/v1/models%23",
        "/V1/models",
        "/v1/%c0%ae%c0%ae/api",
    ] {
        check(&face, &[&format!("GET {path} HTTP/1.1"), HOST], "", Err(404)).await;
    }
    // What is no request target at all. A fragment never reaches a server from a browser; hyper leaves it out, and
    // what is left is judged as a whole.
    for (target, expected) in [
        ("/v1/models\0", Err(400)),
        ("/v1/models\t/x", Err(400)),
        ("/v1/models\u{7f}", Err(400)),
        ("/auth/session#/assets/x.js", Ok("Get /auth/session")),
        ("/assets/x.js#/../auth/session", Err(404)),
        ("/v1/models?x#/auth/session", Ok("Get /v1/models?x")),
        ("http://house.test/auth/session", Ok("Get /auth/session")),
        ("http://evil.test/auth/session", Err(400)),
        ("http://house.test@evil.test/auth/session", Err(400)),
        ("*", Err(404)),
        ("auth/session", Err(400)),
    ] {
        check(&face, &[&format!("GET {target} HTTP/1.1"), HOST], "", expected).await;
    }
    check(&face, &["CONNECT house.test:443 HTTP/1.1", HOST], "", Err(400)).await;
}

/// Each of these is refused, or read in the one way that the specification leaves; the second request that hides in it
/// is never answered.
#[tokio::test]
async fn smuggled_requests_are_not_answered() {
    let face = Face::plain().await;
    const HIDDEN: &str = "GET /api/hidden HTTP/1.1\r\nhost: house.test\r\n\r\n";
    let get = ["GET /v1/first HTTP/1.1", HOST];
    let post = ["POST /v1/first HTTP/1.1", HOST];
    let with = |base: [&'static str; 2], more: &[&'static str]| -> String {
        request(&base.into_iter().chain(more.iter().copied()).collect::<Vec<_>>(), "")
    };
    let cases = [
        // Two lengths.
        with(post, &["content-length: 0", "transfer-encoding: chunked"]) + "0\r\n\r\n" + HIDDEN,
        with(post, &["transfer-encoding: chunked", "content-length: 4"]) + "0\r\n\r\n" + HIDDEN,
        with(post, &["content-length: 5", "content-length: 0"]) + HIDDEN,
        with(post, &["content-length: 0, 0"]) + HIDDEN,
        with(post, &["content-length: +0"]) + HIDDEN,
        with(post, &["content-length: 0x0"]) + HIDDEN,
        with(post, &["content-length: -1"]) + HIDDEN,
        with(post, &["content-length: 18446744073709551616"]) + HIDDEN,
        // Transfer codings that are none, or not the last one.
        with(post, &["transfer-encoding: xchunked"]) + "0\r\n\r\n" + HIDDEN,
        with(post, &["transfer-encoding: chunked, identity"]) + "0\r\n\r\n" + HIDDEN,
        with(post, &["transfer-encoding: chunked", "transfer-encoding: identity"]) + "0\r\n\r\n" + HIDDEN,
        with(post, &["transfer-encoding : chunked"]) + "0\r\n\r\n" + HIDDEN,
        with(post, &["transfer-encoding:\x0bchunked"]) + "0\r\n\r\n" + HIDDEN,
        with(post, &["x: y\r\n transfer-encoding: chunked", "content-length: 0"]) + HIDDEN,
        // Headers that are folded, begin with white space or are none.
        with(get, &["x: y\r\n\tz: w"]) + HIDDEN,
        with(get, &[" x-api-key: k"]) + HIDDEN,
        with(get, &["x-api-key\r\n: k"]) + HIDDEN,
        with(get, &["x\0: y"]) + HIDDEN,
        with(get, &["x: y\0z"]) + HIDDEN,
        with(get, &["x: y\rz: w"]) + HIDDEN,
        // A body where there is none.
        with(get, &["content-length: 50"]) + HIDDEN,
        with(get, &["transfer-encoding: chunked"]) + "0\r\n\r\n" + HIDDEN,
        with(["HEAD /v1/first HTTP/1.1", HOST], &["content-length: 50"]) + HIDDEN,
        // An expectation that cannot be met, so the body may come or not.
        with(post, &["expect: 200-ok", "content-length: 50"]) + HIDDEN,
        with(post, &["expect: 100-continue, x", "content-length: 50"]) + HIDDEN,
        with(post, &["expect: 100-continue", "expect: y", "content-length: 50"]) + HIDDEN,
        // Chunks that are none.
        with(post, &["transfer-encoding: chunked"]) + "0\n\r\n" + HIDDEN,
        with(post, &["transfer-encoding: chunked"]) + "-0\r\n\r\n" + HIDDEN,
        with(post, &["transfer-encoding: chunked"]) + "0;x\ny\r\n\r\n" + HIDDEN,
        with(post, &["transfer-encoding: chunked"]) + "FFFFFFFFFFFFFFFFF\r\n" + HIDDEN,
        // The framing of another version.
        with(["POST /v1/first HTTP/1.0", HOST], &["transfer-encoding: chunked"]) + "0\r\n\r\n" + HIDDEN,
        with(["GET /v1/first HTTP/2.0", HOST], &[]) + HIDDEN,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned() + HIDDEN,
        "GET /v1/first\r\n\r\n".to_owned() + HIDDEN,
        // No host, or two.
        "GET /v1/first HTTP/1.1\r\n\r\n".to_owned() + HIDDEN,
        with(get, &["host: evil.test"]) + HIDDEN,
        with(post, &["content-encoding: gzip", "content-length: 0"]) + HIDDEN,
    ];
    for case in cases {
        // Ends only when the edge hangs up, which it must.
        let answer = face.say_all(&case).await;
        assert!(!answer.text.contains("/api/hidden"), "{case:?}\n{}", answer.text);
    }
    // Well framed, hence two requests and two answers.
    let last = HIDDEN.replace("host", "connection: close\r\nhost");
    let answer = face.say_all(&(with(post, &["content-length: 0"]) + &last)).await;
    assert!(answer.text.contains("/api/hidden"), "{}", answer.text);
}

#[tokio::test]
async fn the_forms_that_are_taken_are_taken_in_one_way() {
    let face = Face::plain().await;
    let post = "POST /v1/x HTTP/1.1";
    check(&face, &[post, HOST, "expect: 100-continue", "content-length: 2"], "{}", Ok("Post /v1/x body=2"))
        .await;
    check(&face, &[post, HOST, "expect: 417-please", "content-length: 2"], "{}", Err(417)).await;
    check(&face, &[post, HOST, "content-encoding: gzip", "content-length: 2"], "{}", Err(415)).await;
    check(
        &face,
        &[post, HOST, "content-encoding: identity", "content-length: 2"],
        "{}",
        Ok("Post /v1/x body=2"),
    )
    .await;
    check(&face, &["GET /v1/x HTTP/1.1", HOST, "content-length: 2"], "{}", Err(400)).await;
    check(&face, &["GET /v1/x HTTP/1.1", HOST, "content-length: 0"], "", Ok("Get /v1/x")).await;
    // A change of protocol is offered by clients that mean well; nobody takes it.
    let upgrade = ["GET /v1/x HTTP/1.1", HOST, "connection: upgrade, http2-settings", "upgrade: h2c"];
    check(&face, &upgrade, "", Ok("Get /v1/x")).await;
    let socket = ["GET /v1/x HTTP/1.1", HOST, "connection: upgrade", "upgrade: websocket"];
    check(&face, &socket, "", Ok("Get /v1/x")).await;
    // A line may end in a bare line feed (RFC 9112 section 2.2); it ends there for everybody inside too.
    let bare = face.say("GET /v1/x HTTP/1.1\nhost: house.test\nx-api-key: k\n\n").await;
    assert_eq!(bare.heard(), Ok("Get /v1/x bearer=k".to_owned()));
}

#[tokio::test]
async fn replies_go_out_as_they_are_meant() {
    let face = Face::plain().await;
    let answer = face.say(&request(&["GET /auth/set HTTP/1.1", HOST], "")).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some("/chat"));
    assert_eq!(answer.text.matches("set-cookie: ").count(), 2, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("strict-transport-security"), None);
    let answer = face.say(&request(&["GET /api/export HTTP/1.1", HOST], "")).await;
    assert_eq!(answer.header("content-type"), Some("application/jsonl"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"audit.jsonl\""));
    // A reply cannot add a line of its own.
    let answer = face.say(&request(&["GET /auth/split HTTP/1.1", HOST], "")).await;
    assert_eq!(answer.header("location"), None, "{}", answer.text);

    for path in ["/", "/house.json", "/v1/models", "/api/events", "/nothing"] {
        let get = face.say(&request(&[&format!("GET {path} HTTP/1.1"), HOST], "")).await;
        let head = face.say(&request(&[&format!("HEAD {path} HTTP/1.1"), HOST], "")).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.body(), "", "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        if path != "/api/events" {
            assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        }
    }
    assert!(face.events_were_dropped().await, "nobody waits for the events of a HEAD");
}

#[tokio::test]
async fn with_tls_the_cookies_have_the_hosts_prefix() {
    let face = Face::tls().await;
    let cookie = "cookie: __Host-schleuse=a";
    check(&face, &["GET /api/x HTTP/1.1", HOST, cookie], "", Ok("Get /api/x session=a")).await;
    check(&face, &["GET /api/x HTTP/1.1", HOST, "cookie: schleuse=a"], "", Ok("Get /api/x")).await;
    let both = "cookie: schleuse=a; __Host-schleuse=b";
    check(&face, &["GET /api/x HTTP/1.1", HOST, both], "", Err(400)).await;
    let post = ["POST /api/x HTTP/1.1", HOST, cookie, "content-length: 0"];
    for (origin, expected) in
        [("origin: https://house.test", Ok("Post /api/x session=a")), ("origin: http://house.test", Err(403))]
    {
        check(&face, &[post.as_slice(), &[origin]].concat(), "", expected).await;
    }
    let sign_in = ["GET /auth/x HTTP/1.1", HOST, "cookie: __Host-schleuse-sign-in=b; schleuse-sign-in=c"];
    check(&face, &sign_in, "", Ok("Get /auth/x sign-in=b")).await;
    for (host, expected) in [
        ("house.test", Some("max-age=31536000")),
        ("localhost:8443", None),
        ("127.0.0.1", None),
        ("[::1]:8443", None),
    ] {
        let answer = face.say(&request(&["GET / HTTP/1.1", &format!("host: {host}")], "")).await;
        assert_eq!(answer.header("strict-transport-security"), expected, "{host}");
    }
}

#[tokio::test]
async fn behind_a_proxy_with_tls_the_cookies_are_the_same() {
    let face = Face::behind_tls().await;
    let cookie = "cookie: __Host-schleuse=a";
    check(&face, &["GET /api/x HTTP/1.1", HOST, cookie], "", Ok("Get /api/x session=a")).await;
    check(&face, &["GET /api/x HTTP/1.1", HOST, "cookie: schleuse=a"], "", Ok("Get /api/x")).await;
    let post = ["POST /api/x HTTP/1.1", HOST, cookie, "content-length: 0", "origin: https://house.test"];
    check(&face, &post, "", Ok("Post /api/x session=a")).await;
    // What says so is the house's own configuration, not a header.
    let spoofed = ["GET /api/x HTTP/1.1", HOST, "x-forwarded-proto: http", "cookie: schleuse=a"];
    check(&face, &spoofed, "", Ok("Get /api/x")).await;
}
