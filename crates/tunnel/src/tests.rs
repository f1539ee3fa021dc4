//! Both ends of a link in one process, over real sockets and real TLS.

mod bridge;
mod enrolment;
mod exchange;
mod hostile;
mod identity;
mod models;
