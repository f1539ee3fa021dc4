//! Credentials in the forms that their issuers document; every one random, none ever valid anywhere.

use crate::dice::Dice;

const LETTERS_AND_DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8] = b"0123456789abcdef";
const BASE_32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE_64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Keys whose form alone tells the issuer. In braces a class and a count: `A` letters and digits, `U` capitals and digits,
/// `l` small letters and digits, `h` hex, `d` digits, `B` base 32, `b` base 64, `w` URL-safe base 64.
const KEYS: &[&str] = &[
    "AKIA{B16}",
    "ASIA{B16}",
    "ghp_*",
    "gho_*",
    "ghs_*",
    "github_pat_{A22}_{A59}",
    "glpat-{w20}",
    "sk-proj-{w48}",
    "sk-proj-{w74}T3BlbkFJ{w74}",
    "sk-{A20}T3BlbkFJ{A20}",
    "sk-ant-api03-{w93}AA",
    "sk-or-v1-{h64}",
    "AIza{w35}",
    "ya29.{w120}",
    "GOCSPX-{w28}",
    "sk_live_{A24}",
    "rk_live_{A24}",
    "sk_live_{A99}",
    "whsec_{A32}",
    "xoxb-{d12}-{d13}-{A24}",
    "xoxp-{d12}-{d12}-{d13}-{h32}",
    "xapp-1-A{U10}-{d13}-{h64}",
    "https://hooks.slack.com/services/T{U8}/B{U10}/{A24}",
    "SG.{w22}.{w43}",
    "SK{h32}",
    "key-{h32}",
    "{h32}-us{d2}",
    "npm_{A36}",
    "pypi-AgEIcHlwaS5vcmc{w150}",
    "hf_{L34}",
    "dop_v1_{h64}",
    "shpat_{h32}",
    "shpss_{h32}",
    "dapi{h32}",
    "hvs.{w94}",
    "hvb.{w120}",
    "dckr_pat_{w27}",
    "glsa_{A32}_{h8}",
    "glc_{b60}",
    "lin_api_{A40}",
    "ntn_{d11}{A35}",
    "figd_{w40}",
    "PMAK-{h24}-{h34}",
    "NRAK-{U27}",
    "sntrys_{b90}_{b43}",
    "dp.pt.{A43}",
    "ATATT3xFfGF0{w180}",
    "pul-{h40}",
    "pscale_tkn_{w43}",
    "fo1_{w43}",
    "FlyV1 fm2_{b100}",
    "{d10}:AA{w33}",
    "rubygems_{h48}",
    "CFPAT-{w43}",
    "sgp_{h40}",
    "gsk_{A52}",
    "r8_{A37}",
    "pplx-{A48}",
    "xai-{A80}",
    "nvapi-{w64}",
    "tskey-auth-{A16}-{A32}",
    "rnd_{A32}",
    "sbp_{h40}",
    "re_{A8}_{A24}",
    "pat{A14}.{h64}",
    "shippo_live_{h40}",
    "sq0atp-{w22}",
    "EAAAE{w59}",
    "oy2{l43}",
    "ops_eyJ{w250}",
    "AKCp{A69}",
    "LTAI{A20}",
    "secret_{A43}",
    "duffel_live_{w43}",
    "FLWSECK-{h32}-X",
];

/// A key of one of the providers.
pub fn provider_key(dice: &mut Dice) -> String {
    let form = dice.pick(KEYS);
    if let Some(prefix) = form.strip_suffix('*') {
        return github_token(dice, prefix);
    }
    fill(dice, form)
}

fn fill(dice: &mut Dice, form: &str) -> String {
    let mut made = String::new();
    let mut rest = form;
    while let Some((before, behind)) = rest.split_once('{') {
        made.push_str(before);
        let Some((class, behind)) = behind.split_once('}') else { break };
        rest = behind;
        let mut class = class.chars();
        let alphabet: &[u8] = match class.next() {
            Some('U') => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            Some('L') => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            Some('l') => b"abcdefghijklmnopqrstuvwxyz0123456789",
            Some('h') => HEX,
            Some('d') => b"123456789",
            Some('B') => BASE_32,
            Some('b') => BASE_64,
            Some('w') => URL_SAFE,
            _ => LETTERS_AND_DIGITS,
        };
        let count = class.as_str().parse().unwrap_or_default();
        // What a word boundary must see: a key never ends in a dash.
        let mut part = dice.text(alphabet, count);
        if part.ends_with(['-', '_', '+', '/']) {
            part.pop();
            part.push('k');
        }
        made.push_str(&part);
    }
    made.push_str(rest);
    made
}

/// GitHub ends its tokens in the CRC-32 of the thirty characters before, in base 62 ("Behind GitHub's new authentication
/// token formats", 2021).
fn github_token(dice: &mut Dice, prefix: &str) -> String {
    let body = dice.text(LETTERS_AND_DIGITS, 30);
    let mut rest = crc_32(body.as_bytes());
    let mut check = Vec::new();
    for _ in 0..6 {
        check.push(LETTERS_AND_DIGITS.get(rest as usize % 62).copied().map_or('0', char::from));
        rest /= 62;
    }
    let check: String = check.into_iter().rev().collect();
    format!("{prefix}{body}{check}")
}

/// IEEE 802.3, reflected, bit by bit.
fn crc_32(bytes: &[u8]) -> u32 {
    let fold =
        |rest: u32, byte: &u8| {
            (0..8).fold(rest ^ u32::from(*byte), |rest, _| {
                if rest & 1 == 1 { rest >> 1 ^ 0xEDB8_8320 } else { rest >> 1 }
            })
        };
    !bytes.iter().fold(u32::MAX, fold)
}

/// The name of an access key, which is half of a credential.
pub fn aws_id(dice: &mut Dice) -> String {
    format!("AKIA{}", dice.text(BASE_32, 16))
}

/// Forty characters that only their name betrays.
pub fn aws_secret(dice: &mut Dice) -> String {
    dice.text(BASE_64, 39) + "q"
}

/// A random string that only its surroundings call a secret.
pub fn opaque(dice: &mut Dice) -> String {
    match dice.below(6) {
        0 => dice.text(HEX, 32),
        1 => dice.text(HEX, 64),
        2 => dice.text(BASE_64, 42) + "g=",
        3 => dice.text(LETTERS_AND_DIGITS, 24),
        4 => dice.text(URL_SAFE, 42) + "x",
        _ => {
            let length = dice.between(20, 48);
            dice.text(LETTERS_AND_DIGITS, length)
        }
    }
}

/// What people choose, and what generators of passwords choose.
pub fn password(dice: &mut Dice) -> String {
    const WORDS: &[&str] = &[
        "Sommer",
        "Winter",
        "Herbst",
        "Fruehling",
        "Passwort",
        "Hallo",
        "Geheim",
        "Schalke",
        "Bayern",
        "Willkommen",
        "Start",
        "Bremen",
        "Zuhause",
        "Urlaub",
        "Fussball",
        "Schatz",
        "Tiger",
        "Dragon",
        "Monkey",
        "Welcome",
        "Summer",
        "Qwertz",
        "Kaffee",
        "Berlin",
        "Mausi",
        "Sonne",
        "Regen",
        "Buero",
        "Lager",
        "Rakete",
    ];
    const SIGNS: &[&str] = &["!", "#", "$", "?", "*", "!!", "+", "@", "%", "_", "&", "."];
    match dice.below(8) {
        0..=2 => {
            let number = dice.between(1, 2027);
            let sign =
                if dice.one_in(5) { "" } else { dice.pick(&["!", "#", "$", "?", "*", "!!", "+", "%"]) };
            format!("{}{number}{sign}", dice.pick(WORDS))
        }
        3 => {
            let (one, other) = (dice.pick(WORDS), dice.pick(WORDS));
            format!(
                "{}{}{}{}",
                one.to_lowercase(),
                dice.pick(&["-", "_", "."]),
                other.to_lowercase(),
                dice.number(2)
            )
        }
        4 => {
            let word = dice.pick(WORDS).replace('a', "4").replace('e', "3").replace('o', "0");
            format!("{word}{}{}", dice.pick(SIGNS).replace(['.', '&'], "!"), dice.number(2))
        }
        5 => {
            let length = dice.between(10, 20);
            let body =
                dice.text(b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!#$%*+=?", length);
            format!("k{body}7")
        }
        6 => {
            let length = dice.between(8, 14);
            format!("{}4x", dice.text(LETTERS_AND_DIGITS, length))
        }
        _ => format!(
            "{}{}{}",
            dice.text(b"abcdefghijklmnopqrstuvwxyz", 4),
            dice.number(4),
            dice.text(b"ABCDEFGHKLMNPQRSTUVWXYZ", 2)
        ),
    }
}

/// A password that needs no escaping in an address.
pub fn plain_password(dice: &mut Dice) -> String {
    let length = dice.between(8, 22);
    format!("{}9z", dice.text(LETTERS_AND_DIGITS, length))
}

/// A JSON web token (RFC 7519) with claims that look like those of an application.
pub fn jwt(dice: &mut Dice) -> String {
    let header = dice.pick(&[
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"RS256","kid":"main-2025","typ":"JWT"}"#,
        r#"{"typ":"JWT","alg":"ES256"}"#,
    ]);
    let claims = format!(
        r#"{{"sub":"{}","name":"app","iat":17{},"exp":17{},"scope":"read write"}}"#,
        dice.digits(8),
        dice.digits(8),
        dice.digits(8)
    );
    let length = dice.pick(&[43, 86, 342]);
    format!(
        "{}.{}.{}",
        base_64(header.as_bytes(), URL_SAFE),
        base_64(claims.as_bytes(), URL_SAFE),
        dice.text(URL_SAFE, length - 1) + "A"
    )
}

/// Base 64 without padding, in the alphabet given.
fn base_64(bytes: &[u8], alphabet: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let packed = three.iter().fold(0_usize, |packed, byte| packed << 8 | usize::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            let six = packed >> (18 - 6 * place) & 63;
            text.push(alphabet.get(six).copied().map_or('A', char::from));
        }
    }
    text
}

/// Base 64 as RFC 4648 section 4 has it.
pub fn base_64_padded(bytes: &[u8]) -> String {
    let mut text = base_64(bytes, BASE_64);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Armour of a private key around random bytes (RFC 7468 and what programs write).
pub fn private_key(dice: &mut Dice, newline: &str) -> String {
    let (name, lines) = dice.pick(&[
        ("PRIVATE KEY", 25),
        ("RSA PRIVATE KEY", 24),
        ("EC PRIVATE KEY", 3),
        ("OPENSSH PRIVATE KEY", 6),
        ("ENCRYPTED PRIVATE KEY", 27),
        ("PRIVATE KEY", 2),
    ]);
    let mut armour = format!("-----BEGIN {name}-----{newline}");
    for _ in 0..lines {
        armour.push_str(&dice.text(BASE_64, 64));
        armour.push_str(newline);
    }
    let last = dice.between(8, 60);
    armour.push_str(&dice.text(BASE_64, last));
    format!("{armour}=={newline}-----END {name}-----")
}

/// An address of a database with its password, or a list of settings.
pub fn connection(dice: &mut Dice, host: &str) -> String {
    let (user, password) = (
        dice.pick(&["app", "root", "svc_report", "admin", "shop", "ci", "etl", "grafana"]),
        plain_password(dice),
    );
    let name = dice.pick(&["orders", "crm", "prod", "warehouse", "tickets", "hr", "app"]);
    match dice.below(12) {
        0..=2 => format!("postgres://{user}:{password}@{host}:5432/{name}"),
        3 => format!("postgresql+asyncpg://{user}:{password}@{host}/{name}?sslmode=require"),
        4 => format!("mysql://{user}:{password}@{host}:3306/{name}"),
        5 => format!("mongodb+srv://{user}:{password}@{host}/{name}?retryWrites=true"),
        6 => format!("redis://:{password}@{host}:6379/0"),
        7 => format!("amqp://{user}:{password}@{host}:5672/{name}"),
        8 => format!("Server={host};Database={name};User Id={user};Password={password};"),
        9 => format!(
            "Data Source={host},1433;Initial Catalog={name};User ID={user};Password={password};Encrypt=True"
        ),
        10 => format!("jdbc:postgresql://{host}:5432/{name}?user={user}&password={password}"),
        _ => format!(
            "DefaultEndpointsProtocol=https;AccountName={name}store;AccountKey={}==;EndpointSuffix=core.windows.net",
            dice.text(BASE_64, 86)
        ),
    }
}
