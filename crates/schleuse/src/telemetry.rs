//! Logs: one line of JSON per event, or plain lines for a person at a terminal. Never prompt text.

use tracing_subscriber::EnvFilter;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Plain,
}

/// Logs go to standard error.
pub fn start(form: Form, level: &str) {
    let filter = EnvFilter::try_new(format!("{level},hyper=warn,rustls=warn,sqlx=warn"))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match form {
        Form::Json => {
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
        Form::Plain => builder.compact().with_target(false).try_init(),
    };
    // Only a second start in one process fails, and then logs already go somewhere.
    let _ = started;
}
