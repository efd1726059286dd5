//! The log, and what is reported of a panic.

use super::ui::Ui;
use crate::error::{Code, Error, Remedy};
use crate::exit;
use crate::open::text_variable;
use crate::usage::args::Global;

/// Turns diagnostics on, for the messages of this crate only: the log of another crate does not know our secrets.
pub(super) fn start(global: &Global) -> Result<(), Error> {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let level = match (global.verbose, text_variable("TOKENKEEP_LOG")?) {
        (0, None) => return Ok(()),
        (0, Some(level)) => level
            .parse()
            .map_err(|_| Error::new(Code::Usage, "TOKENKEEP_LOG must be one of error, warn, info, debug, trace"))?,
        (1, _) => LevelFilter::INFO,
        (2, _) => LevelFilter::DEBUG,
        (_, _) => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).without_time();
    let started =
        tracing_subscriber::registry().with(lines).with(Targets::new().with_target("tokenkeep", level)).try_init();
    started.map_err(|_| Error::new(Code::Internal, "diagnostics were started twice"))
}

/// Reports a panic as a bug: with its place, and never with the values in hand.
pub(super) fn report_panics(ui: &Ui) {
    let ui = ui.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let error = Error::new(Code::Internal, format!("a bug in tokenkeep at {place}; nothing stored was changed"))
            .with_remedy(Remedy::ReportBug);
        ui.failed(&error);
        let backtrace = std::backtrace::Backtrace::capture();
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            ui.done(&backtrace.to_string());
        }
        #[expect(clippy::exit, reason = "the exit code of a bug, whatever the panic strategy")]
        std::process::exit(i32::from(exit::code(Code::Internal)));
    }));
}
