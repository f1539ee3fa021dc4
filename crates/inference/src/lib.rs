//! The embedded engine: llama.cpp in a worker process of its own, and the supervisor that keeps it running.
//!
//! The gateway's side is [`Engine`]: it checks the file's structure ([`gguf`]), opens it, starts the worker and starts it again
//! after a crash. The worker's side is [`worker_main`]: it gives up every right it does not need, loads the weights
//! through the descriptor it inherited, and serves the OpenAI-compatible wire on the socket it inherited. Nothing but
//! these two descriptors and an error pipe joins them.
//!
//! Without the cargo feature `engine` everything but the worker is there, and [`worker_main`] says that it is not.

#[cfg(feature = "engine")]
mod calls;
pub mod gguf;
#[cfg(feature = "engine")]
mod prompt;
#[cfg(feature = "engine")]
mod reply;
#[cfg(feature = "engine")]
mod request;
#[cfg(feature = "engine")]
mod sampling;
#[cfg(feature = "engine")]
mod scheduler;
#[cfg(feature = "engine")]
mod server;
#[cfg(feature = "engine")]
mod slots;
mod supervisor;
#[cfg(feature = "engine")]
mod text;
#[cfg(feature = "engine")]
mod tools;
mod words;
mod worker;

pub use supervisor::{
    ADAPTERS_MAX, AdapterConfig, Engine, EngineConfig, EngineError, EngineStatus, check_adapters,
    prove_sandbox,
};
pub use worker::worker_main;
