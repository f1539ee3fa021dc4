//! The unit for systemd: a user of its own, and nothing to write but the data folder.

use std::path::Path;

use super::{Plan, Tls};
use crate::failure::{Doing as _, Failure};

/// The unit's user when a house is made by root, who shall not run it.
pub(super) const USER: &str = "schleuse";

pub(super) fn text(plan: &Plan) -> Result<String, Failure> {
    let dir = std::path::absolute(&plan.dir).doing(format!("cannot use `{}`", plan.dir.display()))?;
    let program = std::env::current_exe().doing("cannot find this program")?;
    let user = user()?;
    let data = word(&dir.join("data"))?;
    let config = word(&dir.join("schleuse.toml"))?;
    let program = word(&program)?;
    let mut seen = vec![dir];
    if let Tls::Given { certificate, key } = &plan.tls {
        seen.extend([certificate.clone(), key.clone()]);
    }
    // Below these, `ProtectHome` would hide what the house needs.
    let is_home = |path: &Path| ["/home", "/root", "/run/user"].iter().any(|home| path.starts_with(home));
    let homes = if seen.iter().any(|path| is_home(path)) { "read-only" } else { "yes" };
    let (bounds, ambient) = if plan.address.port() != 0 && plan.address.port() < 1024 {
        ("CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE\n")
    } else {
        ("", "")
    };
    let name: String = plan.name.chars().filter(|character| !character.is_control()).collect();
    let name = name.replace('%', "%%");
    Ok(format!(
        "# install -m 644 schleuse.service /etc/systemd/system/ && systemctl enable --now schleuse\n\
         [Unit]\n\
         Description=Schleuse: {name}\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         \n\
         [Service]\n\
         Type=exec\n\
         User={user}\n\
         ExecStart={program} serve --config {config}\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         # A clean stop lets answers finish for ten seconds and then seals the log.\n\
         TimeoutStopSec=20\n\
         LimitNOFILE=20000\n\
         UMask=0077\n\
         \n\
         # Nothing can be written but the data folder.\n\
         ProtectSystem=strict\n\
         ProtectHome={homes}\n\
         ReadWritePaths={data}\n\
         PrivateTmp=yes\n\
         PrivateDevices=yes\n\
         \n\
         # No way to more rights.\n\
         NoNewPrivileges=yes\n\
         CapabilityBoundingSet={bounds}\n\
         {ambient}\
         RestrictSUIDSGID=yes\n\
         RestrictNamespaces=yes\n\
         RestrictRealtime=yes\n\
         LockPersonality=yes\n\
         MemoryDenyWriteExecute=yes\n\
         RemoveIPC=yes\n\
         \n\
         # Nothing of the machine but its network.\n\
         ProtectKernelTunables=yes\n\
         ProtectKernelModules=yes\n\
         ProtectKernelLogs=yes\n\
         ProtectControlGroups=yes\n\
         ProtectClock=yes\n\
         ProtectHostname=yes\n\
         ProtectProc=invisible\n\
         RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n\
         SystemCallArchitectures=native\n\
         SystemCallErrorNumber=EPERM\n\
         # The named ones are those by which the engine's worker shuts itself in.\n\
         SystemCallFilter=@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    ))
}

/// Whoever makes the house runs it, too.
fn user() -> Result<String, Failure> {
    let id = nix::unistd::Uid::effective();
    if id.is_root() {
        return Ok(USER.to_owned());
    }
    let user = nix::unistd::User::from_uid(id).doing("cannot look up the user")?;
    Ok(user.map_or_else(|| id.to_string(), |user| user.name))
}

/// One word of a unit's line, whatever is in the path (systemd.syntax, systemd.unit on specifiers).
pub(super) fn word(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control));
    let text = text.ok_or_else(|| Failure::usage(format!("`{shown}` cannot stand in a unit of systemd")))?;
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    Ok(if escaped == text && !text.contains([' ', ';', '\'']) { escaped } else { format!("\"{escaped}\"") })
}
