//! The fifteen tests of a chat that people prefer (`ui/e2e/fifteen/`), each with houses and scripted model servers of its own, played in
//! Chromium. Here they run with room for a busy machine; `./x prove chat` holds them to the marks themselves.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use schleuse_testkit::Stage;

use crate::folder::Folder;
use crate::tools::tool;

const PLAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/e2e/fifteen.mjs");
/// What the plays saw, to be looked at by whoever wants to: in the build folder.
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pictures");
const PATIENCE: Duration = Duration::from_secs(600);

async fn check(number: u8) {
    let folder = Folder::new();
    let mut stage = Stage::new(Path::new(env!("CARGO_BIN_EXE_schleuse")), folder.join("stage")).unwrap();
    let mut command = tokio::process::Command::new(tool("bin/node"));
    command.arg(PLAY).arg(number.to_string()).current_dir(Path::new(PLAY).parent().unwrap());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("CHROMIUM", tool("bin/chromium"));
    // Chromium writes its profile and its crash reports below.
    command.env("HOME", folder.path()).env("TMPDIR", std::env::temp_dir());
    command.env("SCHLEUSE_TOOLS", tool("")).env("SCHLEUSE_PICTURES", PICTURES).stderr(Stdio::inherit());
    let played = tokio::time::timeout(PATIENCE, stage.play(&mut command, |_| ())).await;
    let played = played.expect("the play ends").unwrap();
    assert_eq!(played.trouble(), None);
}

macro_rules! tests {
    ($($name:ident = $number:literal,)*) => {
        $(#[tokio::test] async fn $name() { check($number).await; })*
    };
}

tests! {
    a_first_chat_is_soon_usable_and_small = 1,
    what_arrives_is_drawn_at_once_and_what_is_read_stays = 2,
    a_thousand_messages_open_scroll_and_are_found = 3,
    much_at_once_freezes_nothing = 4,
    an_answer_survives_reload_sleep_a_second_device_and_a_killed_house = 5,
    stop_stops_the_model_and_keeps_what_was_said = 6,
    edits_branches_and_comparisons_survive_reload_and_file = 7,
    hostile_and_half_written_markdown_does_nothing = 8,
    everything_goes_by_keyboard_and_in_every_look = 9,
    what_was_found_in_a_file_leads_to_its_place = 10,
    a_share_withholds_what_its_reader_may_not_read = 11,
    german_is_found_and_copied_as_it_is_written = 12,
    whatever_goes_wrong_is_said_in_a_sentence = 13,
    a_telephone_shows_all_of_it = 14,
    a_first_visit_leads_to_an_answer = 15,
}
