//! Two questions that only the kernel's netlink answers: bring `lo` up, and which Unix socket is joined to which.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
const IFF_UP: u32 = 0x1;
/// The loopback interface is the first that a network namespace has.
const LOOPBACK_INDEX: u32 = 1;
const AF_UNIX: u8 = 1;
const UDIAG_SHOW_PEER: u32 = 0x4;
const UNIX_DIAG_PEER: u16 = 2;
/// `struct nlmsghdr` and `struct unix_diag_msg` (netlink(7), sock_diag(7)).
const HEADER_BYTES: usize = 16;
const UNIX_DIAG_BYTES: usize = 16;
const ANSWER_SECONDS_MAX: i64 = 5;

/// Sets `IFF_UP` on `lo` of this network namespace. Needs CAP_NET_ADMIN there.
pub(super) fn raise_loopback() -> io::Result<()> {
    // struct ifinfomsg: family, padding, type, index, flags, which flags to change.
    let mut body = vec![0; 4];
    for number in [LOOPBACK_INDEX, IFF_UP, IFF_UP] {
        body.extend(number.to_ne_bytes());
    }
    ask(SockProtocol::NetlinkRoute, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, &body).map(|_| ())
}

/// The peer of every Unix socket of this network namespace that has one, by inode. 0 is a peer that nobody accepted yet.
pub(super) fn unix_peers() -> io::Result<HashMap<u64, u64>> {
    // struct unix_diag_req: family, protocol, padding, states, inode, what to show, cookie.
    let mut body = vec![AF_UNIX, 0, 0, 0];
    for number in [u32::MAX, 0, UDIAG_SHOW_PEER, 0, 0] {
        body.extend(number.to_ne_bytes());
    }
    let answers = ask(SockProtocol::NetlinkSockDiag, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, &body)?;
    Ok(answers.iter().filter_map(|answer| peer(answer)).collect())
}

/// The inode and its peer's of one `struct unix_diag_msg` with its attributes.
fn peer(message: &[u8]) -> Option<(u64, u64)> {
    let inode = number_u32(message, 4)?;
    let mut attributes = message.get(UNIX_DIAG_BYTES..)?;
    loop {
        let length = usize::from(number_u16(attributes, 0)?);
        if number_u16(attributes, 2)? == UNIX_DIAG_PEER {
            return Some((inode.into(), number_u32(attributes, 4)?.into()));
        }
        attributes = attributes.get(aligned(length.max(4))..)?;
    }
}

/// Sends one request and returns the bodies of all its answers.
fn ask(protocol: SockProtocol, kind: u16, flags: u16, body: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let link = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    setsockopt(&link, sockopt::ReceiveTimeout, &TimeVal::seconds(ANSWER_SECONDS_MAX))?;
    let length = u32::try_from(HEADER_BYTES + body.len()).map_err(io::Error::other)?;
    let mut request = Vec::from(length.to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(flags.to_ne_bytes());
    request.extend([0; 8]);
    request.extend(body);
    send(link.as_raw_fd(), &request, MsgFlags::empty())?;
    let mut answers = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let received = recv(link.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let datagram = buffer.get(..received).unwrap_or_default();
        if collect(datagram, &mut answers)? {
            return Ok(answers);
        }
    }
}

/// Takes the messages of one datagram. True when the answer is complete.
fn collect(mut datagram: &[u8], answers: &mut Vec<Vec<u8>>) -> io::Result<bool> {
    while let (Some(length), Some(kind)) = (number_u32(datagram, 0), number_u16(datagram, 4)) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(body) = datagram.get(HEADER_BYTES..length) else {
            return Err(io::Error::other("netlink sent half a message"));
        };
        match kind {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => match number_u32(body, 0).map(|code| i32::from_ne_bytes(code.to_ne_bytes())) {
                Some(0) => return Ok(true),
                Some(code) => return Err(io::Error::from_raw_os_error(code.saturating_neg())),
                None => return Err(io::Error::other("netlink sent half a message")),
            },
            _ => answers.push(body.to_vec()),
        }
        datagram = datagram.get(aligned(length)..).unwrap_or_default();
    }
    Ok(false)
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn number_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

fn number_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::net::UnixStream;

    use super::{collect, peer, unix_peers};

    #[test]
    fn a_pair_is_seen_as_one() {
        let (one, other) = UnixStream::pair().unwrap();
        let inode = |stream: &UnixStream| {
            let descriptor = std::os::fd::AsRawFd::as_raw_fd(stream);
            std::fs::metadata(format!("/proc/self/fd/{descriptor}")).unwrap().ino()
        };
        // A kernel without unix_diag says so; a wrong answer is what must not be.
        if let Ok(peers) = unix_peers() {
            assert_eq!(peers.get(&inode(&one)), Some(&inode(&other)));
            assert_eq!(peers.get(&inode(&other)), Some(&inode(&one)));
        }
    }

    #[test]
    fn broken_messages_are_no_answers() {
        let check = |message: &[u8], expected| assert_eq!(peer(message), expected, "{message:?}");
        check(&[], None);
        check(&[1; 16], None);
        // An attribute of length 0 must not stop the walk for ever.
        check(&[0; 64], None);
        let mut whole = vec![1, 1, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        whole.extend([5, 0, 9, 0, 1, 0, 0, 0]);
        whole.extend([8, 0, 2, 0, 9, 0, 0, 0]);
        if cfg!(target_endian = "little") {
            check(&whole, Some((7, 9)));
        }
        assert!(collect(&[255; 20], &mut Vec::new()).is_err());
        assert!(!collect(&[], &mut Vec::new()).unwrap());
    }
}
