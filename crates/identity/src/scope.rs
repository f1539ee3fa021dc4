//! What one key may be used for, within what its person may do.

use std::fmt;

/// One scope: `models:NAME` or `surface:NAME`.
///
/// Scopes of one kind widen each other, a kind that a key does not name is not limited by it: `["models:a", "models:b"]`
/// is every surface with two models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Model(String),
    Surface(String),
}

impl Scope {
    /// Reads a scope as it is written with `--scope`. Names are 1 to 256 bytes without control characters.
    pub fn parse(text: &str) -> Result<Self, UnknownScope> {
        let (kind, name) = text.split_once(':').ok_or(UnknownScope)?;
        if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
            return Err(UnknownScope);
        }
        match kind {
            "models" => Ok(Self::Model(name.to_owned())),
            "surface" => Ok(Self::Surface(name.to_owned())),
            _ => Err(UnknownScope),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(name) => write!(f, "models:{name}"),
            Self::Surface(name) => write!(f, "surface:{name}"),
        }
    }
}

/// The text is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownScope;

impl fmt::Display for UnknownScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a scope; scopes are written `models:NAME` and `surface:NAME`")
    }
}

impl std::error::Error for UnknownScope {}

/// All scopes of one key, read once when its record arrives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scopes {
    models: Vec<String>,
    surfaces: Vec<String>,
    /// A scope that this binary does not know, perhaps of a newer one. It grants nothing, and alone it permits nothing.
    unknown: bool,
}

impl Scopes {
    pub(crate) fn read(texts: &[String]) -> Self {
        let mut scopes = Self::default();
        for text in texts {
            match Scope::parse(text) {
                Ok(Scope::Model(name)) => scopes.models.push(name),
                Ok(Scope::Surface(name)) => scopes.surfaces.push(name),
                Err(UnknownScope) => scopes.unknown = true,
            }
        }
        scopes
    }

    pub(crate) fn permit_model(&self, name: &str) -> bool {
        self.permit(&self.models, name)
    }

    pub(crate) fn permit_surface(&self, name: &str) -> bool {
        self.permit(&self.surfaces, name)
    }

    fn permit(&self, named: &[String], name: &str) -> bool {
        if named.is_empty() { !self.unknown } else { named.iter().any(|permitted| permitted == name) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, Scopes};

    /// Whether a key with these scopes may use the model `m` and the surface `chat`.
    fn check(scopes: &[&str], model: bool, surface: bool) {
        let texts: Vec<String> = scopes.iter().map(|text| (*text).to_owned()).collect();
        let read = Scopes::read(&texts);
        assert_eq!((read.permit_model("m"), read.permit_surface("chat")), (model, surface), "{scopes:?}");
    }

    #[test]
    fn scopes_limit_only_their_own_kind() {
        check(&[], true, true);
        check(&["models:m"], true, true);
        check(&["models:other"], false, true);
        check(&["models:other", "models:m"], true, true);
        check(&["surface:chat"], true, true);
        check(&["surface:embeddings"], true, false);
        check(&["models:m", "surface:embeddings"], true, false);
    }

    #[test]
    fn an_unknown_scope_opens_nothing() {
        check(&["audit:read"], false, false);
        check(&["audit:read", "models:m"], true, false);
        check(&["models:"], false, false);
    }

    #[test]
    fn a_printed_scope_is_read_back() {
        for text in ["models:llama-3.3-70b", "models:a:b", "surface:chat"] {
            assert_eq!(Scope::parse(text).map(|scope| scope.to_string()), Ok(text.to_owned()));
        }
        assert!(Scope::parse("models").is_err());
        assert!(Scope::parse("models:a\nb").is_err());
    }
}
