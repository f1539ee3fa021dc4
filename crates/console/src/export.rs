//! The log as a download, written while it is read.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use schleuse_audit::{Event, ExportError, Format};
use schleuse_types::{Refusal, Text};
use schleuse_wire::{Reply, ReplyBody, internal, invalid_request, render_refusal};
use tokio::sync::mpsc;

use crate::answer::busy;
use crate::call::Call;

/// How much is handed on at once.
const PIECE_BYTES: usize = 32 * 1024;
/// Pieces that wait for a slow reader; so much, and the one after, may still come when the credential has ended.
const PIECES: usize = 1;

/// How long a slow reader is waited for, so that the last line can say why the download is not whole.
const LAST_LINE: Duration = Duration::from_secs(5);

/// `GET /api/audit/export`. A download that ends early, because the log cannot be read or the credential ended, has an
/// error object as its last line.
pub(crate) async fn open(call: Call) -> Result<Reply, Refusal> {
    let (format, content_type, name) = match call.query.text("format").unwrap_or("jsonl") {
        "jsonl" => (Format::Jsonl, "application/jsonl; charset=utf-8", "audit.jsonl"),
        "ocsf" => (Format::Ocsf, "application/jsonl; charset=utf-8", "audit-ocsf.jsonl"),
        "cef" => (Format::Cef, "text/plain; charset=utf-8", "audit.cef"),
        other => {
            return Err(invalid_request(
                format!("There is no format `{other}`; there is `jsonl`, `ocsf` and `cef`."),
                format!("Ein Format `{other}` gibt es nicht; es gibt `jsonl`, `ocsf` und `cef`."),
                "unknown export format",
                Some("format"),
            ));
        }
    };
    let permit = Arc::clone(&call.console.live.exports).try_acquire_owned().map_err(|_| {
        busy(Text::fixed("Too many exports run at once.", "Zu viele Ausgaben laufen gleichzeitig."))
    })?;
    let mut record = call.entry(Event::LogExport);
    record.subject = Some(name.to_owned());
    call.append(record).await?;
    let (pieces, download) = mpsc::channel(PIECES);
    let is_cut = Arc::new(AtomicBool::new(false));
    let mut writing = {
        let (reader, pieces) = (call.console.log.reader(), pieces.clone());
        let mut out = Pieces { pieces, held: Vec::new(), is_cut: Arc::clone(&is_cut) };
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let written = reader.export(format, &mut out);
            // Whole lines only: what is half written when it ends early is left out.
            written.and_then(|_| out.flush().map_err(ExportError::Output))
        })
    };
    let tasks = call.console.tasks.clone();
    tasks.spawn(async move {
        let mut validity = call.verified.watch();
        let stop = call.console.stop.clone();
        let refusal = tokio::select! {
            biased;
            end = validity.ended() => Some(end.refusal()),
            () = stop.cancelled() => Some(internal("the house stopped during an export")),
            () = pieces.closed() => None,
            written = &mut writing => match written {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(internal(format!("an export failed: {error}"))),
                Err(error) => Some(internal(format!("an export ended early: {error}"))),
            },
        };
        is_cut.store(true, Relaxed);
        if let Some(refusal) = refusal {
            let line = render_refusal(&refusal, call.request_id.as_str(), call.language);
            let last = async {
                // Nothing may come behind the last line, not even what was on its way when the writer was told to stop.
                if !writing.is_finished() {
                    let _ = writing.await;
                }
                let _ = pieces.send(Bytes::from(format!("{line}\n"))).await;
            };
            let _ = tokio::time::timeout(LAST_LINE, last).await;
        }
    });
    let headers = vec![
        ("content-type", content_type.to_owned()),
        ("content-disposition", format!("attachment; filename=\"{name}\"")),
    ];
    Ok(Reply { status: 200, headers, body: ReplyBody::Events(download) })
}

/// Collects lines and hands them on in pieces.
struct Pieces {
    pieces: mpsc::Sender<Bytes>,
    held: Vec<u8>,
    is_cut: Arc<AtomicBool>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE_BYTES && bytes.ends_with(b"\n") {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_cut.load(Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.held.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.held));
        self.pieces.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
