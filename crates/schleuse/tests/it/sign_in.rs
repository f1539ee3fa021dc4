//! Real identity providers, a real directory and a real browser: how people and services come in, and how they are put out.

use std::process::Stdio;

use schleuse_testkit::FakeUpstream;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::SOON;
use crate::client::Request;
use crate::house::{CHAT, House, Plan, chat_body};
use crate::ports::free_port;
use crate::slapd::Slapd;
use crate::tools::tool;

const PROVIDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/idp/provider.mjs");

/// An `oidc-provider` on loopback; ends with this process.
pub struct Provider {
    _child: Child,
    id: &'static str,
    pub issuer: String,
}

impl Provider {
    /// Both providers have a subject `1`: who that is, is each one's own matter.
    pub async fn start(id: &'static str, algorithm: &str, name: &'static str, house: &str) -> Self {
        let settings = json!({
            "algorithm": algorithm,
            "audience": "https://schleuse.example/api",
            "client": {
                "id": "schleuse",
                "secret": format!("secret-of-{id}-0123456789"),
                "redirect_uris": [format!("{house}/auth/oidc/{id}/callback")],
                "post_logout_redirect_uris": [format!("{house}/sign-in")],
                "backchannel_logout_uri": format!("{house}/auth/oidc/{id}/back-channel-logout"),
            },
            "accounts": [{"login": "ada", "password": "grün und blau", "sub": "1", "name": name, "groups": ["bau"]}],
            "service": {"id": "robot", "secret": "secret-of-the-robot-0123", "groups": ["bau"]},
        });
        let mut command = Command::new(tool("bin/node"));
        command.arg(PROVIDER).arg(tool("idp/package.json")).arg(settings.to_string());
        command.env_clear().env("PATH", "/usr/bin:/bin").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("node can be started");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(SOON * 2, lines.next_line()).await;
        let line = line.expect("the provider comes up").unwrap().expect("the provider says where it is");
        let issuer = serde_json::from_str::<Value>(&line).unwrap()["issuer"].as_str().unwrap().to_owned();
        Self { _child: child, id, issuer }
    }

    /// As the house's configuration names it.
    pub fn config(&self, folder: &crate::folder::Folder) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let secret =
            folder.write(&format!("{}.secret", self.id), format!("secret-of-{}-0123456789", self.id));
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        format!(
            "[[identity_provider]]\nname = \"{}\"\ntitle = \"{}\"\nissuer = \"{}\"\nclient_id = \"schleuse\"\n\
             client_secret_file = \"{}.secret\"\nscopes = [\"openid\", \"profile\", \"groups\"]\n\
             audiences = [\"https://schleuse.example/api\"]\n[[identity_provider.role]]\ngroup = \"bau\"\nrole = \"employee\"\n\n",
            self.id, self.id, self.issuer, self.id
        )
    }

    /// A token for a service, as this provider's own client gets one.
    pub async fn service_token(&self) -> String {
        let body =
            "grant_type=client_credentials&client_id=robot&client_secret=secret-of-the-robot-0123&scope=use";
        let request = Request::post("/token", body).without("content-type");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send(self.issuer.strip_prefix("http://").unwrap()).await;
        let token = answer.json()["access_token"].clone();
        token.as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
    }
}

async fn house_with(
    fake: &FakeUpstream,
    more: impl AsyncFnOnce(&crate::folder::Folder, &str) -> String,
) -> House {
    let url = format!("http://127.0.0.1:{}", free_port());
    let plan = Plan::demo().upstream(&fake.url());
    let config = more(plan.folder(), &url).await;
    plan.config(&config).flag("--listen", url.strip_prefix("http://").unwrap()).start().await
}

#[tokio::test]
async fn a_service_comes_in_with_a_token_of_its_provider() {
    let fake = FakeUpstream::start().await;
    let mut providers = Vec::new();
    let house = house_with(&fake, async |folder, url| {
        providers.push(Provider::start("acme", "RS256", "Ada Acme", url).await);
        // The house does not know this one.
        providers.push(Provider::start("stranger", "RS256", "Eve", url).await);
        providers[0].config(folder)
    })
    .await;
    let ask = |token: String| Request::post(CHAT, chat_body("Hallo").to_string()).key(&token);
    let token = providers[0].service_token().await;
    let answer = house.send(&ask(token.clone())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entries = house.entries_of(answer.header("x-schleuse-request-id").unwrap()).await;
    assert_eq!(entries[0]["role"], "employee", "{entries:?}");
    let strange = house.send(&ask(providers[1].service_token().await)).await;
    assert_eq!(strange.refusal(), (401, "invalid_api_key".to_owned()));
    // One changed character of the signature; and the token as a cookie.
    let mut forged = token.clone();
    let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
    forged.pop();
    forged.push(last);
    forged.push(last);
    assert_eq!(house.send(&ask(forged)).await.status, 401);
    let cookie = Request::get("/auth/session").header("cookie", format!("schleuse={token}"));
    assert_eq!(house.send(&cookie).await.status, 401);
    // What was presented stands nowhere.
    crate::house::assert_nowhere(house.folder.path(), &[&token]);
}

#[tokio::test]
async fn people_of_a_directory_come_in_with_their_password() {
    let fake = FakeUpstream::start().await;
    let slapd = Slapd::start().await;
    let house = house_with(&fake, async |_, _| slapd.config("staff")).await;
    let sign_in = async |name: &str, password: &str| {
        let request =
            Request::post("/auth/ldap/staff", json!({"name": name, "password": password}).to_string());
        house.send(&request.header("origin", format!("http://{}", house.address))).await
    };
    let methods = house.send(&Request::get("/auth/methods")).await.json();
    assert!(methods.to_string().contains("\"staff\""), "{methods}");
    let answer = sign_in("ada", Slapd::PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        (&answer.json()["role"], &answer.json()["name"]),
        (&json!("engineer"), &json!("Ada Lovelace"))
    );
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let own = house.send(&Request::get("/v1/models").header("cookie", cookie)).await;
    assert_eq!(own.status, 200, "{}", own.text());
    for (name, password) in [
        ("ada", "wrong"),
        ("ada", ""),
        ("nobody", "x"),
        ("*", Slapd::PASSWORD),
        ("ada)(uid=*", Slapd::PASSWORD),
    ] {
        let answer = sign_in(name, password).await;
        assert!([400, 401].contains(&answer.status), "{name}: {}", answer.text());
        assert!(answer.header("set-cookie").is_none(), "{name}");
    }
    crate::house::assert_nowhere(house.folder.path(), &[Slapd::PASSWORD]);
    // Whoever guesses is slowed down, with the time to wait.
    let mut statuses = Vec::new();
    for _ in 0..15 {
        statuses.push(sign_in("ada", "guess").await.status);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
}

#[cfg(feature = "ui")]
mod browser {
    use std::time::Duration;

    use schleuse_testkit::Script;

    use super::*;
    use crate::house::{stderr, stdout};

    const WALK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/e2e/sign-in.mjs");

    #[tokio::test]
    async fn people_of_two_providers_come_in_and_are_put_out() {
        let fake = FakeUpstream::start().await;
        fake.set_script(Script::Echo { piece_bytes: 4, pause: Duration::from_millis(40) });
        let mut providers = Vec::new();
        let house = house_with(&fake, async |folder, url| {
            providers.push(Provider::start("acme", "RS256", "Ada Acme", url).await);
            providers.push(Provider::start("beta", "ES256", "Ada Beta", url).await);
            providers.iter().map(|provider| provider.config(folder)).collect()
        })
        .await;
        let people: Vec<Value> = providers
            .iter()
            .zip(["Ada Acme", "Ada Beta"])
            .map(|(provider, name)| {
                json!({"id": provider.id, "issuer": provider.issuer, "login": "ada", "password": "grün und blau", "name": name,
                       "sub": "1", "groups": ["bau"]})
            })
            .collect();
        let mut command = Command::new(tool("bin/node"));
        command.arg(WALK).arg(house.ready["url"].as_str().unwrap()).arg(Value::from(people).to_string());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("CHROMIUM", tool("bin/chromium"));
        if let Ok(pictures) = std::env::var("SCHLEUSE_PICTURES") {
            command.env("SCHLEUSE_PICTURES", pictures);
        }
        command.env("HOME", house.folder.path()).current_dir(std::path::Path::new(WALK).parent().unwrap());
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(240), command.output()).await;
        let output = output.expect("the walk ends").unwrap();
        assert!(output.status.success(), "{}\n{}\n{}", stdout(&output), stderr(&output), house.output());
        // Who came and went stands in the log, by pseudonym, and no provider's name for anybody does.
        let entries = house.export().await;
        for event in ["session.create", "session.end"] {
            assert!(entries.iter().any(|entry| entry["event"] == event), "{event}");
        }
        assert!(!Value::from(entries).to_string().contains("Ada"));
    }
}
