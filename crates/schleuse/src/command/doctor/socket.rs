//! Sockets as the kernel's tables list them: /proc/net/{tcp,udp,raw,icmp,packet,netlink,unix} (proc(5)).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One row of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// 0: no process holds it (any more), such as a connection in TIME_WAIT.
    pub inode: u64,
    pub face: Face,
}

/// What a socket is and whom it is joined to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Face {
    Tcp {
        local: SocketAddr,
        remote: SocketAddr,
        is_listening: bool,
    },
    /// A table of sockets with addresses and without connections, such as `udp`.
    Datagram {
        table: &'static str,
        local: SocketAddr,
        remote: SocketAddr,
    },
    Packet,
    Netlink {
        /// Such as 0 for routes.
        protocol: u32,
        /// 0: the kernel's own end.
        port: u32,
    },
    Unix {
        kind: UnixKind,
        is_listening: bool,
        /// An abstract name begins with `@`.
        path: Option<String>,
        peer: Peer,
    },
    /// A process holds it and no table lists it: another family, or not bound yet.
    Unlisted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UnixKind {
    Stream,
    Datagram,
    Packets,
}

/// Whom a Unix socket is joined to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    /// To nobody.
    Nobody,
    /// To a socket of a process of the house.
    Own,
    /// To a socket of somebody else, with its path if it has one and this namespace knows it.
    Foreign(Option<String>),
    /// To a listener that has not accepted yet.
    Waiting,
    /// The kernel does not tell.
    Untold,
}

impl fmt::Display for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { local, is_listening: true, .. } => write!(f, "tcp listener {local}"),
            Self::Tcp { local, remote, .. } => write!(f, "tcp {local} with {remote}"),
            Self::Datagram { table, local, remote } if remote.port() == 0 => write!(f, "{table} {local}"),
            Self::Datagram { table, local, remote } => write!(f, "{table} {local} to {remote}"),
            Self::Packet => write!(f, "packet (frames of an interface)"),
            Self::Netlink { protocol, port } => write!(f, "netlink protocol {protocol} port {port}"),
            Self::Unix { kind, is_listening, path, peer } => {
                write!(f, "unix {kind}{}", if *is_listening { " listener" } else { "" })?;
                match path {
                    Some(path) => write!(f, " `{path}`")?,
                    None => write!(f, " without name")?,
                }
                match peer {
                    Peer::Foreign(Some(path)) => write!(f, " with `{path}`"),
                    Peer::Foreign(None) => write!(f, " with a socket of a process outside"),
                    Peer::Waiting => write!(f, " not accepted yet"),
                    Peer::Nobody | Peer::Own | Peer::Untold => Ok(()),
                }
            }
            Self::Unlisted => write!(f, "in no table"),
        }
    }
}

impl fmt::Display for UnixKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "stream",
            Self::Datagram => "datagram",
            Self::Packets => "seqpacket",
        })
    }
}

/// The tables and how each is read. `unix` comes last, because its peers are looked up among the others' owners.
pub(super) const TABLES: [&str; 13] = [
    "tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "packet", "netlink",
    "unix",
];

/// Reads a table. The second value counts lines that could not be read: a check that skips lines proves nothing.
pub(super) fn parse(table: &'static str, text: &str) -> (Vec<Row>, usize) {
    let mut unread = 0;
    let mut rows = Vec::new();
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        match parse_line(table, line) {
            Some(row) => rows.push(row),
            None => unread += 1,
        }
    }
    (rows, unread)
}

fn parse_line(table: &'static str, line: &str) -> Option<Row> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match table {
        "unix" => parse_unix(line, &words),
        "netlink" => Some(Row {
            inode: words.get(9)?.parse().ok()?,
            face: Face::Netlink { protocol: words.get(1)?.parse().ok()?, port: words.get(2)?.parse().ok()? },
        }),
        "packet" => Some(Row { inode: words.get(8)?.parse().ok()?, face: Face::Packet }),
        _ => {
            let local = parse_address(words.get(1)?)?;
            let remote = parse_address(words.get(2)?)?;
            // TCP_LISTEN (include/net/tcp_states.h).
            let is_listening = *words.get(3)? == "0A";
            let face = match table {
                "tcp" | "tcp6" => Face::Tcp { local, remote, is_listening },
                _ => Face::Datagram { table, local, remote },
            };
            Some(Row { inode: words.get(9)?.parse().ok()?, face })
        }
    }
}

/// `Num: RefCount Protocol Flags Type St Inode [Path]`; a path may hold spaces.
fn parse_unix(line: &str, words: &[&str]) -> Option<Row> {
    /// `__SO_ACCEPTCON`: it listens.
    const ACCEPTS: u32 = 1 << 16;
    let kind = match *words.get(4)? {
        "0001" => UnixKind::Stream,
        "0002" => UnixKind::Datagram,
        "0005" => UnixKind::Packets,
        _ => return None,
    };
    let flags = u32::from_str_radix(words.get(3)?, 16).ok()?;
    let mut rest = line;
    for _ in 0..7 {
        rest = rest.trim_ascii_start();
        rest = rest.get(rest.find(' ').unwrap_or(rest.len())..)?;
    }
    let path = rest.strip_prefix(' ').filter(|path| !path.is_empty()).map(str::to_owned);
    Some(Row {
        inode: words.get(6)?.parse().ok()?,
        face: Face::Unix { kind, is_listening: flags & ACCEPTS != 0, path, peer: Peer::Untold },
    })
}

/// `0100007F:1F90`: 32-bit words of the address as the processor holds them, and the port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for word in address.as_bytes().chunks(8) {
        let word = std::str::from_utf8(word).ok().filter(|word| word.len() == 8)?;
        let word = u32::from_str_radix(word, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let address: IpAddr = match bytes.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
        // A socket for both families shows its IPv4 peers as ::ffff:a.b.c.d; that is the same place.
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::parse;

    /// What one recorded line says.
    fn check(table: &'static str, line: &str, expected: &str) {
        let (rows, unread) = parse(table, &format!("header\n{line}\n"));
        let rows: Vec<String> = rows.iter().map(|row| format!("{} {}", row.inode, row.face)).collect();
        assert_eq!(
            (rows.join(","), unread),
            (expected.to_owned(), usize::from(expected.is_empty())),
            "{line}"
        );
    }

    #[test]
    fn recorded_lines_are_read() {
        check(
            "tcp",
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41437 1 00000000e1a7d0c3 100 0 0 10 0",
            "41437 tcp listener 127.0.0.1:8080",
        );
        check(
            "tcp",
            "   1: 0100007F:1F90 0100007F:C0D2 06 00000000:00000000 03:00001770 00000000     0        0 0 3 00000000cb1ab3d9",
            "0 tcp 127.0.0.1:8080 with 127.0.0.1:49362",
        );
        check(
            "tcp6",
            "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0000000012345678 100 0 0 10 0",
            "99 tcp listener [::1]:8080",
        );
        check(
            "tcp6",
            "   2: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:C0D2 01 00000000:00000000 00:00000000 00000000     0        0 7 1 0000000012345678 20 4 30 10 -1",
            "7 tcp 127.0.0.1:8080 with 127.0.0.1:49362",
        );
        check(
            "udp",
            " 4242: 0F02000A:D431 08080808:0035 01 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000000099999999 0",
            "1234 udp 10.0.2.15:54321 to 8.8.8.8:53",
        );
        check(
            "raw",
            "   1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 55 2 0000000099999999 0",
            "55 raw 0.0.0.0:1",
        );
        check(
            "netlink",
            "0000000025c4218c 0   4711       00000000 0        0        0     2        0        170147  ",
            "170147 netlink protocol 0 port 4711",
        );
        check(
            "packet",
            "00000000f3b2c1d0 3      3    0003   2     1 0      0      88123",
            "88123 packet (frames of an interface)",
        );
        check(
            "unix",
            "00000000a1b2c3d4: 00000002 00000000 00010000 0001 01 8123 /tmp/a house/run/engine.sock",
            "8123 unix stream listener `/tmp/a house/run/engine.sock`",
        );
        check(
            "unix",
            "00000000a1b2c3d4: 00000003 00000000 00000000 0001 03 8124",
            "8124 unix stream without name",
        );
        check(
            "unix",
            "00000000a1b2c3d4: 00000002 00000000 00010000 0005 01 8125 @/org/bus",
            "8125 unix seqpacket listener `@/org/bus`",
        );
        check(
            "unix",
            "00000000a1b2c3d4: 00000002 00000000 00010000 0001 01 8126 run/engine.sock",
            "8126 unix stream listener `run/engine.sock`",
        );
    }

    #[test]
    fn what_cannot_be_read_is_counted() {
        for table in super::TABLES {
            check(table, "nonsense", "");
            check(
                table,
                "1 2 3 4 5 6 7 8 9 10 11 12",
                if table == "netlink" { "10 netlink protocol 2 port 3" } else { continue },
            );
        }
        check("tcp", "0: 7F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 41437 1", "");
        check("unix", "a: 2 0 00010000 0009 01 8126 /x", "");
    }
}
