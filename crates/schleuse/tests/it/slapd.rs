//! A real OpenLDAP server on loopback (Debian's package `slapd`), for one test.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::SOON;
use crate::folder::Folder;

const SLAPD: &str = "/usr/sbin/slapd";

pub struct Slapd {
    process: Child,
    port: u16,
    _folder: Folder,
}

impl Slapd {
    /// Of the person `ada`, who is in the group `dev`.
    pub const PASSWORD: &str = "Analytische Maschine";

    pub async fn start() -> Self {
        let folder = Folder::new();
        let at = folder.path().display().to_string();
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let settings = folder.write(
            "slapd.conf",
            format!(
                "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
                 include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
                 pidfile {at}/pid\ndatabase mdb\nsuffix \"dc=house\"\ndirectory {at}/data\n\
                 access to attrs=userPassword by anonymous auth by * none\naccess to * by users read by * none\n"
            ),
        );
        let entries = folder.write(
            "entries.ldif",
            format!(
                "dn: dc=house\nobjectClass: dcObject\nobjectClass: organization\no: House\n\n\
                 dn: uid=ada,dc=house\nobjectClass: inetOrgPerson\ncn: Ada Lovelace\nsn: Lovelace\n\
                 userPassword: {}\n\n\
                 dn: cn=dev,dc=house\nobjectClass: groupOfNames\nmember: uid=ada,dc=house\n",
                Self::PASSWORD
            ),
        );
        let loaded = Command::new(SLAPD)
            .args(["-T", "add", "-q", "-f"])
            .arg(&settings)
            .arg("-l")
            .arg(&entries)
            .output();
        let loaded = loaded.expect("slapd is there; `./x setup` installs it");
        assert!(loaded.status.success(), "{}", String::from_utf8(loaded.stderr).unwrap());
        let port = crate::ports::free_port();
        let mut command = Command::new(SLAPD);
        command.args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}/"), "-f"]).arg(&settings);
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(began.elapsed() < SOON, "slapd does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { process, port, _folder: folder }
    }

    /// As a house's configuration names it.
    pub fn config(&self, name: &str) -> String {
        format!(
            "[[identity_provider]]\nname = \"{name}\"\nkind = \"ldap\"\nurl = \"ldap://127.0.0.1:{}\"\n\
             bind_dn_template = \"uid={{name}},dc=house\"\ndefault_role = \"employee\"\n\
             [identity_provider.groups]\nbase = \"dc=house\"\nfilter = \"(&(objectClass=groupOfNames)(member={{dn}}))\"\n\
             [[identity_provider.role]]\ngroup = \"dev\"\nrole = \"engineer\"\n",
            self.port
        )
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
