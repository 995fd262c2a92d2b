//! Arguments -> Config -> server -> exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tandem::auth::issue::{Wish, issue};
use tandem::config::{self, Config, Flags};
use tandem::id::UserId;
use tandem::{data, doctor, drain, heap, upgrade};

/// Self-hosted browser calls in one binary. Without arguments it serves calls.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// A config.toml; see `tandem config example`
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where browsers connect (TCP and UDP) [default: [::]:8443]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The folder that survives a restart
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<String>,
    /// A database of PostgreSQL to keep everything in, in place of SQLite in that folder. Others on this machine see what is typed here:
    /// TANDEM__STORE__URL or the file keeps a password better
    #[arg(long, global = true, value_name = "URL")]
    store_url: Option<String>,
    /// Where metrics and health are served [default: 127.0.0.1:9464]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    ops_listen: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or by module [default: info]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Prints a token of auth.mode "token", signed with a key of auth.keys
    Token(Wish),
    /// Tells the running server to take no new calls, rooms and joins, and waits until those that run are over: a restart cuts none
    /// then. Ends with 0 when none is left, 1 if it could not, 2 if some still go on after --wait
    Drain(drain::Wish),
    /// Has the running server start its binary again, and hand over to the new process: no call is cut. Put the new binary in the place
    /// of the old one first. The server is the new process from then on; what is on the command line of the old one, it has too
    Upgrade,
    /// Prints everything that is kept of a user, as JSON; also while the server runs
    Export {
        /// The user's id
        user: UserId,
    },
    /// Leaves nothing of a user: sessions, history, contacts, links; others keep their own, without the name. Also while the server runs
    Forget {
        /// The user's id
        user: UserId,
    },
    /// Writes a checked copy of the database into a new file; also while the server runs. Of PostgreSQL, pg_dump makes one
    Backup {
        /// Has to be new; to restore it, stop the server and put it in place of tandem.sqlite3 in the data folder, without the -wal
        /// and -shm beside that
        file: PathBuf,
    },
    /// Looks at this installation and says what is wrong and how to put it right. Ends with 0 if nothing is, 1 if something is, 2 if it
    /// could not look
    Doctor {
        /// For programs
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Says whether the file, the environment and the flags are right
    Check,
    /// Prints a config.toml with every key, its default, and why one changes it
    Example,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let flags = Flags {
        config: arguments.config,
        listen: arguments.listen,
        ops_listen: arguments.ops_listen,
        data: arguments.data,
        store_url: arguments.store_url,
        log: arguments.log,
    };
    let done = match arguments.command {
        Some(Command::Config {
            command: ConfigCommand::Example,
        }) => {
            print!("{}", config::EXAMPLE);
            Ok(())
        }
        Some(Command::Config {
            command: ConfigCommand::Check,
        }) => Config::load(&flags)
            .map(|_| println!("the configuration is right"))
            .map_err(anyhow::Error::from),
        Some(Command::Token(wish)) => Config::load(&flags)
            .map_err(anyhow::Error::from)
            .and_then(|config| issue(&config.auth, &wish))
            .map(|token| println!("{token}")),
        Some(Command::Drain(wish)) => {
            let drained = Config::load(&flags)
                .map_err(anyhow::Error::from)
                .and_then(|config| drain::run(&config, &wish));
            match drained {
                Ok(true) => Ok(()),
                Ok(false) => return ExitCode::from(2),
                Err(error) => Err(error),
            }
        }
        Some(Command::Upgrade) => {
            configured(&flags, |config| upgrade::run(&config)).map(|pid| println!("process {pid} serves from now on"))
        }
        Some(Command::Doctor { json }) => return diagnose(&flags, json),
        Some(Command::Export { user }) => configured(&flags, |config| data::export(&config, user)).map(|json| println!("{json}")),
        Some(Command::Forget { user }) => {
            configured(&flags, |config| data::forget(&config, user)).map(|()| println!("nothing is left of {user}"))
        }
        Some(Command::Backup { file }) => configured(&flags, |config| data::backup(&config, &file))
            .map(|bytes| println!("{}: {bytes} bytes, checked", file.display())),
        None => {
            heap::use_large_pages();
            Config::load(&flags)
                .map_err(anyhow::Error::from)
                .and_then(tandem::server::run)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tandem: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn configured<T>(flags: &Flags, run: impl FnOnce(Config) -> anyhow::Result<T>) -> anyhow::Result<T> {
    Config::load(flags).map_err(anyhow::Error::from).and_then(run)
}

fn diagnose(flags: &Flags, json: bool) -> ExitCode {
    match doctor::run(flags) {
        Ok(report) => {
            print!("{}", if json { report.json() } else { report.table() });
            ExitCode::from(u8::from(!report.is_good()))
        }
        Err(error) => {
            eprintln!("tandem: {error:#}");
            ExitCode::from(2)
        }
    }
}
