//! Signing in by OpenID Connect: to the provider and back, and out again at its word.
//!
//! The browser carries three things: the state in the address, the sign-in cookie, and the provider's code. The house
//! keeps the rest. The provider is bound by its own callback address (RFC 9700 section 4.4.2.2) and by `iss` (RFC 9207).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schleuse_identity::{AuthorizeParams, Identified, IssuerError, Redeem, SessionToken};
use schleuse_types::{Refusal, Secret};
use schleuse_wire::json::Object;
use schleuse_wire::{ArrivalBody, Reply};
use sha2::{Digest as _, Sha256};

use crate::address::{FIELDS_BYTES_MAX, Fields, local_path};
use crate::begun::{BEGUN_FOR, Unfinished, Way};
use crate::session::End;
use crate::{Asked, SignIn, direct, refusal, reply};

/// Why a sign-in ended on the way, with a word for the page that explains it.
struct Stumbled {
    refusal: Refusal,
    reason: &'static str,
}

impl Stumbled {
    fn new(refusal: Refusal, reason: &'static str) -> Self {
        Self { refusal, reason }
    }
}

impl SignIn {
    /// Sends the browser to the provider.
    pub(crate) async fn start(&self, asked: &Asked, provider: &str) -> Reply {
        match self.begin(asked, provider).await {
            Ok((location, cookie)) => {
                let mut reply = reply::go_to(&location);
                reply.headers.push(("set-cookie", cookie));
                reply
            }
            Err(stumbled) => self.explain(asked, &stumbled),
        }
    }

    async fn begin(&self, asked: &Asked, provider: &str) -> Result<(String, String), Stumbled> {
        let fields = Fields::parse(&asked.query).ok_or_else(|| bad_return("the query cannot be read"))?;
        let back = match fields.get("return") {
            None => "/",
            Some(back) => local_path(back).ok_or_else(|| bad_return("`return` is no page of this house"))?,
        };
        let secret = || self.unguessable().map_err(|refusal| Stumbled::new(refusal, "internal"));
        let (state, nonce, verifier) = (secret()?, secret()?, Secret::new(secret()?));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
        let params = AuthorizeParams {
            redirect_uri: &self.callback_address(provider),
            state: &state,
            nonce: &nonce,
            code_challenge: &challenge,
        };
        let location = self.parts.issuers.authorize_url(provider, &params).await.map_err(stumble)?;
        // A second tab shares the cookie of the first; a cookie that this house does not wait for is never taken over.
        let now = self.parts.clock.monotonic();
        let shared = asked.sign_in.as_ref().filter(|cookie| self.begun.has_browser(cookie.expose(), now));
        let browser = match shared {
            Some(cookie) => cookie.clone(),
            None => Secret::new(secret()?),
        };
        let before = self.own(asked).await.ok().map(|own| own.id);
        let way = Way { provider: provider.to_owned(), nonce, verifier, back: back.to_owned(), before };
        self.begun.begin(&state, browser.expose(), asked.peer.address, now, way);
        Ok((location, self.cookies.sign_in(browser.expose(), BEGUN_FOR)))
    }

    /// Takes the browser back from the provider.
    pub(crate) async fn callback(&self, asked: &Asked, provider: &str) -> Reply {
        let mut reply = match self.finish(asked, provider).await {
            Ok((back, token)) => {
                let mut reply = reply::go_to(&back);
                reply.headers.push(("set-cookie", self.cookies.session(token.expose_printed())));
                reply
            }
            Err(stumbled) => self.explain(asked, &stumbled),
        };
        let now = self.parts.clock.monotonic();
        if asked.sign_in.as_ref().is_some_and(|cookie| !self.begun.has_browser(cookie.expose(), now)) {
            reply.headers.push(("set-cookie", self.cookies.end_sign_in()));
        }
        reply
    }

    async fn finish(&self, asked: &Asked, provider: &str) -> Result<(String, SessionToken), Stumbled> {
        let proved = self.prove(asked, provider).await;
        let (way, identified) = proved.inspect_err(|stumbled| {
            if stumbled.reason != "unreachable" {
                self.count_failure(asked);
            }
        })?;
        let known = self.know(asked, identified, "oidc").await;
        let known = known.map_err(|refusal| {
            let reason = if refusal == refusal::blocked() { "blocked" } else { "internal" };
            Stumbled::new(refusal, reason)
        })?;
        let minted = self.mint(asked, known, way.before.as_deref()).await;
        let token = minted.map_err(|refusal| Stumbled::new(refusal, "internal"))?;
        Ok((way.back, token))
    }

    /// Who comes back, if it is the browser that left and the provider to which it went.
    async fn prove(&self, asked: &Asked, provider: &str) -> Result<(Way, Identified), Stumbled> {
        let not_begun = |inside: &str| Stumbled::new(refusal::not_begun(inside), "not_begun");
        let fields = Fields::parse(&asked.query).ok_or_else(|| not_begun("the query cannot be read"))?;
        let state = fields.get("state").ok_or_else(|| not_begun("there is no state"))?;
        let browser = asked.sign_in.as_ref().map(|cookie| cookie.expose().as_str());
        let finished = self.begun.finish(state, browser, self.parts.clock.monotonic());
        let way = finished.map_err(|unfinished| match unfinished {
            Unfinished::Unknown => not_begun("no sign-in with this state is under way"),
            Unfinished::OtherBrowser => {
                Stumbled::new(refusal::not_begun("another browser began this sign-in"), "other_browser")
            }
        })?;
        if way.provider != provider {
            return Err(not_begun("the browser was sent to another provider"));
        }
        if let Some(error) = fields.get("error") {
            return Err(declined(error));
        }
        let redeem = Redeem {
            code: fields.get("code").ok_or_else(|| not_begun("there is no code"))?,
            iss: fields.get("iss"),
            code_verifier: way.verifier.expose(),
            redirect_uri: &self.callback_address(provider),
            nonce: &way.nonce,
        };
        let identified = self.parts.issuers.redeem(provider, &redeem).await.map_err(stumble)?;
        Ok((way, identified))
    }

    /// A provider says that a person or one of its sessions was signed out (OpenID Connect Back-Channel Logout 1.0).
    pub(crate) async fn back_channel_logout(
        &self,
        asked: &Asked,
        provider: &str,
        body: ArrivalBody,
    ) -> Result<Reply, Refusal> {
        let bad = |inside: String| {
            self.count_failure(asked);
            refusal::bad_field("logout_token").with_inside(inside)
        };
        let body = direct::read(body, FIELDS_BYTES_MAX).await?;
        let fields = std::str::from_utf8(&body).ok().and_then(Fields::parse);
        let fields = fields.ok_or_else(|| bad("the form cannot be read".to_owned()))?;
        let token = fields.get("logout_token").ok_or_else(|| bad("there is no logout token".to_owned()))?;
        let now = self.parts.clock.now();
        let verified = self.parts.issuers.verify_logout(provider, token, now).await;
        let logged_out = verified.map_err(|error| match error.is_temporary() {
            true => refusal::unreachable(error.to_string()),
            false => bad(error.to_string()),
        })?;
        let is_meant = |known: &Option<String>, meant: &Option<String>| meant.is_none() || known == meant;
        let mut rows = self.rows().await?;
        rows.retain(|row| {
            row.revoked.is_none()
                && row.issuer.as_ref() == Some(&logged_out.issuer)
                && (logged_out.subject.is_some() || logged_out.sid.is_some())
                && is_meant(&row.subject, &logged_out.subject)
                && is_meant(&row.sid, &logged_out.sid)
        });
        // All are ended before anything is written about the first.
        for row in &rows {
            self.parts.identity.end_session(&row.id, now);
        }
        for row in &rows {
            self.end(asked, row, End::LoggedOut).await?;
        }
        Ok(reply::json(Object::new()))
    }

    /// Where the provider ends its own session, if it has such a place.
    pub(crate) fn provider_sign_out(&self, issuer: &str) -> Option<String> {
        let provider = self.parts.issuers.list().find(|provider| provider.issuer == issuer)?;
        let back = format!("{}/sign-in", self.public_url());
        self.parts.issuers.end_session_url(&provider.id, &back)
    }

    /// One for each provider, so that the answer of one is never taken for that of another.
    fn callback_address(&self, provider: &str) -> String {
        format!("{}/auth/oidc/{provider}/callback", self.public_url())
    }

    fn public_url(&self) -> &str {
        self.parts.settings.public_url.trim_end_matches('/')
    }

    /// Sends the browser to the page that says what happened. Every part of the address is a word of this house.
    fn explain(&self, asked: &Asked, stumbled: &Stumbled) -> Reply {
        let (refusal, reason) = (&stumbled.refusal, stumbled.reason);
        let code = refusal.code.recorded();
        tracing::info!(request_id = %asked.id, code, reason, inside = refusal.inside, "a sign-in ended on the way");
        reply::go_to(&format!("/sign-in?refused={code}&reason={reason}&request_id={}", asked.id))
    }
}

fn bad_return(inside: &str) -> Stumbled {
    Stumbled::new(refusal::bad_field("return").with_inside(inside), "bad_return")
}

/// What the provider calls the error is written down only if it is one of its words (RFC 6749 section 4.1.2.1).
fn declined(error: &str) -> Stumbled {
    let is_word = error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let error = if is_word { error } else { "something unreadable" };
    Stumbled::new(refusal::declined(format!("the provider said `{error}`")), "declined")
}

fn stumble(error: IssuerError) -> Stumbled {
    let inside = error.to_string();
    match error {
        IssuerError::NoRole => Stumbled::new(refusal::no_role(), "no_role"),
        IssuerError::UnknownIssuer => Stumbled::new(refusal::not_found().with_inside(inside), "not_found"),
        error if error.is_temporary() => Stumbled::new(refusal::unreachable(inside), "unreachable"),
        _ => Stumbled::new(refusal::not_vouched(inside), "not_confirmed"),
    }
}
