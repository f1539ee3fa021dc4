use schleuse_wire::{AnswerBound, Surface};

use super::Worst;

fn worst(answers: (u64, u64, Option<u64>), bytes: u64, context: Option<u64>) -> Worst {
    let (count, least, most) = answers;
    let surface = if count == 0 { Surface::Embeddings } else { Surface::ChatCompletions };
    Worst::new(surface, AnswerBound { count, least, most }, bytes, 0, context)
}

/// What is asked for at least and at most, and what the answers are capped at when so much is granted.
fn check(worst: Worst, least: u64, most: u64, granted: u64, cap: Option<u64>) {
    assert_eq!((worst.least(), worst.most(), worst.cap(granted)), (least, most, cap), "{worst:?}");
}

#[test]
fn a_named_length_is_kept_or_lowered() {
    check(worst((1, 0, Some(500)), 100, None), 101, 600, 600, None);
    check(worst((1, 0, Some(500)), 100, None), 101, 600, 350, Some(250));
    check(worst((1, 0, Some(500)), 100, None), 101, 600, 101, Some(1));
    check(worst((4, 0, Some(500)), 100, None), 104, 2100, 1100, Some(250));
    check(worst((2, 30, Some(500)), 100, None), 160, 1100, 160, Some(30));
}

#[test]
fn an_unnamed_length_becomes_the_usual_one() {
    check(worst((1, 0, None), 100, None), 101, 4196, 4196, Some(4096));
    check(worst((1, 0, None), 100, None), 101, 4196, 200, Some(100));
    check(worst((1, 0, None), 100, Some(131_072)), 101, 16_484, 16_484, Some(16_384));
}

#[test]
fn a_short_context_ends_an_answer_by_itself() {
    check(worst((1, 0, None), 100, Some(8192)), 101, 8192, 8192, None);
    check(worst((1, 0, None), 100, Some(8192)), 101, 8192, 5000, Some(4900));
    check(worst((2, 0, None), 100, Some(8192)), 102, 16_384, 16_384, None);
    check(worst((2, 0, None), 6000, Some(8192)), 6002, 16_384, 16_000, Some(2192));
    // A prompt of more bytes than the context has tokens may still fit.
    check(worst((1, 0, None), 20_000, Some(8192)), 8192, 8192, 8192, None);
    check(worst((1, 0, Some(500)), 8000, Some(8192)), 8001, 8192, 8192, None);
}

#[test]
fn embeddings_cost_their_prompt() {
    check(worst((0, 0, None), 100, Some(512)), 100, 100, 100, None);
}
