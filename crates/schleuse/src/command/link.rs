//! `schleuse link`: processes of the house that run elsewhere join it.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use schleuse_tunnel::{EnrolmentToken, PartyRole, join};

use super::Link;
use crate::config::Config;
use crate::failure::{Doing as _, Failure};
use crate::house::{bar, make_token};

/// Longest token that is read.
const TOKEN_BYTES_MAX: u64 = 4096;

pub(super) fn run(link: Link) -> Result<ExitCode, Failure> {
    match link {
        Link::Token { config, role, name } => {
            let token = make_token(&read(&config)?, parse_role(&role)?, &name)?;
            println!("{}", token.expose_printed().as_str());
        }
        Link::Join { config } => {
            let config = read(&config)?;
            let Some((gate, identity)) = config.link.and_then(|link| Some((link.gate?, link.identity?)))
            else {
                return Err(Failure::usage("`[link]` with `gate` and `identity` is missing"));
            };
            let mut text = String::new();
            std::io::stdin()
                .take(TOKEN_BYTES_MAX)
                .read_to_string(&mut text)
                .doing("cannot read the token from standard input")?;
            let token = EnrolmentToken::parse(text.trim()).map_err(|error| {
                Failure::usage(error)
                    .next("pipe what `schleuse link token` printed at the gate into this command")
            })?;
            super::runtime()?
                .block_on(join(&gate, &token, &identity))
                .doing("the gate did not let this process join")?;
            eprintln!("joined as {}", token.party());
        }
        Link::Bar { config, role, name } => bar(&read(&config)?, parse_role(&role)?, &name)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Config, Failure> {
    Config::read(path).map_err(Failure::usage)
}

fn parse_role(text: &str) -> Result<PartyRole, Failure> {
    PartyRole::parse(text)
        .filter(|role| *role != PartyRole::Gate)
        .ok_or_else(|| Failure::usage(format!("`{text}` cannot join; the roles are edge and connector")))
}
