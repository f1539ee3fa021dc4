use super::{Ready, judge, last_lines, parse_counters, routes_out};
use crate::command::doctor::allowlist::AllowList;
use crate::command::doctor::look::{Album, Program};
use crate::command::doctor::report::{Report, Status};
use crate::command::doctor::socket::{Face, parse};

const LISTENER: &str = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41437 1 00000000e1a7d0c3 100 0 0 10 0";
const NAME_SERVER: &str = "   4: 0100007F:D431 08080808:0035 01 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000000099999999 0";
const ELSEWHERE: &str = "   1: 0F02000A:C0D2 09710CCB:01BB 02 00000000:00000001 01:00000064 00000000     0        0 1235 2 00000000cb1ab3d9";

/// How the check ends for a house on 127.0.0.1:8080 with these sockets.
fn check(rows: &[(Program, &'static str, &str)], expected: Status) -> Report {
    let mut album = Album { looks: 1, ..Album::default() };
    for (program, table, line) in rows {
        let (rows, unread) = parse(table, &format!("header\n{line}\n"));
        assert_eq!(unread, 0, "{line}");
        for row in rows {
            album.seen.entry((program.clone(), row.face)).or_default().inodes.insert(row.inode);
        }
    }
    let list = AllowList {
        listeners: vec![("127.0.0.1:8080".parse().unwrap(), "page and API")],
        ..AllowList::default()
    };
    let mut report = Report::default();
    judge(&album, &list, &mut report);
    assert_eq!(report.status(), expected, "{}", report.text());
    report
}

#[test]
#[cfg(target_endian = "little")]
fn one_socket_too_many_fails_the_check() {
    let house = (Program::House, "tcp", LISTENER);
    check(std::slice::from_ref(&house), Status::Ok);
    let report = check(&[house.clone(), (Program::House, "udp", NAME_SERVER)], Status::Error);
    assert!(
        report
            .text()
            .contains("house has a socket that is not on the list: udp 127.0.0.1:54321 to 8.8.8.8:53")
    );
    let report = check(&[house.clone(), (Program::House, "tcp", ELSEWHERE)], Status::Error);
    assert!(report.text().contains("tcp 10.0.2.15:49362 with 203.12.113.9:443"), "{}", report.text());
    // The same when it was gone before anybody could say whose it was, and in the worker.
    check(&[house.clone(), (Program::Nobody, "tcp", ELSEWHERE)], Status::Error);
    check(&[(Program::Worker, "tcp", LISTENER)], Status::Error);
}

#[test]
fn an_incomplete_list_fails_the_check() {
    let mut album = Album::default();
    album.gaps.insert("the table `udp` cannot be read".to_owned());
    let mut report = Report::default();
    judge(&album, &AllowList::default(), &mut report);
    assert_eq!(report.status(), Status::Error);
}

#[test]
fn an_unknown_process_fails_the_check() {
    let mut album = Album::default();
    album.programs.entry(Program::Other("process 7 `sh`".to_owned())).or_default().insert(7);
    let mut report = Report::default();
    judge(&album, &AllowList::default(), &mut report);
    assert_eq!(report.status(), Status::Error);
}

#[test]
fn a_socket_that_this_process_opens_is_seen_and_refused() {
    use crate::command::doctor::look::{Reach, Subject};
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut album = Album::default();
    album.look(&Subject { house: std::process::id(), reach: Reach::House }, std::time::Duration::ZERO);
    let is_it = |face: &Face| matches!(face, Face::Datagram { local, .. } if *local == address);
    assert!(album.seen.keys().any(|(_, face)| is_it(face)), "{:?}", album.seen.keys());
    assert!(album.gaps.is_empty(), "{:?}", album.gaps);
    // And the check fails for it.
    let mut report = Report::default();
    judge(&album, &AllowList::default(), &mut report);
    assert_eq!(report.status(), Status::Error);
    assert!(report.text().contains(&format!("not on the list: udp {address}")), "{}", report.text());
}

#[test]
fn counters_and_routes_are_read() {
    let counters = parse_counters(
        "Ip: Forwarding DefaultTTL OutNoRoutes\nIp: 2 64 3\nUdp: InDatagrams OutDatagrams\nUdp: 0 7\n",
        "Ip6OutNoRoutes                  \t4\nUdp6OutDatagrams                \t0\n",
    );
    let check = |name: &str, expected| assert_eq!(counters.get(name).copied(), expected, "{name}");
    check("Ip OutNoRoutes", Some(3));
    check("Udp OutDatagrams", Some(7));
    check("Ip6OutNoRoutes", Some(4));
    check("Udp InErrors", None);
    let lo = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo";
    assert!(routes_out("Iface\tDestination\n", lo).is_empty());
    assert_eq!(
        routes_out("Iface\tDestination\neth0\t00000000\n", &lo.replace("lo", "eth1")),
        ["eth0", "eth1"]
    );
}

#[test]
fn ready_files_are_read() {
    let ready = Ready::parse(
        r#"{"url":"http://127.0.0.1:8080","admin":"http://127.0.0.1:9","keys":{"employee":"sk-1"}}"#,
    );
    assert_eq!(ready.unwrap().house.port(), 8080);
    assert!(Ready::parse("{}").is_none());
    assert_eq!(last_lines("a\n\nb\nc\nd\n"), "b / c / d");
}
