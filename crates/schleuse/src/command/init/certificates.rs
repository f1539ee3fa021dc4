//! A certificate authority of the house's own, and a certificate with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, SanType,
};

use super::{make_folder, write_new};
use crate::failure::Failure;

/// Writes `ca.pem` and `tls/`. The certificate is for `hosts`, for `localhost` and the addresses of loopback; the
/// authority's key stays beside it, 0600.
pub(super) fn make(dir: &Path, name: &str, hosts: &[String]) -> Result<(), Failure> {
    let wrong = |error: rcgen::Error| Failure::new(format!("cannot make certificates: {error}"));
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named(&format!("{name} internal CA"));
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for_days(&mut authority, 3650);
    let authority =
        CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(wrong)?).map_err(wrong)?;

    let mut leaf = CertificateParams::default();
    leaf.distinguished_name = named(hosts.first().map_or("localhost", String::as_str));
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    valid_for_days(&mut leaf, 825);
    leaf.subject_alt_names = vec![
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        SanType::DnsName("localhost".try_into().map_err(wrong)?),
    ];
    for host in hosts {
        let name = match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.as_str().try_into().map_err(wrong)?),
        };
        if !leaf.subject_alt_names.contains(&name) {
            leaf.subject_alt_names.push(name);
        }
    }
    let key = KeyPair::generate().map_err(wrong)?;
    let certificate = leaf.signed_by(&key, &authority).map_err(wrong)?;

    let tls = dir.join("tls");
    make_folder(&tls, 0o750)?;
    write_new(&dir.join("ca.pem"), 0o644, authority.pem().as_bytes())?;
    write_new(&tls.join("ca-key.pem"), 0o600, authority.key().serialize_pem().as_bytes())?;
    write_new(&tls.join("certificate.pem"), 0o644, certificate.pem().as_bytes())?;
    write_new(&tls.join("key.pem"), 0o600, key.serialize_pem().as_bytes())
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn valid_for_days(params: &mut CertificateParams, days: i64) {
    let now = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = schleuse_types::Clock::now(&schleuse_types::SystemClock::new()).seconds();
    let today = i64::try_from(seconds / 86_400).unwrap_or_default();
    let day =
        |n: i64| now + std::time::Duration::from_secs(u64::try_from(n.max(0)).unwrap_or_default() * 86_400);
    // From yesterday on: clocks of clients may be behind.
    params.not_before = day(today - 1);
    params.not_after = day(today + days);
}
