//! Logs: one line of JSON per event, or plain lines for a person at a terminal. Never prompt text.

use tracing_subscriber::EnvFilter;

/// From here on a panic says where it happened and nothing else: its message may quote the text that was at hand.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        if tracing::enabled!(tracing::Level::ERROR) {
            tracing::error!(place, "a part of the program panicked; its message is withheld");
        } else {
            eprintln!("schleuse: panicked at {place}; the message is withheld");
        }
    }));
}

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
