//! The commands.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use starling_edge::jwt::{NewToken, gen_token};

use crate::{
    config::{self, Config, Mode, Options},
    node,
};

/// How long a health check waits for its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A gateway of the Starling cluster: speaks Socket.IO to clients, and acts as one with its peers.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Said,
}

/// What is said on the command line and in the environment.
#[derive(Clone, Debug, clap::Args)]
struct Said {
    /// TOML file with the same settings, in sections
    #[arg(long, env = "STARLING_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a gateway (the default)
    Serve(Said),
    /// Run one gateway for this machine only: guests welcome, nothing to install
    Dev(Said),
    /// Check the configuration, and say what is wrong with it
    CheckConfig(Said),
    /// Print a token signed with the configured secret
    GenToken(TokenArgs),
    /// Ask the gateway of this machine whether it is ready
    Healthcheck(Said),
}

#[derive(Debug, clap::Args)]
struct TokenArgs {
    /// User id
    #[arg(long)]
    user: String,
    /// Name shown to others [default: the user id]
    #[arg(long = "name")]
    username: Option<String>,
    /// How long it is good, e.g. 1h
    #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
    ttl: Duration,
    /// Role of the user
    #[arg(long, value_parser = ["admin"])]
    role: Option<String>,
    /// Patterns of rooms that the user may join, comma-separated
    #[arg(long, value_delimiter = ',')]
    rooms: Vec<String>,
    #[command(flatten, next_help_heading = "Settings of the gateway")]
    said: Said,
}

impl Said {
    fn options(self) -> Result<Options> {
        config::with_file(self.options, self.config.as_deref())
    }
}

impl Cli {
    pub(crate) fn run(self) -> Result<()> {
        match self.command.unwrap_or(Command::Serve(self.serve)) {
            Command::Serve(said) => {
                node::run(Config::new(said.options()?, Mode::Serve)?, Mode::Serve)
            }
            Command::Dev(said) => node::run(Config::new(said.options()?, Mode::Dev)?, Mode::Dev),
            Command::CheckConfig(said) => check_config(said),
            Command::GenToken(args) => print_token(args),
            Command::Healthcheck(said) => healthcheck(config::admin_listen(&said.options()?.node)),
        }
    }
}

#[allow(clippy::print_stdout, reason = "the command's answer")]
fn check_config(said: Said) -> Result<()> {
    let config = Config::new(said.options()?, Mode::Serve)?;
    node::tokens(&config)?;
    println!("configuration ok");
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the command's answer")]
fn print_token(args: TokenArgs) -> Result<()> {
    let auth = args.said.options()?.auth;
    let secret = auth
        .jwt_secret
        .context("gen-token signs with --jwt-secret or STARLING_JWT_SECRET")?;
    let token = gen_token(
        &secret,
        &NewToken {
            user: &args.user,
            username: args.username.as_deref(),
            lifetime: args.ttl,
            admin: args.role.is_some(),
            rooms: &args.rooms,
            issuer: auth.jwt_issuer.as_deref(),
            audience: auth.jwt_audience.as_deref(),
        },
    )?;
    println!("{token}");
    Ok(())
}

/// A request by hand: a health check should need nothing but the binary.
fn healthcheck(mut address: SocketAddr) -> Result<()> {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("nothing listens on {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /health/ready HTTP/1.0\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    if !status.ends_with(b" 200") {
        bail!("not ready");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(arguments: &[&str]) -> Result<Option<bool>, clap::Error> {
        let arguments = ["starling", "serve"].iter().chain(arguments);
        match Cli::try_parse_from(arguments)?.command {
            Some(Command::Serve(said)) => Ok(said.options.auth.guest),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_switch_needs_no_value_and_takes_one() {
        for (arguments, wanted) in [
            (&["--guest"][..], Some(true)),
            (&["--guest", "--listen", "127.0.0.1:0"], Some(true)),
            (&["--guest=true"], Some(true)),
            (&["--guest=false"], Some(false)),
            (&["--guest", "false"], Some(false)),
            (&[], None),
        ] {
            assert_eq!(guest(arguments).unwrap(), wanted, "{arguments:?}");
        }
        assert!(guest(&["--guest=perhaps"]).is_err());
        assert!(guest(&["--max-rooms"]).is_err());
        assert!(Cli::try_parse_from(["starling", "--allow-eio3", "--cors-credentials"]).is_ok());
    }
}
