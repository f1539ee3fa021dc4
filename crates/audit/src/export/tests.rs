use std::io::{self, Write};
use std::sync::Arc;

use proptest::prelude::*;
use schleuse_tlog::LogSigner;
use schleuse_types::{Outcome, Timestamp};
use serde_json::Value;

use super::{ExportError, Format, export, microseconds};
use crate::disk::SystemDisk;
use crate::log::recover;
use crate::log::tests::Folder;
use crate::wal::SEGMENT_BYTES_MIN;
use crate::{Event, Record};

const MEMBERS: [&str; 7] =
    ["timestamp", "user", "prompt_hash", "sensitivity_score", "action", "model", "request_id"];

/// A log of two entries in tiles and one in segments.
fn make(folder: &Folder) -> std::path::PathBuf {
    let dir = folder.0.join("audit");
    std::fs::create_dir(&dir).unwrap();
    let signer = LogSigner::new("schleuse.example/audit", &[7; 32]).unwrap();
    let (mut wal, mut tiles, _) = recover(Arc::new(SystemDisk), &dir, SEGMENT_BYTES_MIN, signer).unwrap();
    let record = |event, action, code: Option<&str>| Record {
        request_id: "01JD".into(),
        user: "p:00".into(),
        model: "m".into(),
        sensitivity_score: 0.3,
        prompt_hash: "hmac-sha256:ab".into(),
        action: Some(action),
        code: code.map(Into::into),
        ms: Some(12),
        ..Record::new(event)
    };
    let time = Timestamp(1_795_207_724_123_456);
    let entries: Vec<Vec<u8>> = [
        record(Event::LlmAdmit, Outcome::Allowed, None),
        record(Event::LlmRefuse, Outcome::Blocked, Some("sensitive_data_detected")),
        record(Event::KeyRevoke, Outcome::Allowed, None),
    ]
    .iter()
    .map(|record| record.encode(time, &[0; 16]))
    .collect();
    wal.commit(&entries[..2]).unwrap();
    tiles.integrate(&entries[..2]).unwrap();
    wal.commit(&entries[2..]).unwrap();
    dir
}

fn lines(folder: &Folder, format: Format) -> Vec<Value> {
    let dir = make(folder);
    let mut out = Vec::new();
    assert_eq!(export(&dir, format, &mut out).unwrap(), 3);
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn json_lines_are_the_entries_with_their_index() {
    for (index, line) in lines(&Folder::new(), Format::Jsonl).iter().enumerate() {
        assert_eq!(line["index"], index as u64);
        assert_eq!(line["request_id"], "01JD");
        assert_eq!(line["sensitivity_score"], 0.3);
        assert!(MEMBERS.iter().all(|name| line.get(name).is_some()), "{line}");
    }
}

#[test]
fn ocsf_lines_are_api_activities() {
    let lines = lines(&Folder::new(), Format::Ocsf);
    let expected = [(1, 1, 600_301), (1, 2, 600_301), (4, 1, 600_304)];
    for (index, (line, (activity, status, kind))) in lines.iter().zip(expected).enumerate() {
        assert_eq!(line["class_uid"], 6003);
        assert_eq!(line["category_uid"], 6);
        assert_eq!(
            (&line["activity_id"], &line["status_id"], &line["type_uid"]),
            (&activity.into(), &status.into(), &kind.into())
        );
        assert_eq!(line["time"], 1_795_207_724_123_u64);
        assert_eq!(line["metadata"]["sequence"], index as u64);
        assert_eq!(line["actor"]["user"]["uid"], "p:00");
        assert_eq!(line["duration"], 12);
        assert!(MEMBERS.iter().all(|name| line.get(name).is_some()), "{line}");
    }
    assert_eq!(lines[1]["status_code"], "sensitive_data_detected");
}

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_breaks_and_a_log_that_is_missing_are_told_apart() {
    let folder = Folder::new();
    let dir = make(&folder);
    assert!(matches!(export(&dir, Format::Jsonl, &mut Broken), Err(ExportError::Output(_))));
    let nothing = export(&folder.0.join("nothing"), Format::Jsonl, &mut Vec::new());
    assert!(matches!(nothing, Err(ExportError::Log(_))));
}

proptest! {
    #[test]
    fn times_survive_the_way_through_text(micro in 0_u64..7_258_118_400_000_000) {
        let text = Timestamp(micro).to_string();
        prop_assert_eq!(microseconds(&text), micro);
        let judge: jiff::Timestamp = text.parse().unwrap();
        prop_assert_eq!(judge.as_microsecond(), micro as i64);
    }
}
