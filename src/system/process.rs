//! Programs that this one starts: what they inherit, and that none outlives an interrupted caller.
//!
//! A program gets the limits and signals of our caller back, and nothing that was for this process only. It gets
//! neither the passphrase nor what the front passes to the full program. The dispositions of signals are std's part:
//! handlers end with an exec, and SIGPIPE, which std ignores, is restored in the child.

use std::ffi::OsStr;
use std::io;
#[cfg(any(feature = "cli", feature = "front"))]
use std::path::Path;
use std::process::{Child, Command};

/// Names the descriptor that a passphrase is read from.
pub(crate) const PASSPHRASE_FD: &str = "TOKENKEEP_PASSPHRASE_FD";
/// Holds, in the full program, which process it was as the front.
pub(crate) const FRONT_PROCESS: &str = "TOKENKEEP_FRONT_PROCESS";

/// Holds the same, if the client of a helper was greeted by the front.
pub(crate) const FRONT_GREETED: &str = "TOKENKEEP_FRONT_GREETED";

/// Makes the command of a program: every program that this crate starts is made here.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    #[cfg(unix)]
    unix::withhold_passphrase(&mut command);
    command.env_remove(PASSPHRASE_FD).env_remove(FRONT_PROCESS).env_remove(FRONT_GREETED);
    command
}

/// Starts a program with the limits that this process was started with.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    #[cfg(unix)]
    return unix::with_core_limit_of_caller(|| command.spawn());
    #[cfg(not(unix))]
    command.spawn()
}

/// Replaces this process by a program, with the limits that this process was started with; returns only if that cannot
/// be.
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) fn become_program(command: &mut Command) -> io::Error {
    #[cfg(unix)]
    return unix::with_core_limit_of_caller(|| std::os::unix::process::CommandExt::exec(command));
    #[cfg(not(unix))]
    io::Error::new(io::ErrorKind::Unsupported, format!("{:?} has to be started by its own path", command.get_program()))
}

/// Returns whether a file is a program, as far as its mode shows.
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) fn may_start(file: &Path) -> bool {
    #[cfg(unix)]
    let is_program =
        |metadata: &std::fs::Metadata| std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let is_program = |_: &std::fs::Metadata| true;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && is_program(&metadata))
}

#[cfg(all(unix, feature = "front"))]
pub(crate) use unix::with_core_limit_of_caller;
#[cfg(unix)]
pub(crate) use unix::{Running, wants_terminal};
#[cfg(all(unix, feature = "cli"))]
pub(crate) use unix::{end_all, end_with_caller, ends_with_caller};
#[cfg(all(unix, any(feature = "cli", feature = "front")))]
pub(crate) use unix::{lower_core_limit, readable};

#[cfg(unix)]
mod unix {
    use std::fs::OpenOptions;
    use std::path::Path;
    use std::process::{Child, Command};
    use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

    use command_fds::{CommandFdExt as _, FdMapping};
    use rustix::process::{
        Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, setrlimit, waitid,
    };

    use super::PASSPHRASE_FD;

    /// The limit on core dumps before it was lowered.
    static CORE_LIMIT: OnceLock<Rlimit> = OnceLock::new();
    /// One at a time: the limit belongs to the process, not to a thread.
    static RESTORING: Mutex<()> = Mutex::new(());

    /// Returns a descriptor that a program reads these bytes from, once this process has become it.
    #[cfg(all(target_os = "linux", any(feature = "cli", feature = "front")))]
    pub(crate) fn readable(bytes: &[u8]) -> std::io::Result<std::fs::File> {
        use std::fs::File;
        use std::io::{Seek as _, SeekFrom, Write as _};

        let mut memory = File::from(rustix::fs::memfd_create("tokenkeep", rustix::fs::MemfdFlags::empty())?);
        memory.write_all(bytes)?;
        memory.seek(SeekFrom::Start(0))?;
        Ok(memory)
    }

    /// The same on a system without files in memory: by a pipe, which holds this much at least.
    #[cfg(all(not(target_os = "linux"), any(feature = "cli", feature = "front")))]
    pub(crate) fn readable(bytes: &[u8]) -> std::io::Result<std::fs::File> {
        use std::fs::File;
        use std::io::{self, Write as _};

        if bytes.len() > 4096 {
            return Err(io::Error::other("it is longer than a pipe holds"));
        }
        let (reader, writer) = rustix::pipe::pipe()?;
        File::from(writer).write_all(bytes)?;
        Ok(File::from(reader))
    }

    /// Allows this process no core dumps. The hard limit stays: a program that this process starts may need it.
    #[cfg(any(feature = "cli", feature = "front"))]
    pub(crate) fn lower_core_limit() -> rustix::io::Result<()> {
        let before = rustix::process::getrlimit(Resource::Core);
        if before.current == Some(0) {
            return Ok(());
        }
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: before.maximum })?;
        // A second call finds zero, and does not come here.
        let _ = CORE_LIMIT.set(before);
        Ok(())
    }

    /// Runs `start`, which makes another program, under the limit on core dumps that our caller set. This process
    /// itself still leaves none: the system does not dump what may not be traced.
    pub(crate) fn with_core_limit_of_caller<T>(start: impl FnOnce() -> T) -> T {
        let Some(before) = CORE_LIMIT.get() else { return start() };
        let _one = RESTORING.lock().unwrap_or_else(PoisonError::into_inner);
        // Both are allowed while the hard limit is what it was; if not, the program starts without core dumps.
        let _ = setrlimit(Resource::Core, *before);
        let started = start();
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: before.maximum });
        started
    }

    /// Puts an empty file in the place of the descriptor that the passphrase is read from.
    pub(super) fn withhold_passphrase(command: &mut Command) {
        let number = std::env::var(PASSPHRASE_FD).ok().and_then(|number| number.parse::<i32>().ok());
        // The first three are set for each program, or shared with it on purpose.
        let Some(number) = number.filter(|number| *number > 2) else { return };
        // One that is not open here is not open there, and std may use its number between fork and exec.
        if Path::new(&format!("/dev/fd/{number}")).symlink_metadata().is_err() {
            return;
        }
        let Ok(empty) = OpenOptions::new().read(true).open("/dev/null") else { return };
        // It is the only mapping of this command.
        let _ = command.fd_mappings(vec![FdMapping { parent_fd: empty.into(), child_fd: number }]);
    }

    /// The programs that run, and whether this process ends them when it is interrupted.
    struct Register {
        programs: Vec<Program>,
        #[cfg(feature = "cli")]
        end_with_caller: bool,
    }

    static REGISTER: Mutex<Register> = Mutex::new(Register {
        programs: Vec::new(),
        #[cfg(feature = "cli")]
        end_with_caller: false,
    });

    fn register() -> MutexGuard<'static, Register> {
        REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A program that was started, as signals reach it.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Program {
        /// It leads a process group, which all that it starts belongs to.
        Group(Pid),
        /// It belongs to the process group of this process.
        Beside(Pid),
    }

    impl Program {
        fn signal(self, signal: Signal) -> rustix::io::Result<()> {
            match self {
                Program::Group(group) => kill_process_group(group, signal),
                Program::Beside(process) => kill_process(process, signal),
            }
        }

        #[cfg(feature = "cli")]
        fn has_ended(self) -> bool {
            use rustix::process::{test_kill_process, test_kill_process_group};

            match self {
                Program::Group(group) => test_kill_process_group(group).is_err(),
                Program::Beside(process) => test_kill_process(process).is_err(),
            }
        }
    }

    /// A program while it runs.
    pub(crate) struct Running(Program);

    impl Running {
        /// Takes care of a program that was started with a group of its own.
        pub(crate) fn group(child: &Child) -> Running {
            Running::of(Program::Group(Pid::from_child(child)))
        }

        /// Takes care of a program that shares the group of this process.
        pub(crate) fn beside(child: &Child) -> Running {
            Running::of(Program::Beside(Pid::from_child(child)))
        }

        fn of(program: Program) -> Running {
            register().programs.push(program);
            Running(program)
        }

        /// Ends a program that leads a group, with all that it started; one that shares the group of this process is
        /// left to its `Child`. The program must not have been waited for.
        pub(crate) fn kill(&self) {
            if let Program::Group(_) = self.0 {
                // What has ended already is not there to be killed.
                let _ = self.0.signal(Signal::KILL);
            }
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            register().programs.retain(|program| *program != self.0);
        }
    }

    /// Returns whether a program was stopped because it wanted a terminal that it may not use now: it waits for a
    /// foreground that nothing gives it.
    pub(crate) fn wants_terminal(child: &Child) -> bool {
        let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(Pid::from_child(child)), stopped).ok().flatten();
        let signal = status.and_then(|status| status.stopping_signal());
        signal.is_some_and(|signal| [Signal::TTIN.as_raw(), Signal::TTOU.as_raw()].contains(&signal))
    }

    /// Records that this process belongs to the command line, which ends what it started when it is interrupted. A
    /// program that uses the library handles its own signals.
    #[cfg(feature = "cli")]
    pub(crate) fn end_with_caller() {
        register().end_with_caller = true;
    }

    /// Returns whether this process belongs to the command line.
    #[cfg(feature = "cli")]
    pub(crate) fn ends_with_caller() -> bool {
        register().end_with_caller
    }

    /// Passes a signal on to every program that runs; what is still there a moment later is killed.
    #[cfg(feature = "cli")]
    pub(crate) fn end_all(signal: Signal) {
        // Held: no further program is taken care of, and this process ends next.
        let register = register();
        for program in &register.programs {
            let _ = program.signal(signal);
        }
        for _ in 0..20 {
            if register.programs.iter().all(|program| program.has_ended()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        for program in &register.programs {
            let _ = program.signal(Signal::KILL);
        }
    }
}
