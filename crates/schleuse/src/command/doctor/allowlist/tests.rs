use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::{AllowList, Named, Place, Verdict};
use crate::command::doctor::look::{Program, Times};
use crate::command::doctor::socket::{Face, Peer, UnixKind};

/// A house on 8080 with its engine and one upstream.
fn house() -> AllowList {
    AllowList {
        listeners: vec![
            (address("127.0.0.1:8080"), "page and API"),
            (address("127.0.0.1:9000"), "health and metrics"),
        ],
        is_open_to_network: false,
        engine_socket: Some("/house/run/engine.sock".into()),
        working_folder: "/house".into(),
        upstreams: vec![named("http://10.1.2.3:8000")],
    }
}

fn named(url: &str) -> Named {
    Named { name: "up".to_owned(), place: Place::of(url).unwrap() }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn judge(list: &AllowList, program: &Program, face: &Face, seconds: u64) -> bool {
    let times =
        Times { inodes: BTreeSet::from([1]), longest: Duration::from_secs(seconds), ..Times::default() };
    matches!(list.judge(program, face, &times), Verdict::Allowed(_))
}

fn check(program: &Program, face: &Face, is_allowed: bool) {
    assert_eq!(judge(&house(), program, face, 0), is_allowed, "{program}: {face}");
}

fn tcp(local: &str, remote: &str) -> Face {
    Face::Tcp { local: address(local), remote: address(remote), is_listening: false }
}

fn listener(local: &str) -> Face {
    Face::Tcp { local: address(local), remote: address("0.0.0.0:0"), is_listening: true }
}

fn udp(remote: &str) -> Face {
    Face::Datagram { table: "udp", local: address("0.0.0.0:5353"), remote: address(remote) }
}

fn unix(path: Option<&str>, peer: Peer) -> Face {
    Face::Unix { kind: UnixKind::Stream, is_listening: false, path: path.map(str::to_owned), peer }
}

#[test]
fn what_a_house_has_is_allowed() {
    check(&Program::House, &listener("127.0.0.1:8080"), true);
    check(&Program::House, &listener("127.0.0.1:9000"), true);
    check(&Program::House, &tcp("127.0.0.1:8080", "127.0.0.1:40000"), true);
    check(&Program::House, &tcp("127.0.0.1:40001", "10.1.2.3:8000"), true);
    check(&Program::Doctor, &tcp("127.0.0.1:40000", "127.0.0.1:8080"), true);
    check(&Program::Nobody, &tcp("127.0.0.1:40000", "127.0.0.1:8080"), true);
    check(&Program::Nobody, &tcp("127.0.0.1:8080", "127.0.0.1:40000"), true);
    check(&Program::House, &unix(None, Peer::Own), true);
    check(&Program::Worker, &unix(Some("/house/run/engine.sock"), Peer::Own), true);
    check(&Program::Worker, &unix(Some("run/engine.sock"), Peer::Own), true);
    check(&Program::Nobody, &Face::Netlink { protocol: 0, port: 0 }, true);
    check(&Program::Doctor, &Face::Netlink { protocol: 4, port: 7 }, true);
}

#[test]
fn everything_else_is_forbidden() {
    for program in [Program::House, Program::Worker, Program::Nobody, Program::Other("sh".to_owned())] {
        for remote in ["0.0.0.0:0", "8.8.8.8:53", "10.1.2.3:8000", "127.0.0.53:53"] {
            check(&program, &udp(remote), false);
        }
        check(&program, &Face::Packet, false);
        check(&program, &Face::Netlink { protocol: 0, port: 7 }, false);
        check(&program, &tcp("10.0.0.1:40000", "203.0.113.9:443"), false);
        check(&program, &tcp("127.0.0.1:40000", "127.0.0.1:5432"), false);
        check(&program, &listener("127.0.0.1:8081"), false);
        check(&program, &listener("0.0.0.0:8080"), false);
        check(&program, &tcp("127.0.0.1:8080", "203.0.113.9:40000"), false);
        check(&program, &unix(Some("@/org/bus"), Peer::Own), false);
        check(&program, &unix(Some("/run/dbus/socket"), Peer::Nobody), false);
        check(&program, &unix(Some("engine.sock"), Peer::Nobody), false);
        assert!(!judge(&house(), &program, &unix(None, Peer::Foreign(None)), 1));
        check(&program, &unix(None, Peer::Foreign(Some("/run/nscd/socket".to_owned()))), false);
        let datagram =
            Face::Unix { kind: UnixKind::Datagram, is_listening: false, path: None, peer: Peer::Nobody };
        check(&program, &datagram, false);
    }
    check(
        &Program::House,
        &Face::Datagram { table: "raw", local: address("0.0.0.0:1"), remote: address("0.0.0.0:0") },
        false,
    );
    // The worker has no network, not even the one that the house has.
    check(&Program::Worker, &listener("127.0.0.1:8080"), false);
    check(&Program::Worker, &tcp("127.0.0.1:40001", "10.1.2.3:8000"), false);
    check(&Program::Doctor, &udp("8.8.8.8:53"), false);
    check(&Program::House, &unix(Some("/house/run/engine.sock"), Peer::Foreign(None)), false);
}

#[test]
fn what_is_in_the_making_must_not_stay_so() {
    for face in [Face::Unlisted, unix(None, Peer::Waiting)] {
        assert!(judge(&house(), &Program::House, &face, 0), "{face}");
        assert!(!judge(&house(), &Program::House, &face, 1), "{face}");
    }
}

#[test]
fn names_and_sockets_of_upstreams_widen_the_list_as_little_as_can_be() {
    let with = |url| AllowList { upstreams: vec![named(url)], ..house() };
    let host = with("https://models.example.org");
    assert!(judge(&host, &Program::House, &udp("192.0.2.1:53"), 0));
    assert!(!judge(&host, &Program::House, &udp("192.0.2.1:123"), 0));
    assert!(!judge(&host, &Program::Worker, &udp("192.0.2.1:53"), 0));
    assert!(!judge(&host, &Program::House, &tcp("10.0.0.1:40000", "203.0.113.9:443"), 0));
    let socket = with("unix:/run/model.sock");
    assert!(judge(
        &socket,
        &Program::House,
        &unix(None, Peer::Foreign(Some("/run/model.sock".to_owned()))),
        0
    ));
    assert!(!judge(
        &socket,
        &Program::House,
        &unix(None, Peer::Foreign(Some("/run/other.sock".to_owned()))),
        0
    ));
    assert!(!judge(&socket, &Program::Worker, &unix(None, Peer::Foreign(None)), 1));
    let open = AllowList { is_open_to_network: true, ..house() };
    assert!(judge(&open, &Program::House, &tcp("127.0.0.1:8080", "203.0.113.9:40000"), 0));
}

#[test]
fn urls_name_places() {
    let check = |url: &str, expected: &str| {
        assert_eq!(format!("{:?}", Place::of(url)), expected, "{url}");
    };
    check("http://10.0.0.1:8000/v1", "Some(Addresses([10.0.0.1:8000]))");
    check("https://10.0.0.1", "Some(Addresses([10.0.0.1:443]))");
    check("http://[::1]:8000", "Some(Addresses([[::1]:8000]))");
    check("http://[::1]", "Some(Addresses([[::1]:80]))");
    check("http://localhost:1", "Some(Addresses([127.0.0.1:1, [::1]:1]))");
    check("http://model.example", "Some(Host(\"model.example:80\", []))");
    check("unix:/run/a.sock", "Some(Socket(\"/run/a.sock\"))");
    check("nonsense", "None");
}
