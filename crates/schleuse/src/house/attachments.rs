//! Files that come with questions: read in workers of this binary, known in the log by a keyed digest.

use std::path::PathBuf;
use std::sync::Arc;

use schleuse_audit::PromptMac;
use schleuse_extract::{Rejected, Workshop};
use schleuse_portal::Attaching;

/// Proves once that a worker can be shut in here; where it cannot, no file is read.
pub(super) fn attaching(mac: &PromptMac) -> Attaching {
    let workshop = Workshop::new(PathBuf::from("/proc/self/exe"));
    let off = workshop.prove().err().map(|rejected| match rejected {
        Rejected::Unconfined(why) => why,
        other => other.as_str().to_owned(),
    });
    if let Some(why) = &off {
        tracing::error!(why, "attachments are off: the process that reads them cannot be shut in");
    }
    let mac = mac.derived("attachments");
    Attaching {
        extract: Arc::new(move |file, extension, recall| match &off {
            Some(why) => Err(Rejected::Unconfined(why.clone())),
            None => workshop.read(file, extension, recall),
        }),
        digest: Arc::new(move |file| {
            let mut mac = mac.clone();
            mac.update(file);
            mac.finish()
        }),
    }
}
