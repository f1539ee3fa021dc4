//! What the pages of a house may know before a person has signed in.

use std::net::SocketAddr;

use schleuse_edge::FrontDesk;
use schleuse_types::Role;

use super::engine::is_demonstration_model;
use crate::config::{Config, PagesConfig};

pub(super) struct Desk {
    name: String,
    is_demo: bool,
    engine_model: Option<String>,
    hosts: Vec<String>,
    is_behind_tls: bool,
    pages: PagesConfig,
}

impl Desk {
    pub(super) fn new(config: &Config, is_demo: bool, address: SocketAddr) -> Self {
        Self {
            name: config.name.clone(),
            is_demo,
            engine_model: config.engine.as_ref().map(|engine| engine.model.clone()),
            is_behind_tls: config.public_url(Some(address)).starts_with("https://"),
            pages: config.pages.clone(),
            hosts: if is_demo { demo_hosts(address) } else { Vec::new() },
        }
    }
}

/// Names under which a browser may call a demo house.
fn demo_hosts(address: SocketAddr) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
    hosts.push(address.ip().to_string());
    hosts
}

impl FrontDesk for Desk {
    fn house(&self) -> String {
        let roles: Vec<&str> = if self.is_demo { Role::ALL.map(Role::as_str).to_vec() } else { Vec::new() };
        let engine = self.engine_model.as_ref().map(
            |model| serde_json::json!({ "model": model, "demonstration": is_demonstration_model(model) }),
        );
        let mut house = serde_json::Map::new();
        house.insert("name".to_owned(), self.name.clone().into());
        house.insert("demo".to_owned(), self.is_demo.into());
        house.insert("roles".to_owned(), roles.into());
        house.insert("engine".to_owned(), engine.into());
        if self.pages.is_familiar {
            house.insert("address".to_owned(), "du".into());
        }
        if let Some(contact) = &self.pages.accessibility_contact {
            house.insert("accessibility_contact".to_owned(), contact.clone().into());
        }
        serde_json::Value::Object(house).to_string()
    }

    fn hosts(&self) -> &[String] {
        &self.hosts
    }

    fn is_behind_tls(&self) -> bool {
        self.is_behind_tls
    }
}
