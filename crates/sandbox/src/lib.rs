//! The walls around a worker process: Landlock, seccomp and resource limits.
//!
//! A worker is this binary, executed again with an empty environment and with nothing but the descriptors that it is given
//! in place of the standard streams. It belongs to its parent ([`follow_parent`]), closes what it inherited by accident
//! ([`close_others`]), and then gives up its rights in two steps: [`confine`] while it has one thread, and [`seal`] when it
//! has what it needs. [`attempt_escapes`] shows from inside that the walls stand.
//!
//! There is no switch to run without them: where one cannot be had, the error says what the machine lacks, and the worker
//! does not start.

mod birth;
mod prison;
mod walls;

pub use birth::{close_others, follow_parent};
pub use prison::attempt_escapes;
pub use walls::{Confinement, SandboxError, Work, confine, seal};
