use crate::{Guardrails, Inspector};

/// The first credential found in each text, or `-`; one line for each that differs.
fn check(cases: &[(&str, &str)]) {
    const KINDS: [&str; 7] =
        ["PASSWORD", "SECRET", "API_KEY", "URL_CREDENTIALS", "CONNECTION_STRING", "PRIVATE_KEY", "JWT"];
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let findings = inspector.scan(text);
        let found = findings
            .iter()
            .find(|finding| KINDS.contains(&finding.kind.as_str()))
            .and_then(|finding| text.get(finding.start..finding.end))
            .unwrap_or("-");
        if found != *expected {
            wrong.push(format!("{text:?}: {found:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn configuration() {
    check(&[
        ("DB_PASS=Kx7tRq2m\n", "Kx7tRq2m"),
        ("export PGPASSWORD=\"mond landung 7\"", "mond landung 7"),
        ("export PGPASSWORD='Tk8!wqz'; psql", "Tk8!wqz"),
        ("SMTP_PASSWORD = Fl4mmenmeer\n", "Fl4mmenmeer"),
        ("spring.datasource.password=Wald22Hund\n", "Wald22Hund"),
        ("  password: 'dark moon 77'\n", "dark moon 77"),
        ("  password: rainbow\n", "rainbow"),
        ("passwd = rainbow7", "rainbow7"),
        ("{\"username\":\"anna\",\"password\":\"tulpe+99\"}", "tulpe+99"),
        ("{\\\"password\\\":\\\"tulpe+99\\\"}", "tulpe+99"),
        ("<property name=\"password\" value=\"tulpe+99\"/>", "tulpe+99"),
        ("<add key=\"DbPassword\" value=\"tulpe+99\" />", "tulpe+99"),
        ("<db:password>tulpe+99</db:password>", "tulpe+99"),
        ("<password>sonnenblume</password>", "sonnenblume"),
        ("- name: POSTGRES_PASSWORD\n  value: \"tulpe+99\"", "tulpe+99"),
        ("{\"name\": \"ADMIN_PASSWORD\", \"value\": \"tulpe+99\"}", "tulpe+99"),
        ("docker run -e POSTGRES_PASSWORD=tulpe99 -d postgres", "tulpe99"),
        ("mysqladmin --password=tulpe99 -u root status", "tulpe99"),
        ("psql --password tulpe99 -u root", "tulpe99"),
        ("default login ops password tulpe99", "tulpe99"),
        ("ALTER USER app WITH PASSWORD 'tulpe99'", "tulpe99"),
        ("CREATE USER 'a'@'%' IDENTIFIED BY 'tulpe99';", "tulpe99"),
        ("ENC_PASSPHRASE := tulpe99", "tulpe99"),
        ("| Passwort | Tulpe+99 |", "Tulpe+99"),
        ("<td>Passwort</td><td>Tulpe+99</td>", "Tulpe+99"),
        ("**Passwort:** `Tulpe+99`", "Tulpe+99"),
        ("<b>Passwort:</b> Tulpe+99<br>", "Tulpe+99"),
        ("Passwort:\u{a0}Tulpe+99", "Tulpe+99"),
        ("Password:\nTulpe+99\n", "Tulpe+99"),
        ("Passwort: „Tulpe+99“", "Tulpe+99"),
        ("password=&quot;Tulpe+99&quot;", "Tulpe+99"),
    ]);
}

#[test]
fn code() {
    check(&[
        ("password = \"tulpe99\"", "tulpe99"),
        ("let password: &str = \"tulpe99\";", "tulpe99"),
        ("String password = \"tulpe99\";", "tulpe99"),
        ("const char *password = \"tulpe99\";", "tulpe99"),
        ("var dbPassword = 'tulpe99'", "tulpe99"),
        ("$password = 'tulpe99';", "tulpe99"),
        ("config['password'] = 'tulpe99'", "tulpe99"),
        ("'password' => 'tulpe99',", "tulpe99"),
        ("auth.setPassword(\"tulpe99\");", "tulpe99"),
        ("define('DB_PASSWORD', 'tulpe99');", "tulpe99"),
        ("connect(user=\"a\", password=\"tulpe99\")", "tulpe99"),
        ("if password == \"tulpe99\":", "tulpe99"),
        ("secret = b\"q8Zt4LmX2vBn7RwK\"", "q8Zt4LmX2vBn7RwK"),
        ("apiKey: 'q8Zt4LmX2vBn7RwK',", "q8Zt4LmX2vBn7RwK"),
        ("clientSecret = \"q8Zt4LmX2vBn7RwK\"", "q8Zt4LmX2vBn7RwK"),
        ("headers = {'X-Auth-Token': 'q8Zt4LmX2vBn7RwK'}", "q8Zt4LmX2vBn7RwK"),
        ("SECRET_KEY = 'zk#8(v2!m^q)w5t@h$r0'", "zk#8(v2!m^q)w5t@h$r0"),
        ("\"token\": \"q8Zt4LmX2vBn7RwK\"", "q8Zt4LmX2vBn7RwK"),
    ]);
}

#[test]
fn sentences() {
    check(&[
        ("Das Passwort lautet Tulpe99!", "Tulpe99!"),
        ("Das Passwort lautet: Tulpe99!.", "Tulpe99!"),
        ("das Passwort für den Server ist Tulpe99!", "Tulpe99!"),
        ("mein Kennwort ist jetzt tulpe_99x", "tulpe_99x"),
        ("Das WLAN-Passwort heißt Tulpenfeld", "Tulpenfeld"),
        ("my password is tulpe99", "tulpe99"),
        ("the password for the VPN is Tulpe-99", "Tulpe-99"),
        ("password for staging: tulpe99", "tulpe99"),
        ("Passwort für admin: tulpe99", "tulpe99"),
        ("Passwort (root): tulpe99", "tulpe99"),
        ("bitte mit dem Passwort Tulpe99! anmelden", "Tulpe99!"),
        ("use the password 'Tulpe99' to log in", "Tulpe99"),
        ("the password is \"open sesame 7\"", "open sesame 7"),
        ("PW: Tulpe99", "Tulpe99"),
        ("Pass: Tulpe99", "Tulpe99"),
        ("Login anna, PW Tulpe99!", "Tulpe99!"),
        ("passphrase is Tulpe99-Mond", "Tulpe99-Mond"),
        ("Zugangsdaten: anna / Tulpe99", "Tulpe99"),
        ("Zugangsdaten: anna.meier@example.org / Tulpe99", "Tulpe99"),
        ("Die PIN lautet 4711.", "4711"),
        ("mein API-Key ist q8Zt4LmX2vBn7RwK9s", "q8Zt4LmX2vBn7RwK9s"),
        ("our api token is q8Zt4LmX2vBn7RwK9s, keep it", "q8Zt4LmX2vBn7RwK9s"),
    ]);
}

#[test]
fn letters_that_make_no_word() {
    check(&[
        ("password: sZBbIJMniXx", "sZBbIJMniXx"),
        ("Passwort: KjhGtRfdEsWqAb", "KjhGtRfdEsWqAb"),
        ("app --password=QfXzKmTQxlgKQnx --host db", "QfXzKmTQxlgKQnx"),
        ("pass: eOdyFDTxilSLkx", "eOdyFDTxilSLkx"),
        ("Login: admin / zLGGYfXlqHQaZXBDbx", "zLGGYfXlqHQaZXBDbx"),
        ("mail.smtp.password=fwNZxBCFkUoKdQMcSKnVvx\nnext=1", "fwNZxBCFkUoKdQMcSKnVvx"),
        ("(Benutzer: Wendt, Passwort: wQmwfcbjiHWXAR-jAxk) wurde", "wQmwfcbjiHWXAR-jAxk"),
        ("command: redis-server --requirepass eEuulTalHUBx", "eEuulTalHUBx"),
        ("password: userPassword", "-"),
        ("password: SecretStr", "-"),
        ("Passwort: SommerRegen steht im Brief", "-"),
        ("the password is MyPasswordField", "-"),
    ]);
}

#[test]
fn further_forms() {
    check(&[
        ("Zugangsdaten\nLogin\nx.y\nPasswort\nYY7osMzrasjhVBsVQtk", "YY7osMzrasjhVBsVQtk"),
        ("Passwort\n%N9!KTQNd8!VveL!_!f073\nDanke", "%N9!KTQNd8!VveL!_!f073"),
        ("Passwort\r\njQcxHMzKqnKFSvZGohHszwk\r\n", "jQcxHMzKqnKFSvZGohHszwk"),
        ("Passwort\nOffice365\nKalender", "-"),
        ("Passwort\nAnmelden\n", "-"),
        ("Const PASSWORT As String = \"gkkkUeBlbqeVqCf9\"", "gkkkUeBlbqeVqCf9"),
        ("Dim pw As String = \"cvG5Zsp8bgv\"", "cvG5Zsp8bgv"),
        ("net use Z: \\\\fs01\\daten /user:FIRMA\\svc_scan k19hHV0qxArb", "k19hHV0qxArb"),
        ("Passwort geändert auf: Tulpe99", "Tulpe99"),
        ("Das Passwort wurde auf Tulpe99 gesetzt", "Tulpe99"),
        ("Das Passwort wurde auf Server12 gefunden", "-"),
        ("please use tz8kk2Mond as password", "tz8kk2Mond"),
        ("client secret k19hHV0qxArb2", "k19hHV0qxArb2"),
        ("Zugangstoken: k19hHV0qxArb2", "k19hHV0qxArb2"),
        ("enable secret k19hHV0qxArb", "k19hHV0qxArb"),
        ("admin:k19hHV0qxArb@10.0.0.1", "admin:k19hHV0qxArb"),
        ("Please change the root password to Hamburg7 before Friday.", "Hamburg7"),
        ("Please change the root password to Hamburg_123Z7 before Friday.", "Hamburg_123Z7"),
        (
            "Please change the root password to korrekt-pferd-batterie-17k before",
            "korrekt-pferd-batterie-17k",
        ),
        ("change the password to 2FA-based login", "-"),
        ("Ich habe dein Kennwort auf Regen20233 zurückgesetzt.", "Regen20233"),
        ("dein Kennwort auf c0rrect-h0rse-B4tteryk zurückgesetzt", "c0rrect-h0rse-B4tteryk"),
        (
            "SECRET_KEY = '06(9zz&k3h$8w!x_c#2v7)q@n5m^t1r-+b=y4l0p(s&d6f*g%j'",
            "06(9zz&k3h$8w!x_c#2v7)q@n5m^t1r-+b=y4l0p(s&d6f*g%j",
        ),
        ("Passwort: mind. 12 Zeichen", "-"),
        ("der Wert WUz8Q~UMuh-~2efJbBOx9Rk7ntuamJY3P9RbyTm3 gilt", "8Q~UMuh-~2efJbBOx9Rk7ntuamJY3P9RbyTm3"),
        ("der Wert 0d8b1a0308fac1cdd9627c796e75250e-us17 gilt", "0d8b1a0308fac1cdd9627c796e75250e-us17"),
    ]);
}

#[test]
fn every_row_of_a_column() {
    let check = |text: &str, expected: &[&str]| {
        let inspector = Inspector::new(Guardrails::default()).unwrap();
        let findings = inspector.scan(text);
        let found: Vec<_> = findings
            .iter()
            .filter(|finding| finding.kind == "PASSWORD")
            .map(|finding| text.get(finding.start..finding.end).unwrap())
            .collect();
        assert_eq!(found, expected, "{text:?}");
    };
    let all = ["Tulpe!99", "k19hHV0qxArb", "sZBbIJMniXx"];
    let rows = |head: &str, row: &str| {
        let rows: Vec<String> = all.iter().map(|value| row.replace('#', value)).collect();
        format!("{head}\n{}\n", rows.join("\n"))
    };
    check(&rows("Benutzer;Passwort", "anna;#"), &all);
    check(&rows("Passwort;Benutzer", "#;anna"), &all);
    check(&rows("System\tPasswort\tStand", "SAP\t#\t2024-11-21"), &all);
    check(&rows("| System | Passwort |\n|---|---|", "| SAP | # |"), &all);
    check(&rows("Benutzer     Passwort", "anna         #"), &all);
    check(&rows("Benutzer     Passwort     Stand", "anna         #     gültig"), &all);
    check(&rows("Benutzer;Passwort\r", "anna;#\r"), &all);
    check("Benutzer;Passwort\nanna;Tulpe+99\n\nben;Tulpe+98\n", &["Tulpe+99"]);
    // What is farther than 250 bytes from the beginning of the table does not see its head.
    let many = format!("Benutzer;Passwort\n{}", "anna;Tulpe+99\n".repeat(40));
    let found = Inspector::new(Guardrails::default()).unwrap().scan(&many).len();
    assert_eq!(found, 17, "{many}");
}

#[test]
fn what_only_speaks_about_secrets() {
    let texts = [
        "password: string",
        "password: str = Field(...)",
        "password = getpass.getpass()",
        "password = input(\"Password: \")",
        "password = os.environ[\"DB_PASSWORD\"]",
        "password = process.env.DB_PASSWORD;",
        "password = user_input",
        "password: userPassword,",
        "password={props.password}",
        "this.password = password;",
        "password: {{ vault_db_password }}",
        "password: ${DB_PASSWORD:-}",
        "password: !vault |",
        "password: <your-password>",
        "password: YOUR_PASSWORD_HERE",
        "password: changeme",
        "password: ********",
        "password: [REDACTED]",
        "password: \"Passwort\"",
        "\"password\": \"Your password\",",
        "\"passwordLabel\": \"Kennwort\",",
        "\"forgotPassword\": \"Passwort vergessen?\",",
        "password.required=Bitte geben Sie ein Passwort ein",
        "password_hash: $2b$12$Kq3hPzvVwT0uYcJ7mD1b9uS8oQxRkzE5aLtGfWnHsBiCdVyMjXe2K",
        "password_min_length = 12",
        "passwordPolicy: strict2024",
        "<input type=\"password\" name=\"pw\" placeholder=\"Password\">",
        "type: password, label: Kennwort",
        "Das Passwort muss mindestens 12 Zeichen haben",
        "Wie ändere ich mein Passwort in Windows 11?",
        "the password is stored with argon2id",
        "The password was changed on 2024-11-21.",
        "Das Passwort ist zu kurz.",
        "password reset link expires in 24h",
        "Password: ",
        "passwords: 12 of 14 compromised",
        "user_id: 1234, passed: true, bypass: 1",
        "token: next",
        "token = tokens[i + 1]",
        "let token = lexer.next_token();",
        "max_tokens=4096",
        "token_count: 1532",
        "\"token_type\": \"bearer\"",
        "next_token: abc123def456ghi789",
        "secret santa: anna, ben, carla",
        "The Secret: a novel of 1923",
        "secret: db-credentials",
        "secretName: tls-example-org-2024",
        "secretKeyRef: postgres-credentials",
        "api_key: str | None = None",
        "api_key = config.get('api_key')",
        "api_key=<API_KEY>",
        "api_key: sk-...",
        "apiKey: process.env.API_KEY",
        "integrity: sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg==",
        "checksum = \"9b1c5a0f3e7d2846b5a9c1d0e4f7386a2b5c8d9e0f1a2b3c4d5e6f708192a3b4\"",
        "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "session: 1f0c9a52-7b3e-4d84-9c61-e25ab7d3f048",
        "token: 1f0c9a52-7b3e-4d84-9c61-e25ab7d3f048",
        "class=\"token-keyword secret-panel p-4 mt-2\"",
        "background: url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4)",
        "PIN 13 of the chip, pin: 7",
        "shopping: 4711",
        "GPIO pin = 17",
        "Postal PIN code: siehe oben",
        "Login: admin",
        "Login: 12:30 / 14:00 Uhr",
        "credentials: 'include'",
        "Kennwort: siehe Brief",
        "Passwort: wird telefonisch mitgeteilt",
        "Password required",
        "authorization: Bearer <token>",
        "Authorization: Basic realm=\"x\"",
        "curl -u $USER:$PASS https://example.org",
        "sort keys; key: value; primary key: id",
        "private key: keep it safe",
        "access token: siehe Dokumentation unter /docs/tokens",
        "credential: WebAuthn/Passkeys",
        "The API key (32 characters) is shown once.",
        "refresh_token_expires_in: 1209600",
        "token_endpoint: /oauth2/v2.0/token",
        "token_url = https://login.example.org/oauth2/token",
        "secret_id: projects/123/secrets/db",
        "pass: 12 passed, 3 failed",
    ];
    check(&texts.map(|text| (text, "-")));
}
