//! For tests only: recorded upstreams, tiny random models, a whole house on port 0.

mod contract;
mod fake_upstream;
pub mod gguf;
mod recording;
mod repertoire;
mod script;
mod speech;
mod stage;
pub mod virtual_engine;

pub use contract::{Contract, PROVIDER_KEY};
pub use fake_upstream::{FakeUpstream, FakeUpstreamBuilder, Seen};
pub use recording::{
    RecordedRequest, RecordedResponse, Recording, RecordingError, recording, recording_names,
};
pub use script::{End, Script, UnknownScript};
pub use stage::{Played, Stage};
