//! The two cookies of a browser, written as RFC 6265bis has them.

use std::time::Duration;

/// How this house names its cookies; the edge reads them under the same names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    pub(crate) is_tls: bool,
}

impl Cookies {
    /// The session. Never sent with what another site's page began, never to be read by a script, and gone when the
    /// browser is closed; how long it is good is the house's own affair.
    pub(crate) fn session(self, token: &str) -> String {
        self.write("schleuse", token, "Strict", None)
    }

    pub(crate) fn end_session(self) -> String {
        self.write("schleuse", "", "Strict", Some(Duration::ZERO))
    }

    /// Binds a browser to the sign-in that it began. Comes along when the provider sends the browser back, which is a
    /// navigation from another site, hence `Lax`.
    pub(crate) fn sign_in(self, value: &str, lifetime: Duration) -> String {
        self.write("schleuse-sign-in", value, "Lax", Some(lifetime))
    }

    pub(crate) fn end_sign_in(self) -> String {
        self.write("schleuse-sign-in", "", "Lax", Some(Duration::ZERO))
    }

    fn write(self, name: &str, value: &str, same_site: &str, lifetime: Option<Duration>) -> String {
        let (prefix, secure) = if self.is_tls { ("__Host-", "; Secure") } else { ("", "") };
        let lifetime =
            lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs())).unwrap_or_default();
        format!("{prefix}{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{lifetime}")
    }
}

#[cfg(test)]
mod tests {
    use super::Cookies;
    use std::time::Duration;

    #[test]
    fn cookies_are_for_this_host_alone() {
        let (tls, plain) = (Cookies { is_tls: true }, Cookies { is_tls: false });
        assert_eq!(tls.session("t"), "__Host-schleuse=t; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(plain.session("t"), "schleuse=t; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(
            tls.end_session(),
            "__Host-schleuse=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0"
        );
        assert_eq!(
            tls.sign_in("b", Duration::from_secs(600)),
            "__Host-schleuse-sign-in=b; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600"
        );
        assert_eq!(plain.end_sign_in(), "schleuse-sign-in=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
