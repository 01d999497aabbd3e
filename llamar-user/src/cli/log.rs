//! The log on stderr: one line per event, `llamar: ` in front, the level where it is not plain information.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Variable with a filter in the syntax of `tracing_subscriber::EnvFilter`; it wins over `--verbose`.
const FILTER: &str = "LLAMAR_LOG";

/// Starts logging. `verbose` 1 shows what llamar does with each message, 2 what its libraries do as well.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 if cfg!(feature = "trace") => "info,llamar_ebpf=debug",
        0 => "info",
        1 => "info,llamar_user=debug,llamar_ebpf=debug",
        _ => "debug",
    };
    let filter = match EnvFilter::try_from_env(FILTER) {
        Ok(filter) => filter,
        Err(error) => {
            if let Some(value) = std::env::var_os(FILTER) {
                // Nobody to tell is no reason not to go on.
                let _ = writeln!(
                    std::io::stderr(),
                    "llamar: warning: {FILTER}={}: {error}; logging as without it",
                    value.display()
                );
            }
            EnvFilter::new(level)
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // It would be told on standard error, to which nothing can be written then, and that panics.
        .log_internal_errors(false)
        .event_format(Line)
        .init();
}

struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            Level::INFO => "",
            Level::DEBUG => "debug: ",
            Level::TRACE => "trace: ",
        };
        write!(writer, "llamar: {level}")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
