//! The same house as separate processes: edge, gate with portal, and connector, each with its own configuration and
//! identity, on loopback.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use schleuse_testkit::{FakeUpstream, Script};
use serde_json::json;

use crate::SOON;
use crate::client::Request;
use crate::folder::Folder;
use crate::house::{CHAT, House, Plan, chat_body, schleuse, stderr, stdout, stream_body, verify};
use crate::ports::free_port;

/// The three processes, linked.
struct Apart {
    edge: House,
    gate: House,
    connector: House,
    employee: String,
}

/// Where a gate's doors are, and a configuration that opens them.
pub struct Doors {
    edge: u16,
    connector: u16,
}

/// The lines are for a gate's configuration; its one upstream of this name is behind a connector.
pub fn doors(upstream: &str) -> (Doors, String) {
    let doors = Doors { edge: free_port(), connector: free_port() };
    let lines = format!(
        "[link]\nlisten_edge = \"127.0.0.1:{}\"\nlisten_connector = \"127.0.0.1:{}\"\n\
         host_names = [\"localhost\", \"127.0.0.1\"]\n\
         [[upstream]]\nname = \"{upstream}\"\nurl = \"connector:model-zone\"\n",
        doors.edge, doors.connector
    );
    (doors, lines)
}

/// An edge and a connector of a gate that runs on this data folder, in this order.
pub async fn outposts(doors: &Doors, data: &std::path::Path, model_server: &str) -> Vec<House> {
    let listed = Request::get("/v1/models").send(model_server.trim_start_matches("http://")).await.json();
    let names = listed["data"].as_array().unwrap().iter().map(|row| row["id"].to_string());
    let models: Vec<String> = names.collect();
    let gate = Folder::new();
    let gate = gate
        .write("gate.toml", format!("data = \"{}\"\n[link]\nhost_names = [\"localhost\"]\n", data.display()));
    let gate = gate.to_str().unwrap();
    let edge = Folder::new();
    let config = edge.write("schleuse.toml", edge_config(doors.edge));
    let config = config.to_str().unwrap();
    join(gate, "edge", "front", config);
    let front = Plan::serve(&edge, config).start().await;
    let connector = Folder::new();
    let config = connector.write(
        "schleuse.toml",
        connector_config(doors.connector, model_server, &format!("[{}]", models.join(", ")), ""),
    );
    let config = config.to_str().unwrap();
    join(gate, "connector", "model-zone", config);
    vec![front, Plan::serve(&connector, config).start().await]
}

fn edge_config(port: u16) -> String {
    format!(
        "name = \"Haus\"\nroles = [\"edge\"]\nlisten = \"127.0.0.1:0\"\n\
         [link]\ngate = \"localhost:{port}\"\nidentity = \"identity\"\n"
    )
}

fn connector_config(port: u16, model_server: &str, models: &str, more: &str) -> String {
    format!(
        "roles = [\"connector\"]\n[link]\ngate = \"localhost:{port}\"\nidentity = \"identity\"\n\
         [[upstream]]\nname = \"vllm\"\nurl = \"{model_server}\"\nmodels = {models}\n{more}"
    )
}

/// Gets a token at the gate and joins with it.
fn join(gate_config: &str, role: &str, name: &str, config: &str) {
    let binary = env!("CARGO_BIN_EXE_schleuse");
    let token = Command::new(binary)
        .args(["link", "token", "--config", gate_config, "--role", role, "--name", name])
        .output()
        .unwrap();
    assert!(token.status.success(), "{}", stderr(&token));
    let enter = || {
        let mut child = Command::new(binary)
            .args(["link", "join", "--config", config])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&token.stdout).unwrap();
        child.wait_with_output().unwrap()
    };
    let joined = enter();
    assert!(joined.status.success(), "{}", stderr(&joined));
    // The token is used up.
    let again = enter();
    assert!(!again.status.success(), "{}", stdout(&again));
}

impl Apart {
    async fn start(fake: &FakeUpstream) -> Self {
        Self::start_with(fake, "", "").await
    }

    /// With more lines in the gate's and the connector's configuration.
    async fn start_with(fake: &FakeUpstream, at_gate: &str, at_connector: &str) -> Self {
        let (doors, lines) = doors("model");
        let folder = Folder::new();
        let gate_config = folder.write(
            "schleuse.toml",
            format!("name = \"Haus\"\nroles = [\"portal\", \"gate\"]\ndata = \"data\"\n{lines}{at_gate}"),
        );
        let gate_config = gate_config.to_str().unwrap().to_owned();
        let gate = Plan::serve(&folder, &gate_config).start().await;
        let make =
            schleuse(&["key", "create", "--data", &gate.data_text(), "--for", "ada", "--role", "employee"])
                .await;
        let employee = stdout(&make).trim().to_owned();

        let connector_folder = Folder::new();
        let config = connector_folder.write(
            "schleuse.toml",
            connector_config(doors.connector, &fake.url(), "[\"tiny\"]", at_connector),
        );
        let config = config.to_str().unwrap().to_owned();
        join(&gate_config, "connector", "model-zone", &config);
        let connector = Plan::serve(&connector_folder, &config).start().await;

        let edge_folder = Folder::new();
        let config = edge_folder.write("schleuse.toml", edge_config(doors.edge));
        let config = config.to_str().unwrap().to_owned();
        join(&gate_config, "edge", "front", &config);
        let edge = Plan::serve(&edge_folder, &config).start().await;
        let apart = Self { edge, gate, connector, employee };
        apart.until_linked().await;
        apart
    }

    /// Waits until a question would reach the model.
    async fn until_linked(&self) {
        let began = Instant::now();
        loop {
            let models = self.edge.send(&Request::get("/v1/models").key(&self.employee)).await;
            if models.status == 200 && models.text().contains("tiny") {
                return;
            }
            assert!(began.elapsed() < SOON * 2, "{} {}", models.status, models.text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn question(&self, body: &serde_json::Value) -> Request {
        Request::post(CHAT, body.to_string()).key(&self.employee)
    }
}

#[tokio::test]
async fn a_question_goes_through_three_processes_and_is_recorded() {
    let fake = FakeUpstream::start().await;
    let apart = Apart::start(&fake).await;
    let answer = apart.edge.send(&apart.question(&chat_body("Hallo durch drei Prozesse"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.header("x-schleuse-request-id").unwrap().to_owned();
    for header in ["x-schleuse-label", "x-schleuse-action", "x-schleuse-route", "x-schleuse-sensitivity"] {
        assert!(answer.header(header).is_some(), "{header} was lost on the way");
    }
    let streamed = apart.edge.send(&apart.question(&stream_body("Und gestreamt"))).await;
    assert!(streamed.is_done(), "{}", streamed.text());
    // What is refused is refused as in one process, with its place.
    let refused = apart.edge.send(&apart.question(&chat_body(crate::IBAN))).await;
    assert_eq!(refused.refusal(), (403, "sensitive_data_detected".to_owned()));
    assert_eq!(apart.edge.send(&Request::get("/v1/models")).await.status, 401);
    assert_eq!(apart.gate.entries_of(&id).await.len(), 2);
    let (code, said) = verify(&apart.gate.data_text()).await;
    assert_eq!(code, Some(0), "{said}");
    // The pages come from the edge, their data from the gate.
    assert_eq!(apart.edge.send(&Request::get("/")).await.status, 200);
    let enter = Request::post("/auth/key", json!({"key": apart.employee}).to_string())
        .header("origin", format!("http://{}", apart.edge.address));
    let entered = apart.edge.send(&enter).await;
    assert_eq!(entered.status, 200, "{}", entered.text());
    let cookie = entered.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let chats = Request::get("/api/chat/conversations").header("cookie", cookie);
    assert_eq!(apart.edge.send(&chats).await.status, 200);
    // Each part is looked at as what it is.
    for (part, words) in [
        (&apart.edge, &["/edge/front`, until"][..]),
        (&apart.connector, &["/connector/model-zone`, until", "`vllm` at"]),
        (&apart.gate, &["is reached through connector:model-zone"]),
    ] {
        let config = part.folder.join("schleuse.toml");
        let output = schleuse(&["doctor", "--config", config.to_str().unwrap()]).await;
        let said = stdout(&output);
        for word in words {
            assert!(said.contains(word), "`{word}` is missing in\n{said}{}", stderr(&output));
        }
        assert!(!said.contains("every question is refused") && !said.contains("not on the list"), "{said}");
    }
    // The edge keeps nothing: its folder has its identity and its configuration.
    crate::house::assert_nowhere(apart.edge.folder.path(), &[&apart.employee, "Hallo durch drei Prozesse"]);
    for (house, path) in [(&apart.edge, "/readyz"), (&apart.gate, "/readyz"), (&apart.connector, "/readyz")] {
        assert_eq!(Request::get(path).send(&house.admin).await.status, 200);
    }
}

#[tokio::test]
async fn the_gate_has_an_issuers_keys_through_the_connector() {
    let fake = FakeUpstream::start().await;
    let provider = crate::sign_in::Provider::start("acme", "ES256", "Ada", "http://127.0.0.1:1").await;
    let secrets = Folder::new();
    let at_gate = provider
        .config(&secrets)
        .replace("[[identity_provider.role]]", "connector = \"model-zone\"\n[[identity_provider.role]]");
    let at_gate = at_gate.replace("acme.secret", secrets.join("acme.secret").to_str().unwrap());
    let flow = format!("[[flow]]\nname = \"acme\"\nissuer = \"{}\"\n", provider.issuer);
    let apart = Apart::start_with(&fake, &at_gate, &flow).await;
    let token = provider.service_token().await;
    let ask = Request::post(CHAT, chat_body("Hallo").to_string()).key(&token);
    let began = Instant::now();
    let answer = loop {
        let answer = apart.edge.send(&ask).await;
        if answer.status != 401 || began.elapsed() > SOON {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(answer.status, 200, "{} {}", answer.text(), apart.gate.output());
    // Who wants to sign in is sent to the provider, by addresses that came over the same way.
    let start = apart.edge.send(&Request::get("/auth/oidc/acme/start?return=/chat")).await;
    assert_eq!(start.status, 303, "{}", start.text());
    assert!(
        start.header("location").unwrap().starts_with(&provider.issuer),
        "{:?}",
        start.header("location")
    );
}

#[tokio::test]
async fn an_asker_who_leaves_the_edge_leaves_the_model() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 1, pause: Duration::from_millis(50) });
    let apart = Apart::start(&fake).await;
    let mut stream = apart.question(&stream_body(&"lang ".repeat(200))).open(&apart.edge.address).await;
    stream.until(SOON, |answer| answer.text().contains("data: {")).await;
    assert_eq!(fake.aborted(), 0);
    drop(stream);
    let began = Instant::now();
    while fake.aborted() == 0 {
        assert!(began.elapsed() < Duration::from_secs(2), "the model goes on");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("cancel through three processes: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
}

#[tokio::test]
async fn streams_pass_unbuffered() {
    let fake = FakeUpstream::start().await;
    fake.set_script(Script::Echo { piece_bytes: 4, pause: Duration::from_millis(5) });
    let apart = Apart::start(&fake).await;
    let whole = House::start(&fake).await;
    let first = async |house: &House, key: &str| {
        let began = Instant::now();
        let request = Request::post(CHAT, stream_body("Wie geht es?").to_string()).key(key);
        let mut open = request.open(&house.address).await;
        open.until(SOON, |answer| answer.text().contains("\"content\":\"")).await;
        began.elapsed()
    };
    let (mut through, mut beside) = (Vec::new(), Vec::new());
    let employee = whole.key("employee");
    for _ in 0..40 {
        through.push(first(&apart.edge, &apart.employee).await);
        beside.push(first(&whole, &employee).await);
    }
    through.sort_unstable();
    beside.sort_unstable();
    println!(
        "time to first token: {:?} through three processes, {:?} in one (medians)",
        through[20], beside[20]
    );
    // The budget is 3 ms; a debug build on a busy machine gets more, and a buffer would cost seconds.
    assert!(through[20] < beside[20] + Duration::from_millis(25), "{:?} {:?}", through[20], beside[20]);
}

#[tokio::test]
async fn a_lost_gate_is_said_and_comes_back() {
    let fake = FakeUpstream::start().await;
    let mut apart = Apart::start(&fake).await;
    let folder = apart.gate.folder.clone();
    let (code, _) = apart.gate.stop_with(Signal::SIGTERM).await;
    assert_eq!(code, Some(0), "{}", apart.gate.output());
    let answer = apart.edge.send(&apart.question(&chat_body("Noch da?"))).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    let config = folder.join("schleuse.toml").to_str().unwrap().to_owned();
    apart.gate = Plan::serve(&folder, &config).start().await;
    apart.until_linked().await;
    assert_eq!(apart.edge.send(&apart.question(&chat_body("Wieder da?"))).await.status, 200);
}

#[tokio::test]
async fn whoever_was_put_out_stays_out() {
    let fake = FakeUpstream::start().await;
    let apart = Apart::start(&fake).await;
    let config = apart.gate.folder.join("schleuse.toml").to_str().unwrap().to_owned();
    let barred =
        schleuse(&["link", "bar", "--config", &config, "--role", "connector", "--name", "model-zone"]).await;
    assert_eq!(barred.status.code(), Some(0), "{}", stderr(&barred));
    let began = Instant::now();
    loop {
        let answer = apart.edge.send(&apart.question(&chat_body("Hallo"))).await;
        if answer.status >= 400 {
            break;
        }
        assert!(began.elapsed() < SOON, "a connector that was put out still answers");
    }
    let asked = fake.questions().len();
    assert!(apart.edge.send(&apart.question(&chat_body("Hallo"))).await.status >= 400);
    assert_eq!(fake.questions().len(), asked);
}

#[tokio::test]
async fn a_gate_by_itself_is_refused_what_it_would_have_to_dial() {
    let fake = FakeUpstream::start().await;
    let gate = "roles = [\"gate\"]\ndata = \"data\"\n[link]\nhost_names = [\"localhost\"]\n\
                listen_connector = \"127.0.0.1:0\"\n";
    let issuer = "issuer = \"https://login.example\"\nclient_id = \"a\"\n";
    for (text, complaint) in [
        (format!("{gate}[[upstream]]\nname = \"m\"\nurl = \"{}\"\n", fake.url()), "connector:NAME"),
        (format!("{gate}[[identity_provider]]\nname = \"sso\"\n{issuer}"), "`connector`"),
        (
            format!(
                "{gate}[[identity_provider]]\nname = \"d\"\nkind = \"ldap\"\nurl = \"ldaps://l\"\n\
                 bind_dn_template = \"uid={{name}}\"\n"
            ),
            "LDAP",
        ),
        ("roles = [\"gate\"]\ndata = \"data\"\n".to_owned(), "`[link]`"),
        ("roles = [\"edge\"]\nlisten = \"127.0.0.1:0\"\n[link]\ngate = \"a:1\"\n".to_owned(), "`identity`"),
        ("roles = [\"edge\", \"connector\"]\n".to_owned(), "one process is"),
        (
            format!(
                "roles = [\"connector\"]\n[link]\ngate = \"a:1\"\nidentity = \"i\"\n\
                 [[upstream]]\nname = \"m\"\nurl = \"{}\"\n",
                fake.url()
            ),
            "`models`",
        ),
    ] {
        let folder = Folder::new();
        let config = folder.write("schleuse.toml", &text);
        let output = schleuse(&["config", "check", "--config", config.to_str().unwrap()]).await;
        assert_eq!(output.status.code(), Some(2), "{text}: {}", stdout(&output));
        assert!(stderr(&output).contains(complaint), "{text}: {}", stderr(&output));
    }
}

/// An edge that was taken over: it has the edge's own certificate and says whatever it likes.
#[tokio::test]
async fn a_hostile_edge_gets_what_its_visitors_credentials_give_and_nothing_else() {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use http_body_util::BodyExt as _;
    use schleuse_tunnel::{Credentials, LinkLimits, RemoteExchange};
    use schleuse_types::{Language, OsRandom, Secret, SystemClock};
    use schleuse_wire::{Arrival, Credential, Exchange as _, Method, Peer, Reply, ReplyBody};
    use tokio_util::sync::CancellationToken;

    let fake = FakeUpstream::start().await;
    let apart = Apart::start(&fake).await;
    let config = std::fs::read_to_string(apart.edge.folder.join("schleuse.toml")).unwrap();
    let gate = config.split("gate = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let stolen = Credentials::open(&apart.edge.folder.join("identity")).unwrap();
    let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(OsRandom));
    let remote = RemoteExchange::new(gate, stolen, LinkLimits::default(), clock, random);
    let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
    let linked = tokio::spawn(Arc::clone(&remote).run(stop.clone(), cut.clone()));
    let send = async |method, path: &str, credential: Option<Credential>, body: &str| -> (u16, String) {
        let body = http_body_util::Full::new(bytes::Bytes::from(body.to_owned()))
            .map_err(|never| schleuse_wire::BodyError(format!("{never}")));
        let arrival = Arrival {
            method,
            path: path.to_owned(),
            query: None,
            credential,
            sign_in: Some(Secret::new("invented".to_owned())),
            last_event_id: Some("1".to_owned()),
            agent: None,
            label: Some(b"PUBLIC".to_vec()),
            language: Language::English,
            peer: Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
            body: Box::pin(body),
        };
        let Reply { status, body, .. } = Arc::clone(&remote).exchange(arrival).await;
        let text = match body {
            ReplyBody::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            ReplyBody::Events(_) => String::new(),
        };
        (status, text)
    };
    let bearer = |text: &str| Some(Credential::Bearer(Secret::new(text.to_owned())));
    let session = |text: &str| Some(Credential::Session(Secret::new(text.to_owned())));
    // Its positive control: with a visitor's own key it can do what that visitor can.
    let (status, text) =
        send(Method::Post, CHAT, bearer(&apart.employee), &chat_body("Hallo").to_string()).await;
    assert_eq!(status, 200, "{text}");
    let asked = fake.questions().len();
    // Nobody's word is a credential, wherever it stands.
    let person_id = "ada";
    let wrong = [
        None,
        bearer(""),
        bearer(person_id),
        bearer("sk-schl0000000000000000000000000000000000000000000000000"),
        session(&apart.employee),
        session("ss-schl0000000000000000000000000000000000000000000000000"),
        bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."),
    ];
    for credential in wrong {
        for (method, path) in [
            (Method::Post, CHAT),
            (Method::Get, "/v1/models"),
            (Method::Get, "/api/people"),
            (Method::Get, "/api/chat/conversations"),
            (Method::Get, "/auth/session"),
        ] {
            let (status, text) =
                send(method, path, credential.clone(), &chat_body("Hallo").to_string()).await;
            assert_eq!(status, 401, "{path}: {text}");
        }
    }
    // A visitor's rights stay the visitor's, and what only other listeners have is not there.
    for (path, expected) in [
        ("/api/people", 403),
        ("/api/decisions", 403),
        ("/api/audit/entries", 403),
        ("/metrics", 404),
        ("/readyz", 404),
        ("/enrol", 404),
        ("/v1/../api/people", 404),
        ("/flow/acme", 404),
    ] {
        let (status, text) = send(Method::Get, path, bearer(&apart.employee), "").await;
        assert_eq!(status, expected, "{path}: {text}");
    }
    // There are no buttons in a house that is no demo.
    assert_eq!(send(Method::Post, "/auth/demo", None, "{\"role\":\"admin\"}").await.0, 404);
    // A label can be raised and not lowered: what inspection finds counts, not what the edge says.
    let (status, text) =
        send(Method::Post, CHAT, bearer(&apart.employee), &chat_body(crate::IBAN).to_string()).await;
    assert_eq!(status, 403, "{text}");
    assert_eq!(fake.questions().len(), asked, "something reached the model");
    stop.cancel();
    cut.cancel();
    let _ = linked.await;
}
