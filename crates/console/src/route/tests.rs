use schleuse_wire::Method;

use super::{Found, find};

fn check(method: Method, path: &str, expected: &str) {
    let found = match find(method, path) {
        Found::Route(route, id) => format!("{} {id}", route.path),
        Found::OtherMethod(right) => right.join(", "),
        Found::Nothing => "nothing".to_owned(),
    };
    assert_eq!(found.trim_end(), expected, "{path}");
}

#[test]
fn a_path_finds_its_route() {
    check(Method::Get, "/api/decisions", "/api/decisions");
    check(Method::Get, "/api/decisions/live", "/api/decisions/live");
    check(Method::Get, "/api/decisions/01J", "/api/decisions/{request_id} 01J");
    check(Method::Put, "/api/people/a%2Fb%20c+d", "/api/people/{id} a/b c+d");
    check(Method::Post, "/api/decisions/live", "GET");
    check(Method::Put, "/api/people", "GET, POST");
    check(Method::Get, "/api/people/a", "PUT");
    check(Method::Get, "/api/people/", "nothing");
    check(Method::Get, "/api/people/a/b", "nothing");
    check(Method::Get, "/API/people", "nothing");
    check(Method::Get, "/api/chat/conversations", "nothing");
    check(Method::Get, "", "nothing");
}
