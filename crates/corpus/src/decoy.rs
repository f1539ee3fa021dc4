//! What looks like an identifier and is none: hard negatives.

use crate::dice::Dice;
use crate::identifier::{ean_check, luhn};
use crate::slot::ENGLISH_MONTHS;

const HEX: &[u8] = b"0123456789abcdef";
const BASE_64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The decoy of this name.
pub fn make(dice: &mut Dice, name: &str) -> Option<String> {
    let made = match name {
        "order" => match dice.below(7) {
            0 => format!("{}-{}-{}", dice.number(3), dice.digits(7), dice.digits(7)),
            1 => format!("B{}", dice.number(9)),
            2 => format!("PO-{}-{}", dice.between(2019, 2027), dice.digits(5)),
            3 => dice.number(10),
            4 => dice.number(8),
            5 => format!("AB{}", dice.digits(8)),
            _ => format!("45{}", dice.digits(8)),
        },
        "invoice" => match dice.below(6) {
            0 => format!("RE-{}-{}", dice.between(2019, 2027), dice.digits(5)),
            1 => format!("RG{}{}", dice.between(2019, 2027), dice.digits(6)),
            2 => format!("{}/{}", dice.between(2019, 2027), dice.digits(4)),
            3 => dice.number(9),
            4 => format!("INV-{}", dice.digits(8)),
            _ => format!("{}{}", dice.between(2019, 2027), dice.digits(8)),
        },
        "customer" => match dice.below(4) {
            0 => dice.number(6),
            1 => dice.number(10),
            2 => format!("K-{}", dice.number(7)),
            _ => format!("D{}", dice.number(8)),
        },
        "ean" => {
            let body = format!(
                "{}{}",
                dice.pick(&["400", "401", "404", "426", "76", "50", "3", "87"]),
                dice.digits(12)
            );
            let body: String = body.chars().take(12).collect();
            format!("{body}{}", ean_check(&body))
        }
        "gtin14" => {
            let body = format!("1{}", dice.digits(12));
            format!("{body}{}", ean_check(&body))
        }
        "isbn" => {
            let body = format!("978{}", dice.digits(9));
            let check = ean_check(&body);
            let part = |from: usize, to: usize| body.get(from..to).unwrap_or_default();
            if dice.one_in(2) {
                format!("978-{}-{}-{}-{check}", part(3, 4), part(4, 8), part(8, 12))
            } else {
                format!("{body}{check}")
            }
        }
        "isbn10" => {
            let body = format!("3{}", dice.digits(8));
            let sum: usize =
                body.bytes().zip(1..).map(|(digit, weight)| usize::from(digit - b'0') * weight).sum();
            let check = if sum % 11 == 10 { "X".to_owned() } else { (sum % 11).to_string() };
            format!("{body}{check}")
        }
        "parcel" => match dice.below(5) {
            0 => format!("00340434{}", dice.digits(12)),
            1 => format!("JJD0{}", dice.number(16)),
            2 => format!("1Z{}{}", dice.text(b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ", 6), dice.digits(10)),
            3 => dice.number(14),
            _ => format!("H{}", dice.digits(19)),
        },
        "serial" => match dice.below(5) {
            0 => format!("SN{}", dice.digits(10)),
            1 => dice.text(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 10),
            2 => format!("C{}", dice.text(b"02CDFGHJKLMNPQRTVWXY0123456789", 11)),
            3 => format!("{}-{}", dice.text(b"ABCDEFGHJKLMNPQRSTUVWXYZ", 3), dice.digits(7)),
            _ => format!("{}{}", dice.text(b"ABCDEFGHJKLMNPQRSTUVWXYZ", 2), dice.digits(9)),
        },
        "imei" => {
            let body = format!("35{}", dice.digits(12));
            format!("{body}{}", luhn(&body))
        }
        "icd" => {
            let letter = dice.text(b"ABCDEFGHIJKLMNRSZ", 1);
            let grade = dice.between(0, 9);
            format!("{letter}{:02}.{grade}", dice.between(0, 99))
        }
        "din" => dice
            .pick(&[
                "DIN EN ISO 9001:2015",
                "DIN 18040-2",
                "DIN EN 60204-1",
                "ISO/IEC 27001:2022",
                "DIN 276",
                "DIN EN 1090-2",
                "VDE 0100-410",
                "DIN 912 M8x40",
            ])
            .to_owned(),
        "version" => match dice.below(4) {
            0 => format!("{}.{}.{}", dice.below(20), dice.below(40), dice.below(90)),
            1 => format!("v{}.{}.{}-rc.{}", dice.below(9), dice.below(40), dice.below(90), dice.below(5)),
            2 => format!(
                "{}.{}.{}.{}",
                dice.between(10, 130),
                0,
                dice.between(1000, 7000),
                dice.between(100, 255)
            ),
            _ => format!("{}.{}", dice.between(2019, 2027), dice.between(1, 12)),
        },
        "md5" => dice.text(HEX, 32),
        "sha1" => dice.text(HEX, 40),
        "sha256" => dice.text(HEX, 64),
        "short_hash" => dice.text(HEX, 7) + "a",
        "uuid" => {
            let part = |dice: &mut Dice, count| dice.text(HEX, count);
            format!(
                "{}-{}-4{}-{}{}-{}",
                part(dice, 8),
                part(dice, 4),
                part(dice, 3),
                dice.text(b"89ab", 1),
                part(dice, 3),
                part(dice, 12)
            )
        }
        "ulid" => format!("01{}", dice.text(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24)),
        "sri" => match dice.below(2) {
            0 => format!("sha512-{}==", dice.text(BASE_64, 86)),
            _ => format!("sha384-{}", dice.text(BASE_64, 64)),
        },
        "etag" => format!("W/\"{}-{}\"", dice.text(HEX, 4), dice.text(BASE_64, 27)),
        "unix" => format!("17{}", dice.digits(8)),
        "unix_ms" => format!("17{}", dice.digits(11)),
        "unix_us" => format!("17{}", dice.digits(14)),
        "iso_time" => {
            let (month, day) = (dice.between(1, 12), dice.between(1, 28));
            let (hour, minute, second) = (dice.below(24), dice.below(60), dice.below(60));
            format!("{}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", dice.between(2021, 2026))
        }
        "stamp" => {
            let (month, day) = (dice.between(1, 12), dice.between(1, 28));
            format!(
                "{}{month:02}{day:02}{:02}{:02}{:02}",
                dice.between(2021, 2026),
                dice.below(24),
                dice.below(60),
                dice.below(60)
            )
        }
        "time" => format!("{:02}:{:02}", dice.between(6, 21), dice.below(12) * 5),
        "date" => {
            let (day, month, year) = (dice.between(1, 28), dice.between(1, 12), dice.between(2021, 2027));
            format!("{day:02}.{month:02}.{year}")
        }
        "date_en" => {
            format!("{} {} {}", dice.between(1, 28), dice.pick(ENGLISH_MONTHS), dice.between(2021, 2027))
        }
        "licence_key" => {
            let five = |dice: &mut Dice| dice.text(b"BCDFGHJKMPQRTVWXY2346789", 5);
            format!("{}-{}-{}-{}-{}", five(dice), five(dice), five(dice), five(dice), five(dice))
        }
        "digits" => {
            let count = dice.between(4, 24);
            dice.number(count)
        }
        "digits9" => dice.number(9),
        "digits10" => dice.number(10),
        "digits11" => dice.number(11),
        "digits12" => dice.number(12),
        "digits13" => dice.number(13),
        "digits15" => dice.number(15),
        "digits16" => dice.number(16),
        "digits19" => dice.number(19),
        "digits20" => dice.number(20),
        "number" => {
            let count = dice.between(1, 4);
            dice.number(count)
        }
        "small" => dice.between(2, 60).to_string(),
        "amount" => {
            let (euros, cents) = (dice.between(12, 98_000), dice.below(100));
            if euros > 999 {
                format!("{}.{:03},{cents:02}", euros / 1000, euros % 1000)
            } else {
                format!("{euros},{cents:02}")
            }
        }
        "amount_en" => {
            let (units, cents) = (dice.between(12, 98_000), dice.below(100));
            if units > 999 {
                format!("{},{:03}.{cents:02}", units / 1000, units % 1000)
            } else {
                format!("{units}.{cents:02}")
            }
        }
        "decimal" => format!("{}.{}", dice.below(200), dice.digits(6)),
        "float" => format!("0.{}", dice.digits(16)),
        "geo" => {
            format!("{}.{}, {}.{}", dice.between(47, 54), dice.digits(6), dice.between(6, 15), dice.digits(6))
        }
        "colour" => format!("#{}", dice.text(HEX, 6)),
        "ticket" => format!(
            "{}-{}",
            dice.pick(&["OPS", "CRM", "SHOP", "INFRA", "HR", "ERP", "WEB", "SEC"]),
            dice.number(4)
        ),
        "meter" => {
            format!("1{}{}{}", dice.pick(&["EMH", "ISK", "LGZ", "ITR"]), dice.digits(3), dice.number(7))
        }
        "case" => format!(
            "{} {} {}/{}",
            dice.between(1, 40),
            dice.pick(&["O", "C", "Ca", "Ls", "K", "HK O"]),
            dice.between(1, 900),
            dice.between(18, 26)
        ),
        "example_key" => dice
            .pick(&[
                "AKIAIOSFODNN7EXAMPLE",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "sk-your-api-key-here",
                "YOUR_API_KEY",
                "<your-api-key>",
                "xxxxxxxxxxxxxxxxxxxxxxxx",
                "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "changeme",
                "${API_KEY}",
                "{{ .Values.apiKey }}",
                "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "********",
            ])
            .to_owned(),
        "material" => format!("{}.{}.{}", dice.number(3), dice.digits(4), dice.digits(3)),
        "article" => match dice.below(4) {
            0 => dice.number(7),
            1 => format!("{}-{}", dice.number(4), dice.digits(4)),
            2 => format!("A{}", dice.digits(9)),
            _ => format!("{}{}", dice.text(b"ABCDEFGHKLMNPRSTUVWXYZ", 3), dice.digits(6)),
        },
        "batch" => format!("{}{}", dice.text(b"ABCDEFGHKLMNPRSTUVWXYZ", 1), dice.digits(9)),
        "room" => format!("{}.{:02}.{:03}", dice.text(b"ABCDE", 1), dice.below(9), dice.below(400)),
        "minified" => minified(dice),
        "phone_like" => match dice.below(3) {
            0 => format!("0{}/{}", dice.number(3), dice.number(5)),
            1 => format!("{}-{}-{}", dice.number(4), dice.digits(3), dice.digits(4)),
            _ => format!("1-{}-{}", dice.number(3), dice.digits(2)),
        },
        "base64_image" => {
            let length = dice.between(120, 400);
            format!("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA{}", dice.text(BASE_64, length))
        }
        _ => return None,
    };
    Some(made)
}

fn minified(dice: &mut Dice) -> String {
    let mut text = String::from("!function(e,t){");
    for _ in 0..dice.between(4, 14) {
        let name = dice.text(b"abcdefghijkmnopqrstuvwxyz", 1);
        match dice.below(5) {
            0 => text.push_str(&format!("var {name}=t({}),", dice.number(4))),
            1 => text.push_str(&format!(
                "{name}.d(e,\"{}\",function(){{return {name}}}),",
                dice.text(b"abcdefghijkmnopqrstuvwxyz", 2)
            )),
            2 => text.push_str(&format!("{name}=0x{},", dice.text(HEX, 8))),
            3 => text.push_str(&format!(
                "{name}&&{name}.length>{}?{name}.slice(0,{}):[],",
                dice.number(2),
                dice.number(3)
            )),
            _ => text.push_str(&format!("{}:{},", dice.number(5), dice.number(10))),
        }
    }
    text.push_str("0}(this,window);");
    text
}
