//! Precision and recall over generated texts: shapes times values, and texts that only look as if.

use std::collections::BTreeMap;

use crate::{Guardrails, Inspector};

/// A small generator of numbers, so that a seed gives the same texts on every machine (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }

    fn string(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const HEX: &str = "0123456789abcdef";
const WORDS: &[&str] = &[
    "Sommer",
    "Winter",
    "Hamburg",
    "Kaffee",
    "Fussball",
    "dragon",
    "summer",
    "monkey",
    "Berlin",
    "Tiger",
    "sunshine",
    "Schalke",
    "Katze",
    "Admin",
    "welcome",
    "Start",
    "Regenbogen",
    "qwertz",
    "letmein",
    "Garten",
    "Montag",
    "purple",
];
const NOUNS: &[&str] = &[
    "server",
    "invoice",
    "customer",
    "report",
    "session",
    "kunde",
    "rechnung",
    "projekt",
    "button",
    "parser",
    "index",
    "config",
    "message",
    "vertrag",
    "release",
    "backup",
    "cluster",
    "model",
    "user",
    "angebot",
    "abteilung",
];

/// A password as people choose them.
fn password(dice: &mut Dice) -> String {
    let word = dice.pick(WORDS).to_owned();
    match dice.below(7) {
        0 => format!("{word}{}", 1950 + dice.below(80)),
        1 => format!("{word}{}!", dice.below(1000)),
        2 => format!("{}{}{}", word, dice.pick(&["!", "#", "$", "?", "+", "*"]), dice.below(100)),
        3 => word.replace('a', "4").replace('e', "3").replace('o', "0") + dice.pick(&["7", "!!", "_x9"]),
        4 => {
            let length = 8 + dice.below(9);
            format!("{}7aK", dice.string(LETTERS, length))
        }
        5 => {
            let inner = dice.string("abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789!#$%&*+=?", 9);
            format!("x{inner}4!")
        }
        _ => format!("{word}-{}-{}", dice.pick(WORDS), 10 + dice.below(90)),
    }
}

/// A secret as machines generate them.
fn secret(dice: &mut Dice) -> String {
    let length = [20, 24, 32, 40, 48, 64][dice.below(6)];
    match dice.below(4) {
        0 => dice.string(HEX, length.max(32)),
        1 => dice.string("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", length),
        _ => dice.string(LETTERS, length),
    }
}

const PASSWORD_SHAPES: &[&str] = &[
    "DATABASE_PASSWORD={}\nDEBUG=1\n",
    "REDIS_PASS='{}'\n",
    "export ADMIN_PASSWORD=\"{}\" && ./run.sh",
    "database:\n  host: db1\n  password: {}\n  port: 5432\n",
    "{\"host\":\"db1\",\"password\":\"{}\",\"port\":5432}",
    "{ \"user\": \"app\", \"dbPassword\" : \"{}\" }",
    "[mysqld]\nuser = root\npassword = {}\n",
    "spring.datasource.password={}\n",
    "<datasource><user>sa</user><password>{}</password></datasource>",
    "<property name=\"hibernate.connection.password\" value=\"{}\"/>",
    "conn = connect(host='db1', user='app', password='{}')",
    "final String DB_PASSWORD = \"{}\";",
    "$db_pass = '{}';",
    "docker run -e MYSQL_ROOT_PASSWORD={} -p 3306:3306 mysql:8",
    "CREATE USER reporting IDENTIFIED BY '{}';",
    "ALTER ROLE app WITH LOGIN PASSWORD '{}';",
    "machine files.example.org login robot password {}\n",
    "curl -u robot:{} https://files.example.org/list",
    "Server=db1;Database=erp;User Id=sa;Password={};Encrypt=True",
    "postgres://app:{}@db1.example.org/erp",
    "      - POSTGRES_PASSWORD={}\n      - TZ=Europe/Berlin\n",
    "resource \"db\" {\n  master_password = \"{}\"\n}",
    "| admin | Passwort | {} |\n",
    "--password={} --host db1",
];
const PROSE_SHAPES: &[&str] = &[
    "Hallo Jens,\ndas Passwort lautet {}\nViele Grüße",
    "Hallo, mein Passwort ist {} und ich komme trotzdem nicht rein.",
    "Das neue Kennwort für das Portal lautet: {}\n",
    "Benutzer: mmeier\nPasswort: {}\n",
    "Zugangsdaten: mmeier / {}\n",
    "User: admin, PW: {}, bitte gleich ändern.",
    "WLAN: Besucher, Passwort: {}",
    "Hi, the password is {} - please do not share it.",
    "My password for the intranet is {}, what is wrong?",
    "Username: jdoe\nPassword: {}\n",
    "Credentials: jdoe / {}\n",
    "You can log in with password {} until Friday.",
    "Kannst du dich mit Benutzer test und Passwort \"{}\" anmelden?",
    "The admin password was changed to \"{}\" yesterday.",
    "Passwort fürs Archiv: {}\n",
    "Initialpasswort: {} (bitte nach dem ersten Login ändern)",
];
const SECRET_SHAPES: &[&str] = &[
    "CLIENT_SECRET={}\n",
    "api_key: {}\n",
    "{\"apiKey\": \"{}\"}",
    "const API_TOKEN = '{}';",
    "auth_token = \"{}\"",
    "Authorization: Bearer {}\n",
    "curl -H 'X-Api-Key: {}' https://api.example.org/v1",
    "  - name: SIGNING_SECRET\n    value: {}\n",
    "jwt.secret={}\n",
    "app.config['SECRET_KEY'] = '{}'",
    "Unser API-Key ist {}, bitte vertraulich behandeln.",
    "Here is my access token: {}\n",
    "encryption_key = \"{}\"\n",
    "\"webhookSecret\": \"{}\",",
    "<clientSecret>{}</clientSecret>",
    "DATADOG_API_KEY={}\n",
    "Der API-Schlüssel lautet {}",
    "private_token={}&page=1",
];
/// `#` stands for digits, `@` for a noun, `%h` for a digest, `%u` for a UUID, `%b` for base 64.
const CLEAN: &[&str] = &[
    "Wie setze ich mein Passwort zurück, wenn ich das @-Konto gesperrt habe?",
    "The password must contain at least ## characters and one digit.",
    "Passwort: mindestens ## Zeichen, davon # Ziffern",
    "def login(user: str, password: str) -> @:",
    "password = request.form['password']",
    "password: z.string().min(##),",
    "const { password, token } = useForm<@>();",
    "if (password !== confirmPassword) return '@';",
    "user.password = hash(password, ##)",
    "    password: this.@Password,",
    "token = tokenizer.next(@)",
    "let token = self.peek().kind; // @ ##",
    "secret: @-credentials",
    "  secretName: @-tls-##",
    "secrets: inherit",
    "max_tokens: ####, temperature: 0.#",
    "token_type: bearer, expires_in: ####",
    "commit %h\nAuthor: Anna",
    "sha256:%h  @-1.#.#.tar.gz",
    "\"integrity\": \"sha512-%b==\",",
    "checksum = \"%h\"",
    "id: %u, @: %u",
    "session %u started, token bucket at ##",
    "password=${@_PASSWORD}",
    "password: \"{{ .Values.@.password }}\"",
    "api_key: <your-api-key>",
    "API_KEY=your_@_api_key_here",
    "api_key = os.getenv(\"@_API_KEY\")",
    "apiKey: process.env.@_KEY,",
    "<input type=\"password\" id=\"@\" autocomplete=\"current-password\">",
    "\"password\": \"Passwort\", \"@\": \"Eintrag\"",
    "label.password=Kennwort eingeben\nlabel.@=Auswahl",
    "password_reset_token_ttl = ####",
    "Rechnung ####-####, Kunde #####, Schlüssel im @",
    "Der Schlüssel liegt im @, Zimmer ###.",
    "Die geheime Zutat ist der @, das Geheimnis bleibt.",
    "Secret Santa: jeder zieht einen @, Budget ## Euro",
    "the token ring network of 19## used @ frames",
    "background:url(data:image/png;base64,%b)",
    "a.token-##{color:#fff}.secret-@{margin:#px}",
    "PIN # an Masse, PIN ## an 3,3 V, @ offen",
    "Login: mmeier\nRolle: @",
    "Login um ##:## Uhr / Logout um ##:## Uhr",
    "credentials: 'same-origin', mode: '@'",
    "The access token is refreshed every ## minutes by the @.",
    "Passwort vergessen? Bitte @ anrufen: 0## #######",
    "pass: ##, fail: #, skip: @",
    "primary key (@_id), foreign key (@_key)",
    "keyboard shortcut: ctrl+##, key: '@'",
    "UPDATE users SET password_hash = '%h' WHERE id = ##",
    "Password policy v#.#: rotate every ## days (@)",
    "private key of the @ stays in the HSM",
    "Set-Cookie: @=%u; HttpOnly",
    "Das Passwort ist seit ##.##.20## abgelaufen.",
    "password is required, @ is optional",
    "auth: none, token: null, @: ##",
    "See https://example.org/docs/api-key/@-##",
    "import secrets; token = secrets.token_hex(##)",
    "x-request-id: %h",
    "ETag: \"%h\"",
];

fn fill(template: &str, value: &str) -> (String, String) {
    (template.replacen("{}", value, 1), value.to_owned())
}

fn clean(dice: &mut Dice) -> String {
    let mut text = String::new();
    let mut rest = dice.pick(CLEAN).chars();
    while let Some(letter) = rest.next() {
        match letter {
            '#' => text.push_str(&dice.string("0123456789", 1)),
            '@' => text.push_str(dice.pick(NOUNS)),
            '%' => match rest.next() {
                Some('h') => text.push_str(&dice.string(HEX, 64)),
                Some('b') => text.push_str(&dice.string(LETTERS, 86)),
                _ => {
                    let parts: Vec<String> = [8, 4, 4, 4, 12].iter().map(|n| dice.string(HEX, *n)).collect();
                    text.push_str(&parts.join("-"));
                }
            },
            other => text.push(other),
        }
    }
    text
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    planted: usize,
    found: usize,
    extra: usize,
}

impl Count {
    fn recall(self) -> f64 {
        self.found as f64 / self.planted as f64
    }

    fn precision(self) -> f64 {
        self.found as f64 / (self.found + self.extra) as f64
    }
}

/// Every shape with so many values; a finding counts when it covers the value and at most twice as much beside it.
fn count(
    inspector: &Inspector,
    dice: &mut Dice,
    shapes: &[&str],
    value: fn(&mut Dice) -> String,
    missed: &mut BTreeMap<String, usize>,
) -> Count {
    let mut count = Count::default();
    for shape in shapes {
        for _ in 0..60 {
            let (text, planted) = fill(shape, &value(dice));
            let start = text.find(&planted).unwrap();
            let end = start + planted.len();
            count.planted += 1;
            let mut covered = false;
            for finding in inspector.scan(&text) {
                if !["PASSWORD", "SECRET", "API_KEY", "CONNECTION_STRING", "URL_CREDENTIALS", "JWT"]
                    .contains(&finding.kind.as_str())
                {
                    continue;
                }
                if finding.start <= start && end <= finding.end {
                    covered = true;
                } else {
                    count.extra += 1;
                }
            }
            count.found += usize::from(covered);
            if !covered {
                *missed.entry(format!("{shape:?}")).or_default() += 1;
            }
        }
    }
    count
}

#[test]
fn recall_and_precision_of_secrets_stay_where_they_are() {
    let inspector = Inspector::new(Guardrails::default()).unwrap();
    let mut dice = Dice(20_261_121);
    let mut missed = BTreeMap::new();
    let files = count(&inspector, &mut dice, PASSWORD_SHAPES, password, &mut missed);
    let prose = count(&inspector, &mut dice, PROSE_SHAPES, password, &mut missed);
    let secrets = count(&inspector, &mut dice, SECRET_SHAPES, secret, &mut missed);
    let credentials =
        ["PASSWORD", "SECRET", "API_KEY", "CONNECTION_STRING", "URL_CREDENTIALS", "JWT", "PRIVATE_KEY"];
    let prompts = 6_000;
    let mut touched = BTreeMap::new();
    for _ in 0..prompts {
        let text = clean(&mut dice);
        if inspector.scan(&text).iter().any(|finding| credentials.contains(&finding.kind.as_str())) {
            *touched.entry(text).or_insert(0) += 1;
        }
    }
    let wrong: usize = touched.values().sum();
    let told = format!(
        "files {files:?} prose {prose:?} secrets {secrets:?} touched {wrong} of {prompts}\n{}\n{}",
        missed.iter().map(|(shape, times)| format!("{times} {shape}")).collect::<Vec<_>>().join("\n"),
        touched.keys().take(40).cloned().collect::<Vec<_>>().join("\n"),
    );
    assert!(files.recall() >= 0.99 && files.precision() >= 0.99, "{told}");
    assert!(prose.recall() >= 0.95 && prose.precision() >= 0.95, "{told}");
    assert!(secrets.recall() >= 0.99 && secrets.precision() >= 0.99, "{told}");
    assert!(wrong * 1_000 <= prompts, "{told}");
}
