//! Sign-in against a real OpenLDAP server. Needs `/usr/sbin/slapd` (Debian's package `slapd`), and fails without it.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use schleuse_identity::{
    Directory, DirectoryBind, DirectoryConfig, DirectoryError, DirectoryGroups, Identified,
};
use schleuse_types::{Role, Secret, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SLAPD: &str = "/usr/sbin/slapd";
const SUFFIX: &str = "dc=house,dc=example";

/// Two people called `twin`, one whose name needs escaping, one without a group, and a service account that may read.
const ENTRIES: &str = "\
dn: dc=house,dc=example
objectClass: dcObject
objectClass: organization
o: House

dn: ou=people,dc=house,dc=example
objectClass: organizationalUnit

dn: ou=others,dc=house,dc=example
objectClass: organizationalUnit

dn: ou=groups,dc=house,dc=example
objectClass: organizationalUnit

dn: uid=ada,ou=people,dc=house,dc=example
objectClass: inetOrgPerson
cn: Ada Lovelace
sn: Lovelace
mail: ada@house.example
userPassword: Grüße an Charles

dn: uid=bob,ou=people,dc=house,dc=example
objectClass: inetOrgPerson
cn: Bob
sn: Bob
userPassword: bob's password

dn: uid=o\\2c mal*ley (x)\\5c,ou=people,dc=house,dc=example
objectClass: inetOrgPerson
cn: Escaped
sn: Escaped
userPassword: escaped

dn: uid=twin,ou=people,dc=house,dc=example
objectClass: inetOrgPerson
cn: Twin
sn: Twin
userPassword: twin

dn: uid=twin,ou=others,dc=house,dc=example
objectClass: inetOrgPerson
cn: Twin
sn: Twin
userPassword: twin

dn: cn=reader,dc=house,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: reader

dn: cn=dev,ou=groups,dc=house,dc=example
objectClass: groupOfNames
member: uid=ada,ou=people,dc=house,dc=example
member: uid=o\\2c mal*ley (x)\\5c,ou=people,dc=house,dc=example

dn: cn=library,ou=groups,dc=house,dc=example
objectClass: groupOfNames
member: uid=ada,ou=people,dc=house,dc=example
";

/// A directory server on loopback, with an authority of its own; ended and removed when dropped.
struct Slapd {
    process: Child,
    folder: PathBuf,
    plain: u16,
    tls: u16,
}

impl Slapd {
    async fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("schleuse-slapd-{}-{number}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("data")).unwrap();
        write_certificates(&folder);
        let at = folder.display();
        let settings = format!(
            "include /etc/ldap/schema/core.schema\n\
             include /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\n\
             modulepath /usr/lib/ldap\n\
             moduleload back_mdb\n\
             pidfile {at}/pid\n\
             TLSCACertificateFile {at}/ca.pem\n\
             TLSCertificateFile {at}/server.pem\n\
             TLSCertificateKeyFile {at}/server.key\n\
             database mdb\n\
             suffix \"{SUFFIX}\"\n\
             directory {at}/data\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to * by dn.exact=\"cn=reader,{SUFFIX}\" read by self read by users none by * none\n"
        );
        fs::write(folder.join("slapd.conf"), settings).unwrap();
        fs::write(folder.join("entries.ldif"), ENTRIES).unwrap();
        let loaded = Command::new(SLAPD)
            .args(["-T", "add", "-q", "-f"])
            .arg(folder.join("slapd.conf"))
            .arg("-l")
            .arg(folder.join("entries.ldif"))
            .output()
            .expect("slapd is needed for this test: apt-get install slapd");
        assert!(loaded.status.success(), "{}", String::from_utf8(loaded.stderr).unwrap());
        // A port that was free a moment ago may be somebody else's now; then another one is tried.
        for _ in 0..10 {
            let (plain, tls) = (free_port().await, free_port().await);
            let mut process = Command::new(SLAPD)
                .args(["-d", "0", "-h"])
                .arg(format!("ldap://127.0.0.1:{plain}/ ldaps://127.0.0.1:{tls}/"))
                .arg("-f")
                .arg(folder.join("slapd.conf"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if is_ready(&mut process, tls).await {
                return Self { process, folder, plain, tls };
            }
            drop(process.kill());
            drop(process.wait());
        }
        panic!("slapd did not start");
    }

    /// People of `ou=people` sign in as themselves.
    fn template(&self) -> DirectoryConfig {
        DirectoryConfig {
            id: "staff".to_owned(),
            name: "Staff".to_owned(),
            url: format!("ldap://127.0.0.1:{}", self.plain),
            start_tls: false,
            bind: DirectoryBind::Template { dn: format!("uid={{name}},ou=people,{SUFFIX}") },
            subject_attribute: "entryUUID".to_owned(),
            name_attribute: "cn".to_owned(),
            groups: None,
            roles: Vec::new(),
            default_role: Some(Role::Employee),
            tenants: Vec::new(),
            default_tenant: Default::default(),
            ca_file: None,
        }
    }

    /// A service account looks for people everywhere and for their groups.
    fn search(&self) -> DirectoryConfig {
        DirectoryConfig {
            bind: DirectoryBind::Search {
                service_dn: format!("cn=reader,{SUFFIX}"),
                service_password: Secret::new("reader".to_owned()),
                base: SUFFIX.to_owned(),
                filter: "(&(objectClass=inetOrgPerson)(uid={name}))".to_owned(),
            },
            groups: Some(DirectoryGroups {
                base: format!("ou=groups,{SUFFIX}"),
                filter: "(&(objectClass=groupOfNames)(member={dn}))".to_owned(),
                name_attribute: "cn".to_owned(),
            }),
            roles: vec![("dev".to_owned(), Role::Engineer)],
            ..self.template()
        }
    }

    fn authority(&self) -> Option<PathBuf> {
        Some(self.folder.join("ca.pem"))
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// An authority, and a certificate of the server for `localhost` only.
fn write_certificates(folder: &std::path::Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let server = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("server.pem"), server.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    let other =
        CertificateParams::new(Vec::new()).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap();
    fs::write(folder.join("other.pem"), other.pem()).unwrap();
}

async fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port()
}

/// Waits until the server takes connections; `false` if it ends first.
async fn is_ready(process: &mut Child, port: u16) -> bool {
    for _ in 0..500 {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

fn directory(config: DirectoryConfig) -> Directory {
    Directory::new(config, Arc::new(SystemClock::new())).unwrap()
}

async fn sign_in(config: &DirectoryConfig, name: &str, password: &str) -> Result<Identified, DirectoryError> {
    directory(config.clone()).authenticate(name, &Secret::new(password.to_owned())).await
}

/// The error that refuses this name and password; `None` when they are good.
async fn check(config: &DirectoryConfig, name: &str, password: &str, expected: Option<DirectoryError>) {
    let refused = sign_in(config, name, password).await.err();
    assert_eq!(refused, expected, "{name} with {password}");
}

#[tokio::test]
async fn only_the_right_password_signs_in() {
    let slapd = Slapd::start().await;
    let refused = Some(DirectoryError::Refused);
    for config in [slapd.template(), slapd.search()] {
        check(&config, "ada", "Grüße an Charles", None).await;
        check(&config, "ADA", "Grüße an Charles", None).await;
        check(&config, "ada", "grüße an charles", refused.clone()).await;
        check(&config, "ada", "bob's password", refused.clone()).await;
        // To a directory an empty password asks for an anonymous bind, which would succeed.
        check(&config, "ada", "", refused.clone()).await;
        check(&config, "ada", "Grüße an Charles\0", refused.clone()).await;
        check(&config, "ada", &"x".repeat(1025), refused.clone()).await;
        check(&config, "", "Grüße an Charles", refused.clone()).await;
        check(&config, "  ", "Grüße an Charles", refused.clone()).await;
        check(&config, "nobody", "Grüße an Charles", refused.clone()).await;
        check(&config, &"a".repeat(129), "x", refused.clone()).await;
    }
}

#[tokio::test]
async fn a_name_is_never_part_of_a_question() {
    let slapd = Slapd::start().await;
    let refused = Some(DirectoryError::Refused);
    let password = "Grüße an Charles";
    for config in [slapd.template(), slapd.search()] {
        for name in [
            "*",
            "a*",
            "ada)(uid=*",
            "ada))(|(uid=*",
            "*)(objectClass=*",
            "ada)(cn=Ada*",
            "\\61da",
            "ada\\",
            "ada,ou=people,dc=house,dc=example",
            "ada,ou=people",
            "ada+cn=Ada Lovelace",
            "ada\0",
            "ada\n",
            "{name}",
            "{dn}",
            "#616461",
            "<ada>",
            "\"ada\"",
        ] {
            check(&config, name, password, refused.clone()).await;
        }
        // And whose name has all these characters still comes in.
        check(&config, "o, mal*ley (x)\\", "escaped", None).await;
    }
}

#[tokio::test]
async fn people_are_named_by_what_stays() {
    let slapd = Slapd::start().await;
    let ada = sign_in(&slapd.search(), "ada", "Grüße an Charles").await.unwrap();
    assert_eq!((ada.name.as_str(), ada.role), ("Ada Lovelace", Role::Engineer));
    assert_eq!(ada.groups, ["dev", "library"]);
    assert_eq!((ada.issuer.as_str(), ada.sid), ("ldap:staff", None));
    assert_eq!(ada.subject.len(), 36, "an entryUUID");
    let again = sign_in(&slapd.template(), "Ada ", "Grüße an Charles").await.unwrap();
    assert_eq!((again.person, again.role), (ada.person.clone(), Role::Employee));
    let elsewhere = DirectoryConfig { id: "other".to_owned(), ..slapd.search() };
    let elsewhere = sign_in(&elsewhere, "ada", "Grüße an Charles").await.unwrap();
    assert_eq!(elsewhere.subject, ada.subject);
    assert_ne!(elsewhere.person, ada.person);
    let escaped = sign_in(&slapd.search(), "o, mal*ley (x)\\", "escaped").await.unwrap();
    assert_eq!(escaped.groups, ["dev"]);
    let strict = DirectoryConfig { default_role: None, ..slapd.search() };
    check(&strict, "ada", "Grüße an Charles", None).await;
    check(&strict, "bob", "bob's password", Some(DirectoryError::NoRole)).await;
    check(&strict, "bob", "wrong", Some(DirectoryError::Refused)).await;
    let several = DirectoryError::Entry("is not the only one with this name");
    check(&slapd.search(), "twin", "twin", Some(several)).await;
    let no_subject = DirectoryConfig { subject_attribute: "employeeNumber".to_owned(), ..slapd.search() };
    let missing = DirectoryError::Entry("does not have the subject attribute exactly once");
    check(&no_subject, "ada", "Grüße an Charles", Some(missing)).await;
    let mut locked_out = slapd.search();
    if let DirectoryBind::Search { service_password, .. } = &mut locked_out.bind {
        *service_password = Secret::new("wrong".to_owned());
    }
    check(&locked_out, "ada", "Grüße an Charles", Some(DirectoryError::ServiceAccount)).await;
}

#[tokio::test]
async fn passwords_go_over_tls_to_the_right_server_only() {
    let slapd = Slapd::start().await;
    let ldaps = |host: &str, ca_file| DirectoryConfig {
        url: format!("ldaps://{host}:{}", slapd.tls),
        ca_file,
        ..slapd.search()
    };
    let start_tls = |host: &str, ca_file| DirectoryConfig {
        url: format!("ldap://{host}:{}", slapd.plain),
        start_tls: true,
        ca_file,
        ..slapd.search()
    };
    let other = Some(slapd.folder.join("other.pem"));
    for config in [ldaps("localhost", slapd.authority()), start_tls("localhost", slapd.authority())] {
        check(&config, "ada", "Grüße an Charles", None).await;
        check(&config, "ada", "wrong", Some(DirectoryError::Refused)).await;
    }
    let strangers = [
        ldaps("localhost", other.clone()),
        start_tls("localhost", other),
        // The certificate does not name the address.
        ldaps("127.0.0.1", slapd.authority()),
        start_tls("127.0.0.1", slapd.authority()),
        // Plain LDAP on a TLS port and the other way round.
        DirectoryConfig { url: format!("ldap://127.0.0.1:{}", slapd.tls), ..slapd.search() },
        DirectoryConfig {
            url: format!("ldaps://localhost:{}", slapd.plain),
            ..ldaps("localhost", slapd.authority())
        },
    ];
    for config in strangers {
        let refused = sign_in(&config, "ada", "Grüße an Charles").await.unwrap_err();
        assert!(
            matches!(refused, DirectoryError::Unreachable(_) | DirectoryError::TimedOut),
            "{}: {refused:?}",
            config.url
        );
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_said_to_be() {
    let port = free_port().await;
    let config = DirectoryConfig { url: format!("ldap://127.0.0.1:{port}"), ..nowhere() };
    let refused = sign_in(&config, "ada", "x").await.unwrap_err();
    assert_eq!(refused, DirectoryError::Unreachable("connection refused".to_owned()));
    assert!(refused.is_temporary());
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let config = at(listener.local_addr().unwrap());
    let silent = async {
        let held = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
        drop(held);
    };
    tokio::select! {
        refused = sign_in(&config, "ada", "x") => assert_eq!(refused.err(), Some(DirectoryError::TimedOut)),
        () = silent => {}
    }
}

/// What the house makes of a server that gives these answers, one for each question.
async fn check_answers(answers: &[&[u8]], expected: DirectoryError) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let config = at(listener.local_addr().unwrap());
    let served = async {
        let mut stream = listener.accept().await.unwrap().0;
        for answer in answers {
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
            stream.write_all(answer).await.unwrap();
        }
    };
    let (refused, ()) = tokio::join!(sign_in(&config, "ada", "x"), served);
    assert_eq!(refused.err(), Some(expected));
}

#[tokio::test]
async fn a_server_that_speaks_nonsense_spoils_only_this_sign_in() {
    // BindResponse: success. SearchResultEntry without name and attributes; SearchResultDone.
    let bound = [0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0];
    let found = [0x30, 5, 2, 1, 2, 0x64, 0, 0x30, 0x0c, 2, 1, 2, 0x65, 7, 0x0a, 1, 0, 4, 0, 4, 0];
    let nonsense = DirectoryError::Unreachable("it does not speak LDAP".to_owned());
    check_answers(&[&bound, &found], nonsense).await;
    // SearchResultDone alone: the entry cannot be read.
    check_answers(&[&bound, &found[7..]], DirectoryError::Entry("cannot be read after the sign-in")).await;
    let busy = [0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, 51, 4, 0, 4, 0];
    check_answers(&[&busy], DirectoryError::Answer(51)).await;
    check_answers(&[b""], DirectoryError::Unreachable("the connection was closed".to_owned())).await;
}

fn nowhere() -> DirectoryConfig {
    DirectoryConfig {
        id: "staff".to_owned(),
        name: "Staff".to_owned(),
        url: "ldap://127.0.0.1".to_owned(),
        start_tls: false,
        bind: DirectoryBind::Template { dn: "uid={name}".to_owned() },
        subject_attribute: "entryUUID".to_owned(),
        name_attribute: "cn".to_owned(),
        groups: None,
        roles: Vec::new(),
        default_role: Some(Role::Employee),
        tenants: Vec::new(),
        default_tenant: Default::default(),
        ca_file: None,
    }
}

fn at(address: SocketAddr) -> DirectoryConfig {
    DirectoryConfig { url: format!("ldap://{address}"), ..nowhere() }
}

/// The text that refuses a configuration; empty when it is good.
fn check_config(change: impl FnOnce(&mut DirectoryConfig), expected: &str) {
    let mut config = nowhere();
    change(&mut config);
    let made = Directory::new(config, Arc::new(SystemClock::new()));
    let refused = made.err().map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(refused.trim_start_matches("the directory `staff` cannot be used: "), expected);
}

#[test]
fn configurations_that_are_not_safe_are_refused() {
    let clear = "passwords would go in the clear; use `ldaps://` or `start_tls`";
    check_config(|_| {}, "");
    check_config(|config| config.url = "ldap://[::1]:389".to_owned(), "");
    check_config(|config| config.url = "ldap://localhost".to_owned(), "");
    check_config(|config| config.url = "ldap://directory.example".to_owned(), clear);
    check_config(|config| config.url = "ldap://127.0.0.1.example".to_owned(), clear);
    let host = "its url is not just a host and perhaps a port";
    check_config(|config| config.url = "ldap://localhost@directory.example".to_owned(), host);
    check_config(|config| config.url = "ldap://localhost/directory.example".to_owned(), host);
    check_config(|config| config.url = "ldap://localhost:x".to_owned(), host);
    check_config(|config| config.url = "ldap://".to_owned(), host);
    let scheme = "its url begins neither `ldaps://` nor `ldap://`";
    check_config(|config| config.url = "https://directory.example".to_owned(), scheme);
    check_config(|config| config.url = "ldapi:///run/slapd".to_owned(), scheme);
    let place = "its template or filter has no place `{name}`, so everybody would be the same entry";
    check_config(|config| config.bind = DirectoryBind::Template { dn: "cn=root".to_owned() }, place);
    let nobody = "it gives nobody a role; add `roles` or a `default_role`";
    check_config(|config| config.default_role = None, nobody);
    check_config(|config| config.subject_attribute.clear(), "it names no attribute for subject or name");
    let authority = "cannot read `/nonexistent/ca.pem`: ";
    let mut config = DirectoryConfig { url: "ldaps://directory.example".to_owned(), ..nowhere() };
    config.ca_file = Some("/nonexistent/ca.pem".into());
    let refused = Directory::new(config, Arc::new(SystemClock::new())).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|text| text.contains(authority)));
}
