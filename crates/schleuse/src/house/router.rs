//! The rooms behind the door, by the first word of the path.

use std::sync::Arc;

use schleuse_wire::{Arrival, Exchange, Exchanged};

/// One exchange made of five. What none of the others takes goes to the gate, which refuses it.
pub struct Router {
    pub gate: Arc<dyn Exchange>,
    pub batch: Arc<dyn Exchange>,
    pub sign_in: Arc<dyn Exchange>,
    pub portal: Arc<dyn Exchange>,
    pub console: Arc<dyn Exchange>,
}

impl Exchange for Router {
    fn exchange(self: Arc<Self>, arrival: Arrival) -> Exchanged {
        let room = match Room::of(&arrival.path) {
            Room::Gate => &self.gate,
            Room::Batch => &self.batch,
            Room::SignIn => &self.sign_in,
            Room::Portal => &self.portal,
            Room::Console => &self.console,
        };
        Arc::clone(room).exchange(arrival)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Gate,
    Batch,
    SignIn,
    Portal,
    Console,
}

impl Room {
    /// Whole words only, as they stand: nothing is decoded and nothing is normalised, so there is one way to write a
    /// path.
    fn of(path: &str) -> Self {
        let mut words = path.split('/').skip(1);
        match (words.next(), words.next()) {
            (Some("v1"), Some("files" | "batches")) => Self::Batch,
            (Some("auth"), _) => Self::SignIn,
            (Some("api"), Some("chat")) => Self::Portal,
            (Some("api"), _) => Self::Console,
            _ => Self::Gate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Room;

    fn check(path: &str, room: Room) {
        assert_eq!(Room::of(path), room, "{path}");
    }

    #[test]
    fn the_first_words_decide() {
        check("/v1/chat/completions", Room::Gate);
        check("/v1/files", Room::Batch);
        check("/v1/batches/batch_1/cancel", Room::Batch);
        check("/v1/filesystem", Room::Gate);
        check("/v1/Files", Room::Gate);
        check("/auth/session", Room::SignIn);
        check("/authority", Room::Gate);
        check("/api/chat/runs/1/events", Room::Portal);
        check("/api/chat", Room::Portal);
        check("/api/chatter", Room::Console);
        check("/api/now", Room::Console);
        check("/API/now", Room::Gate);
        check("//api/now", Room::Gate);
        check("/%61pi/now", Room::Gate);
        check("", Room::Gate);
    }
}
