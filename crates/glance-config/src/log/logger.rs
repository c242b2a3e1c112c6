//! The process's logger: env_logger, behind a door through which it can be exchanged.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use chrono::Local;
use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::LogError;
use super::options::LogConfig;
use super::output::Output;
use super::plan::Plan;

/// How long an error waits to be on its way before whoever logged it may end the process.
const ERROR_PATIENCE: Duration = Duration::from_millis(200);

/// How long the end of the process waits for the last lines.
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);

static LOGGER: OnceLock<Exchangeable> = OnceLock::new();

struct Exchangeable {
    current: RwLock<env_logger::Logger>,
    plan: Mutex<Plan>,
    output: Output,
}

/// Sets up the log of this process. What of the configuration cannot be honoured is logged.
///
/// # Errors
///
/// A log file cannot be opened, the Python logging file is no good, or there is a logger already.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    if LOGGER.get().is_some() {
        return Err(LogError::Order("the log is set up already"));
    }
    let (plan, remarks) = Plan::new(config)?;
    let output = Output::start(plan.sinks()?).map_err(LogError::Thread)?;
    let current = RwLock::new(build(&plan, &output));
    let logger = LOGGER.get_or_init(|| Exchangeable {
        current,
        plan: Mutex::new(plan),
        output,
    });
    log::set_logger(logger).map_err(|_| LogError::Order("there is another logger already"))?;
    log::set_max_level(logger.read().filter());
    remark(&remarks);
    Ok(())
}

/// Takes over another configuration: levels, formats and files. No line is lost on the way.
/// Opens files, so it is not for a reactor's thread.
///
/// # Errors
///
/// As [`init`]; the log then stays as it was.
pub fn reconfigure(config: &LogConfig) -> Result<(), LogError> {
    let logger = installed()?;
    let (plan, remarks) = Plan::new(config)?;
    logger.output.redirect(plan.sinks()?);
    *logger.plan() = plan;
    logger.rebuild();
    remark(&remarks);
    Ok(())
}

/// Opens the log files anew, for after a rotation. No line is lost on the way. Opens files, so it
/// is not for a reactor's thread.
///
/// # Errors
///
/// A file cannot be opened; the log then goes on where it was.
pub fn reopen() -> Result<(), LogError> {
    let logger = installed()?;
    let sinks = logger.plan().sinks()?;
    logger.output.redirect(sinks);
    Ok(())
}

/// Changes the least level that is logged, until the next [`reconfigure`].
///
/// # Errors
///
/// The log is not set up.
pub fn set_level(level: LevelFilter) -> Result<(), LogError> {
    let logger = installed()?;
    logger.plan().level = level;
    logger.rebuild();
    Ok(())
}

/// Waits until all lines are written, for the end of the process; not longer than 5 seconds.
pub fn flush() {
    if let Some(logger) = LOGGER.get() {
        logger.output.flush(FLUSH_PATIENCE);
    }
}

fn installed() -> Result<&'static Exchangeable, LogError> {
    LOGGER
        .get()
        .ok_or(LogError::Order("the log is not set up yet"))
}

fn remark(remarks: &[String]) {
    for remark in remarks {
        log::warn!("{remark}");
    }
}

/// An env_logger as `plan` has it, which hands its lines to `output`.
fn build(plan: &Plan, output: &Output) -> env_logger::Logger {
    let Plan {
        level,
        modules,
        format,
        dates,
        ..
    } = plan.clone();
    let mut builder = Builder::new();
    builder.filter_level(level);
    for (module, least) in &modules.0 {
        builder.filter_module(module, *least);
    }
    builder.target(Target::Pipe(Box::new(output.clone())));
    builder.format(move |buffer, record| {
        let mut line = String::with_capacity(256);
        // A message that cannot be written whole is better than none.
        let _ = format.write(record, &Local::now(), &dates, &mut line);
        line.push('\n');
        buffer.write_all(line.as_bytes())
    });
    builder.build()
}

impl Exchangeable {
    fn read(&self) -> RwLockReadGuard<'_, env_logger::Logger> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rebuild(&self) {
        let next = build(&self.plan(), &self.output);
        log::set_max_level(next.filter());
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

impl Log for Exchangeable {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.read().enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        self.read().log(record);
        if record.level() == Level::Error {
            // Often the last thing a process says.
            self.output.flush(ERROR_PATIENCE);
        }
    }

    fn flush(&self) {
        self.output.flush(FLUSH_PATIENCE);
    }
}
