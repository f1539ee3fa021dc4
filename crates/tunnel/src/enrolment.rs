//! One-time tokens by which a process joins its house.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use schleuse_types::{Random, Secret, Timestamp};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::authority::Authority;
use crate::folder;
use crate::party::{Party, PartyRole};

/// From its making to the last moment at which it can be used.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(600);

/// Unused ones at the same time.
const TOKENS_MAX: usize = 64;
const TOKENS_FILE: &str = "tokens";
const LOCK_FILE: &str = "tokens.lock";
const BARRED_FILE: &str = "barred";

/// What an operator carries from the gate to the machine that is to join: who it will be, the authority's public key,
/// and a secret that works once. Printed as one line, `schl-join:HOUSE/ROLE/NAME:KEY:SECRET`.
#[derive(Clone)]
pub struct EnrolmentToken {
    pub(crate) party: Party,
    pub(crate) authority_key: [u8; 32],
    pub(crate) secret: Secret<String>,
}

impl EnrolmentToken {
    /// Reads what [`Self::expose_printed`] gave; white space around it does not matter.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let mut parts = text.trim().split(':');
        let (Some("schl-join"), Some(party), Some(key), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Form);
        };
        let party = Party::parse(&format!("spiffe://{party}")).map_err(|_| TokenError::Form)?;
        let key = BASE64URL_NOPAD.decode(key.as_bytes()).map_err(|_| TokenError::Form)?;
        let authority_key = key.try_into().map_err(|_| TokenError::Form)?;
        if secret.len() != SECRET_CHARACTERS {
            return Err(TokenError::Form);
        }
        Ok(Self { party, authority_key, secret: Secret::new(secret.to_owned()) })
    }

    pub fn party(&self) -> &Party {
        &self.party
    }

    /// The line to print, once.
    pub fn expose_printed(&self) -> Zeroizing<String> {
        let party = self.party.to_string();
        Zeroizing::new(format!(
            "schl-join:{}:{}:{}",
            party.strip_prefix("spiffe://").unwrap_or_default(),
            BASE64URL_NOPAD.encode(&self.authority_key),
            self.secret.expose()
        ))
    }
}

/// 256 random bits.
const SECRET_CHARACTERS: usize = 43;

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentToken({})", self.party)
    }
}

impl Authority {
    /// Makes a token with which one process can join as `party` within [`TOKEN_LIFETIME`]. Only its hash is kept. Works
    /// beside a running gate, under the gate's user: the files belong to their writer alone.
    pub fn make_token(
        &self,
        party: Party,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<EnrolmentToken, TokenError> {
        if party.house() != self.house() || party.role() == PartyRole::Gate {
            return Err(TokenError::Party);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes).map_err(TokenError::file)?;
        let secret = BASE64URL_NOPAD.encode(&*bytes);
        self.change_tokens(now, |tokens| {
            if tokens.len() >= TOKENS_MAX {
                return Err(TokenError::TooMany);
            }
            tokens.push(Stored {
                hash: hash(&secret),
                party: party.clone(),
                expires: now.plus(TOKEN_LIFETIME),
            });
            Ok(())
        })?;
        Ok(EnrolmentToken { party, authority_key: *self.public_key(), secret: Secret::new(secret) })
    }

    /// Uses a token up. It is gone from the disk before this returns; whoever brings it again is refused.
    pub(crate) fn redeem(&self, secret: &str, party: &Party, now: Timestamp) -> Result<(), TokenError> {
        let hash = hash(secret);
        self.change_tokens(now, |tokens| {
            // The table holds hashes of random secrets, so how long a comparison takes tells nothing about a secret.
            let place = tokens.iter().position(|stored| stored.hash == hash).ok_or(TokenError::Unknown)?;
            let stored = tokens.get(place).ok_or(TokenError::Unknown)?;
            if stored.party != *party {
                return Err(TokenError::Party);
            }
            tokens.remove(place);
            Ok(())
        })
    }

    /// Under the lock: reads the tokens that are still valid, lets `change` change them, and stores them if it could.
    fn change_tokens(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut Vec<Stored>) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        let path = self.folder().join(TOKENS_FILE);
        let _lock = folder::lock(&self.folder().join(LOCK_FILE)).map_err(TokenError::file)?;
        let text = read_text(&path).map_err(TokenError::file)?;
        let mut tokens: Vec<Stored> =
            text.lines().filter_map(Stored::parse).filter(|stored| now < stored.expires).collect();
        change(&mut tokens)?;
        let text: String = tokens.iter().map(Stored::to_line).collect();
        folder::replace(&path, text.as_bytes()).map_err(TokenError::file)
    }

    /// Ends a process's membership: its links end within a second, and it gets no further certificate under this name.
    pub fn bar(&self, party: &Party) -> Result<(), TokenError> {
        let path = self.folder().join(BARRED_FILE);
        let _lock = folder::lock(&self.folder().join(LOCK_FILE)).map_err(TokenError::file)?;
        let mut text = read_text(&path).map_err(TokenError::file)?;
        let _ = writeln!(text, "{party}");
        folder::replace(&path, text.as_bytes()).map_err(TokenError::file)
    }

    /// A list that cannot be read bars everybody.
    pub(crate) fn is_barred(&self, party: &Party) -> bool {
        match read_text(&self.folder().join(BARRED_FILE)) {
            Ok(text) => !text.is_empty() && text.lines().any(|line| line == party.to_string()),
            Err(error) => {
                tracing::error!(%error, "the list of barred processes cannot be read");
                true
            }
        }
    }
}

struct Stored {
    hash: String,
    party: Party,
    expires: Timestamp,
}

impl Stored {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(hash), Some(party), Some(expires), None) => Some(Self {
                hash: hash.to_owned(),
                party: Party::parse(party).ok()?,
                expires: Timestamp(expires.parse().ok()?),
            }),
            _ => None,
        }
    }

    fn to_line(&self) -> String {
        format!("{} {} {}\n", self.hash, self.party, self.expires.0)
    }
}

fn hash(secret: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(secret.as_bytes()))
}

/// A file that is not there is empty.
fn read_text(path: &Path) -> io::Result<String> {
    match folder::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| io::Error::other("is not text")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// Why a token is not made or not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    Form,
    /// Never made, used already, or too old. Which of them is nobody's business.
    Unknown,
    /// Made for another process or another role; or nobody can join as this.
    Party,
    TooMany,
    File {
        reason: String,
    },
}

impl TokenError {
    fn file(error: io::Error) -> Self {
        Self::File { reason: error.to_string() }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("this is no enrolment token; one begins with `schl-join:`"),
            Self::Unknown => f.write_str("the enrolment token is not valid or no longer"),
            Self::Party => f.write_str("the enrolment token is not for this process"),
            Self::TooMany => write!(f, "there are {TOKENS_MAX} unused enrolment tokens already"),
            Self::File { reason } => write!(f, "the enrolment tokens cannot be read or written: {reason}"),
        }
    }
}

impl std::error::Error for TokenError {}

/// Bounds how often one address may fail to enrol. Secrets cannot be guessed; this bounds the work and the log.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<IpAddr, (u32, Duration)>>);

const FAILURES_MAX: u32 = 5;
const FAILURES_WINDOW: Duration = Duration::from_secs(60);
const ADDRESSES_MAX: usize = 1024;

impl Throttle {
    /// `now` is monotonic.
    pub(crate) fn permits(&self, address: IpAddr, now: Duration) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, (_, since)| now.saturating_sub(*since) < FAILURES_WINDOW);
        let seldom = failures.get(&address).is_none_or(|(count, _)| *count < FAILURES_MAX);
        seldom && (failures.len() < ADDRESSES_MAX || failures.contains_key(&address))
    }

    pub(crate) fn blame(&self, address: IpAddr, now: Duration) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, _) = failures.entry(address).or_insert((0, now));
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{EnrolmentToken, FAILURES_MAX, TOKEN_LIFETIME, Throttle, TokenError};
    use crate::fixtures;
    use crate::party::{Party, PartyRole};
    use schleuse_types::{OsRandom, Timestamp};
    use std::time::Duration;

    const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

    #[test]
    fn a_token_works_once_for_its_party_in_its_time() {
        let authority = fixtures::authority("token");
        let edge = Party::new("acme", PartyRole::Edge, "dmz").unwrap();
        let connector = Party::new("acme", PartyRole::Connector, "dmz").unwrap();
        let make = || authority.make_token(edge.clone(), NOW, &OsRandom).unwrap();
        let redeem = |token: &EnrolmentToken, party: &Party, at: Timestamp| {
            authority.redeem(token.secret.expose(), party, at)
        };

        let token = make();
        assert_eq!(redeem(&token, &connector, NOW), Err(TokenError::Party));
        assert_eq!(redeem(&token, &edge, NOW), Ok(()));
        assert_eq!(redeem(&token, &edge, NOW), Err(TokenError::Unknown));

        let token = make();
        assert_eq!(redeem(&token, &edge, NOW.plus(TOKEN_LIFETIME)), Err(TokenError::Unknown));
        assert_eq!(redeem(&token, &edge, NOW), Ok(()), "looking too late does not use it up");

        let token = make();
        let printed = token.expose_printed();
        let stored = std::fs::read_to_string(authority.folder().join("tokens")).unwrap();
        assert!(!stored.contains(token.secret.expose().as_str()));
        let read = EnrolmentToken::parse(&format!(" {}\n", &*printed)).unwrap();
        assert_eq!((read.party(), &read.authority_key), (&edge, authority.public_key()));
        assert_eq!(redeem(&read, &edge, NOW), Ok(()));

        let gate = Party::new("acme", PartyRole::Gate, "g").unwrap();
        assert_eq!(authority.make_token(gate, NOW, &OsRandom).unwrap_err(), TokenError::Party);
        let foreign = Party::new("other", PartyRole::Edge, "dmz").unwrap();
        assert_eq!(authority.make_token(foreign, NOW, &OsRandom).unwrap_err(), TokenError::Party);
    }

    #[test]
    fn a_token_is_redeemed_by_one_of_many_at_once() {
        let authority = fixtures::authority("token-race");
        let edge = Party::new("acme", PartyRole::Edge, "dmz").unwrap();
        let token = authority.make_token(edge.clone(), NOW, &OsRandom).unwrap();
        let won: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| authority.redeem(token.secret.expose(), &edge, NOW).is_ok()))
                .collect();
            racers.into_iter().map(|racer| usize::from(racer.join().unwrap())).sum()
        });
        assert_eq!(won, 1);
    }

    #[test]
    fn failures_are_counted_by_address() {
        let throttle = Throttle::default();
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..FAILURES_MAX {
            assert!(throttle.permits(one, Duration::ZERO));
            throttle.blame(one, Duration::ZERO);
        }
        assert!(!throttle.permits(one, Duration::from_secs(59)));
        assert!(throttle.permits(other, Duration::from_secs(59)));
        assert!(throttle.permits(one, Duration::from_secs(60)));
    }
}
